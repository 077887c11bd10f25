// An image → every digest, size and count of it derived again from the bytes, and what differs. Claims of the image
// are compared, never used.

import { createHash } from "node:crypto";
import { FormatError } from "../formats/errors.ts";
import { computeDigest, layerCompression } from "../formats/oci.ts";
import type { ReadConfig, ReadManifest } from "../formats/oci-documents.ts";
import { parseConfig, parseManifest } from "../formats/oci-documents.ts";
import { type TarHandler, TarReader } from "../formats/tar-reader.ts";
import type { Context } from "../model/context.ts";
import type { Image, Layer } from "../model/image.ts";
import { DecompressError, decompress } from "../platform/decompress.ts";
import { readRange } from "../platform/files.ts";

export type VerifyProblemCode =
  /** The manifest or the configuration is not what its specification says. */
  | "DOCUMENT_INVALID"
  | "MANIFEST_DIGEST"
  | "CONFIG_DIGEST"
  | "CONFIG_SIZE"
  /** The manifest, the configuration and the image do not have the same layers. */
  | "LAYERS_DIFFER"
  /** The history does not have one entry for each layer, empty ones apart. */
  | "HISTORY_COUNT"
  /** A layer's file is gone. */
  | "LAYER_MISSING"
  | "LAYER_SIZE"
  | "LAYER_DIGEST"
  /** A layer cannot be decompressed. */
  | "LAYER_CORRUPT"
  | "UNCOMPRESSED_SIZE"
  | "DIFF_ID"
  /** A layer is no well-formed tar, or has members that cannot be unpacked. */
  | "LAYER_TAR";

export interface VerifyProblem {
  readonly code: VerifyProblemCode;
  readonly message: string;
}

export interface VerifiedImage {
  /** Empty for an image that is what it says. */
  readonly problems: readonly VerifyProblem[];
  /** Layers that were read. */
  readonly layers: number;
  /** Bytes of documents and blobs as stored. */
  readonly size: number;
  /** Bytes of the layers' tars. */
  readonly uncompressedSize: number;
  /** Members of the layers' tars. */
  readonly entries: number;
}

/** Bytes that an uncompressed layer may have whose size the image does not say. */
const LARGEST_LAYER = 2 ** 40;

/** Takes the members of layers while their bytes are verified, lowest layer first. */
export interface LayerVisitor {
  beginLayer(layer: Layer): TarHandler;
}

/**
 * Verifies an image, reading each layer once.
 *
 * @param visitor What it throws as a {@link FormatError} is a problem of the layer, and the layer's rest is kept from it.
 * @returns What was read, with all problems; it throws only when the disk cannot be read or the signal says so.
 */
