// Trees of a store on disk: canonicalised as Nix does, hashed and scanned in one pass, written from NARs.
// Source: Nix manual, "File System Object" and "Store Object"; canonicalisePathMetaData of Nix's libstore.

import { createHash } from "node:crypto";
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  fchmodSync,
  fstatSync,
  futimesSync,
  lchownSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import type { NarNode } from "../formats/nix/nar-grammar.ts";
import type { NarHandler } from "../formats/nix/nar-reader.ts";
import { NarWriter } from "../formats/nix/nar-writer.ts";
import { type BytePath, type ByteString, compareStrings, joinPath, ROOT_PATH } from "../model/bytes.ts";
import { entryPath } from "./directory-entries.ts";
import { isErrno, onDisk, toDiskError, writeFully } from "./disk.ts";
import { yieldToEvents } from "./files.ts";
import { StoreFileError } from "./store-file-error.ts";

/** Seconds since the epoch that all files of a store bear. */
const MTIME = 1;

/** Bytes read at a time. */
const CHUNK = 1 << 20;

/** Bytes after which other work gets its turn. */
const TURN = 1 << 24;

export interface WalkOptions {
  /** Only these byte paths below the root, and all that lies above them; undefined is everything. */
  readonly include?: readonly string[] | undefined;
  readonly signal: AbortSignal;
}

/**
 * Reads a file, link or directory of this machine as the nodes of a NAR.
 *
 * @throws {StoreFileError} `STORE_FILE_UNSUPPORTED` or `STORE_FILE_CHANGED`; {DiskError}.
 */
export async function walkNar(
  root: string,
  handler: NarHandler,
  { include, signal }: WalkOptions,
): Promise<void> {
  const chosen = include && new Set(include);
  const buffer = Buffer.allocUnsafe(CHUNK);
  let sinceTurn = 0;
  const visit = async (path: BytePath): Promise<void> => {
    signal.throwIfAborted();
    const place = entryPath(root, path);
    const stats = onDisk(`look at ${place}`, () => lstatSync(place));
    if (stats.isSymbolicLink()) {
      const target = onDisk(`read ${place}`, () => readlinkSync(place, { encoding: "buffer" }));
      handler.node({ type: "symlink", path, target: target.toString("latin1") as ByteString }, 0);
    } else if (stats.isFile()) {
      sinceTurn += readContents(place, path, handler, buffer);
    } else if (stats.isDirectory()) {
      handler.node({ type: "directory", path }, 0);
      const names = onDisk(`read ${place}`, () => readdirSync(place, { encoding: "buffer" }))
        .map((name) => name.toString("latin1"))
        .sort(compareStrings);
      for (const name of names) {
        const below = joinPath(path, name);
        if (chosen === undefined || chosen.has(below)) await visit(below);
      }
    } else {
      throw new StoreFileError(
        "STORE_FILE_UNSUPPORTED",
        `Cannot put ${place} into the store: it is a ${specialKind(stats)}; files, directories and links were expected`,
      );
    }
    handler.nodeEnd();
    if (++sinceTurn > TURN) {
      sinceTurn = 0;
      await yieldToEvents();
    }
  };
  await visit(ROOT_PATH);
}

function readContents(place: Buffer, path: BytePath, handler: NarHandler, buffer: Buffer): number {
  const fd = onDisk(`read ${place}`, () => openSync(place, "r"));
  try {
    const { size, mode } = fstatSync(fd);
    handler.node({ type: "file", path, executable: (mode & 0o100) !== 0, size }, 0);
    let done = 0;
    for (;;) {
      const count = onDisk(`read ${place}`, () => readSync(fd, buffer, 0, buffer.length, done));
      if (count === 0) break;
      done += count;
      if (done > size) break;
      handler.content(buffer.subarray(0, count));
    }
    if (done === size) return size;
  } finally {
    closeSync(fd);
  }
  throw new StoreFileError("STORE_FILE_CHANGED", `Cannot read ${place}: it changed while it was read`, {
    hint: "Try again when nothing writes to it",
  });
}

function specialKind(stats: ReturnType<typeof lstatSync>): string {
  if (stats === undefined) return "thing without a kind";
  return stats.isFIFO() ? "fifo" : stats.isSocket() ? "socket" : "device";
}

/** What the NAR of a tree is. */
export interface NarFacts {
  /** SHA-256, lower-case hex. */
  readonly narHash: string;
  /** Bytes. */
  readonly narSize: number;
}

/** Takes the bytes of a NAR as they come: a reference scanner, a writer. */
export type NarSink = (bytes: Uint8Array) => void;

