// A configuration of dockerTools' stream script → the docker archive that the script would write, to the byte; or the
// image's layers and documents, for whoever packs and pushes them.

import { createHash } from "node:crypto";
import { dockerConfigName, dockerLayerName } from "../formats/docker-archive.ts";
import {
  type DescribedStoreLayer,
  formatStoreConfig,
  formatStoreManifest,
  inheritEnvironment,
  storeLayerComment,
} from "../formats/docker-tools.ts";
import { computeDigest } from "../formats/oci.ts";
import type { JsonObject } from "../formats/python-json.ts";
import type { Context } from "../model/context.ts";
import type { DiffId, ImageId } from "../model/image.ts";
import type { TarSource } from "../model/tar-source.ts";
import { readRange } from "../platform/files.ts";
import type { ByteOutput } from "../platform/output.ts";
import { StreamArchive } from "./archive.ts";
import type { BaseImage, BaseLayer } from "./base.ts";
import type { StreamConf } from "./conf.ts";
import { invalidCustomisation, openCustomisation } from "./customisation.ts";
import { StreamError } from "./errors.ts";
import { LayerHasher } from "./layer-hasher.ts";
import { placeOf, StoreLayer } from "./store-layer.ts";

/** What was streamed. */
export interface Streamed {
  readonly imageId: ImageId;
  /** Bottom first. */
  readonly diffIds: readonly DiffId[];
  readonly bytesWritten: number;
}

/**
 * Streams an image.
 *
 * @param root Where the store is: `/`, or the root of a chroot store.
 * @throws {StreamError}, {StoreFileError}, {DiskError}.
 */
export async function streamImage(
  conf: StreamConf,
  root: string,
  output: ByteOutput,
  context: Context,
): Promise<Streamed> {
  const stage = context.progress.stage("streaming");
  using base = await openBaseOf(conf, root, context);
  const customisation = openCustomisation(conf.customisationLayer, root, context);
  const archive = new StreamArchive(output, conf.owner.mtimeSeconds);
  const layers: DescribedStoreLayer[] = [];
  const names: string[] = [];
  stage.expect((base?.layers.length ?? 0) + conf.storeLayers.length + 1);
  const done = (diffId: DiffId, paths: readonly string[], name: string, size: number) => {
    layers.push({ diffId, paths });
    names.push(name);
    stage.advance(1, size);
  };
  for (const { diffId, name, member, data } of base?.layers ?? []) {
    await archive.add(
      member,
      readRange(data, context.signal, (cause) => cause),
    );
    done(diffId, [name], name, member.size);
  }
  const storeLayers = listLayers(conf, root, context);
  await using hasher = new LayerHasher(storeLayers, context);
  for (const layer of storeLayers) {
    const { diffId, chunks } = await hasher.hash(layer);
    const name = dockerLayerName(diffId);
    await archive.addFile(name, layer.length, chunks);
    done(diffId, layer.paths, name, layer.length);
  }
  const { diffId, path, length } = customisation;
  const name = dockerLayerName(diffId);
  await archive.addStoreFile(name, length, verified(customisation.chunks(), diffId, path));
  done(diffId, [path], name, length);

  const config = formatConfig(conf, base, layers);
  const imageId = computeDigest(config) as ImageId;
  await archive.addFile(dockerConfigName(imageId), config.length, [config]);
  const manifest = formatStoreManifest(imageId, conf.repoTag, names);
  await archive.addFile("manifest.json", manifest.length, [manifest]);
  await archive.end();
  stage.done(conf.repoTag);
  return { imageId, diffIds: layers.map((layer) => layer.diffId), bytesWritten: archive.length };
}

function listLayers({ storeLayers, owner }: StreamConf, root: string, context: Context): StoreLayer[] {
  return storeLayers.map((paths) => {
    context.signal.throwIfAborted();
    return new StoreLayer(paths, owner, root);
  });
}

async function openBaseOf(
  { fromImage, storeDir }: StreamConf,
  root: string,
  context: Context,
): Promise<BaseImage | undefined> {
  if (fromImage === undefined) return undefined;
  const { openBase } = await import("./base.ts");
  return await openBase(fromImage.startsWith(`${storeDir}/`) ? placeOf(fromImage, root) : fromImage, context);
}

/** The same bytes, hashed on their way. */
async function* verified(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  diffId: DiffId,
  path: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = createHash("sha256");
  for await (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
  const actual = `sha256:${hash.digest("hex")}`;
  if (actual !== diffId) {
    throw invalidCustomisation(path, `its layer.tar has the digest ${actual}, its checksum says ${diffId}`);
  }
}

function formatConfig(
  conf: StreamConf,
  base: BaseImage | undefined,
  layers: readonly DescribedStoreLayer[],
): Buffer {
  return formatStoreConfig({
    created: conf.created.text,
    architecture: conf.architecture,
    config: mergeEnvironment(conf, base),
    layers,
  });
}

function mergeEnvironment({ config }: StreamConf, base: BaseImage | undefined): JsonObject {
  if (base === undefined) return config;
  const own = config.get("Env") ?? [];
  if (!Array.isArray(own) || !own.every((entry) => typeof entry === "string")) {
    throw new StreamError("CONF_INVALID", 'Cannot stream the image: its "Env" is no array of strings');
  }
  return inheritEnvironment(config, base.env, own as readonly string[]);
}

/** The layers of an image as tars that are still to be packed, and its documents once their digests are known. */
export interface StreamSource extends Disposable {
  /** Bottom first. */
  readonly layers: readonly TarSource[];
  /**
   * Writes the configuration.
   *
   * @param diffIds Of the layers, as they were packed.
   */
  describe(diffIds: readonly DiffId[]): Buffer;
}

/** Opens an image to be packed. */
export async function openStream(conf: StreamConf, root: string, context: Context): Promise<StreamSource> {
  const base = await openBaseOf(conf, root, context);
  try {
    const customisation = openCustomisation(conf.customisationLayer, root, context);
    const baseLayers = base?.layers ?? [];
    const storeLayers = listLayers(conf, root, context);
    const paths = [
      ...baseLayers.map(({ name }) => [name]),
      ...storeLayers.map((layer) => layer.paths),
      [customisation.path],
    ];
    return {
      layers: [...baseLayers.map((layer) => baseSource(layer, context)), ...storeLayers, customisation],
      describe: (diffIds) => {
        return formatConfig(
          conf,
          base,
          diffIds.map((diffId, i) => ({ diffId, paths: paths[i]! })),
        );
      },
      [Symbol.dispose]: () => base?.[Symbol.dispose](),
    };
  } catch (error) {
    base?.[Symbol.dispose]();
    throw error;
  }
}

function baseSource({ diffId, name, data }: BaseLayer, context: Context): TarSource {
  return {
    key: diffId.slice("sha256:".length),
    diffId,
    length: data.size,
    comment: storeLayerComment([name]),
    chunks: () => readRange(data, context.signal, (cause) => cause),
  };
}
