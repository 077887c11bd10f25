// The trees of a closure → one root file system, as dpkg would unpack them: directories merge, paths below a symbolic
// link to a directory move to its target, Replaces and diversions are honoured, anything else twice is an error.

import { parseRelations } from "../formats/debian-dependency.ts";
import { satisfies } from "../formats/debian-version.ts";
import type { BytePath } from "../model/bytes.ts";
import {
  baseName,
  comparePaths,
  compareStrings,
  decodeByteString,
  joinPath,
  parentPath,
  ROOT_PATH,
  resolveLinkTarget,
} from "../model/bytes.ts";
import type { Closure, ClosureUnit } from "../model/closure.ts";
import type { StoreObject } from "../model/store-object.ts";
import type { TreeEntry } from "../model/tree.ts";
import type { Diversions } from "./diversions.ts";
import { RootFsError } from "./errors.ts";
import type { FixContext } from "./fix.ts";
import type { PlacedEntry } from "./root.ts";

/**
 * Links that every Debian root has, with or without a package that ships them.
 * Sources: the merged /usr of debootstrap and base-files 13; base-files' postinst for those below /var.
 */
export const STANDARD_LINKS: ReadonlyMap<BytePath, string> = new Map([
  ["bin", "usr/bin"],
  ["sbin", "usr/sbin"],
  ["lib", "usr/lib"],
  ["lib32", "usr/lib32"],
  ["lib64", "usr/lib64"],
  ["libo32", "usr/libo32"],
  ["libx32", "usr/libx32"],
  ["var/run", "/run"],
  ["var/lock", "/run/lock"],
] as [BytePath, string][]);

export interface MergedTrees {
  /** What is in the image, by canonical path; every parent is there. */
  readonly entries: Map<BytePath, PlacedEntry>;
  /** What the packages ship beside it. */
  readonly absent: Map<BytePath, PlacedEntry>;
  /** The directories that each unit ships itself, canonical. */
  readonly unitDirectories: ReadonlyMap<string, ReadonlySet<BytePath>>;
}

/**
 * Merges the trees of a closure.
 *
 * Where two units have a directory, the owner and mode of an Essential package count, else of the one whose id is
 * first. The result does not depend on the order of units.
 *
 * @param beside Objects that are not in the image, and whose files scripts find all the same.
 * @throws {RootFsError} `FILE_CONFLICT`, `LINK_LOOP`
 */
export function mergeTrees(
  closure: Closure,
  beside: readonly StoreObject[],
  diversions: Diversions,
  report: FixContext["report"],
  { base, standardLinks = STANDARD_LINKS }: MergeOptions = {},
): MergedTrees {
  return new Merge(closure, beside, diversions, report, base, standardLinks).run();
}

export interface MergeOptions {
  /** What is below all others: any unit's file takes the place of its file. */
  readonly base?: StoreObject | undefined;
  /** Links that the image will have; default {@link STANDARD_LINKS}. */
  readonly standardLinks?: ReadonlyMap<BytePath, string> | undefined;
}

/** Knows which directories are really links, and where paths therefore lie. */
export class PathCanonicalizer {
  readonly #links: Map<BytePath, string>;
  readonly #cache = new Map<BytePath, BytePath>();
  readonly #visiting = new Set<BytePath>();

  /** @param links Links of all trees with their paths as shipped, in any order. */
  constructor(
    links: readonly { readonly path: BytePath; readonly target: string }[],
    standardLinks: ReadonlyMap<BytePath, string> = STANDARD_LINKS,
  ) {
    this.#links = new Map(standardLinks);
    for (const { path, target } of [...links].sort((a, b) => comparePaths(a.path, b.path))) {
      let at: BytePath;
      try {
        at = this.canonicalize(path);
      } catch (error) {
        if (error instanceof RootFsError) continue;
        throw error;
      }
      // The first in the order of paths counts; a real conflict is found when entries are placed.
      if (!this.#links.has(at) && !this.#leadsTo(at, target)) {
        this.#links.set(at, target);
        this.#cache.clear();
      }
    }
  }

  /** Whether a link would lead to itself, as a compatibility link does once its directories are merged. */
  isLoop(path: BytePath, target: string): boolean {
    return this.#leadsTo(path, target);
  }

