// Takes files out of an image as a layer above would: whiteouts, OCI image specification, "Representing changes".

import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { file, makeTar } from "../test/kit/tiny-image.ts";

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** Adds a layer to the one image of an OCI layout that hides files. */
export function addWhiteouts(layout: string, paths: readonly string[]): void {
  const blob = (digest: string) => join(layout, "blobs", digest.replace(":", "/"));
  const read = (path: string) => JSON.parse(readFileSync(path, "utf8"));
  const write = (mediaType: string, bytes: Uint8Array): Descriptor => {
    const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    writeFileSync(blob(digest), bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const index = read(join(layout, "index.json"));
  const manifest = read(blob(index.manifests[0].digest));
  const config = read(blob(manifest.config.digest));
  const names = paths.map((path) => path.replace(/([^/]*)$/, ".wh.$1"));
  const layer = write("application/vnd.oci.image.layer.v1.tar", makeTar(names.map((name) => file(name))));
  config.rootfs.diff_ids.push(layer.digest);
  config.history?.push({ created_by: "whiteouts" });
  manifest.layers.push(layer);
  manifest.config = write(manifest.config.mediaType, Buffer.from(JSON.stringify(config)));
  const { mediaType } = index.manifests[0];
  index.manifests[0] = { ...index.manifests[0], ...write(mediaType, Buffer.from(JSON.stringify(manifest))) };
  writeFileSync(join(layout, "index.json"), JSON.stringify(index));
}
