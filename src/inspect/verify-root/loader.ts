// The dynamic loader, without running it: which file each DT_NEEDED of a program or library leads to.
//
// glibc: elf/dl-load.c (`_dl_map_object`), ld.so(8): objects that are loaded already; DT_RPATH of the requesting object
// and of those that requested it, unless it has DT_RUNPATH; LD_LIBRARY_PATH; DT_RUNPATH; ld.so.cache; the directories
// that the loader was built with. musl: ldso/dynlink.c (`load_library`). A processor without extensions is assumed.

import type { LibraryCache } from "../../formats/ld-so-cache.ts";
import { parseLibraryCache } from "../../formats/ld-so-cache.ts";
import type { BytePath } from "../../model/bytes.ts";
import { joinPath } from "../../model/bytes.ts";
import type { RootView } from "../root-view.ts";
import { platformName } from "./abi.ts";
import { makeAbsolute, splitSearchPath } from "./commands.ts";
import type { ElfFile } from "./file-facts.ts";

/** One object of a process. */
export interface LinkObject {
  readonly file: ElfFile;
  /** The absolute path by which the loader opens it; links in it are not resolved. */
  readonly name: string;
  /** The object that asked for it; undefined for what is loaded first. */
  readonly requester: LinkObject | undefined;
}

export interface MissingLibrary {
  readonly requester: LinkObject;
  /** As in DT_NEEDED. */
  readonly name: string;
  /** A file that has the name where the loader looks, and that is no library: loading ends there. */
  readonly bad: BytePath | undefined;
}

/** A library that an object got for a name. */
export interface Binding {
  readonly requester: LinkObject;
  readonly name: string;
  readonly provider: LinkObject;
  /** The processor level, such as `x86-64-v3`, without which the library is not found. */
  readonly level: string | undefined;
}

/** What a process has when all is loaded. */
export interface LinkMap {
  readonly objects: readonly LinkObject[];
  readonly bindings: readonly Binding[];
  readonly missing: readonly MissingLibrary[];
}

export interface LoaderSettings {
  /** LD_LIBRARY_PATH of the image. */
  readonly libraryPath: string;
  /** Absolute. */
  readonly workingDirectory: string;
}

type Found =
  | { readonly file: ElfFile; readonly name: string; readonly level?: string | undefined }
  | { readonly bad: BytePath }
  | undefined;

const LARGEST_LOADER = 8 << 20;
const LARGEST_CACHE = 16 << 20;
const HWCAPS = "glibc-hwcaps";
/** Names that musl has in its loader. */
const MUSL_OWN = /^lib(?:c|pthread|rt|m|dl|util|xnet)\./;

/** The loader of one ABI in one image. */
export class Loader {
  readonly abi: string;
  /** The loader itself; undefined when the image has none for the ABI. */
  readonly self: ElfFile | undefined;
  /** Whether it compares symbol versions; musl knows none. */
  readonly checksVersions: boolean;
  /** The directories that it was built with, absolute. */
  readonly systemDirectories: readonly string[];
  readonly #kind: "glibc" | "musl";
  readonly #root: RootView;
  readonly #elves: ReadonlyMap<BytePath, ElfFile>;
  readonly #settings: LoaderSettings;
  /** Absolute paths by name, of libraries for every processor and for certain levels. */
  readonly #cache = new Map<string, { path: string; level: string | undefined }[]>();
  readonly #defaults = new Map<string, Found>();

