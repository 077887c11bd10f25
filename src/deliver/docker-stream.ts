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
 * Writes a docker archive; a layer that occurs twice is written once.
 *
 * @returns Bytes written.
 */
export async function writeDockerArchive(
  image: Image,
  output: ByteOutput,
  context: Context,
): Promise<number> {
  const archive = new ArchiveWriter(output);
  const stage = context.progress.stage("writing");
  stage.expect(image.layers.length);
  const written = new Set<string>();
  for (const layer of image.layers) {
    const name = dockerLayerName(layer.diffId);
    if (!written.has(name)) {
      const size = await measureUncompressed(layer, context);
      await archive.addStream(name, size, readUncompressed(layer, context));
      stage.advance(1, size);
    } else stage.advance(1);
    written.add(name);
  }
  const config = dockerConfigName(image.imageId);
  await archive.addFile(config, image.config);
  const entry = {
    config,
    repoTags: [`${image.name}:${image.tag}`],
    layers: image.layers.map((layer) => dockerLayerName(layer.diffId)),
  };
  await archive.addFile(DOCKER_MANIFEST, formatDockerManifest([entry]));
  await archive.end();
  stage.done(`${image.name}:${image.tag}`);
  return archive.length;
}
