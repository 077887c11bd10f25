// Whether the libraries that were found for a local file have the symbol versions that it was linked against.

import type { ElfLinkage } from "../../formats/elf.ts";
import { parseElfLinkage } from "../../formats/elf.ts";
import type { BytePath } from "../../model/bytes.ts";
import { baseName, parentPath, resolveLinkTarget } from "../../model/bytes.ts";
import type { StoreObject } from "../../model/store-object.ts";
import type { FileEntry, TreeEntry } from "../../model/tree.ts";
import { ContentReader } from "../../platform/content.ts";
import { PathError } from "./errors.ts";
import type { LocalObject } from "./local-files.ts";

/** Links in a row that the kernel follows. */
const MOST_LINKS = 40;

/**
 * Checks the symbol versions of a local file, as the dynamic loader would when it starts.
 *
 * @param providers What answers each of the file's needs, in their order.
 * @param newer What to ask for instead of the archive, as image.ts writes it.
 * @throws {PathError} `SYMBOL_VERSION_TOO_NEW`; {ContentError} when a library in the cache is damaged.
 */
export function checkSymbolVersions(
  { file, archive, needs, linkage }: LocalObject,
  providers: readonly StoreObject[],
  newer: string | undefined,
): void {
  using reader = new ContentReader();
  for (const { library, versions } of linkage?.versionNeeds ?? []) {
    const wanted = versions.filter(({ weak }) => !weak).map(({ name }) => name);
    const provider = providers[needs.findIndex(({ name }) => name === `lib:${library}`)];
    const found = provider && findLibrary(provider, library, reader);
    // A library without versions satisfies all, as it does for the loader.
    if (wanted.length === 0 || found === undefined || found.versionDefinitions.length === 0) continue;
    const missing = wanted.filter((version) => !found.versionDefinitions.includes(version));
    if (missing.length > 0) {
      throw tooNew(file.path, library, missing, found.versionDefinitions, archive.scope["suite"], newer);
    }
  }
}

/** The library of a name in a package; undefined when the name leads out of it. */
function findLibrary(object: StoreObject, soname: string, reader: ContentReader): ElfLinkage | undefined {
  const entries = new Map<BytePath, TreeEntry>(object.tree.entries.map((entry) => [entry.path, entry]));
  const named = object.tree.entries.filter(
    (entry) => entry.type !== "directory" && baseName(entry.path) === soname,
  );
  // Other copies lie deeper: in glibc-hwcaps, for instance.
  named.sort((a, b) => parentPath(a.path).split("/").length - parentPath(b.path).split("/").length);
  let entry: TreeEntry | undefined = named[0];
  for (let links = 0; entry?.type === "symlink" && links < MOST_LINKS; links++) {
    entry = entries.get(resolveLinkTarget(entry.path, entry.target));
  }
  return entry?.type === "file" ? readLinkage(entry, reader) : undefined;
}

function readLinkage(entry: FileEntry, reader: ContentReader): ElfLinkage | undefined {
  return parseElfLinkage({
    size: entry.size,
    readInto: (position, target) => reader.readInto(entry, position, target),
  });
}

function tooNew(
  path: string,
  library: string,
  missing: readonly string[],
  defined: readonly string[],
  suite: unknown,
  newer: string | undefined,
): PathError {
  const worst = [...missing].sort(compareVersionNames).at(-1)!;
  const newest = [...defined]
    .filter((name) => prefixOf(name) === prefixOf(worst))
    .sort(compareVersionNames)
    .at(-1);
  const has = newest === undefined ? "has none of its kind" : `has ${newest}`;
  const where = typeof suite === "string" ? suite : "the archive";
  return new PathError(
    "SYMBOL_VERSION_TOO_NEW",
    `Cannot run ${path} in the image: it needs ${worst} of ${library}, ${where} ${has}`,
    {
      hint:
        newer === undefined
          ? `Build the program where ${library} is as old as that of ${where}, or link it statically`
          : `Use ${newer} as the archive, or build the program where ${library} is as old as that of ${where}`,
    },
  );
}

/** `GLIBC_` of `GLIBC_2.38`. */
function prefixOf(version: string): string {
  return version.replace(/[0-9.]+$/, "");
}

/** Orders versions by the numbers in them: 2.4 is before 2.36, `GLIBC_PRIVATE` before all. */
function compareVersionNames(a: string, b: string): number {
  const [x, y] = [a, b].map((name) => (/[0-9.]+$/.exec(name)?.[0] ?? "").split(".").map(Number));
  for (let i = 0; i < Math.max(x!.length, y!.length); i++) {
    const difference = (x![i] ?? 0) - (y![i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a < b ? -1 : a > b ? 1 : 0;
}