/** Hashes the NAR of what is at a path, and hands its bytes on. `narHash` is of another algorithm if that is asked for. */
export async function hashNar(
  root: string,
  options: WalkOptions & { readonly algorithm?: string },
  sink?: NarSink,
): Promise<NarFacts> {
  const hash = createHash(options.algorithm ?? "sha256");
  let narSize = 0;
  const writer = new NarWriter((bytes) => {
    hash.update(bytes);
    narSize += bytes.length;
    sink?.(bytes);
  });
  await walkNar(root, writer, options);
  return { narHash: hash.digest("hex"), narSize };
}

/**
 * Gives all files of a tree the modes, owner and times that a store has: 0444 or 0555, this user, one second after the
 * epoch. Set-uid and set-gid bits go, hard links stay.
 *
 * @throws {StoreFileError} `STORE_FILE_UNSUPPORTED`.
 */
export function canonicaliseTree(root: string): void {
  const uid = process.getuid?.() ?? 0;
  const gid = process.getgid?.() ?? 0;
  const visit = (path: BytePath): void => {
    const place = entryPath(root, path);
    onDisk(`canonicalise ${place}`, () => {
      const stats = lstatSync(place);
      if (!stats.isFile() && !stats.isDirectory() && !stats.isSymbolicLink()) {
        throw new StoreFileError(
          "STORE_FILE_UNSUPPORTED",
          `Cannot put ${place} into the store: it is a ${specialKind(stats)}; files, directories and links were expected`,
          { hint: "Let the build remove it" },
        );
      }
      if (stats.uid !== uid || stats.gid !== gid) lchownSync(place, uid, gid);
      if (stats.isDirectory()) {
        if ((stats.mode & 0o700) !== 0o700) chmodSync(place, 0o755);
        for (const name of readdirSync(place, { encoding: "buffer" }))
          visit(joinPath(path, name.toString("latin1")));
        chmodSync(place, 0o555);
      } else if (stats.isFile()) {
        const mode = (stats.mode & 0o100) !== 0 ? 0o555 : 0o444;
        if ((stats.mode & 0o7777) !== mode) chmodSync(place, mode);
      }
      lutimesSync(place, MTIME, MTIME);
    });
  };
  visit(ROOT_PATH);
}

/**
 * What of a tree is not as a store has it: its modes, or its times.
 *
 * @returns Undefined when all of it is canonical.
 */
