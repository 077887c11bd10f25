// An image into an OCI layout, a directory that may hold other images: blobs first, `index.json` last, so that readers
// see the old image or the new one. One writer at a time: of several processes each finds what the one before has written.
// Specification: OCI Image Layout 1.0.

import { dirname, join } from "node:path";
import { OCI_LAYOUT_FILE, type Platform } from "../../formats/oci.ts";
import { type Content, type ContentBlob, imageContent, rootDocument } from "../../model/content.ts";
import type { Context } from "../../model/context.ts";
import {
  clearStaleTemporaries,
  fileSize,
  makeDirectories,
  writeFileAtomically,
} from "../../platform/disk.ts";
import { listDirectory, pathKind, readSmallFile } from "../../platform/files.ts";
import { placeBlob } from "../blobs.ts";
import { describeContent, imagePlatform } from "../describe.ts";
import { DeliverError } from "../errors.ts";
import type { Delivered, Exporter } from "../exporter.ts";
import { blobFile, LayoutIndex } from "../layout-index.ts";

export const exporter: Exporter = {
  scheme: "oci",
  summary: "an OCI layout, a directory for skopeo, podman and registries",
  deliver: (image, target, context) => deliver(imageContent(image), imagePlatform(image), target, context),
  deliverContent: (content, target, context) => deliver(content, undefined, target, context),
};

/** In the layout, which is all that its writers need to have in common. */
const LOCK = ".lock";

async function deliver(
  content: Content,
  platform: Platform | undefined,
  target: string,
  context: Context,
): Promise<Delivered> {
  checkTarget(target);
  const { ProcessLock } = await import("../../platform/process-lock.ts");
  using _lock = await ProcessLock.wait(join(target, LOCK), context.signal, () =>
    context.progress.note(`waiting for another process that writes to ${target}`),
  );
  return await write(content, platform, target, context);
}

async function write(
  content: Content,
  platform: Platform | undefined,
  target: string,
  context: Context,
): Promise<Delivered> {
  const index = await LayoutIndex.read(target);
  const blobs = dirname(blobFile(target, rootDocument(content).digest));
  makeDirectories(blobs);
  clearStaleTemporaries(blobs, "remove");
  clearStaleTemporaries(target, "remove");
  const stage = context.progress.stage("writing");
  stage.expect(content.blobs.length);
  const files = new Map<string, number>();
  let bytesWritten = 0;
  const place = async ({ digest, size, data }: ContentBlob) => {
    const path = blobFile(target, digest);
    files.set(path, size);
    if ("bytes" in data) bytesWritten += writeUnlessThere(path, data.bytes);
    else if (await placeBlob({ digest, size, blob: data }, path, context)) bytesWritten += size;
  };
  for (const blob of content.blobs) {
    await place(blob);
    stage.advance(1, blob.size);
  }
  for (const { digest, bytes } of content.documents) {
    const path = blobFile(target, digest);
    bytesWritten += writeUnlessThere(path, bytes);
    files.set(path, bytes.length);
  }
  context.signal.throwIfAborted();
  for (const [name, bytes] of [
    ["oci-layout", Buffer.from(OCI_LAYOUT_FILE)],
    ["index.json", index.withImage(describeContent(content, content.tag, platform))],
  ] as const) {
    const path = join(target, name);
    if (name !== "oci-layout" || fileSize(path) === undefined) bytesWritten += writeUnlessThere(path, bytes);
    files.set(path, fileSize(path)!);
  }
  index.removeUnused();
  stage.done(`${content.name}:${content.tag}`);
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
  const isOurs = (name: string) => name.endsWith(".tmp") || ["blobs", "oci-layout", LOCK].includes(name);
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