  #leadsTo(path: BytePath, target: string): boolean {
    try {
      return this.canonicalize(resolveLinkTarget(path, target)) === path;
    } catch (error) {
      if (error instanceof RootFsError) return false;
      throw error;
    }
  }

  /** The canonical path of an entry: its directory is followed through links, its own name is not. */
  canonicalize(path: BytePath): BytePath {
    if (path === ROOT_PATH) return ROOT_PATH;
    return joinPath(this.canonicalizeDirectory(parentPath(path)), baseName(path));
  }

  /**
   * The canonical path of a directory.
   *
   * @throws {RootFsError} `LINK_LOOP`
   */
  canonicalizeDirectory(path: BytePath): BytePath {
    if (path === ROOT_PATH) return ROOT_PATH;
    const cached = this.#cache.get(path);
    if (cached !== undefined) return cached;
    const plain = this.canonicalize(path);
    const target = this.#links.get(plain);
    const result = target === undefined ? plain : this.#follow(plain, target);
    this.#cache.set(path, result);
    return result;
  }

  #follow(link: BytePath, target: string): BytePath {
    if (this.#visiting.has(link)) {
      throw new RootFsError(
        "LINK_LOOP",
        `Cannot merge the packages: files lie below /${decodeByteString(link)}, a link that leads round in a circle`,
      );
    }
    this.#visiting.add(link);
    try {
      return this.canonicalizeDirectory(resolveLinkTarget(link, target));
    } finally {
      this.#visiting.delete(link);
    }
  }
}

class Merge {
  readonly #base: StoreObject | undefined;
  readonly #units: readonly ClosureUnit[];
  readonly #beside: readonly StoreObject[];
  readonly #diversions: Diversions;
  readonly #report: FixContext["report"];
  readonly #paths: PathCanonicalizer;
  readonly #entries = new Map<BytePath, PlacedEntry>();
  readonly #absent = new Map<BytePath, PlacedEntry>();
  /** Directories that are there only because something lies below them. */
  readonly #implied = new Set<BytePath>();
  readonly #unitDirectories = new Map<string, Set<BytePath>>();
  readonly #objects: ReadonlyMap<string, StoreObject>;

