// The store of this user: a chroot store as Nix has them, with the logical directory /nix/store. Paths are immutable, and
// valid from the moment that the database says so; whatever else lies there is what a killed process left.

import { createHash } from "node:crypto";
import { isAbsolute, join } from "node:path";
import type { HashAlgorithm } from "../../formats/nix/hash.ts";
import type { NarNode } from "../../formats/nix/nar-grammar.ts";
import { type NarHandler, NarReader } from "../../formats/nix/nar-reader.ts";
import { NarWriter, writeNar } from "../../formats/nix/nar-writer.ts";
import { ReferenceScanner } from "../../formats/nix/references.ts";
import {
  type ContentAddress,
  computeContentAddressedPath,
  computeSourcePath,
  formatContentAddress,
} from "../../formats/nix/store-path.ts";
import { compareStrings } from "../../model/bytes.ts";
import type { PathInfo } from "../../model/path-info.ts";
import type { StoreObject } from "../../model/store-object.ts";
import { hashPart, nameOf, STORE_DIR, type StorePath, storeBaseName } from "../../model/store-path.ts";
import type { Tree } from "../../model/tree.ts";
import { nowMs } from "../clock.ts";
import { ContentReader } from "../content.ts";
import { listStaleTemporaries, makePrivateDirectory, removeTree } from "../directories.ts";
import { makeDirectories, temporaryName, writeFileAtomically } from "../disk.ts";
import { environmentVariable, homeDirectory } from "../environment.ts";
import { NIX_SCHEMA_VERSION, NixDatabase, type Registration } from "../nix-database.ts";
import { clearStaleLocks } from "../process-lock.ts";
import { StoreFileError } from "../store-file-error.ts";
import {
  canonicaliseTree,
  existsInStore,
  hashNar,
  moveIntoStore,
  NarUnpacker,
  walkNar,
} from "../store-files.ts";
import { StoreError } from "./errors.ts";
import { GcRoots } from "./gc-roots.ts";
import { FlatHash, NarCheck, NarHash, NarTee } from "./nar-facts.ts";
import { type ReadTreeOptions, readStoreTree } from "./read-tree.ts";
import { TempRoots } from "./temp-roots.ts";

/** Where the store is: `$TARE_STORE`, else below `$XDG_DATA_HOME`. */
export function defaultStoreRoot(): string {
  const given = environmentVariable("TARE_STORE");
  if (given !== undefined) return given;
  const data = environmentVariable("XDG_DATA_HOME");
  const base = data !== undefined && isAbsolute(data) ? data : join(homeDirectory(), ".local", "share");
  return join(base, "tare", "store");
}

/** Whether there is a store at a root. */
export function isStore(root: string): boolean {
  return existsInStore(databaseFile(root));
}

/** Where processes say what they build. */
const LOCKS = "nix/var/tare/locks";

function databaseFile(root: string): string {
  return join(root, "nix/var/nix/db/db.sqlite");
}

/** A tree in the staging area that shall become a store path. */
export interface StagedPath {
  readonly info: PathInfo;
  /** Absolute path of the canonical tree, from {@link LocalStore.stage}. */
  readonly staged: string;
}

export interface SourceOptions {
  /** Only these byte paths; undefined is everything. */
  readonly include?: readonly string[] | undefined;
  /** What its address is the hash of: its NAR, or the contents of the one plain file that it is. Default: `recursive`. */
  readonly method?: "recursive" | "flat" | undefined;
  /** Default: `sha256`. */
  readonly algorithm?: HashAlgorithm | undefined;
  readonly signal: AbortSignal;
}

/**
 * Dispose of it when done. Several processes may have the same store open; what one of them asks for or registers is
 * not collected while it has the store open.
 */
export class LocalStore implements Disposable {
  /** Absolute path of the directory that holds `nix`. */
  readonly root: string;
  readonly database: NixDatabase;
  readonly gcRoots: GcRoots;
  /** Where running processes say what they use. */
  readonly tempRootsDirectory: string;
  readonly #staging: string;
  /** What is staged and neither registered nor discarded, and the directory that it is in. */
  readonly #staged = new Set<string>();
  #workshop: string | undefined;
  #lastStaged = 0;
  readonly #tempRoots: TempRoots;

