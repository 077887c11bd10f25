// What a whole build came to, by the key of all its inputs: how a build finds out that nothing has changed.

import { computeDigest } from "../formats/oci.ts";
import type { Context } from "../model/context.ts";
import type { DiffId, Digest, Image, ImageId } from "../model/image.ts";
import { readRecord, writeRecord } from "../platform/records.ts";
import { toLayer } from "./layer-cache.ts";

interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
}

/** The documents as text, and what they do not say. */
interface BuildRecord {
  readonly manifest: string;
  readonly config: string;
  readonly uncompressedSizes: readonly number[];
}

/** Keeps the result of a build; nothing is kept without a key. */
export function writeBuildRecord(key: string | undefined, image: Image, context: Context): void {
  if (key === undefined) return;
  const sizes = image.layers.map(({ uncompressedSize }) => uncompressedSize);
  if (sizes.includes(undefined)) return;
  const record: BuildRecord = {
    manifest: Buffer.from(image.manifest).toString("utf8"),
    config: Buffer.from(image.config).toString("utf8"),
    uncompressedSizes: sizes as number[],
  };
  writeRecord(context.cache.path("builds", key), record);
}

/**
 * The image that an earlier build of the same inputs made; blobs of its layers may be gone.
 *
 * A record that is damaged counts as none.
 */
export function readBuildRecord(
  key: string | undefined,
  names: { readonly name: string; readonly tag: string },
  context: Context,
): Image | undefined {
  if (key === undefined) return undefined;
  const record = readRecord(context.cache.path("builds", key)) as BuildRecord | undefined;
  if (record === undefined) return undefined;
  const manifest = JSON.parse(record.manifest) as { config: Descriptor; layers: Descriptor[] };
  const { rootfs, history } = JSON.parse(record.config) as {
    rootfs: { diff_ids: DiffId[] };
    history: { comment: string }[];
  };
  const layers = manifest.layers.map(({ mediaType, digest, size }, i) =>
    toLayer(
      { digest, size, diffId: rootfs.diff_ids[i]!, uncompressedSize: record.uncompressedSizes[i]! },
      mediaType,
      history[i]!.comment,
      context,
    ),
  );
  return {
    ...names,
    imageId: manifest.config.digest as ImageId,
    digest: computeDigest(Buffer.from(record.manifest)),
    config: Buffer.from(record.config),
    manifest: Buffer.from(record.manifest),
    layers,
  };
}
