// An image of any tool → the root file system that a container of it sees. Layers are read lowest first, once each;
// whiteouts take away what lower layers have (OCI image-spec, layer.md). Uncompressed layers are read where they lie,
// the files of others are spooled to the cache: memory holds names only. All input is hostile.

import { FormatError } from "../formats/errors.ts";
import { layerCompression } from "../formats/oci.ts";
import { type TarHandler, type TarHeader, TarReader } from "../formats/tar-reader.ts";
import type { BytePath, ByteString } from "../model/bytes.ts";
import { decodeByteString, joinPath, ROOT_PATH } from "../model/bytes.ts";
import type { Context } from "../model/context.ts";
import type { Image, Layer } from "../model/image.ts";
import { decompress } from "../platform/decompress.ts";
import { readRange } from "../platform/files.ts";
import { RandomAccessFile, SpoolFile } from "../platform/random-access.ts";
import { type RootContents, type RootEntry, type RootFile, RootView } from "./root-view.ts";

/** Bytes that an uncompressed layer may have whose size the image does not say. */
const LARGEST_LAYER = 2 ** 40;
/** Names that all layers of an image may have together. */
const MOST_ENTRIES = 5_000_000;
const MOST_LINKS = 40;
/** Directories within directories. */
const DEEPEST = 1_000;

const WHITEOUT = ".wh.";
const OPAQUE = ".wh..wh..opq";
/** Names with this beginning are the storage driver's own; OCI gives a meaning to {@link OPAQUE} only. */
const RESERVED = ".wh..wh.";

/**
 * Opens the root file system of an image. Dispose of the view when done: the spooled files go with it.
 *
 * @throws {FormatError} When a layer is no well-formed tar or holds a name that leads outside.
 * @throws {DecompressError} When a layer cannot be decompressed. {@link DiskError}; the signal's reason.
 */
export async function openImageRoot(image: Image, context: Context): Promise<RootView> {
  using root = new ImageRoot(context);
  const stage = context.progress.stage("reading layers");
  stage.expect(image.layers.length);
  for (const layer of image.layers) {
    await readLayer(layer, root, context);
    stage.advance(1, layer.size);
  }
  const view = root.finish();
  stage.done(`${view.entries.size} entries of ${image.layers.length} layers`);
  return view;
}

/**
 * A root file system in the making: it takes the layers of an image one after the other, lowest first, from whoever
 * reads them. Dispose of it in any case; a view that was made of it lives on.
 */
export class ImageRoot implements Disposable {
  readonly #contents: LayerContents;
  readonly #merger: LayerMerger;
  #finished = false;

  constructor({ cache }: Pick<Context, "cache">) {
    this.#contents = new LayerContents(cache.path("tmp", "root"));
    this.#merger = new LayerMerger(this.#contents);
  }

  /** What takes the members of the next layer. {@link FormatError} when a name leads outside. */
  beginLayer({ mediaType, blob }: Pick<Layer, "mediaType" | "blob">): TarHandler {
    this.#merger.beginLayer(layerCompression(mediaType) === "none" ? blob : undefined);
    return this.#merger;
  }

