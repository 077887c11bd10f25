// All programs and libraries of a root, loaded in thought: what each name led to, and what was not found.

import type { BytePath } from "../../model/bytes.ts";
import { baseName } from "../../model/bytes.ts";
import type { ElfFile } from "./file-facts.ts";
import type { LinkMap, Loader } from "./loader.ts";

/** A name that led nowhere. */
export interface Lack {
  readonly requester: ElfFile;
  readonly name: string;
  readonly bad: BytePath | undefined;
  /** Programs that fail because of it; empty when only `dlopen` would load the requester. */
  readonly programs: readonly ElfFile[];
}

/** A file that was found for a name of another. */
export interface Link {
  readonly requester: ElfFile;
  readonly name: string;
  readonly provider: ElfFile;
  readonly level: string | undefined;
  /** Whether the loader compares symbol versions. */
  readonly checksVersions: boolean;
}

export interface Linking {
  /** Each requester and name once. */
  readonly lacks: readonly Lack[];
  /** Each requester, name and provider once. */
  readonly links: readonly Link[];
}

/**
 * Links all files.
 *
 * Programs come first. A library that no program loads at its start is loaded alone, as a program does that opens it
 * later; of those, the ones that no other needs come first, since what they pass on (DT_RPATH) counts for the others.
 *
 * @param programs Sorted.
 * @param libraries Sorted; those that programs load may be among them.
 */
export function linkAll(
  programs: readonly ElfFile[],
  libraries: readonly ElfFile[],
  loaderOf: (file: ElfFile) => Loader,
): Linking {
  const collector = new Collector();
  const load = (file: ElfFile, program: ElfFile | undefined) => {
    const loader = loaderOf(file);
    collector.add(loader.link(file), program, loader.checksVersions);
  };
  for (const program of programs) load(program, program);
  const needed = new Set(libraries.flatMap(({ elf }) => elf.needed));
  const isNeeded = ({ path, elf }: ElfFile) => needed.has(elf.soname ?? "") || needed.has(baseName(path));
  const ordered = [...libraries.filter((file) => !isNeeded(file)), ...libraries.filter(isNeeded)];
  for (const library of ordered) {
    if (!collector.loaded.has(library.path)) load(library, undefined);
  }
  return { lacks: [...collector.lacks.values()], links: [...collector.links.values()] };
}

class Collector {
  /** Paths of the objects that were loaded. */
  readonly loaded = new Set<BytePath>();
  readonly lacks = new Map<string, Lack & { readonly programs: ElfFile[] }>();
  readonly links = new Map<string, Link>();

  add({ objects, bindings, missing }: LinkMap, program: ElfFile | undefined, checksVersions: boolean): void {
    for (const { file } of objects) this.loaded.add(file.path);
    for (const { requester, name, bad } of missing) {
      const key = `${requester.file.path}\0${name}`;
      let lack = this.lacks.get(key);
      if (lack === undefined) {
        lack = { requester: requester.file, name, bad, programs: [] };
        this.lacks.set(key, lack);
      }
      if (program !== undefined) lack.programs.push(program);
    }
    for (const { requester, name, provider, level } of bindings) {
      const key = `${requester.file.path}\0${name}\0${provider.file.path}`;
      if (this.links.has(key)) continue;
      this.links.set(key, {
        requester: requester.file,
        name,
        provider: provider.file,
        level,
        checksVersions,
      });
    }
  }
}
