// How large the layers of an image are when they are compressed otherwise; images share layers, each is measured once.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { constants, gzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";

const known = new Map<string, number>();

const COMPRESS = {
  "gzip -6": (tar: Buffer) => gzipSync(tar, { level: 6 }),
  "zstd -19": (tar: Buffer) => zstdCompressSync(tar, { params: { [constants.ZSTD_c_compressionLevel]: 19 } }),
} as const;

interface Descriptor {
  readonly digest: string;
}

function readBlob(layout: string, { digest }: Descriptor): Buffer {
  return readFileSync(join(layout, "blobs", digest.replace(":", "/")));
}

/**
 * The sum of an image's layers as another compressor would store them.
 *
 * @param layout An OCI layout with one image, whose layers are zstd.
 */
export function measureLayers(layout: string, how: keyof typeof COMPRESS): number {
  const index = JSON.parse(readFileSync(join(layout, "index.json"), "utf8")) as { manifests: Descriptor[] };
  const manifest = JSON.parse(readBlob(layout, index.manifests[0]!).toString()) as { layers: Descriptor[] };
  let sum = 0;
  for (const layer of manifest.layers) {
    const key = `${how} ${layer.digest}`;
    let size = known.get(key);
    if (size === undefined) {
      size = COMPRESS[how](zstdDecompressSync(readBlob(layout, layer))).length;
      known.set(key, size);
    }
    sum += size;
  }
  return sum;
}
