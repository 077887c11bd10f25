// What is kept for good: links below `gcroots`, as Nix has them, and those that builds made for an image file.
//
// `gcroots/tare/<key>/` belongs to one owner, a file of this machine: the link `owner` leads to it, and every other link
// to a store path. When the owner is gone, so are its roots.

import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import {
  asStorePath,
  STORE_DIR,
  type StorePath,
  splitStorePath,
  storeBaseName,
} from "../../model/store-path.ts";
import { isErrno, makeDirectories, onDisk, temporaryName } from "../disk.ts";

/** One thing that keeps a store path. */
export interface GcRoot {
  readonly path: StorePath;
  /** The link, or the file whose image it is. */
  readonly by: string;
}

const OWNER = "owner";
const OWNED = "tare";

/** The roots of one store. */
export class GcRoots {
  /** `<root>/nix/var/nix` */
  readonly #state: string;
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
    this.#state = join(root, "nix/var/nix");
  }

  /** Keeps exactly these paths, with all that they refer to, for as long as there is a file at `owner`. */
  set(owner: string, paths: readonly StorePath[]): void {
    const directory = this.#directoryOf(owner);
    const wanted = new Map(paths.map((path) => [storeBaseName(path), path as string]));
    wanted.set(OWNER, resolve(owner));
    makeDirectories(directory);
    onDisk(`write ${directory}`, () => {
      for (const [name, target] of wanted) placeLink(join(directory, name), target);
      for (const name of readdirSync(directory)) if (!wanted.has(name)) rmSync(join(directory, name));
    });
  }

  /** The paths that are kept for an owner, sorted; none when there is no such owner. */
  of(owner: string): StorePath[] {
    return namesIn(this.#directoryOf(owner)).flatMap((name) => asStorePath(`${STORE_DIR}/${name}`) ?? []);
  }

  /** Keeps one path by a link of the user's own, which is made; Nix calls that an indirect root. */
  addLink(link: string, path: StorePath): void {
    const place = resolve(link);
    onDisk(`write ${place}`, () => placeLink(place, path));
    const auto = join(this.#state, "gcroots/auto");
    makeDirectories(auto);
    const key = createHash("sha256").update(place).digest("hex").slice(0, 32);
    onDisk(`write ${auto}`, () => placeLink(join(auto, key), place));
  }

  /** All roots, valid or not; what stands for an owner or a link that is gone is removed on the way. */
  list(): GcRoot[] {
    const roots: GcRoot[] = [];
    this.#visit(join(this.#state, "gcroots"), roots);
    this.#visit(join(this.#state, "profiles"), roots);
    return roots;
  }

  #directoryOf(owner: string): string {
    const key = createHash("sha256").update(resolve(owner)).digest("hex").slice(0, 32);
    return join(this.#state, "gcroots", OWNED, key);
  }

  #visit(directory: string, roots: GcRoot[]): void {
    const names = namesIn(directory);
    const owner = names.includes(OWNER) ? linkTarget(join(directory, OWNER)) : undefined;
    if (owner !== undefined && !exists(owner)) {
      rmSync(directory, { recursive: true, force: true });
      return;
    }
    for (const name of names) {
      const place = join(directory, name);
      const stats = lstatSync(place, { throwIfNoEntry: false });
      if (stats?.isDirectory()) this.#visit(place, roots);
      else if (stats?.isSymbolicLink()) this.#addLinked(directory, place, owner, roots);
      else if (stats?.isFile()) {
        const path = asStorePath(`${STORE_DIR}/${name}`);
        if (path !== undefined) roots.push({ path, by: place });
      }
    }
  }

  /** A link to a store path; or to a link elsewhere that leads to one. */
  #addLinked(directory: string, place: string, owner: string | undefined, roots: GcRoot[]): void {
    const target = linkTarget(place);
    if (target === undefined || place === join(directory, OWNER)) return;
    const direct = this.#inStore(target);
    if (direct !== undefined) {
      roots.push({ path: direct, by: owner ?? place });
      return;
    }
    const further = resolve(directory, target);
    const indirect = linkTarget(further);
    const path = indirect === undefined ? undefined : this.#inStore(indirect);
    if (path !== undefined) roots.push({ path, by: further });
    else if (directory.endsWith("/gcroots/auto") && !exists(further)) rmSync(place, { force: true });
  }

  /** The store path that a target is at or below, by its logical or its physical name. */
  #inStore(target: string): StorePath | undefined {
    const logical =
      this.#root !== "/" && target.startsWith(`${this.#root}${STORE_DIR}/`)
        ? target.slice(this.#root.length)
        : target;
    return splitStorePath(logical)?.storePath;
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR", "EACCES")) return [];
    throw error;
  }
}

function linkTarget(place: string): string | undefined {
  try {
    return readlinkSync(place);
  } catch {
    return undefined;
  }
}

function exists(place: string): boolean {
  return lstatSync(place, { throwIfNoEntry: false }) !== undefined;
}

/** Makes a link, in place of any that is there, so that there is one at every moment. */
function placeLink(place: string, target: string): void {
  if (linkTarget(place) === target) return;
  const temporary = temporaryName(place);
  symlinkSync(target, temporary);
  renameSync(temporary, place);
}