  /** @throws {NixDatabaseError}, {DiskError} */
  constructor(root: string = defaultStoreRoot()) {
    this.root = root;
    this.#staging = join(root, "nix/var/tare/staging");
    this.tempRootsDirectory = join(root, "nix/var/tare/temproots");
    const databaseDirectory = join(root, "nix/var/nix/db");
    for (const directory of [databaseDirectory, this.#staging, join(root, STORE_DIR)])
      makeDirectories(directory);
    for (const stale of listStaleTemporaries(this.#staging)) removeTree(stale);
    clearStaleLocks(join(root, LOCKS));
    const schema = join(databaseDirectory, "schema");
    if (!existsInStore(schema)) writeFileAtomically(schema, String(NIX_SCHEMA_VERSION));
    this.database = new NixDatabase(databaseFile(root), "write");
    this.gcRoots = new GcRoots(root);
    this.#tempRoots = new TempRoots(this.tempRootsDirectory);
  }

  /** Where a store path really is. */
  physicalPath(path: StorePath): string {
    return join(this.root, path);
  }

  /** Absolute path of the file that a build's log goes to: where Nix has it, uncompressed. */
  logFile(drvPath: StorePath): string {
    const name = storeBaseName(drvPath);
    return join(this.root, "nix/var/log/nix/drvs", name.slice(0, 2), name.slice(2));
  }

  /** Absolute path of the lock that whoever builds a derivation holds. */
  lockFile(drvPath: StorePath): string {
    return join(this.root, LOCKS, `${storeBaseName(drvPath)}.lock`);
  }

  /** Absolute path of the directory of all that failed builds left for their owner. */
  get failedDirectory(): string {
    return join(this.root, "nix/var/tare/failed");
  }

  /** An absolute path where nothing is, for the directory of a failed build that the user wants to look at. */
  failedPlace(name: string): string {
    const directory = this.failedDirectory;
    makeDirectories(directory);
    for (let number = 1; ; number++) {
      const place = join(directory, `${name}-${number}`);
      if (!existsInStore(place)) return place;
    }
  }

  /** Keeps paths, valid or not, from being collected while this store is open. */
  protect(paths: readonly StorePath[]): void {
    // A collection decides inside a transaction what goes: it has either seen these, or has made them invalid before.
    if (this.#tempRoots.missing(paths).length > 0)
      this.database.exclusively(() => this.#tempRoots.add(paths));
  }

  isValid(path: StorePath): boolean {
    this.protect([path]);
    return this.database.isValid(path);
  }

  /** @throws {StoreError} `STORE_PATH_MISSING`. */
  query(path: StorePath): Registration {
    this.protect([path]);
    return this.database.query(path) ?? missing(path);
  }

  /**
   * All that is reached from some paths, sorted by path.
   *
   * @throws {StoreError} `STORE_PATH_MISSING` when one of them is not valid.
   */
  closure(paths: readonly StorePath[]): Registration[] {
    this.protect(paths);
    const closure = this.database.closure(paths);
    const found = new Set(closure.map(({ path }) => path));
    for (const path of paths) if (!found.has(path)) missing(path);
    return closure;
  }

  /**
   * The closure of some paths as what images consist of, each at its store path.
   *
   * @throws {StoreError} `STORE_PATH_MISSING` or `STORE_HASH_MISMATCH`.
   */
  async objects(paths: readonly StorePath[], options: ReadTreeOptions): Promise<StoreObject[]> {
    const objects: StoreObject[] = [];
    for (const info of this.closure(paths)) {
      objects.push(toStoreObject(info, await readStoreTree(this.physicalPath(info.path), info, options)));
    }
    return objects;
  }

  /** A path in the staging area where nothing is; {@link register} moves it, {@link discard} removes it. */
  stage(path: { readonly path: string }): string {
    // One directory for all that is staged at a time: making and removing them is what takes longest of small paths.
    if (this.#workshop === undefined) {
      this.#workshop = temporaryName(join(this.#staging, "stage"));
      makePrivateDirectory(this.#workshop);
    }
    const place = join(this.#workshop, `${this.#lastStaged++}-${path.path.split("/").at(-1)!}`);
    this.#staged.add(place);
    return place;
  }

  discard(staged: string): void {
    if (!this.#staged.delete(staged)) return;
    if (existsInStore(staged)) removeTree(staged);
    if (this.#staged.size > 0) return;
    removeTree(this.#workshop!);
    this.#workshop = undefined;
  }

  /**
   * Makes staged trees valid, all or none; of what is valid already the tree is thrown away, and what is known of the
   * tree that stays is kept.
   *
   * The trees are moved inside the database's transaction: whoever sees a path that is not valid may remove it.
   */
  register(paths: readonly StagedPath[]): void {
    const registrationTime = Math.floor(nowMs() / 1000);
    try {
      this.database.exclusively(() => {
        this.#tempRoots.add(paths.map(({ info }) => info.path));
        const registrations = paths.map(({ info, staged }) => {
          const place = this.physicalPath(info.path);
          const isTaken = existsInStore(place);
          const present = isTaken ? this.database.query(info.path) : undefined;
          if (present !== undefined) return mergeInfo(present, info);
          if (isTaken) removeTree(place);
          moveIntoStore(staged, place);
          return { ...info, registrationTime };
        });
        this.database.register(registrations);
      });
    } finally {
      for (const { staged } of paths) this.discard(staged);
    }
  }

  /**
   * Adds a file or directory of this machine by its content, as `nix-store --add` does; with other options, as
   * `--add-fixed`. It is read once, and copied as it is read: who expects it to be there asks {@link computeSource}.
   * References are not looked for: sources have none.
   *
   * @throws {StoreFileError} `STORE_FILE_UNSUPPORTED` or `STORE_FILE_CHANGED`; {NixFormatError} `STORE_PATH_INVALID`.
   */
  async addSource(name: string, source: string, options: SourceOptions): Promise<StorePath> {
    const staged = this.stage({ path: "source" });
    try {
      using unpacker = new NarUnpacker(staged);
      const { path, ca, narHash, narSize } = await addressSource(name, source, options, unpacker);
      if (this.isValid(path)) return path;
      const info = { path, narHash, narSize, references: [], signatures: [], ca, ultimate: false };
      this.register([{ info, staged }]);
      return path;
    } finally {
      this.discard(staged);
    }
  }

  /**
   * Adds a tree by its content. Of modes only the owner's x bit stays; a tree of one entry with the empty path is that
   * file or link.
   *
   * @throws {ContentError} `CACHE_DAMAGED`; {NixFormatError} `NAR_INVALID` for a tree that no NAR can hold.
   */
  async addTree(name: string, tree: Tree): Promise<StorePath> {
    const staged = this.stage({ path: "tree" });
    try {
      using unpacker = new NarUnpacker(staged);
      using reader = new ContentReader();
      const unpack = new NarReader(unpacker);
      const nar = new NarHash();
      writeNar(
        tree,
        (entry) => [reader.read(entry)],
        (bytes) => {
          nar.update(bytes);
          unpack.write(bytes);
        },
      );
      unpack.end();
      const { narHash, narSize } = nar.facts();
      const hash = { algorithm: "sha256" as const, bytes: Buffer.from(narHash, "hex") };
      const path = computeSourcePath(name, hash);
      if (this.isValid(path)) return path;
      const ca = formatContentAddress({ method: "recursive", hash });
      this.register([
        { info: { path, narHash, narSize, references: [], signatures: [], ca, ultimate: false }, staged },
      ]);
      return path;
    } finally {
      this.discard(staged);
    }
  }

  /** Where {@link addSource} would put a source, without copying it. */
  async computeSource(name: string, source: string, options: SourceOptions): Promise<StorePath> {
    return (await addressSource(name, source, options)).path;
  }

  /**
   * Adds a path whose NAR comes as a stream, from a cache or an export.
   *
   * @param info What was promised: hash, size and content address must be right.
   * @param stream Chunks of the uncompressed NAR.
   * @throws {StoreError} `STORE_HASH_MISMATCH`; {NixFormatError} `NAR_INVALID`.
   */
  async addNar(info: PathInfo, stream: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
    this.register([await this.stageNar(info, stream)]);
  }

  /** Unpacks and checks a NAR as {@link addNar} does; the caller registers or discards it. */
  async stageNar(
    info: PathInfo,
    stream: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): Promise<StagedPath> {
    const staged = this.stage(info);
    try {
      using unpacker = new NarUnpacker(staged);
      const reader = new NarReader(unpacker, { maxSize: info.narSize });
      const check = new NarCheck(info);
      for await (const chunk of stream) {
        check.update(chunk);
        reader.write(chunk);
      }
      reader.end();
      check.end();
      return { info, staged };
    } catch (error) {
      this.discard(staged);
      throw error;
    }
  }

  /**
   * Hashes and scans a staged tree.
   *
   * @param candidates Store paths that it may refer to.
   */
  async scan(
    staged: string,
    candidates: Iterable<StorePath>,
    signal: AbortSignal,
  ): Promise<{ readonly narHash: string; readonly narSize: number; readonly references: StorePath[] }> {
    const byHashPart = new Map([...candidates].map((path) => [hashPart(path), path]));
    const scanner = new ReferenceScanner(byHashPart.keys());
    const facts = await hashNar(staged, { signal }, (bytes) => scanner.update(bytes));
    const references = [...scanner.found].map((part) => byHashPart.get(part)!).sort(compareStrings);
    return { ...facts, references };
  }

  /** Gives a staged tree the modes, owner and times of a store. */
  canonicalise(staged: string): void {
    canonicaliseTree(staged);
  }

  [Symbol.dispose](): void {
    for (const staged of this.#staged) this.discard(staged);
    this.#tempRoots[Symbol.dispose]();
    this.database[Symbol.dispose]();
  }
}

/** A store path as what images consist of. */
export function toStoreObject(
  info: Pick<PathInfo, "path" | "references">,
  tree: StoreObject["tree"],
): StoreObject {
  const { path, references } = info;
  return {
    id: path,
    label: nameOf(path),
    placement: { kind: "in-store", storePath: path },
    tree,
    declaredReferences: references.filter((reference) => reference !== path),
  };
}

/** What a path is known by when somebody brings it again: who vouches for the same bytes is remembered. */
function mergeInfo(
  present: Registration,
  { narHash, signatures, deriver, ca, ultimate }: PathInfo,
): Registration {
  if (narHash !== present.narHash) return present;
  return {
    ...present,
    deriver: deriver ?? present.deriver,
    ca: present.ca ?? ca,
    ultimate: present.ultimate || ultimate,
    signatures: [...new Set([...present.signatures, ...signatures])].sort(compareStrings),
  };
}

interface AddressedSource {
  readonly path: StorePath;
  readonly ca: string;
  readonly narHash: string;
  readonly narSize: number;
}

/** Reads a source once: its address, and what its NAR is; `copy` is given its nodes as they will be in the store. */
async function addressSource(
  name: string,
  source: string,
  { include, method = "recursive", algorithm = "sha256", signal }: SourceOptions,
  copy?: NarHandler,
): Promise<AddressedSource> {
  const nar = new NarHash();
  const other = method === "recursive" && algorithm !== "sha256" ? createHash(algorithm) : undefined;
  const flat = method === "flat" ? new FlatHash(algorithm, (kind) => refuseFlat(source, kind)) : undefined;
  const writer = new NarWriter((bytes) => {
    nar.update(bytes);
    other?.update(bytes);
  });
  // The flat hash comes first: it refuses what has none before anything is written.
  const handlers = [flat, copy, writer].filter((handler) => handler !== undefined);
  const tee = new NarTee(...handlers);
  await walkNar(source, flat === undefined ? tee : new PlainFile(tee), { include, signal });
  const facts = nar.facts();
  const bytes = flat?.digest() ?? other?.digest() ?? Buffer.from(facts.narHash, "hex");
  const address: ContentAddress = { method, hash: { algorithm, bytes } };
  return { path: computeContentAddressedPath(name, address), ca: formatContentAddress(address), ...facts };
}

/** Files addressed by their contents alone cannot be executed. */
class PlainFile implements NarHandler {
  readonly #next: NarHandler;

  constructor(next: NarHandler) {
    this.#next = next;
  }

  node(node: NarNode, offset: number): void {
    this.#next.node(node.type === "file" ? { ...node, executable: false } : node, offset);
  }

  content(chunk: Uint8Array): void {
    this.#next.content(chunk);
  }

  nodeEnd(): void {
    this.#next.nodeEnd();
  }
}

function refuseFlat(source: string, kind: string): never {
  throw new StoreFileError(
    "STORE_FILE_UNSUPPORTED",
    `Cannot add ${source} flat: it is a ${kind}, a plain file was expected`,
    { hint: "Add it recursively, which takes everything" },
  );
}

function missing(path: StorePath): never {
  throw new StoreError("STORE_PATH_MISSING", `Cannot find ${path}: it is not in the store`, {
    hint: "Build it, or add it with tare store add or tare store import",
  });
}
