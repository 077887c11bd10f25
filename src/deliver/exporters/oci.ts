// An image into an OCI layout, a directory that may hold other images: blobs first, `index.json` last, so that readers
// see the old image or the new one. One writer at a time, as with all tools that write layouts.
// Specification: OCI Image Layout 1.0.

import { dirname, join } from "node:path";
import { computeDigest, OCI_LAYOUT_FILE } from "../../formats/oci.ts";
import type { Context } from "../../model/context.ts";
import type { Image } from "../../model/image.ts";
import {
  clearStaleTemporaries,
  fileSize,
  makeDirectories,
  writeFileAtomically,
} from "../../platform/disk.ts";
import { listDirectory, pathKind, readSmallFile } from "../../platform/files.ts";
import type { StoredBlob } from "../blobs.ts";
import { placeBlob } from "../blobs.ts";
import { describeImage } from "../describe.ts";
import { DeliverError } from "../errors.ts";
import type { Delivered, Exporter } from "../exporter.ts";
import { blobFile, LayoutIndex } from "../layout-index.ts";

export const exporter: Exporter = {
  scheme: "oci",
  summary: "an OCI layout, a directory for skopeo, podman and registries",
  deliver,
};

async function deliver(image: Image, target: string, context: Context): Promise<Delivered> {
  checkTarget(target);
  const index = await LayoutIndex.read(target);
  const blobs = dirname(blobFile(target, image.digest));
  makeDirectories(blobs);
  clearStaleTemporaries(blobs, "remove");
  clearStaleTemporaries(target, "remove");
  const stage = context.progress.stage("writing");
  stage.expect(image.layers.length);
  const files = new Map<string, number>();
  let bytesWritten = 0;
  const place = async (stored: StoredBlob) => {
    const path = blobFile(target, stored.digest);
    if (await placeBlob(stored, path, context)) bytesWritten += stored.size;
    files.set(path, stored.size);
  };
  for (const layer of image.layers) {
    await place(layer);
    stage.advance(1, layer.size);
  }
  for (const document of [image.config, image.manifest]) {
    const path = blobFile(target, computeDigest(document));
    bytesWritten += writeUnlessThere(path, document);
    files.set(path, document.length);
  }
  context.signal.throwIfAborted();
  for (const [name, bytes] of [
    ["oci-layout", Buffer.from(OCI_LAYOUT_FILE)],
    ["index.json", index.withImage(describeImage(image, image.tag))],
  ] as const) {
    const path = join(target, name);
    if (name !== "oci-layout" || fileSize(path) === undefined) bytesWritten += writeUnlessThere(path, bytes);
    files.set(path, fileSize(path)!);
  }
  index.removeUnused();
  stage.done(`${image.name}:${image.tag}`);
  const total = [...files.values()].reduce((sum, size) => sum + size, 0);
  return {
    output: `oci:${target}`,
    bytesWritten,
    bytesReused: total - bytesWritten,
    unchanged: bytesWritten === 0,
    files: [...files.keys()],
  };
}

/** Only a layout, an empty directory or nothing may be at the target. */
function checkTarget(target: string): void {
  const kind = pathKind(target);
  if (kind === undefined) return;
  const names = kind === "directory" ? listDirectory(target)! : undefined;
  const isOurs = (name: string) => name.endsWith(".tmp") || name === "blobs" || name === "oci-layout";
  if (names?.includes("index.json") || names?.every(isOurs)) return;
  throw new DeliverError(
    "TARGET_IN_THE_WAY",
    `Cannot write an OCI layout to ${target}: it is ${names === undefined ? "no directory" : "a directory of something else"}, a layout or a new name was wanted`,
    { hint: "Name a directory that is not there yet" },
  );
}

/** Writes a small file; returns how many bytes were written. */
function writeUnlessThere(path: string, bytes: Uint8Array): number {
  const old = readSmallFile(path, bytes.length);
  if (old !== undefined && old !== "too-large" && Buffer.compare(old, bytes) === 0) return 0;
  writeFileAtomically(path, bytes);
  return bytes.length;
}
