// Looks tokens up: which files of all objects lie at a path, under a directory, offer a soname or a module.
// Files are numbers; the numbers of one object are consecutive and in the order of their paths.

import { comparePaths } from "../model/bytes.ts";
import type { OfferedPath } from "../model/closure.ts";
import type { StoreObject } from "../model/store-object.ts";
import type { TreeEntry } from "../model/tree.ts";
import { type ObjectFacts, TRAITS } from "./facts.ts";
import { normalizePath } from "./literals.ts";
import type { TokenKind } from "./token-kind.ts";

/** One file or link, as kinds see it while tokens are followed. */
export interface FileView {
  readonly number: number;
  /** Merged-usr form. */
  readonly path: string;
  readonly unit: UnitView;
  readonly traits: number;
}

/** One store object with the entries that are left after pruning by file class. */
export interface UnitView {
  readonly number: number;
  readonly object: StoreObject;
  /** In the declared closure of the roots; others are there because they are Essential. */
  readonly declared: boolean;
  readonly root: boolean;
  /** Whether files of the user's own take the place of some of its files, which are not among these. */
  readonly isReplaced: boolean;
  /** Numbers of its files: from `first` up to, not including, `end`. */
  readonly first: number;
  readonly end: number;
  /** Entries of files and links, by number less `first`. */
  readonly files: readonly TreeEntry[];
  /** Directory entries. */
  readonly directories: readonly TreeEntry[];
}

/** A path, in merged-usr form, at which a program of the group's name is found. */
export const PROGRAM = /^usr\/(?:s?bin|games)\/([^/]+)$/;

/**
 * Directories that belong to no one package, however few of them are in this closure: those of the Filesystem
 * Hierarchy Standard, and Debian's own places for what packages drop in. Kinds add those of their language.
 */
const SHARED =
  /^(?:|bin|boot|dev|etc|home|lib|media|mnt|opt|proc|root|run|run\/lock|sbin|srv|sys|tmp|usr|var|usr\/(?:bin|sbin|lib|lib32|lib64|libx32|libexec|share|games|include|local|src)|usr\/(?:lib|include)\/[^/]+-linux-[^/]+|usr\/local\/.*|var\/(?:lib|cache|log|run|spool|tmp|mail|opt|local|lock|backups|www|www\/html|lib\/misc|lib\/dbus)|etc\/(?:alternatives|default|init\.d|profile\.d|skel|opt|X11|xdg|ssl|pam\.d|security|dbus-1|ld\.so\.conf\.d|binfmt\.d|sgml|xml|cron\.\w+|logrotate\.d)|usr\/share\/(?:doc|man|info|locale|mime|X11|java|xml|sgml|misc|dbus-1|dbus-1\/services|dbus-1\/system-services|ca-certificates|icons|themes|applications|pixmaps|metainfo|menu|fonts|fonts\/\w+|sounds|javascript|polkit-1|glib-2\.0|glib-2\.0\/schemas|bash-completion|zsh|fish|bug|lintian|pkgconfig|cmake|keyrings|gettext|aclocal|terminfo)|usr\/lib\/(?:cgi-bin|jvm|mime|systemd|udev|tmpfiles\.d|sysusers\.d|debug|compat-ld|gold-ld)|usr\/lib\/[^/]+-linux-[^/]+\/(?:pkgconfig|gio|gio\/modules|dri|vdpau|security))$/;

/** A directory named exactly may belong to this many objects. */
const MAX_OWNERS = 6;
const DATA_DIRECTORY = /^(?:usr\/(?:lib|libexec|share|lib\/[^/]+-linux-[^/]+)|etc|var\/lib)\/([^/]+)$/;
const MAX_LINKS = 16;
const NONE: readonly number[] = [];

