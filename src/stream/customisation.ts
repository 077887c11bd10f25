// The store path with an image's last layer → that layer. It holds `layer.tar` and, in `checksum`, its SHA-256.

import { storeLayerComment } from "../formats/docker-tools.ts";
import type { Context } from "../model/context.ts";
import type { DiffId } from "../model/image.ts";
import type { TarSource } from "../model/tar-source.ts";
import { fileSize } from "../platform/disk.ts";
import { readRange, readSmallFile } from "../platform/files.ts";
import { StreamError } from "./errors.ts";
import { placeOf } from "./store-layer.ts";

export interface CustomisationLayer extends TarSource {
  /** As the checksum says. */
  readonly diffId: DiffId;
  readonly path: string;
}

/**
 * Finds the last layer.
 *
 * @param path Its store path. @param root Where the store is.
 * @throws {StreamError} `STORE_PATH_MISSING` or `CUSTOMISATION_INVALID`.
 */
export function openCustomisation(path: string, root: string, context: Context): CustomisationLayer {
  const file = `${placeOf(path, root)}/layer.tar`;
  const checksum = readSmallFile(`${placeOf(path, root)}/checksum`, 4096);
  const length = fileSize(file);
  if (checksum === undefined || length === undefined) {
    throw new StreamError(
      "STORE_PATH_MISSING",
      `Cannot stream ${path}: ${placeOf(path, root)} has no ${length === undefined ? "layer.tar" : "checksum"}`,
      { hint: "Build it first (nix-build, nix build); for a store elsewhere, name it with --store-root" },
    );
  }
  const hex = /^\s*([0-9a-f]{64})\s*$/.exec(checksum.toString("latin1"))?.[1];
  if (hex === undefined) throw invalidCustomisation(path, "its checksum is no SHA-256");
  return {
    diffId: `sha256:${hex}` as DiffId,
    path,
    key: hex,
    length,
    comment: storeLayerComment([path]),
    chunks: () => readRange({ file, offset: 0, size: length }, context.signal, (cause) => cause),
  };
}

export function invalidCustomisation(path: string, problem: string): StreamError {
  return new StreamError("CUSTOMISATION_INVALID", `Cannot stream ${path}: ${problem}`, {
    hint: "Build the image again",
  });
}