export async function verifyImage(
  image: Image,
  context: Context,
  visitor?: LayerVisitor,
): Promise<VerifiedImage> {
  const stage = context.progress.stage("verifying");
  stage.expect(image.layers.length, sum(image.layers.map(({ size }) => size)));
  const problems: VerifyProblem[] = [...verifyDocuments(image)];
  let uncompressedSize = 0;
  let entries = 0;
  for (const layer of image.layers) {
    const read = await verifyLayer(layer, visitor, context, (count) => stage.advance(0, count));
    problems.push(...read.problems);
    uncompressedSize += read.uncompressedSize;
    entries += read.entries;
    stage.advance(1);
  }
  stage.done(problems.length === 0 ? `${image.name}:${image.tag} is sound` : `${problems.length} problems`);
  return {
    problems,
    layers: image.layers.length,
    size: sum([image.manifest.length, image.config.length, ...image.layers.map((layer) => layer.size)]),
    uncompressedSize,
    entries,
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function* verifyDocuments(image: Image): Generator<VerifyProblem> {
  const manifestDigest = computeDigest(image.manifest);
  if (manifestDigest !== image.digest) {
    yield differ("MANIFEST_DIGEST", "the digest of the manifest", manifestDigest, image.digest);
  }
  const manifest = tryParse(() => parseManifest(image.manifest, "the manifest"));
  const config = tryParse(() => parseConfig(image.config, "the configuration"));
  if ("problem" in manifest) yield manifest.problem;
  else yield* verifyManifest(image, manifest.value);
  if ("problem" in config) yield config.problem;
  else yield* verifyConfig(image, config.value);
}

function* verifyManifest(image: Image, { config, layers }: ReadManifest): Generator<VerifyProblem> {
  const configDigest = computeDigest(image.config);
  for (const claim of new Set([config.digest, image.imageId])) {
    if (claim !== configDigest)
      yield differ("CONFIG_DIGEST", "the digest of the configuration", configDigest, claim);
  }
  if (config.size !== image.config.length) {
    yield differ("CONFIG_SIZE", "the size of the configuration", image.config.length, config.size);
  }
  const describe = (all: readonly { mediaType: string; digest: string; size: number }[]) =>
    all.map(({ mediaType, digest, size }) => `${digest} (${size} bytes, ${mediaType})`);
  yield* compareLists("the layers of the manifest", describe(layers), describe(image.layers));
}

function* verifyConfig(image: Image, { rootfs, history }: ReadConfig): Generator<VerifyProblem> {
  const diffIds = image.layers.map((layer) => layer.diffId);
  yield* compareLists("the diffIDs of the configuration", rootfs.diff_ids, diffIds);
  if (history === undefined || history === null) return;
  const count = history.filter((entry) => entry.empty_layer !== true).length;
  if (count !== rootfs.diff_ids.length) {
    yield differ("HISTORY_COUNT", "the number of history entries", count, rootfs.diff_ids.length);
  }
}

function* compareLists(
  what: string,
  actual: readonly string[],
  wanted: readonly string[],
): Generator<VerifyProblem> {
  if (actual.length !== wanted.length) {
    yield differ("LAYERS_DIFFER", `the number of ${what}`, actual.length, wanted.length);
    return;
  }
  for (const [i, item] of actual.entries()) {
    if (item !== wanted[i]) yield differ("LAYERS_DIFFER", `number ${i + 1} of ${what}`, item, wanted[i]!);
  }
}

function differ(
  code: VerifyProblemCode,
  what: string,
  actual: string | number,
  wanted: string | number,
): VerifyProblem {
  return { code, message: `${what} is ${actual}, wanted ${wanted}` };
}

function tryParse<T>(parse: () => T): { readonly value: T } | { readonly problem: VerifyProblem } {
  try {
    return { value: parse() };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return { problem: { code: "DOCUMENT_INVALID", message: error.message } };
  }
}

interface ReadLayer {
  readonly problems: readonly VerifyProblem[];
  readonly uncompressedSize: number;
  readonly entries: number;
}

/** Reads a layer to its end, even when an early part of it is wrong: what is said should be all there is to say. */
async function verifyLayer(
  layer: Layer,
  visitor: LayerVisitor | undefined,
  context: Context,
  onBytes: (count: number) => void,
): Promise<ReadLayer> {
  const problems: VerifyProblem[] = [];
  const what = `the layer ${layer.digest}`;
  const blob = createHash("sha256");
  let size = 0;
  class Missing extends Error {}
  async function* readBlob() {
    const range = { ...layer.blob, size: layer.size };
    for await (const chunk of readRange(range, context.signal, (cause) => new Missing("", { cause }))) {
      blob.update(chunk);
      size += chunk.length;
      onBytes(chunk.length);
      yield chunk;
    }
  }
  const tar = new LayerTar(visitor?.beginLayer(layer));
  const diff = createHash("sha256");
  let uncompressedSize = 0;
  const bytes = readBlob();
  try {
    const compression = layerCompression(layer.mediaType);
    const maxSize = layer.uncompressedSize ?? LARGEST_LAYER;
    for await (const chunk of decompress(compression, keepOpen(bytes), { maxSize, name: what })) {
      diff.update(chunk);
      uncompressedSize += chunk.length;
      tar.write(chunk);
    }
    tar.end();
  } catch (error) {
    if (error instanceof Missing) {
      return {
        problems: [{ code: "LAYER_MISSING", message: `${what} is gone from ${layer.blob.file}` }],
        uncompressedSize: 0,
        entries: 0,
      };
    }
    if (!(error instanceof DecompressError)) throw error;
    problems.push({ code: "LAYER_CORRUPT", message: error.message });
    for await (const _rest of bytes);
  }
  if (size !== layer.size) problems.push(differ("LAYER_SIZE", `the size of ${what}`, size, layer.size));
  const digest = `sha256:${blob.digest("hex")}`;
  if (digest !== layer.digest)
    problems.push(differ("LAYER_DIGEST", `the digest of ${what}`, digest, layer.digest));
  if (problems.some(({ code }) => code === "LAYER_CORRUPT"))
    return { problems, uncompressedSize, entries: tar.entries };
  if (layer.uncompressedSize !== undefined && uncompressedSize !== layer.uncompressedSize) {
    problems.push(
      differ(
        "UNCOMPRESSED_SIZE",
        `the uncompressed size of ${what}`,
        uncompressedSize,
        layer.uncompressedSize,
      ),
    );
  }
  const diffId = `sha256:${diff.digest("hex")}`;
  if (diffId !== layer.diffId)
    problems.push(differ("DIFF_ID", `the diffID of ${what}`, diffId, layer.diffId));
  if (tar.problem !== undefined)
    problems.push({ code: "LAYER_TAR", message: `${what} cannot be unpacked: ${tar.problem}` });
  return { problems, uncompressedSize, entries: tar.entries };
}

/** The same chunks; the source is not closed when its reader stops early. */
async function* keepOpen(chunks: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value;
}

/** Counts the members of a tar, hands them on, and remembers the first thing that is wrong with it. */
class LayerTar {
  entries = 0;
  problem: string | undefined;
  readonly #reader: TarReader;

  /** @param handler Who takes the members. */
  constructor(handler: TarHandler | undefined) {
    this.#reader = new TarReader({
      member: (header) => {
        this.entries++;
        handler?.member(header);
      },
      content: (chunk) => handler?.content(chunk),
      memberEnd: () => handler?.memberEnd(),
    });
  }

  write(chunk: Uint8Array): void {
    this.#try(() => this.#reader.write(chunk));
  }

  end(): void {
    this.#try(() => this.#reader.end());
  }

  #try(action: () => void): void {
    if (this.problem !== undefined) return;
    try {
      action();
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      this.problem = error.problem;
    }
  }
}