  constructor(
    root: RootView,
    elves: ReadonlyMap<BytePath, ElfFile>,
    abi: string,
    self: ElfFile | undefined,
    settings: LoaderSettings,
  ) {
    this.#root = root;
    this.#elves = elves;
    this.abi = abi;
    this.self = self;
    this.#settings = settings;
    const text =
      self === undefined ? "" : (root.readSmall(self.path, LARGEST_LOADER)?.toString("latin1") ?? "");
    const muslPathFile = self && findMuslPathFile(self.path, text);
    this.#kind = muslPathFile === undefined ? "glibc" : "musl";
    this.checksVersions = this.#kind === "glibc";
    this.systemDirectories =
      muslPathFile === undefined
        ? (readBuiltInDirectories(text) ?? fallbackDirectories(abi))
        : readMuslDirectories(root, muslPathFile);
    if (this.#kind === "glibc") this.#readCache(readCachePath(text));
  }

  /** Directories whose libraries every program finds: canonical paths. */
  get libraryDirectories(): ReadonlySet<BytePath> {
    const cached = [...this.#cache.values()].flat().map(({ path }) => path.slice(0, path.lastIndexOf("/")));
    const directories = new Set([...this.systemDirectories, ...cached]);
    return new Set([...directories].flatMap((directory) => this.#root.findDirectory(directory) ?? []));
  }

  /** Loads a program; or a library as `dlopen` does in a program that has nothing else. */
  link(file: ElfFile): LinkMap {
    const first: LinkObject = { file, name: `/${file.path}`, requester: undefined };
    const objects = [first];
    const bindings: Binding[] = [];
    const missing: MissingLibrary[] = [];
    const byName = new Map<string, LinkObject>();
    const byPath = new Map<BytePath, LinkObject>();
    const add = (object: LinkObject) => {
      byPath.set(object.file.path, object);
      const { soname } = object.file.elf;
      if (soname !== undefined && !byName.has(soname)) byName.set(soname, object);
    };
    add(first);
    if (this.self !== undefined) add({ file: this.self, name: `/${this.self.path}`, requester: undefined });
    for (const requester of objects) {
      for (const name of requester.file.elf.needed) {
        let provider = byName.get(name);
        let level: string | undefined;
        if (provider === undefined) {
          const found = this.#search(name, requester, first);
          if (found === undefined || "bad" in found) {
            missing.push({ requester, name, bad: found?.bad });
            continue;
          }
          level = found.level;
          provider = byPath.get(found.file.path);
          if (provider === undefined) {
            provider = { file: found.file, name: found.name, requester };
            objects.push(provider);
            add(provider);
          }
          byName.set(name, provider);
        }
        bindings.push({ requester, name, provider, level });
      }
    }
    return { objects, bindings, missing };
  }

  /** Whether a library that is asked for by name alone is found, as those of LD_PRELOAD are. */
  finds(name: string): boolean {
    const found = name.includes("/")
      ? this.#open(makeAbsolute(name, this.#settings.workingDirectory))
      : (this.#first(splitSearchPath(this.#settings.libraryPath), name) ?? this.#findByDefault(name));
    return found !== undefined && !("bad" in found);
  }

  #search(name: string, requester: LinkObject, main: LinkObject): Found {
    if (name.includes("/")) return this.#open(this.#absolute(this.#expand(name, requester)));
    if (this.#kind === "musl") return this.#searchMusl(name, requester, main);
    const directories = [
      ...this.#rpaths(requester, main),
      ...this.#environmentDirectories(main),
      ...requester.file.elf.runpath.map((directory) => this.#expand(directory, requester)),
    ];
    return (
      this.#first(directories, name) ?? this.#findByDefault(name) ?? this.#findForNewer(directories, name)
    );
  }

  #searchMusl(name: string, requester: LinkObject, main: LinkObject): Found {
    if (MUSL_OWN.test(name) && this.self !== undefined)
      return { file: this.self, name: `/${this.self.path}` };
    const directories = this.#environmentDirectories(main);
    for (let at: LinkObject | undefined = requester; at !== undefined; at = at.requester) {
      const { runpath, rpath } = at.file.elf;
      const own = runpath.length > 0 ? runpath : rpath;
      for (const directory of own) directories.push(this.#expand(directory, at));
    }
    return this.#first(directories, name) ?? this.#first(this.systemDirectories, name);
  }

  /** DT_RPATH of the requesting object, of those that requested it, and of the program. */
  #rpaths(requester: LinkObject, main: LinkObject): string[] {
    if (requester.file.elf.runpath.length > 0) return [];
    const directories: string[] = [];
    let last: LinkObject = requester;
    for (let at: LinkObject | undefined = requester; at !== undefined; at = at.requester) {
      directories.push(...this.#ownRpath(at));
      last = at;
    }
    if (last !== main) directories.push(...this.#ownRpath(main));
    return directories;
  }

  /** An object that has both has DT_RUNPATH only. */
  #ownRpath(object: LinkObject): string[] {
    const { rpath, runpath } = object.file.elf;
    return runpath.length > 0 ? [] : rpath.map((directory) => this.#expand(directory, object));
  }

  /** LD_LIBRARY_PATH; programs that run as somebody else do not heed it. */
  #environmentDirectories(main: LinkObject): string[] {
    if ((main.file.file.mode & 0o6000) !== 0) return [];
    return splitSearchPath(this.#settings.libraryPath.replaceAll(";", ":")).map((directory) =>
      this.#expand(directory, main),
    );
  }

  #expand(text: string, { name }: LinkObject): string {
    if (!text.includes("$")) return text;
    return text.replace(
      /\$(?:\{(ORIGIN|LIB|PLATFORM)\}|(ORIGIN|LIB|PLATFORM)(?![A-Za-z0-9_]))/g,
      (_, a, b) => {
        const token = (a ?? b) as string;
        if (token === "ORIGIN") return name.slice(0, name.lastIndexOf("/"));
        if (token === "PLATFORM") return platformName(this.abi);
        return (this.systemDirectories[0] ?? "/lib").replace(/^\//, "");
      },
    );
  }

  #absolute(path: string): string {
    return makeAbsolute(path, this.#settings.workingDirectory);
  }

  /** What a loader does with a path: a library for another processor is passed over, other files end the search. */
  #open(path: string): Found {
    const found = this.#root.lookup(path);
    if (found.kind !== "found" || found.entry.type !== "file") return undefined;
    const file = this.#elves.get(found.path);
    if (file === undefined) return { bad: found.path };
    if (file.abi !== this.abi) return undefined;
    return file.elf.type === "shared" ? { file, name: path } : { bad: found.path };
  }

  #first(directories: readonly string[], name: string): Found {
    for (const directory of directories) {
      const found = this.#open(`${this.#absolute(directory)}/${name}`);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #findByDefault(name: string): Found {
    if (this.#defaults.has(name)) return this.#defaults.get(name);
    const cached = this.#cache.get(name)?.find(({ level }) => level === undefined);
    const found =
      (cached === undefined ? undefined : this.#open(cached.path)) ??
      this.#first(this.systemDirectories, name);
    this.#defaults.set(name, found);
    return found;
  }

  /** Looks where only processors with extensions look. */
  #findForNewer(directories: readonly string[], name: string): Found {
    for (const { path, level } of this.#cache.get(name) ?? []) {
      const found = level === undefined ? undefined : this.#open(path);
      if (found !== undefined && !("bad" in found)) return { ...found, level };
    }
    for (const directory of [...directories, ...this.systemDirectories]) {
      const base = this.#root.findDirectory(`${this.#absolute(directory)}/${HWCAPS}`);
      if (base === undefined) continue;
      for (const level of this.#root.names(base)) {
        const found = this.#open(`/${joinPath(joinPath(base, level), name)}`);
        if (found !== undefined && !("bad" in found)) return { ...found, level };
      }
    }
    return undefined;
  }

  #readCache(path: string): void {
    const bytes = this.#root.readSmall(path, LARGEST_CACHE);
    const cache: LibraryCache | undefined = bytes && parseLibraryCache(bytes);
    for (const { name, path, hwcap } of cache?.libraries ?? []) {
      const found = this.#root.lookup(path);
      const abi = found.kind === "found" ? this.#elves.get(found.path)?.abi : undefined;
      // A cache also lists the libraries of sibling ABIs.
      if (abi !== undefined && abi !== this.abi) continue;
      const known = this.#cache.get(name);
      if (known === undefined) this.#cache.set(name, [{ path, level: hwcap }]);
      else known.push({ path, level: hwcap });
    }
  }
}

/** The file in which a loader of musl finds its directories; undefined for other loaders. */
function findMuslPathFile(path: string, text: string): string | undefined {
  const builtIn = /\0(?:%\.\*s)?(\/etc\/ld-musl-[\w.-]+\.path)\0/.exec(text)?.[1];
  if (builtIn !== undefined) return builtIn;
  const name = /(?:^|\/)ld-(musl-[^/]*)\.so\.1$/.exec(path)?.[1];
  return name === undefined ? undefined : `/etc/ld-${name}.path`;
}

function readMuslDirectories(root: RootView, file: string): string[] {
  const text = root.readSmall(file, 1 << 16)?.toString("latin1");
  if (text === undefined) return ["/lib", "/usr/local/lib", "/usr/lib"];
  return text.split(/[\n:]/).filter((directory) => directory !== "");
}

/**
 * Finds the directories that a loader of glibc was built with: `system_dirs` of elf/dl-load.c, strings one after the
 * other that all end in a slash.
 */
function readBuiltInDirectories(text: string): string[] | undefined {
  const runs = [...text.matchAll(/\0((?:\/[\w.+/-]*lib[\w.+/-]*\/\0)+)/g)].map((match) =>
    match[1]!.split("\0"),
  );
  const longest = runs.reduce<string[]>((best, run) => (run.length > best.length ? run : best), []);
  const directories = longest
    .filter((directory) => directory !== "")
    .map((directory) => directory.slice(0, -1));
  return directories.length === 0 ? undefined : directories;
}

/** Where a loader of glibc looks for its cache: distributions that have several C libraries change it. */
function readCachePath(text: string): string {
  return /\0(\/[\w.+/-]*\/ld\.so\.cache)\0/.exec(text)?.[1] ?? "/etc/ld.so.cache";
}

/** For images without a loader. */
function fallbackDirectories(abi: string): string[] {
  const platform = platformName(abi);
  const multiarch = { x86_64: "x86_64-linux-gnu", i686: "i386-linux-gnu", aarch64: "aarch64-linux-gnu" }[
    platform
  ];
  const tuple = multiarch ?? (platform === "v7l" ? "arm-linux-gnueabihf" : undefined);
  const own = tuple === undefined ? [] : [`/lib/${tuple}`, `/usr/lib/${tuple}`];
  return [...own, "/lib64", "/usr/lib64", "/lib", "/usr/lib"];
}
