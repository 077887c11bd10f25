// An image and where it shall go → delivered, by the exporter whose name the output begins with.

import { resolve } from "node:path";
import { type Content, rootDocument } from "../model/content.ts";
import type { Context } from "../model/context.ts";
import type { Image } from "../model/image.ts";
import { didYouMean } from "../model/suggest.ts";
import { importModule, moduleNames } from "../platform/discover.ts";
import { pathKind } from "../platform/files.ts";
import { REGISTRY_TRANSPORT } from "../platform/registry/reference.ts";
import { DeliverError } from "./errors.ts";
import type { Delivered, DeliverOptions, Exporter } from "./exporter.ts";
import { type Deliverable, findReceipt, writeReceipt } from "./receipt.ts";

const EXPORTERS = new URL("./exporters/", import.meta.url);

/** The exporter that `-` means. */
const STANDARD_OUTPUT = "stdout";
/** The exporter that `docker://` means. */
const REGISTRY = "registry";

/** The exporter whose outputs may end in a tag, unless there is something of that very name. */
const LAYOUT = "oci";
const LAYOUT_WITH_TAG = /^(.+):([A-Za-z0-9_][\w.-]{0,127})$/s;

/** Where an image shall go. */
export interface Output {
  readonly scheme: string;
  /** Absolute path, or the reference of a registry; empty for standard output. */
  readonly target: string;
  /** What a layout shall call the image; undefined is the image's own tag. */
  readonly tag?: string | undefined;
}

/** All exporters, sorted by scheme. */
export async function listExporters(): Promise<Exporter[]> {
  return Promise.all(moduleNames(EXPORTERS).map(loadExporter));
}

async function loadExporter(scheme: string): Promise<Exporter> {
  return (await importModule<{ exporter: Exporter }>(EXPORTERS, scheme)).exporter;
}

/**
 * Reads an output as it is written on the command line: `oci:DIR[:TAG]`, `oci-archive:FILE`, `docker-archive:FILE`,
 * `docker://HOST/NAME:TAG` or `-`.
 *
 * @param directory What relative paths are relative to.
 * @throws {DeliverError} `UNKNOWN_OUTPUT`
 */
export function parseOutput(text: string, directory: string): Output {
  if (text === "-") return { scheme: STANDARD_OUTPUT, target: "" };
  if (text.startsWith(REGISTRY_TRANSPORT)) {
    return { scheme: REGISTRY, target: text.slice(REGISTRY_TRANSPORT.length) };
  }
  const schemes = moduleNames(EXPORTERS).filter((name) => name !== STANDARD_OUTPUT && name !== REGISTRY);
  const colon = text.indexOf(":");
  const scheme = text.slice(0, Math.max(colon, 0));
  const target = text.slice(colon + 1);
  if (schemes.includes(scheme) && target !== "") {
    const [, path, tag] = (scheme === LAYOUT && LAYOUT_WITH_TAG.exec(target)) || [];
    if (path !== undefined && pathKind(resolve(directory, target)) === undefined)
      return { scheme, target: resolve(directory, path), tag };
    return { scheme, target: resolve(directory, target) };
  }
  const wanted = [...schemes.map((name) => `${name}:PATH`), `${REGISTRY_TRANSPORT}HOST/NAME:TAG`, "-"].join(
    ", ",
  );
  throw new DeliverError("UNKNOWN_OUTPUT", `Cannot write to "${text}": the output is no ${wanted}`, {
    hint: colon < 0 ? `For a directory, write oci:${text}` : didYouMean(scheme, schemes),
  });
}

/**
 * Delivers an image. Where an earlier delivery of it is still untouched, nothing is done.
 *
 * @throws {DeliverError}
 * @throws {ContentError} `CACHE_DAMAGED`, with the blob that is to be made again.
 */
export async function deliver(
  image: Image,
  output: Output,
  context: Context,
  options: DeliverOptions = {},
): Promise<Delivered> {
  const named = { ...image, tag: output.tag ?? image.tag };
  return unlessThere(named, output, context, (exporter) =>
    exporter.deliver(named, output.target, context, options),
  );
}

/**
 * Delivers several images to one output: into one layout, or one archive with all of them.
 *
 * @throws {DeliverError} `NEEDS_ONE_IMAGE` where the output holds one image only; or as {@link deliver}.
 */
export async function deliverSeveral(
  images: readonly Image[],
  output: Output,
  context: Context,
  options: DeliverOptions = {},
): Promise<Delivered> {
  const exporter = await loadExporter(output.scheme);
  if (exporter.deliverSeveral !== undefined) {
    return exporter.deliverSeveral(images, output.target, context, options);
  }
  if (output.scheme !== "oci") {
    throw new DeliverError(
      "NEEDS_ONE_IMAGE",
      `Cannot write ${images.length} images to ${output.scheme}:${output.target}: it holds one image`,
      { hint: "Write oci:DIR or docker-archive:FILE" },
    );
  }
  const twice = images.find((image, i) => images.findIndex(({ tag }) => tag === image.tag) < i);
  if (twice !== undefined) {
    throw new DeliverError(
      "NEEDS_ONE_IMAGE",
      `Cannot write all images to oci:${output.target}: two have the tag ${twice.tag}, which is all that a layout tells them by`,
      { hint: "Give them different tags, or write docker-archive:FILE" },
    );
  }
  const delivered: Delivered[] = [];
  for (const image of images) delivered.push(await deliver(image, output, context, options));
  return {
    ...delivered.at(-1)!,
    bytesWritten: delivered.reduce((sum, one) => sum + one.bytesWritten, 0),
    bytesReused: delivered.reduce((sum, one) => sum + one.bytesReused, 0),
    unchanged: delivered.every(({ unchanged }) => unchanged),
    files: [...new Set(delivered.flatMap(({ files }) => files))],
  };
}

/**
 * Delivers content of any kind, such as an index with all its images.
 *
 * @throws {DeliverError} `NEEDS_ONE_IMAGE` where the output holds one image only; or as {@link deliver}.
 */
export async function deliverContent(
  content: Content,
  output: Output,
  context: Context,
  options: DeliverOptions = {},
): Promise<Delivered> {
  const { digest } = rootDocument(content);
  const named = { ...content, tag: output.tag ?? content.tag };
  return unlessThere({ ...named, digest }, output, context, (exporter) => {
    if (exporter.deliverContent === undefined) {
      throw new DeliverError(
        "NEEDS_ONE_IMAGE",
        `Cannot write all of ${content.name}:${content.tag} to ${output.scheme}:${output.target}: it is an index, and such an archive holds one image`,
        { hint: "Choose one image with --platform; leave out --all" },
      );
    }
    return exporter.deliverContent(named, output.target, context, options);
  });
}

async function unlessThere(
  thing: Deliverable,
  output: Output,
  context: Context,
  write: (exporter: Exporter) => Promise<Delivered>,
): Promise<Delivered> {
  const exporter = await loadExporter(output.scheme);
  // Only of files there can be a receipt.
  if (output.scheme === STANDARD_OUTPUT || output.scheme === REGISTRY) return write(exporter);
  const name = `${output.scheme}:${output.target}`;
  const files = findReceipt(name, thing, context);
  if (files !== undefined) {
    return { output: name, bytesWritten: 0, bytesReused: files.size, unchanged: true, files: files.paths };
  }
  const delivered = await write(exporter);
  writeReceipt(name, thing, delivered.files, context);
  return delivered;
}