  constructor(
    closure: Closure,
    beside: readonly StoreObject[],
    diversions: Diversions,
    report: FixContext["report"],
    base: StoreObject | undefined,
    standardLinks: ReadonlyMap<BytePath, string>,
  ) {
    this.#base = base;
    this.#units = closure.units;
    this.#beside = beside;
    this.#diversions = diversions;
    this.#report = report;
    const objects = [...(base === undefined ? [] : [base]), ...closure.units.map(({ object }) => object)];
    this.#objects = new Map(objects.map((object) => [object.id, object]));
    const trees = [...(base === undefined ? [] : [base.tree]), ...closure.units];
    this.#paths = new PathCanonicalizer(
      trees.flatMap(({ entries }) =>
        entries.flatMap((entry) =>
          entry.type === "symlink" ? [{ path: entry.path, target: entry.target }] : [],
        ),
      ),
      standardLinks,
    );
  }

  run(): MergedTrees {
    const essential = (unit: ClosureUnit) =>
      unit.object.package?.control.get("Essential") === "yes" ? 0 : 1;
    const units = [...this.#units].sort(
      (a, b) => essential(a) - essential(b) || compareStrings(a.object.id, b.object.id),
    );
    for (const entry of this.#base?.tree.entries ?? []) {
      this.#entries.set(entry.path, { entry, unit: this.#base!.id });
    }
    for (const unit of units) {
      this.#unitDirectories.set(unit.object.id, new Set());
      for (const entry of unit.entries) this.#place(unit.object, entry);
    }
    for (const unit of units) this.#placeAbsent(unit.object, unit.entries);
    for (const object of this.#beside) this.#placeAbsent(object, []);
    return { entries: this.#entries, absent: this.#absent, unitDirectories: this.#unitDirectories };
  }

  #place(object: StoreObject, entry: TreeEntry): void {
    const shipped = entry.path;
    if (entry.type === "directory") {
      this.#placeDirectory(object, entry, this.#paths.canonicalizeDirectory(shipped));
      return;
    }
    const canonical = this.#paths.canonicalize(shipped);
    const path = this.#diversions.place(canonical, object.package?.name);
    if (path !== canonical) {
      this.#report("divert", `/${decodeByteString(canonical)} is diverted to /${decodeByteString(path)}`, {
        path,
        because: object.id,
      });
    }
    if (entry.type === "symlink" && this.#paths.isLoop(path, entry.target)) {
      this.#report("skip", "the link leads to itself once /usr is merged", { path, because: object.id });
      return;
    }
    this.#placeParents(object, path);
    const before = this.#entries.get(path);
    const placed = { entry: { ...entry, path }, unit: object.id };
    if (before === undefined || this.#wins(object, placed, before)) this.#entries.set(path, placed);
  }

  #placeDirectory(object: StoreObject, entry: TreeEntry, path: BytePath): void {
    this.#placeParents(object, path);
    const before = this.#entries.get(path);
    if (before !== undefined && before.entry.type !== "directory") {
      if (before.unit !== this.#base?.id) throw this.#conflict(path, object, before);
      this.#entries.delete(path);
    }
    if (!this.#entries.has(path) || this.#implied.has(path)) {
      this.#implied.delete(path);
      this.#entries.set(path, { entry: { ...entry, path }, unit: object.id });
    }
    this.#unitDirectories.get(object.id)!.add(path);
  }

  #placeParents(object: StoreObject, path: BytePath): void {
    for (let child = path; child !== ROOT_PATH; ) {
      const parent = parentPath(child);
      const before = this.#entries.get(parent);
      if (before?.entry.type === "directory") return;
      if (before !== undefined) throw this.#conflict(parent, object, before);
      this.#implied.add(parent);
      this.#entries.set(parent, {
        entry: { path: parent, type: "directory", mode: 0o755, uid: 0, gid: 0 },
        unit: object.id,
      });
      child = parent;
    }
  }

  /** Whether the new entry takes the place of the one before. */
  #wins(object: StoreObject, placed: PlacedEntry, before: PlacedEntry): boolean {
    if (this.#isSame(placed.entry, before.entry)) return false;
    if (before.unit === this.#base?.id && before.entry.type !== "directory") return true;
    const other = this.#objects.get(before.unit)!;
    if (before.entry.type !== "directory") {
      const [winner, loser] = replaces(object, other)
        ? [object, other]
        : replaces(other, object)
          ? [other, object]
          : [undefined, undefined];
      if (winner !== undefined && loser !== undefined) {
        this.#report("replace", `${winner.label} replaces the file of ${loser.label}`, {
          path: placed.entry.path,
          because: winner.id,
        });
        return winner === object;
      }
    }
    throw this.#conflict(placed.entry.path, object, before);
  }

  #isSame(a: TreeEntry, b: TreeEntry): boolean {
    if (a.type === "file" && b.type === "file") return a.content.sha256 === b.content.sha256;
    if (a.type !== "symlink" || b.type !== "symlink") return false;
    const end = (entry: typeof a) => this.#paths.canonicalize(resolveLinkTarget(entry.path, entry.target));
    return a.target === b.target || end(a) === end(b);
  }

  #conflict(path: BytePath, object: StoreObject, before: PlacedEntry): RootFsError {
    const other = this.#objects.get(before.unit)!;
    return new RootFsError(
      "FILE_CONFLICT",
      `Cannot merge /${decodeByteString(path)}: ${other.label} and ${object.label} both have it and differ, ` +
        "one of them was wanted",
      { hint: "Leave one of the packages out; dpkg would not install both either" },
    );
  }

  #placeAbsent(object: StoreObject, entries: readonly TreeEntry[]): void {
    if (entries.length === object.tree.entries.length) return;
    const kept = new Set(entries.map((entry) => entry.path));
    for (const entry of object.tree.entries) {
      if (kept.has(entry.path)) continue;
      const shipped = entry.path;
      const canonical =
        entry.type === "directory"
          ? this.#paths.canonicalizeDirectory(shipped)
          : this.#paths.canonicalize(shipped);
      const path =
        entry.type === "directory" ? canonical : this.#diversions.place(canonical, object.package?.name);
      if (entry.type === "symlink" && this.#paths.isLoop(path, entry.target)) continue;
      if (this.#entries.has(path) || this.#absent.has(path)) continue;
      this.#absent.set(path, { entry: { ...entry, path }, unit: object.id });
    }
  }
}

/** Whether a package declares to take over files of another: Policy 7.6.1. */
function replaces(object: StoreObject, other: StoreObject): boolean {
  const field = object.package?.control.get("Replaces");
  if (field === undefined || other.package === undefined) return false;
  const { name, version } = other.package;
  try {
    return parseRelations(field).some((group) =>
      group.some(
        (relation) =>
          relation.name === name &&
          (relation.version === undefined ||
            satisfies(version, relation.version.relation, relation.version.version)),
      ),
    );
  } catch {
    return false;
  }
}
