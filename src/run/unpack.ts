// The layers of an image → one tree on disk (OCI image-spec, layer.md): each blob is checked against its digest,
// decompressed, read and written in one pass; whiteouts take away what lower layers have.

import { createHash } from "node:crypto";
import { FormatError } from "../formats/errors.ts";
import { type TarHandler, type TarHeader, TarReader } from "../formats/tar-reader.ts";
import type { Context } from "../model/context.ts";
import type { Layer } from "../model/image.ts";
import { type Compression, DecompressError, decompress } from "../platform/decompress.ts";
import { type EntryAttributes, ExtractError, type TreeWriter } from "../platform/extract.ts";
import { readRange } from "../platform/files.ts";
import { RunError } from "./errors.ts";

/** Bytes that one layer may have when its manifest does not say how many: more than any disk here has to spare. */
const LARGEST_LAYER = 2 ** 40;

const COMPRESSIONS: Readonly<Record<string, Compression>> = {
  tar: "none",
  "tar.gzip": "gzip",
  "tar+gzip": "gzip",
  "tar.zstd": "zstd",
  "tar+zstd": "zstd",
};

/**
 * How the bytes of a layer are compressed, as its media type says: OCI's or docker's.
 *
 * @throws {RunError} `BAD_IMAGE` for a type that is no layer's.
 */
export function layerCompression({ mediaType, digest }: Layer): Compression {
  const suffix = /\.(tar(?:[.+][a-z]+)?)$/.exec(mediaType)?.[1] ?? "";
  const compression = Object.hasOwn(COMPRESSIONS, suffix) ? COMPRESSIONS[suffix] : undefined;
  if (compression !== undefined) return compression;
  throw new RunError(
    "BAD_IMAGE",
    `Cannot run the image: layer ${digest} has the type "${mediaType}", a tar was wanted`,
  );
}

/**
 * Reads a layer's blob, and checks at its end that it is the one that the manifest names.
 *
 * @throws {RunError} `LAYER_DAMAGED`; and the signal's reason.
 */
export async function* readBlob(layer: Layer, signal: AbortSignal): AsyncGenerator<Buffer, void, undefined> {
  const hash = createHash("sha256");
  const range = { ...layer.blob, size: layer.size };
  const damaged = (cause?: unknown) =>
    new RunError(
      "LAYER_DAMAGED",
      `Cannot run the image: ${layer.blob.file} does not hold layer ${layer.digest}`,
      {
        hint: "Build the image again, or fetch it again",
        cause,
      },
    );
  for await (const chunk of readRange(range, signal, damaged)) {
    hash.update(chunk);
    yield chunk;
  }
  if (`sha256:${hash.digest("hex")}` !== layer.digest) throw damaged();
}

/** Decompresses a layer as it is read; what is damaged is told as damage of the image. */
export async function* readLayer(
  layer: Layer,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield* decompress(layerCompression(layer), readBlob(layer, signal), {
    maxSize: layer.uncompressedSize ?? LARGEST_LAYER,
    name: `layer ${layer.digest}`,
  });
}

/** What was not unpacked, by kind. */
export interface SkippedEntries {
  /** Devices, fifos: nothing that an image needs, and a device of the image would be one of this machine. */
  readonly specialFiles: number;
}

/**
 * Unpacks layers, lowest first.
 *
 * @throws {RunError} `LAYER_DAMAGED` or `BAD_IMAGE`; {@link DiskError}; the signal's reason. Part of the tree is then
 *   written, and nothing outside it.
 */
export async function unpackLayers(
  layers: readonly Layer[],
  writer: TreeWriter,
  context: Pick<Context, "signal" | "progress">,
): Promise<SkippedEntries> {
  const stage = context.progress.stage("unpacking");
  stage.expect(
    layers.length,
    layers.reduce((sum, { size }) => sum + size, 0),
  );
  let specialFiles = 0;
  let files = 0;
  for (const layer of layers) {
    const unpacker = new LayerUnpacker(writer);
    try {
      await unpackLayer(layer, unpacker, context.signal);
    } catch (error) {
      throw describeBadLayer(error, layer);
    } finally {
      writer.close();
    }
    specialFiles += unpacker.specialFiles;
    files += unpacker.entries;
    stage.advance(1, layer.size);
  }
  stage.done(`${files} entries of ${layers.length} layer${layers.length === 1 ? "" : "s"}`);
  return { specialFiles };
}

async function unpackLayer(layer: Layer, unpacker: LayerUnpacker, signal: AbortSignal): Promise<void> {
  const reader = new TarReader(unpacker);
  for await (const chunk of readLayer(layer, signal)) reader.write(chunk);
  reader.end();
}

function describeBadLayer(error: unknown, { digest }: Layer): unknown {
  const isBad =
    error instanceof FormatError || error instanceof ExtractError || error instanceof DecompressError;
  if (!isBad) return error;
  return new RunError("BAD_IMAGE", `Cannot run the image: layer ${digest} is bad: ${error.message}`, {
    cause: error,
  });
}

const WHITEOUT = ".wh.";
const OPAQUE = ".wh..wh..opq";
/** Names with this beginning are the storage driver's own; OCI gives a meaning to {@link OPAQUE} only. */
const RESERVED = ".wh..wh.";

/** Times that every file system can hold: years 1970 to 2242. */
const LATEST_TIME = 2 ** 33;

/** Writes the members of one layer. */
class LayerUnpacker implements TarHandler {
  readonly #writer: TreeWriter;
  #inFile = false;
  entries = 0;
  specialFiles = 0;

  constructor(writer: TreeWriter) {
    this.#writer = writer;
    writer.beginLayer();
  }

  member(header: TarHeader): void {
    const path = header.path.replace(/\/+$/, "");
    const slash = path.lastIndexOf("/");
    const name = path.slice(slash + 1);
    if (name.startsWith(WHITEOUT)) this.#whiteOut(path.slice(0, slash + 1), name);
    else this.#write(path, header);
  }

  #whiteOut(directory: string, name: string): void {
    if (name === OPAQUE) this.#writer.clearLower(directory);
    else if (!name.startsWith(RESERVED)) {
      const hidden = name.slice(WHITEOUT.length);
      // An empty name, `.` or `..` would take away the directory or its parent.
      if (!["", ".", ".."].includes(hidden)) this.#writer.removeLower(directory + hidden);
    }
  }

  #write(path: string, header: TarHeader): void {
    this.entries++;
    const attributes: EntryAttributes = {
      mode: header.mode,
      uid: header.uid,
      gid: header.gid,
      mtimeSeconds: Math.min(Math.max(header.mtimeSeconds, 0), LATEST_TIME),
    };
    if (header.type === "directory") this.#writer.directory(path, attributes);
    else if (header.type === "symlink") this.#writer.symlink(path, header.linkTarget, attributes);
    else if (header.type === "hardlink") this.#writer.hardLink(path, header.linkTarget);
    else if (header.type === "file") {
      this.#writer.beginFile(path, attributes);
      this.#inFile = true;
    } else this.specialFiles++;
  }

  content(chunk: Uint8Array): void {
    // The content of a whiteout means nothing.
    if (this.#inFile) this.#writer.write(chunk);
  }

  memberEnd(): void {
    if (this.#inFile) this.#writer.endFile();
    this.#inFile = false;
  }
}