export class TokenIndex {
  readonly units: readonly UnitView[];
  /** Number of all files. */
  readonly size: number;
  readonly #unitOf: Uint16Array;
  readonly #facts: readonly ObjectFacts[];
  /** For each file its place in the facts of its object. */
  readonly #factNumbers: Uint32Array;
  readonly #paths: string[] = [];
  readonly #byPath = new Map<string, number | number[]>();
  readonly #links = new Map<string, string>();
  readonly #owners = new Map<string, number[]>();
  readonly #programs = new Map<string, number | number[]>();
  readonly #offers = new Map<string, Map<string, number | number[]>>();
  readonly #offeredWith = new Map<string, readonly string[]>();
  readonly #shared: readonly RegExp[];
  readonly #languageKinds: ReadonlySet<string>;
  readonly #holdModules = new Map<number, boolean>();
  #endings: Map<string, number | number[]> | undefined;
  #directoryEndings: Map<string, string[]> | undefined;
  #data: Map<string, number | number[]> | undefined;

  /**
   * @param inputs Objects with what is left of them, in a canonical order; `factNumbers` says for each file of
   *   `files` which one of the facts is its.
   */
  constructor(
    inputs: readonly {
      readonly unit: Omit<UnitView, "first" | "end" | "number">;
      readonly facts: ObjectFacts;
      readonly factNumbers: readonly number[];
    }[],
    kinds: readonly TokenKind[],
    offered: readonly OfferedPath[],
  ) {
    this.#shared = [SHARED, ...kinds.flatMap(({ sharedDirectories }) => sharedDirectories ?? [])];
    this.#languageKinds = new Set(
      kinds.flatMap(({ name, language }) => (language === undefined ? [] : [name])),
    );
    const units: UnitView[] = [];
    let next = 0;
    for (const { unit } of inputs) {
      units.push({ ...unit, number: units.length, first: next, end: next + unit.files.length });
      next += unit.files.length;
    }
    this.units = units;
    this.size = next;
    this.#unitOf = new Uint16Array(next);
    this.#factNumbers = new Uint32Array(next);
    this.#facts = inputs.map(({ facts }) => facts);
    for (const [number, { factNumbers }] of inputs.entries()) this.#addUnit(units[number]!, factNumbers);
    this.#addOffered(offered);
  }

  #addUnit(unit: UnitView, factNumbers: readonly number[]): void {
    const facts = this.#facts[unit.number]!;
    const seen = new Set<string>();
    const own = (directory: string) => {
      for (let path = directory; !seen.has(path); path = parentOf(path)) {
        seen.add(path);
        const owners = this.#owners.get(path);
        if (owners === undefined) this.#owners.set(path, [unit.number]);
        else owners.push(unit.number);
        if (path === "") return;
      }
    };
    for (const [i, entry] of unit.files.entries()) {
      const number = unit.first + i;
      const path = normalizePath(entry.path);
      this.#unitOf[number] = unit.number;
      this.#factNumbers[number] = factNumbers[i]!;
      this.#paths.push(path);
      this.#addPath(path, number);
      if (entry.type === "symlink") this.#links.set(path, entry.target);
      own(parentOf(path));
      for (const { kind, tokens } of facts.offers(factNumbers[i]!)) {
        const byToken = getOrMake(this.#offers, kind, () => new Map<string, number | number[]>());
        for (const token of tokens) append(byToken, token, number);
      }
    }
    for (const { path } of unit.directories) own(normalizePath(path));
  }

  #addPath(path: string, number: number): void {
    append(this.#byPath, path, number);
    const program = PROGRAM.exec(path)?.[1];
    if (program !== undefined) append(this.#programs, program, number);
  }

  #addOffered(offered: readonly OfferedPath[]): void {
    const numbers = new Map(this.units.map(({ object, number }) => [object.id, number]));
    for (const { object, path, target } of offered) {
      const unit = numbers.get(object);
      if (unit === undefined) continue;
      const at = normalizePath(path);
      const files = asList(this.#byPath.get(normalizePath(target))).filter(
        (file) => this.#unitOf[file] === unit,
      );
      for (const file of files) this.#addPath(at, file);
    }
  }

  view(number: number): FileView {
    const unit = this.units[this.#unitOf[number]!]!;
    return {
      number,
      path: this.#paths[number]!,
      unit,
      traits: this.#facts[unit.number]!.traits(this.#factNumbers[number]!),
    };
  }

  /** The number of the object that a file is of. */
  unitOf(number: number): number {
    return this.#unitOf[number]!;
  }

  /** Merged-usr form. */
  pathOf(number: number): string {
    return this.#paths[number]!;
  }

  traitsOf(number: number): number {
    return this.#facts[this.#unitOf[number]!]!.traits(this.#factNumbers[number]!);
  }

  isElf(number: number): boolean {
    return (this.traitsOf(number) & TRAITS.elf) !== 0;
  }

  usesOf(number: number) {
    return this.#facts[this.#unitOf[number]!]!.uses(this.#factNumbers[number]!);
  }

  entryOf(number: number): TreeEntry {
    const unit = this.units[this.#unitOf[number]!]!;
    return unit.files[number - unit.first]!;
  }

  /** Files that offer a token of a kind. */
  offering(kind: string, token: string): readonly number[] {
    return asList(this.#offers.get(kind)?.get(token));
  }

  /** What follows a prefix in the tokens of a kind that any file offers. */
  offeredWith(kind: string, prefix: string): readonly string[] {
    return getOrMake(this.#offeredWith, `${kind} ${prefix}`, () =>
      [...(this.#offers.get(kind)?.keys() ?? [])]
        .filter((token) => token.startsWith(prefix))
        .map((token) => token.slice(prefix.length)),
    );
  }

  /** Whether others may import modules of a language from a unit. */
  holdsModules(unit: UnitView): boolean {
    return getOrMake(this.#holdModules, unit.number, () => {
      const facts = this.#facts[unit.number]!;
      for (let file = unit.first; file < unit.end; file++) {
        const offers = facts.offers(this.#factNumbers[file]!);
        if (offers.some(({ kind }) => this.#languageKinds.has(kind))) return true;
      }
      return false;
    });
  }

  /** Whether a unit has files that offer tokens of a kind. */
  holds(unit: UnitView, kind: string): boolean {
    const facts = this.#facts[unit.number]!;
    for (let file = unit.first; file < unit.end; file++) {
      if (facts.offers(this.#factNumbers[file]!).some((offer) => offer.kind === kind)) return true;
    }
    return false;
  }

  /** Programs of a name in the directories of the search path. */
  program(name: string): readonly number[] {
    return asList(this.#programs.get(name));
  }

  /** Files at a path, links in its directories followed. The links themselves are not among them. */
  atPath(path: string): readonly number[] {
    return asList(this.#byPath.get(this.resolve(path)));
  }

  /** The path that a path means when links among its directories are followed, but not at its end. */
  resolve(path: string): string {
    let resolved = path;
    for (let left = MAX_LINKS; left > 0; left--) {
      if (this.#byPath.has(resolved) || this.#owners.has(resolved)) return resolved;
      const link = this.#firstLink(resolved);
      if (link === undefined) return resolved;
      const rest = resolved.slice(link.length + 1);
      const target = joinTarget(parentOf(link), this.#links.get(link)!);
      resolved = normalizePath(target === "" ? rest : `${target}/${rest}`);
    }
    return resolved;
  }

  /** The shortest proper prefix of a path that is a link. */
  #firstLink(path: string): string | undefined {
    for (let end = path.indexOf("/"); end > 0; end = path.indexOf("/", end + 1)) {
      const prefix = path.slice(0, end);
      if (this.#links.has(prefix)) return prefix;
    }
    return undefined;
  }

  /** Links among the directories of a path: whoever names the path needs them too. */
  linksOn(path: string): readonly number[] {
    const link = this.#firstLink(path);
    return link === undefined ? NONE : asList(this.#byPath.get(link));
  }

  /**
   * Files of the directory that a path names, or else of the nearest directory above it, when that is not shared.
   * The exact directory may have up to six owners, one above it a single one.
   */
  inDirectory(path: string): { readonly files: readonly number[]; readonly exact: boolean } {
    let exact = true;
    for (let directory = this.resolve(path); directory !== ""; directory = parentOf(directory)) {
      if (this.isShared(directory)) break;
      const owners = this.#owners.get(directory);
      if (owners !== undefined) {
        if (owners.length > (exact ? MAX_OWNERS : 1)) break;
        return { files: owners.flatMap((unit) => this.under(unit, directory)), exact };
      }
      exact = false;
    }
    return { files: NONE, exact };
  }

  /** Numbers of the objects that have files or directories in a directory. */
  ownersOf(directory: string): readonly number[] {
    return this.#owners.get(directory) ?? NONE;
  }

  isShared(directory: string): boolean {
    return this.#shared.some((pattern) => pattern.test(directory));
  }

  /** Files whose path ends with two components or more. */
  endingWith(suffix: string): readonly number[] {
    if (this.#endings === undefined) {
      this.#endings = new Map();
      for (const [number, path] of this.#paths.entries()) append(this.#endings, lastTwo(path), number);
    }
    const files = asList(this.#endings.get(lastTwo(suffix)));
    return files.filter((file) => {
      const path = this.#paths[file]!;
      return path.endsWith(suffix) && path[path.length - suffix.length - 1] === "/";
    });
  }

  /** Files of the directories whose path ends with two components or more, when they are of one object and not shared. */
  directoryEndingWith(suffix: string): readonly number[] {
    if (this.#directoryEndings === undefined) {
      this.#directoryEndings = new Map();
      for (const directory of this.#owners.keys()) {
        getOrMake(this.#directoryEndings, lastTwo(directory), (): string[] => []).push(directory);
      }
    }
    const directories = (this.#directoryEndings.get(lastTwo(suffix)) ?? []).filter(
      (directory) => directory.endsWith(`/${suffix}`) && !this.isShared(directory),
    );
    const owners = new Set(directories.flatMap((directory) => this.ownersOf(directory)));
    if (owners.size !== 1) return NONE;
    return directories.flatMap((directory) => [...owners].flatMap((unit) => this.under(unit, directory)));
  }

  /** Files of directories `name` below the places where packages keep data. */
  dataDirectory(name: string): readonly number[] {
    if (this.#data === undefined) {
      this.#data = new Map();
      for (const [directory, owners] of this.#owners) {
        const data = DATA_DIRECTORY.exec(directory)?.[1];
        if (data === undefined || this.isShared(directory)) continue;
        for (const unit of owners) {
          for (const file of this.under(unit, directory)) append(this.#data, data, file);
        }
      }
    }
    return asList(this.#data.get(name));
  }

  /** Files of one object under a directory. */
  under(unit: number, directory: string): number[] {
    const { first, end } = this.units[unit]!;
    const files: number[] = [];
    for (let number = this.#lowerBound(first, end, directory); number < end; number++) {
      const path = this.#paths[number]!;
      if (!path.startsWith(directory) || path[directory.length] !== "/") break;
      files.push(number);
    }
    return files;
  }

  /** The first file of a range whose path is not before `path` and not equal to it. */
  #lowerBound(first: number, end: number, path: string): number {
    let low = first;
    let high = end;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (comparePaths(this.#paths[middle]!, path) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function lastTwo(path: string): string {
  return path.slice(path.lastIndexOf("/", path.lastIndexOf("/") - 1) + 1);
}

/** The directory that holds a path. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "" : path.slice(0, slash);
}

/** What a link in `directory` means, as text: `..` stops at the root. Merged-usr form. */
export function joinTarget(directory: string, target: string): string {
  const parts = target.startsWith("/") || directory === "" ? [] : directory.split("/");
  for (const part of target.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") parts.pop();
    else parts.push(part);
  }
  return normalizePath(parts.join("/"));
}

/** The name of a unit's package; of what is no package the id of the object. */
export function nameOf({ object }: UnitView): string {
  return object.package?.name ?? object.id;
}

/** The value of a key, made at first use. */
export function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}

function append(map: Map<string, number | number[]>, key: string, value: number): void {
  const present = map.get(key);
  if (present === undefined) map.set(key, value);
  else if (typeof present === "number") map.set(key, [present, value]);
  else present.push(value);
}

function asList(value: number | number[] | undefined): readonly number[] {
  return value === undefined ? NONE : typeof value === "number" ? [value] : value;
}
