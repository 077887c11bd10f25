// `tare stream-conf`: what a stream script of dockerTools streams, streamed, written, or pushed.

import type { Delivered } from "../deliver/exporter.ts";
import type { Pushed } from "../deliver/push.ts";
import { computeDigest, describeDocument, formatManifest } from "../formats/oci.ts";
import { imageContent } from "../model/content.ts";
import type { Context } from "../model/context.ts";
import type { Image, ImageId } from "../model/image.ts";
import { MEDIA_TYPES } from "../model/image.ts";
import type { CompressionOptions, LayerSink } from "../pack/pack-jobs.ts";
import { nowMs } from "../platform/clock.ts";
import { readSmallFile } from "../platform/files.ts";
import { isStdoutTerminal, StandardOutput } from "../platform/output.ts";
import type { RegistryOptions } from "../platform/registry/client.ts";
import type { EngineName } from "../run/engines.ts";
import type { LoadedImage } from "../run/load.ts";
import type { StreamConf } from "../stream/conf.ts";

export interface StreamOptions {
  /** Where the store is: `/`, or the root of a chroot store. */
  readonly storeRoot: string;
  /** `NAME:TAG` instead of what the configuration says. */
  readonly repoTag: string | undefined;
  /** Of layers that are written or pushed; a docker archive holds them as they are. */
  readonly compression: CompressionOptions;
}

/** An image that was streamed. */
export interface StreamedImage {
  readonly repoTag: string;
  readonly imageId: ImageId;
  /** How many layers it has. */
  readonly layers: number;
  readonly delivered: Delivered;
}

/** Bytes: the layers of the largest closures have some hundred thousand paths. */
const LARGEST_CONF = 1 << 28;

/**
 * Streams the image of a configuration.
 *
 * @param file The JSON that the stream script reads.
 * @param output As on the command line. `-` and `docker-archive:FILE` get the very bytes that the script would write.
 * @throws {StreamError}, {FormatError}, {DeliverError}, {PackError}.
 */
export async function streamConf(
  file: string,
  output: string,
  options: StreamOptions,
  context: Context,
): Promise<StreamedImage> {
  const { streamImage } = await import("../stream/stream-image.ts");
  const { storeRoot } = options;
  if (output === "-") {
    // What other outputs need is not loaded: for a small image that would take longer than to write it.
    if (isStdoutTerminal()) throw await outputIsTerminal();
    const conf = await readConf(file, options);
    using stdout = new StandardOutput();
    const { imageId, diffIds, bytesWritten } = await streamImage(conf, storeRoot, stdout, context);
    const delivered = { output, bytesWritten, bytesReused: 0, unchanged: false, files: [] };
    return { repoTag: conf.repoTag, imageId, layers: diffIds.length, delivered };
  }
  const [{ deliver, parseOutput }, { deliverFile }] = await Promise.all([
    import("../deliver/deliver.ts"),
    import("../deliver/file-target.ts"),
  ]);
  const target = parseOutput(output, process.cwd());
  const conf = await readConf(file, options);
  const { repoTag } = conf;
  if (target.scheme === "docker-archive") {
    let streamed: Omit<StreamedImage, "delivered"> | undefined;
    const delivered = await deliverFile(target.scheme, target.target, async (archive) => {
      const { imageId, diffIds, bytesWritten } = await streamImage(conf, storeRoot, archive, context);
      streamed = { repoTag, imageId, layers: diffIds.length };
      return bytesWritten;
    });
    return { ...streamed!, delivered };
  }
  const image = await packConf(conf, options, context);
  const delivered = await deliver(image, target, context);
  return { repoTag, imageId: image.imageId, layers: image.layers.length, delivered };
}

async function outputIsTerminal(): Promise<Error> {
  const { DeliverError } = await import("../deliver/errors.ts");
  return new DeliverError(
    "OUTPUT_IS_TERMINAL",
    "Cannot write the image to standard output: it is a terminal, a pipe or a file was wanted",
    { hint: "Write tare stream-conf CONF | docker load, or name a file: -o docker-archive:FILE" },
  );
}

/**
 * Pushes the image of a configuration; each layer goes as soon as it is packed.
 *
 * @param reference `HOST/NAME:TAG`, with or without `docker://`.
 */
export async function pushConf(
  file: string,
  reference: string,
  options: StreamOptions & { readonly registry: Pick<RegistryOptions, "insecure" | "caFile"> },
  context: Context,
): Promise<{ readonly image: Image; readonly pushed: Pushed }> {
  const [{ Pusher }, { parseRegistryReference }] = await Promise.all([
    import("../deliver/push.ts"),
    import("../platform/registry/reference.ts"),
  ]);
  const place = parseRegistryReference(reference);
  const conf = await readConf(file, options);
  await using pusher = new Pusher(place, { registry: options.registry }, context);
  const image = await packConf(conf, options, context, {
    wants: ({ digest }) => pusher.wants(digest),
    take: ({ digest, size, blob }) => pusher.take({ digest, size, data: blob }),
  });
  return { image, pushed: await pusher.finish(imageContent(image)) };
}

/**
 * Loads the image of a configuration into podman or docker, which get only the layers that they lack.
 *
 * @param engine Default: the first that is installed.
 */
export async function loadConf(
  file: string,
  engine: EngineName | undefined,
  options: StreamOptions,
  context: Context,
): Promise<{ readonly image: Image; readonly loaded: LoadedImage }> {
  const { chooseEngine, loadImage } = await import("../run/load.ts");
  const chosen = chooseEngine(engine);
  const conf = await readConf(file, options);
  const image = await packConf(conf, options, context);
  return { image, loaded: await loadImage(image, chosen, [`${image.name}:${image.tag}`], context) };
}

async function readConf(file: string, { repoTag }: StreamOptions): Promise<StreamConf> {
  const [{ parseConf }, { StreamError }] = await Promise.all([
    import("../stream/conf.ts"),
    import("../stream/errors.ts"),
  ]);
  const bytes = readSmallFile(file, LARGEST_CONF);
  if (!Buffer.isBuffer(bytes)) {
    throw new StreamError(
      "CONF_INVALID",
      `Cannot stream the image of ${file}: ${bytes === undefined ? "there is no such file" : "the file is too large"}`,
      {
        hint: "Name the conf.json that a stream script of dockerTools reads: the script's last line has its path",
      },
    );
  }
  const conf = parseConf(bytes, file, Math.floor(nowMs() / 1000));
  return repoTag === undefined ? conf : { ...conf, repoTag };
}

async function packConf(
  conf: StreamConf,
  { storeRoot, compression }: StreamOptions,
  context: Context,
  sink?: LayerSink,
): Promise<Image> {
  const [{ openStream }, { packTars }] = await Promise.all([
    import("../stream/stream-image.ts"),
    import("../pack/pack-tars.ts"),
  ]);
  using source = await openStream(conf, storeRoot, context);
  const layers = await packTars(source.layers, compression, context, sink);
  const config = source.describe(layers.map(({ diffId }) => diffId));
  const descriptor = describeDocument(MEDIA_TYPES.config, config);
  const manifest = formatManifest(descriptor, layers);
  return {
    ...splitTag(conf.repoTag),
    imageId: descriptor.digest as ImageId,
    digest: computeDigest(manifest),
    config,
    manifest,
    layers,
  };
}

function splitTag(repoTag: string): { readonly name: string; readonly tag: string } {
  const colon = repoTag.lastIndexOf(":");
  if (colon <= repoTag.lastIndexOf("/")) return { name: repoTag, tag: "latest" };
  return { name: repoTag.slice(0, colon), tag: repoTag.slice(colon + 1) };
}
