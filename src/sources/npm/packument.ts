// What a registry says of a package ("packument"): JSON → its versions. All input is hostile.

import * as z from "zod";
import { type Manifest, readManifest } from "../../formats/npm/manifest.ts";
import { NpmError } from "./errors.ts";

export interface PackumentVersion {
  readonly version: string;
  readonly tarball: string;
  readonly integrity: string | undefined;
  readonly deprecated: boolean;
  readonly manifest: Manifest;
}

export interface Packument {
  readonly name: string;
  /** By tag: `latest`. */
  readonly tags: ReadonlyMap<string, string>;
  readonly versions: ReadonlyMap<string, PackumentVersion>;
}

const VersionShape = z.looseObject({
  version: z.string(),
  deprecated: z.unknown().optional(),
  dist: z.looseObject({
    tarball: z.string(),
    integrity: z.string().optional(),
    shasum: z
      .string()
      .regex(/^[0-9a-f]{40}$/)
      .optional(),
  }),
});

const PackumentShape = z.looseObject({
  name: z.string(),
  "dist-tags": z.record(z.string(), z.string()).optional(),
  versions: z.record(z.string(), VersionShape),
});

/** @throws {NpmError} `BAD_PACKUMENT` */
export function parsePackument(text: string, name: string): Packument {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw bad(name, "it is no JSON", cause);
  }
  const parsed = PackumentShape.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw bad(name, `at ${issue?.path.join(".") || "its top"}: ${issue?.message}`);
  }
  if (parsed.data.name !== name) throw bad(name, `it is about ${parsed.data.name}`);
  const versions = Object.entries(parsed.data.versions).map(
    ([version, fields]) =>
      [
        version,
        {
          version,
          tarball: fields.dist.tarball,
          integrity: fields.dist.integrity ?? fromShasum(fields.dist.shasum),
          deprecated:
            fields.deprecated !== undefined && fields.deprecated !== false && fields.deprecated !== "",
          manifest: readManifest(fields),
        },
      ] as const,
  );
  return { name, tags: new Map(Object.entries(parsed.data["dist-tags"] ?? {})), versions: new Map(versions) };
}

function fromShasum(shasum: string | undefined): string | undefined {
  return shasum === undefined ? undefined : `sha1-${Buffer.from(shasum, "hex").toString("base64")}`;
}

function bad(name: string, problem: string, cause?: unknown): NpmError {
  return new NpmError("BAD_PACKUMENT", `Cannot read the registry's answer about ${name}: ${problem}`, {
    cause,
  });
}
