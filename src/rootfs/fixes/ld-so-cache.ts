// Does what ldconfig does: links libraries under their sonames, and writes /etc/ld.so.cache.
// Specification: ldconfig(8); elf/ldconfig.c of glibc 2.36 for which file of a directory stands for a soname.

import type { Elf } from "../../formats/elf.ts";
import { parseElf } from "../../formats/elf.ts";
import type { CachedLibrary } from "../../formats/ld-so-cache.ts";
import { compareLibraryNames, formatLibraryCache, libraryFlags } from "../../formats/ld-so-cache.ts";
import { parseLdSoConf } from "../../formats/ld-so-conf.ts";
import { compileShellPattern, toPatternChars } from "../../formats/posix-pattern.ts";
import type { BytePath } from "../../model/bytes.ts";
import { joinPath } from "../../model/bytes.ts";
import { MULTIARCH } from "../architecture.ts";
import type { Fix, FixContext } from "../fix.ts";

/** What /etc/ld.so.conf of libc-bin says; used where no package brings the file. */
const DEFAULT_CONF = "include /etc/ld.so.conf.d/*.conf\n";
const MACHINES = { amd64: 62, arm64: 183 } as const;
const HWCAPS_DIRECTORY = "glibc-hwcaps";
const DEEPEST_INCLUDE = 8;

export const fix: Fix = {
  after: ["maintainer-scripts", "tmpfiles"],
  create: (context) => ({ run: () => new LibraryIndex(context).write() }),
};

interface SearchDirectory {
  /** As the configuration writes it; what the cache will say. */
  readonly shown: string;
  readonly path: BytePath;
  readonly hwcap: string | undefined;
}

interface Candidate {
  readonly soname: string;
  readonly name: string;
  readonly isLink: boolean;
}

class LibraryIndex {
  readonly #context: FixContext;
  readonly #elves = new Map<BytePath, Elf | undefined>();

  constructor(context: FixContext) {
    this.#context = context;
  }

  write(): void {
    const { root, report } = this.#context;
    const directories = this.#searchDirectories();
    const libraries = directories.flatMap((directory) => this.#scan(directory));
    const generator = this.#generator();
    // Without a C library that reads it the cache is of no use.
    if (libraries.length === 0 || generator === undefined) return;
    const path = "etc/ld.so.cache" as BytePath;
    root.writeFile(path, formatLibraryCache({ libraries, generator }));
    report("write", `${libraries.length} libraries in ${directories.length} directories`, { path });
  }

  /** What ldconfig of the image's own C library would sign with. */
  #generator(): string | undefined {
    const libc = this.#context.packages.find(({ package: { name } }) => name === "libc6");
    if (libc === undefined) return undefined;
    const { version } = libc.package;
    const upstream = /^(\d+\.\d+)/.exec(version)?.[1] ?? version;
    return `ldconfig (Debian GLIBC ${version}) stable release version ${upstream}`;
  }

  #searchDirectories(): SearchDirectory[] {
    const { root, options } = this.#context;
    const multiarch = MULTIARCH[options.architecture];
    const configured = this.#readConf("/etc/ld.so.conf", root.readText("/etc/ld.so.conf") ?? DEFAULT_CONF, 0);
    const standard = [`/lib/${multiarch}`, `/usr/lib/${multiarch}`, "/lib", "/usr/lib"];
    const seen = new Set<BytePath>();
    return [...configured, ...standard].flatMap((shown) => {
      const path = root.resolve(shown, true);
      if (path === undefined || seen.has(path) || root.get(path)?.type !== "directory") return [];
      seen.add(path);
      return [...this.#hwcapDirectories(shown, path), { shown, path, hwcap: undefined }];
    });
  }

