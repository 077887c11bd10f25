// `oci:DIR[:TAG]`, `oci-archive:FILE[:TAG]`, `docker-archive:FILE[:[NAME:]TAG]` or a bare path → what to open.

import { resolve } from "node:path";
import { pathKind } from "../../platform/files.ts";
import { IMAGE_FORMS, ImageSourceError } from "./errors.ts";

export type ImageTransport = "oci" | "oci-archive" | "docker-archive";

export interface ImageReference {
  /** Undefined for a bare path: the form is seen from what is there. */
  readonly transport: ImageTransport | undefined;
  /** Absolute path; something is there. */
  readonly path: string;
  readonly kind: "file" | "directory";
  /** A tag, or a name with its tag: `team/app:1.0`. */
  readonly tag: string | undefined;
}

const TRANSPORT = /^(oci|oci-archive|docker-archive):(.+)$/s;

/**
 * Reads a reference. A path may hold colons: what exists as a whole is a path without a tag.
 *
 * @throws {ImageSourceError} `IMAGE_NOT_FOUND`, or `NOT_AN_IMAGE` for a directory where a file is wanted and so on.
 */
export function parseImageReference(text: string): ImageReference {
  const match = TRANSPORT.exec(text);
  const transport = match?.[1] as ImageTransport | undefined;
  const location = match?.[2] ?? text;
  const { path, tag } = splitTag(location);
  const kind = pathKind(path);
  if (kind === undefined) {
    throw new ImageSourceError(
      "IMAGE_NOT_FOUND",
      `Cannot open the image ${text}: there is nothing at ${path}`,
      {
        hint: "Write oci:DIR, oci-archive:FILE, docker-archive:FILE or a path, each with :TAG if need be",
      },
    );
  }
  const wanted = transport === undefined ? kind : transport === "oci" ? "directory" : "file";
  if (kind === "other" || kind !== wanted) {
    throw new ImageSourceError(
      "NOT_AN_IMAGE",
      `Cannot open the image ${text}: ${path} is ${kind === "directory" ? "a directory" : kind === "file" ? "a file" : "no regular file"}, a ${wanted === "other" ? "file" : wanted} was wanted`,
      { hint: IMAGE_FORMS },
    );
  }
  return { transport, path, kind, tag };
}

function splitTag(location: string): { path: string; tag: string | undefined } {
  const whole = resolve(location);
  if (pathKind(whole) !== undefined) return { path: whole, tag: undefined };
  for (let colon = location.lastIndexOf(":"); colon > 0; colon = location.lastIndexOf(":", colon - 1)) {
    const path = resolve(location.slice(0, colon));
    const tag = location.slice(colon + 1);
    if (tag !== "" && pathKind(path) !== undefined) return { path, tag };
  }
  return { path: whole, tag: undefined };
}
