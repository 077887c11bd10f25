// An image → the bytes of a docker archive, in one pass; layers are uncompressed on the way.

import {
  DOCKER_MANIFEST,
  dockerConfigName,
  dockerLayerName,
  formatDockerManifest,
} from "../formats/docker-archive.ts";
import type { Context } from "../model/context.ts";
import type { Image } from "../model/image.ts";
import type { ByteOutput } from "../platform/output.ts";
import { ArchiveWriter } from "./archive-writer.ts";
import { measureUncompressed, readUncompressed } from "./blobs.ts";

/**
 * Writes a docker archive of one or several images; a layer that occurs twice is written once.
 *
 * @returns Bytes written.
 */
export async function writeDockerArchive(
  images: readonly Image[],
  output: ByteOutput,
  context: Context,
): Promise<number> {
  const archive = new ArchiveWriter(output);
  const stage = context.progress.stage("writing");
  const layers = images.flatMap((image) => image.layers);
  stage.expect(layers.length);
  const written = new Set<string>();
  for (const layer of layers) {
    const name = dockerLayerName(layer.diffId);
    if (!written.has(name)) {
      const size = await measureUncompressed(layer, context);
      await archive.addStream(name, size, readUncompressed(layer, context));
      stage.advance(1, size);
    } else stage.advance(1);
    written.add(name);
  }
  // An image under several names is one entry with several.
  const byId = Map.groupBy(images, ({ imageId }) => imageId);
  const entries = [...byId].map(([imageId, same]) => ({
    config: dockerConfigName(imageId),
    repoTags: [...new Set(same.map(({ name, tag }) => `${name}:${tag}`))],
    layers: same[0]!.layers.map((layer) => dockerLayerName(layer.diffId)),
  }));
  for (const [imageId, [image]] of byId) await archive.addFile(dockerConfigName(imageId), image!.config);
  await archive.addFile(DOCKER_MANIFEST, formatDockerManifest(entries));
  await archive.end();
  stage.done(images.map(({ name, tag }) => `${name}:${tag}`).join(", "));
  return archive.length;
}
