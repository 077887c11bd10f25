// An image → the archive that `docker load` and `podman load` read, as a stream.

import {
  DOCKER_MANIFEST,
  dockerConfigName,
  dockerLayerName,
  formatDockerManifest,
} from "../formats/docker-archive.ts";
import {
  TAR_BLOCK,
  tarEndLength,
  tarHeaderLength,
  tarPadding,
  writeTarHeader,
} from "../formats/tar-writer.ts";
import type { Image, Layer } from "../model/image.ts";
import { readLayer } from "./unpack.ts";

/** The archive, chunk by chunk; layers are decompressed, since not every docker knows every compression. */
export async function* formatArchive(
  image: Image,
  names: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const layers = [...new Map(image.layers.map((layer) => [layer.diffId, layer])).values()];
  const manifest = formatDockerManifest([
    {
      config: dockerConfigName(image.imageId),
      repoTags: names,
      layers: image.layers.map(({ diffId }) => dockerLayerName(diffId)),
    },
  ]);
  let length = 0;
  const members: (readonly [string, number, Iterable<Uint8Array> | AsyncIterable<Uint8Array>])[] = [
    [DOCKER_MANIFEST, manifest.length, [manifest]],
    [dockerConfigName(image.imageId), image.config.length, [image.config]],
  ];
  for (const layer of layers) {
    const size = layer.uncompressedSize ?? (await measure(layer, signal));
    members.push([dockerLayerName(layer.diffId), size, readLayer(layer, signal)]);
  }
  for (const [name, size, chunks] of members) {
    const header = formatHeader(name, size);
    yield header;
    yield* chunks;
    yield Buffer.alloc(tarPadding(size));
    length += header.length + size + tarPadding(size);
  }
  yield Buffer.alloc(tarEndLength(length, TAR_BLOCK));
}

function formatHeader(name: string, size: number): Buffer {
  const member = {
    name,
    type: "file",
    mode: 0o644,
    uid: 0,
    gid: 0,
    size,
    linkName: "",
    mtimeSeconds: 1,
  } as const;
  const header = Buffer.alloc(tarHeaderLength(member));
  writeTarHeader(header, 0, member);
  return header;
}

async function measure(layer: Layer, signal: AbortSignal): Promise<number> {
  let size = 0;
  for await (const chunk of readLayer(layer, signal)) size += chunk.length;
  return size;
}