  /** The view, which is now its own; dispose of it when done. */
  finish(): RootView {
    const view = new RootView(this.#merger.list(), this.#contents);
    this.#finished = true;
    return view;
  }

  [Symbol.dispose](): void {
    if (!this.#finished) this.#contents[Symbol.dispose]();
  }
}

async function readLayer(layer: Layer, root: ImageRoot, context: Context): Promise<void> {
  const what = `the layer ${layer.digest}`;
  const gone = (cause: unknown) =>
    new FormatError("BAD_TAR", what, `it is gone from ${layer.blob.file}`, cause);
  const blob = readRange({ ...layer.blob, size: layer.size }, context.signal, gone);
  const reader = new TarReader(root.beginLayer(layer));
  const limits = { maxSize: layer.uncompressedSize ?? LARGEST_LAYER, name: what };
  try {
    for await (const chunk of decompress(layerCompression(layer.mediaType), blob, limits))
      reader.write(chunk);
    reader.end();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new FormatError(error.code, what, error.problem, error);
  }
}

/** A place in a file of this machine. */
interface Stored {
  readonly file: RandomAccessFile;
  readonly offset: number;
}

class LayerContents implements RootContents {
  readonly spool: SpoolFile;
  readonly #opened = new Map<string, RandomAccessFile>();
  readonly #places = new Map<RootFile, Stored>();

  constructor(near: string) {
    this.spool = new SpoolFile(near);
  }

  open(path: string): RandomAccessFile {
    let file = this.#opened.get(path);
    if (file === undefined) {
      file = new RandomAccessFile(path);
      this.#opened.set(path, file);
    }
    return file;
  }

  place(file: RootFile, stored: Stored): void {
    this.#places.set(file, stored);
  }

  readInto(file: RootFile, position: number, target: Uint8Array): void {
    const stored = this.#places.get(file)!;
    stored.file.readInto(stored.offset + position, target);
  }

  compare(a: RootFile, b: RootFile): number {
    const [x, y] = [this.#places.get(a)!, this.#places.get(b)!];
    return x.file === y.file ? x.offset - y.offset : x.file.path < y.file.path ? -1 : 1;
  }

  [Symbol.dispose](): void {
    for (const file of this.#opened.values()) file[Symbol.dispose]();
    this.spool[Symbol.dispose]();
  }
}

/** One name of the image while layers are laid over each other. */
interface Node {
  type: RootEntry["type"];
  mode: number;
  uid: number;
  gid: number;
  /** The layer that wrote it last. */
  layer: number;
  /** Of a file: its length and where its bytes are. */
  readonly size: number;
  readonly stored: Stored | undefined;
  /** Of a symbolic link: what it says. */
  readonly target: ByteString;
  /** Of a directory: what it holds. */
  readonly children: Map<string, Node>;
}

/** Of what is no directory; never written to. */
const NO_CHILDREN = new Map<string, Node>();
const EMPTY = "" as ByteString;

function makeDirectory(layer: number): Node {
  return {
    type: "directory",
    mode: 0o755,
    uid: 0,
    gid: 0,
    layer,
    size: 0,
    stored: undefined,
    target: EMPTY,
    children: new Map(),
  };
}

/** The parent of a name, which is a directory, and what it holds under the name. */
interface Place {
  readonly parent: Node;
  readonly name: string;
  readonly node: Node | undefined;
}

/** Takes the members of one layer after the other. */
class LayerMerger implements TarHandler {
  readonly #contents: LayerContents;
  readonly #root = makeDirectory(0);
  #layer = 0;
  /** Where the present layer's tar lies uncompressed, if it does. */
  #tar: { readonly file: string; readonly offset: number } | undefined;
  #spooling = false;
  #count = 0;

  constructor(contents: LayerContents) {
    this.#contents = contents;
  }

  /** @param tar The range that is the layer's uncompressed tar; undefined when it is compressed. */
  beginLayer(tar: { readonly file: string; readonly offset: number } | undefined): void {
    this.#layer++;
    this.#tar = tar;
  }

  member(header: TarHeader): void {
    if (++this.#count > MOST_ENTRIES) {
      throw new FormatError("UNSUPPORTED_TAR", "the image", `it has more than ${MOST_ENTRIES} entries`);
    }
    const parts = splitName(header.path);
    const name = parts.at(-1) ?? "";
    if (name.startsWith(WHITEOUT)) this.#whiteOut(parts.slice(0, -1), name);
    else this.#write(parts, header);
  }

  content(chunk: Uint8Array): void {
    if (this.#spooling) this.#contents.spool.write(chunk);
  }

  memberEnd(): void {
    this.#spooling = false;
  }

  #whiteOut(directory: readonly string[], name: string): void {
    if (name === OPAQUE) {
      const found = this.#walk(directory, { followLast: true, create: false })?.node;
      if (found?.type === "directory") this.#pruneChildren(found);
      return;
    }
    if (name.startsWith(RESERVED)) return;
    const hidden = name.slice(WHITEOUT.length);
    // An empty name, `.` or `..` would take away the directory or its parent.
    if (["", ".", ".."].includes(hidden)) return;
    const place = this.#walk([...directory, hidden], { followLast: false, create: false });
    if (place?.node !== undefined) this.#prune(place, place.node);
  }

  #write(parts: readonly string[], header: TarHeader): void {
    const place = this.#walk(parts, { followLast: false, create: true })!;
    const { mode, uid, gid } = header;
    const attributes = { mode, uid, gid, layer: this.#layer };
    if (header.type === "directory" && place.node?.type === "directory") {
      Object.assign(place.node, attributes);
      return;
    }
    if (place.node === this.#root) refuse(header, "takes the place of the root directory");
    place.parent.children.set(place.name, this.#makeNode(header, attributes));
  }

  #makeNode(header: TarHeader, attributes: { mode: number; uid: number; gid: number; layer: number }): Node {
    const common = {
      ...attributes,
      size: 0,
      stored: undefined,
      target: EMPTY,
      children: NO_CHILDREN,
    };
    switch (header.type) {
      case "directory":
        return { ...common, type: "directory", children: new Map() };
      case "symlink":
        return { ...common, type: "symlink", target: header.linkTarget };
      case "file":
        return { ...common, type: "file", size: header.size, stored: this.#store(header) };
      case "hardlink": {
        const options = { followLast: false, create: false };
        const node = this.#walk(splitName(header.linkTarget), options)?.node;
        if (node === undefined || node.type === "directory")
          return refuse(header, "links to no file before it");
        return { ...node, layer: this.#layer };
      }
      default:
        return { ...common, type: "special" };
    }
  }

  #store({ contentOffset, size }: TarHeader): Stored {
    const tar = this.#tar;
    if (tar !== undefined) return { file: this.#contents.open(tar.file), offset: tar.offset + contentOffset };
    this.#spooling = size > 0;
    return { file: this.#contents.spool, offset: this.#contents.spool.size };
  }

  /** Follows a name as the kernel would below a root directory; undefined when a parent is missing. */
  #walk(
    parts: readonly string[],
    { followLast, create }: { readonly followLast: boolean; readonly create: boolean },
  ): Place | undefined {
    const pending = parts.toReversed();
    const root: Place = { parent: this.#root, name: "", node: this.#root };
    let at: Place[] = [root];
    let links = 0;
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      if (name === "" || name === ".") continue;
      if (name === "..") {
        if (at.length > 1) at.pop();
        continue;
      }
      const parent = at.at(-1)!.node!;
      const node = parent.children.get(name);
      const isLast = pending.length === 0;
      if (node?.type === "symlink" && (followLast || !isLast)) {
        if (++links > MOST_LINKS) {
          throw new FormatError("UNSAFE_TAR", "the image", "a name leads through too many links");
        }
        if (node.target.startsWith("/")) at = [root];
        pending.push(...node.target.split("/").reverse());
      } else if (at.length > DEEPEST) {
        throw new FormatError("UNSAFE_TAR", "the image", `it nests more than ${DEEPEST} directories`);
      } else if (isLast) return { parent, name, node };
      else if (node?.type === "directory") at.push({ parent, name, node });
      else if (create) {
        const made = makeDirectory(this.#layer);
        parent.children.set(name, made);
        at.push({ parent, name, node: made });
      } else return undefined;
    }
    return at.at(-1)!;
  }

  #prune(place: Place, node: Node): void {
    this.#pruneChildren(node);
    if (node !== this.#root && node.layer < this.#layer && node.children.size === 0) {
      place.parent.children.delete(place.name);
    }
  }

  #pruneChildren(parent: Node): void {
    for (const [name, node] of [...parent.children]) this.#prune({ parent, name, node }, node);
  }

  /** What a container sees. */
  list(): RootEntry[] {
    const entries: RootEntry[] = [];
    const pending: { readonly path: BytePath; readonly node: Node }[] = [
      { path: ROOT_PATH, node: this.#root },
    ];
    for (let item = pending.pop(); item !== undefined; item = pending.pop()) {
      const { path, node } = item;
      entries.push(this.#toEntry(path, node));
      for (const [name, child] of node.children) pending.push({ path: joinPath(path, name), node: child });
    }
    return entries;
  }

  #toEntry(path: BytePath, { type, mode, uid, gid, size, target, stored }: Node): RootEntry {
    const common = { path, mode, uid, gid };
    if (type === "directory" || type === "special") return { ...common, type };
    if (type === "symlink") return { ...common, type, target };
    const file: RootFile = { ...common, type, size };
    this.#contents.place(file, stored!);
    return file;
  }
}

function splitName(name: string): string[] {
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..") || name.includes("\0")) {
    throw new FormatError(
      "UNSAFE_TAR",
      "the image",
      `the name "${decodeByteString(name)}" has a ".." component or a NUL byte`,
    );
  }
  return parts;
}

function refuse(header: TarHeader, problem: string): never {
  throw new FormatError(
    "UNSAFE_TAR",
    "the image",
    `the member "${decodeByteString(header.path)}" ${problem}`,
  );
}