  #readConf(file: string, text: string, depth: number): string[] {
    return parseLdSoConf(text).flatMap((line) => {
      if (line.kind === "directory") return [line.path];
      return depth < DEEPEST_INCLUDE ? this.#include(file, line.pattern, depth) : [];
    });
  }

  #include(file: string, pattern: string, depth: number): string[] {
    const { root } = this.#context;
    const absolute = pattern.startsWith("/") ? pattern : `${file.slice(0, file.lastIndexOf("/"))}/${pattern}`;
    const folder = absolute.slice(0, absolute.lastIndexOf("/"));
    const expression = compileShellPattern(toPatternChars(absolute.slice(folder.length + 1)), "path");
    const directory = root.resolve(folder, true);
    if (directory === undefined || expression === undefined) return [];
    return root
      .names(directory)
      .filter((name) => expression.test(name) && root.has(`${folder}/${name}`))
      .flatMap((name) =>
        this.#readConf(`${folder}/${name}`, root.readText(`${folder}/${name}`) ?? "", depth + 1),
      );
  }

  #hwcapDirectories(shown: string, path: BytePath): SearchDirectory[] {
    const { root } = this.#context;
    const base = joinPath(path, HWCAPS_DIRECTORY);
    return root
      .names(base)
      .filter((name) => root.get(joinPath(base, name))?.type === "directory")
      .map((name) => ({
        shown: `${shown}/${HWCAPS_DIRECTORY}/${name}`,
        path: joinPath(base, name),
        hwcap: name,
      }));
  }

  #scan(directory: SearchDirectory): CachedLibrary[] {
    const chosen = new Map<string, Candidate>();
    for (const name of this.#context.root.names(directory.path)) {
      const candidate = this.#consider(directory.path, name);
      if (candidate === undefined) continue;
      const before = chosen.get(candidate.soname);
      if (before === undefined || isBetter(candidate, before)) chosen.set(candidate.soname, candidate);
    }
    const flags = libraryFlags(MACHINES[this.#context.options.architecture]);
    return [...chosen.values()].map(({ soname, name, isLink }) => {
      if (directory.hwcap === undefined && !isLink) this.#link(directory.path, soname, name);
      const file = directory.hwcap === undefined ? soname : name;
      return {
        name: soname,
        path: `${directory.shown}/${file}`,
        flags,
        ...(directory.hwcap === undefined ? {} : { hwcap: directory.hwcap }),
      };
    });
  }

  #consider(directory: BytePath, name: string): Candidate | undefined {
    if (!/^(?:lib|ld-).*\.so/.test(name) || /\.(?:dpkg-new|dpkg-tmp)$/.test(name)) return undefined;
    const { root, options } = this.#context;
    const path = joinPath(directory, name);
    const entry = root.get(path);
    if (entry === undefined || entry.type === "directory") return undefined;
    const elf = this.#readElf(path);
    if (elf?.class !== 64 || elf.machine !== MACHINES[options.architecture] || elf.type !== "shared")
      return undefined;
    const soname = elf.soname ?? name;
    // A link that is neither the soname nor the name for the linker counts as a file.
    const isLinkerName = name.endsWith(".so") && soname.startsWith(name);
    const isLink = entry.type === "symlink" && (name === soname || isLinkerName);
    return { soname: isLink ? name : soname, name, isLink };
  }

  #readElf(link: BytePath): Elf | undefined {
    const { root } = this.#context;
    const path = root.resolve(link, true);
    if (path === undefined) return undefined;
    if (this.#elves.has(path)) return this.#elves.get(path);
    const entry = root.get(path);
    const elf = entry?.type === "file" && entry.size > 64 ? parseElf(root.readFile(entry)) : undefined;
    this.#elves.set(path, elf);
    return elf;
  }

  #link(directory: BytePath, soname: string, name: string): void {
    if (soname === name || soname.includes("/") || soname === "") return;
    const { root, report } = this.#context;
    const path = joinPath(directory, soname);
    const before = root.get(path);
    if (
      before !== undefined &&
      (before.type !== "symlink" || root.resolve(path, true) === joinPath(directory, name))
    ) {
      return;
    }
    root.makeLink(path, name);
    report("link", `to ${name}, whose soname it is`, { path });
  }
}

/** A file is better than a link, else the newer by its name. */
function isBetter(candidate: Candidate, before: Candidate): boolean {
  if (candidate.isLink !== before.isLink) return !candidate.isLink;
  return compareLibraryNames(before.name, candidate.name) < 0;
}