export function findUncanonical(
  root: string,
): { readonly path: BytePath; readonly problem: string } | undefined {
  const visit = (path: BytePath): { readonly path: BytePath; readonly problem: string } | undefined => {
    const place = entryPath(root, path);
    const stats = onDisk(`look at ${place}`, () => lstatSync(place));
    const mode = stats.mode & 0o7777;
    const modes = stats.isDirectory() ? [0o555] : stats.isFile() ? [0o444, 0o555] : undefined;
    if (modes?.includes(mode) === false) return { path, problem: `its mode is 0${mode.toString(8)}` };
    if (stats.mtimeMs !== MTIME * 1000) return { path, problem: "it has been touched" };
    if (!stats.isDirectory()) return undefined;
    for (const name of onDisk(`read ${place}`, () => readdirSync(place, { encoding: "buffer" }))) {
      const found = visit(joinPath(path, name.toString("latin1")));
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return visit(ROOT_PATH);
}

/**
 * Writes the nodes of a NAR below a path where nothing is yet, as a store has them. Directories stay open for their owner
 * until they end; names that would meet on a disk that folds case are an error of the disk.
 */
export class NarUnpacker implements NarHandler, Disposable {
  readonly #root: string;
  readonly #open: { readonly node: NarNode; readonly place: Buffer; readonly fd: number }[] = [];
  /** Modes that new files were seen to get: no umask and no access list takes away from them. */
  readonly #granted = new Set<number>();

  /** @param root Absolute path; its parent exists. */
  constructor(root: string) {
    this.#root = root;
  }

  node(node: NarNode): void {
    const place = entryPath(this.#root, node.path);
    let fd = NO_FILE;
    try {
      if (node.type === "file") fd = openSync(place, "wx", fileMode(node));
      else if (node.type === "directory") mkdirSync(place, 0o755);
      else symlinkSync(Buffer.from(node.target, "latin1"), place);
    } catch (error) {
      throw toDiskError(error, `write ${place}`);
    }
    this.#open.push({ node, place, fd });
  }

  content(chunk: Uint8Array): void {
    const { place, fd } = this.#open.at(-1)!;
    try {
      writeFully(fd, chunk);
    } catch (error) {
      throw toDiskError(error, `write ${place}`);
    }
  }

  nodeEnd(): void {
    const { node, place, fd } = this.#open.at(-1)!;
    try {
      if (node.type === "file") {
        this.#ensureMode(fd, fileMode(node));
        futimesSync(fd, MTIME, MTIME);
        closeSync(fd);
      } else {
        if (node.type === "directory") chmodSync(place, 0o555);
        lutimesSync(place, MTIME, MTIME);
      }
    } catch (error) {
      throw toDiskError(error, `write ${place}`);
    }
    this.#open.pop();
  }

  #ensureMode(fd: number, mode: number): void {
    if (this.#granted.has(mode)) return;
    if ((fstatSync(fd).mode & 0o7777) === mode) this.#granted.add(mode);
    else fchmodSync(fd, mode);
  }

  /** Closes what an error left open. */
  [Symbol.dispose](): void {
    for (const { fd } of this.#open.splice(0)) if (fd !== NO_FILE) closeSync(fd);
  }
}

const NO_FILE = -1;

function fileMode({ executable }: Extract<NarNode, { type: "file" }>): number {
  return executable ? 0o555 : 0o444;
}

/**
 * Moves a canonical tree to its place in the store, on the same disk, where nothing is; it is as old as before.
 */
export function moveIntoStore(from: string, to: string): void {
  onDisk(`move ${from} to ${to}`, () => {
    try {
      renameSync(from, to);
    } catch (error) {
      // Who is not root can only move a directory that can be written to.
      if (!isErrno(error, "EACCES", "EPERM") || !lstatSync(from).isDirectory()) throw error;
      chmodSync(from, 0o755);
      renameSync(from, to);
      chmodSync(to, 0o555);
    }
    lutimesSync(to, MTIME, MTIME);
  });
}

/** Whether anything is at a path, a dangling link too. */
export function existsInStore(path: string): boolean {
  return onDisk(`look at ${path}`, () => lstatSync(path, { throwIfNoEntry: false })) !== undefined;
}

/** Bytes: larger files are left as they are. */
const LARGEST_REWRITE = 2 ** 31 - 1;

/**
 * Rewrites regular files of a canonical tree.
 *
 * @param change Is given the bytes of each file, its own to change; undefined leaves the file as it is.
 * @param accepts Which files are read, by their path below the root; default all.
 */
export async function rewriteFiles(
  root: string,
  change: (bytes: Buffer, path: BytePath) => Buffer | undefined,
  signal: AbortSignal,
  accepts: (path: BytePath) => boolean = () => true,
): Promise<void> {
  const seen = new Set<string>();
  const visit = async (path: BytePath): Promise<void> => {
    signal.throwIfAborted();
    const place = entryPath(root, path);
    const stats = onDisk(`look at ${place}`, () => lstatSync(place));
    if (stats.isDirectory()) {
      const names = onDisk(`read ${place}`, () => readdirSync(place, { encoding: "buffer" }));
      for (const name of names) await visit(joinPath(path, name.toString("latin1")));
      return;
    }
    const identity = `${stats.dev}:${stats.ino}`;
    if (!stats.isFile() || stats.size > LARGEST_REWRITE || seen.has(identity) || !accepts(path)) return;
    seen.add(identity);
    onDisk(`rewrite ${place}`, () => {
      const changed = change(readFileSync(place), path);
      if (changed === undefined) return;
      // In place, so that hard links stay links.
      chmodSync(place, 0o644);
      writeFileSync(place, changed);
      chmodSync(place, stats.mode & 0o7777);
      lutimesSync(place, MTIME, MTIME);
    });
    await yieldToEvents();
  };
  await visit(ROOT_PATH);
}

/** Lets every user, as the one of a sandbox, do what its owner may do. */
export function openToAll(path: string): void {
  onDisk(`change the mode of ${path}`, () => chmodSync(path, lstatSync(path).isDirectory() ? 0o777 : 0o666));
}

/** Lets the owner of a tree change what is in its directories; nobody else. */
export function makeWritable(root: string): void {
  const visit = (path: BytePath): void => {
    const place = entryPath(root, path);
    onDisk(`change the mode of ${place}`, () => {
      const stats = lstatSync(place);
      if (stats.isSymbolicLink()) return;
      chmodSync(place, (stats.mode & 0o755) | (stats.isDirectory() ? 0o700 : 0o600));
      if (!stats.isDirectory()) return;
      for (const name of readdirSync(place, { encoding: "buffer" }))
        visit(joinPath(path, name.toString("latin1")));
    });
  };
  visit(ROOT_PATH);
}

/** Copies a file to a place where nothing is; blocks are shared where the disk can. */
export function copyToPlace(file: string, place: string, executable: boolean): void {
  onDisk(`write ${place}`, () => {
    copyFileSync(file, place, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    chmodSync(place, executable ? 0o755 : 0o644);
  });
}

/** Gives a directory its name, unless another process was first: then it goes. */
export function renameDirectory(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (lstatSync(to, { throwIfNoEntry: false }) === undefined) throw error;
    rmSync(from, { recursive: true, force: true });
  }
}
