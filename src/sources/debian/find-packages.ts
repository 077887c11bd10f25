// Files that are asked for → the packages that ship them, by the archive's Contents indices.

import { parsePackageNames } from "../../formats/debian-contents.ts";
import { compareStrings, decodeByteString } from "../../model/bytes.ts";
import type { Context } from "../../model/context.ts";
import type { ProgressStage } from "../../model/progress.ts";
import { didYouMean } from "../../model/suggest.ts";
import { NetworkError } from "../../platform/network.ts";
import { type Catalog, priorityRank } from "./catalog.ts";
import { type ContentsIndex, listContents, readContents } from "./contents.ts";
import { DebianError } from "./errors.ts";
import type { VerifiedSuite } from "./index-file.ts";
import { locationsOf } from "./locations.ts";
import { type FileRequest, parseRequestName } from "./request-name.ts";
import { resolve } from "./resolve.ts";
import type { DebianScope } from "./scope.ts";

/** A file that is asked for, with what is known of it. */
interface Sought {
  /** As it was asked for. */
  readonly text: string;
  readonly request: FileRequest;
  /** Best first, each in all its spellings. */
  readonly locations: readonly (readonly string[])[];
}

/** Names of the packages that ship a path, by path. */
type Owners = ReadonlyMap<string, ReadonlySet<string>>;

/** How many names a message has at most. */
const MOST_NAMED = 5;

/**
 * Finds the package that each request means.
 *
 * Of several packages that ship a file, one that comes along anyway is taken, else the one of the highest priority,
 * else the first by name; a note says so.
 *
 * @param names Requests, sorted.
 * @returns By request: what {@link resolve} is to be asked for.
 * @throws {DebianError} `UNKNOWN_PATH`, `INDEX_MISSING`, `BAD_INDEX`, `BAD_NAME`; those of {@link resolve}.
 */
export async function findPackages(
  names: readonly string[],
  suites: readonly VerifiedSuite[],
  scope: DebianScope,
  catalog: Catalog,
  context: Context,
): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const sought: Sought[] = [];
  for (const text of names) {
    const request = parseRequestName(text);
    if (request.kind === "package") found.set(text, text);
    else sought.push({ text, request, locations: locationsOf(request, scope.architecture) });
  }
  if (sought.length === 0) return found;
  const stage = context.progress.stage("looking up");
  const search = new Search(suites, scope, stage, context);
  const owners = await search.findOwners(sought);
  const candidates = new Map(sought.map((one) => [one, candidatesOf(one, owners, catalog)]));
  const lost = sought.filter((one) => candidates.get(one)!.length === 0);
  if (lost.length > 0) throw await explainLost(lost, search, scope, catalog);
  choose(candidates, found, scope, catalog, context);
  stage.done(describeFound(sought, found));
  return found;
}

/**
 * The names of the packages that ship files, sorted; requests that nobody answers are left out.
 *
 * @param names Requests for files.
 * @throws {DebianError} `INDEX_MISSING`, `BAD_INDEX`, `BAD_NAME`; {NetworkError} when nobody has an index.
 */
export async function findOwners(
  names: readonly string[],
  suites: readonly VerifiedSuite[],
  scope: DebianScope,
  context: Context,
): Promise<Map<string, string[]>> {
  const sought = names.flatMap((text): Sought[] => {
    const request = parseRequestName(text);
    if (request.kind === "package") return [];
    return [{ text, request, locations: locationsOf(request, scope.architecture) }];
  });
  const stage = context.progress.stage("looking up");
  const owners = await new Search(suites, scope, stage, context).findOwners(sought);
  const found = new Map<string, string[]>();
  for (const { text, locations } of sought) {
    const shipping = locations.flat().flatMap((path) => [...(owners.get(path) ?? [])]);
    if (shipping.length > 0) found.set(text, [...new Set(shipping)].sort(compareStrings));
  }
  stage.done(`${found.size} of ${sought.length} files are shipped by packages of ${scope.suite}`);
  return found;
}

function describeFound(sought: readonly Sought[], found: ReadonlyMap<string, string>): string {
  const packages = [...new Set(sought.map(({ text }) => found.get(text)!))].sort(compareStrings);
  return `${sought.length} ${sought.length === 1 ? "file" : "files"} in ${listNames(packages)}`;
}

/** The packages of the catalog that ship a file, at its best place. */
function candidatesOf({ locations }: Sought, owners: Owners, catalog: Catalog): string[] {
  for (const spellings of locations) {
    const names = new Set(spellings.flatMap((path) => [...(owners.get(path) ?? [])]));
    const known = [...names].filter((name) => catalog.versions(name).length > 0);
    if (known.length > 0) return known.sort(compareStrings);
  }
  return [];
}

/** Settles which package each file stands for; what only one package ships is settled first. */
function choose(
  candidates: ReadonlyMap<Sought, readonly string[]>,
  found: Map<string, string>,
  { recommends }: DebianScope,
  catalog: Catalog,
  context: Context,
): void {
  for (const [{ text }, names] of candidates) {
    if (names.length === 1) found.set(text, names[0]!);
  }
  const open = [...candidates].filter(([, names]) => names.length > 1);
  if (open.length === 0) return;
  const present = resolve(catalog, [...new Set(found.values())], { recommends }).packages;
  const rank = (name: string): number => priorityRank(catalog.versions(name)[0]!.record);
  for (const [{ text }, names] of open) {
    const [best, ...others] = [...names].sort(
      (a, b) => Number(present.has(b)) - Number(present.has(a)) || rank(a) - rank(b) || compareStrings(a, b),
    );
    found.set(text, best!);
    context.progress.note(`${text} is that of ${best}; ${others.join(" and ")} would have one, too`);
  }
}

/** Lookups in the indices of one lock. */
class Search {
  readonly #suites: readonly VerifiedSuite[];
  readonly #scope: DebianScope;
  readonly #stage: ProgressStage;
  readonly #context: Context;
  readonly #expected = new Set<string>();

  constructor(suites: readonly VerifiedSuite[], scope: DebianScope, stage: ProgressStage, context: Context) {
    this.#suites = suites;
    this.#scope = scope;
    this.#stage = stage;
    this.#context = context;
  }

  /**
   * Who ships the files. The packages of every architecture are asked only for what the architecture's own do not have,
   * updates only for what the release does not have.
   */
  async findOwners(sought: readonly Sought[]): Promise<Owners> {
    const { architecture, suite } = this.#scope;
    const own = this.#indices(architecture);
    const common = this.#indices("all");
    if (own.length + common.length === 0) {
      throw new DebianError(
        "INDEX_MISSING",
        `Cannot look for ${sought[0]!.text}: ${suite} has no Contents index, which says what packages ship`,
        { hint: "Ask for the package by its name, or name another mirror" },
      );
    }
    const owners = new Map<string, Set<string>>();
    for (const isUpdate of [false, true]) {
      for (const indices of [own, common]) {
        const rest = sought.filter(
          ({ locations, request }) =>
            // No library is for every architecture.
            !(indices === common && request.kind === "library") &&
            !locations.flat().some((path) => owners.has(path)),
        );
        if (rest.length === 0) continue;
        for (const index of indices) {
          if (this.#isUpdate(index) === isUpdate) await this.#collect(index, rest, owners);
        }
      }
    }
    return owners;
  }

  async #collect(
    index: ContentsIndex,
    sought: readonly Sought[],
    owners: Map<string, Set<string>>,
  ): Promise<void> {
    const wanted = new Set(sought.flatMap(({ locations }) => locations.flat()));
    for (const [path, location] of await this.#read(index, (path) => wanted.has(path))) {
      const names = owners.get(path) ?? new Set();
      for (const name of parsePackageNames(location)) names.add(name);
      owners.set(path, names);
    }
  }

  /** The lines whose paths a test accepts, of all indices of the release itself. */
  async findLines(accepts: (path: string) => boolean, libraries: boolean): Promise<[string, string][]> {
    const indices = [...this.#indices(this.#scope.architecture), ...(libraries ? [] : this.#indices("all"))];
    const lines: [string, string][] = [];
    for (const index of indices) {
      if (!this.#isUpdate(index)) lines.push(...(await this.#read(index, accepts)));
    }
    return lines;
  }

  #indices(architecture: string): ContentsIndex[] {
    return listContents(this.#suites, this.#scope.components, architecture);
  }

  #isUpdate({ suite }: ContentsIndex): boolean {
    return suite.suite.name !== this.#scope.suite;
  }

  /** The lines whose paths a test accepts. Of an update that nobody has, none: its indices are often out of step. */
  async #read(index: ContentsIndex, accepts: (path: string) => boolean): Promise<[string, string][]> {
    try {
      return await this.#readAll(index, accepts);
    } catch (error) {
      if (!(error instanceof NetworkError) || !this.#isUpdate(index)) throw error;
      this.#context.progress.warn(`files of ${index.suite.suite.name} are not looked up: ${error.message}`);
      return [];
    }
  }

  #readAll(index: ContentsIndex, accepts: (path: string) => boolean): Promise<[string, string][]> {
    const [form] = index.forms;
    // Whatever is read again comes from the cache.
    if (!this.#expected.has(form!.sha256)) this.#stage.expect(0, form!.size);
    this.#expected.add(form!.sha256);
    return readContents(
      index,
      () => {
        const lines: [string, string][] = [];
        const visit = (path: string, location: string): void => {
          if (accepts(path)) lines.push([detach(path), detach(location)]);
        };
        return { visit, result: lines };
      },
      this.#context,
      (bytes) => this.#stage.advance(0, bytes),
    );
  }
}

/** A copy of a byte string: a part of a longer string keeps the whole of it in memory. */
function detach(text: string): string {
  return Buffer.from(text, "latin1").toString("latin1");
}

/** Tells what nobody ships, with the names nearest to it. */
async function explainLost(
  lost: readonly Sought[],
  search: Search,
  { suite }: DebianScope,
  catalog: Catalog,
): Promise<DebianError> {
  const names = lost.map(({ text }) => text).join(", ");
  const [first] = lost;
  const isLibrary = first!.request.kind === "library";
  return new DebianError(
    "UNKNOWN_PATH",
    isLibrary
      ? `Cannot resolve ${names}: no package of ${suite} ships it in a directory of libraries`
      : `Cannot resolve ${names}: no package of ${suite} ships it`,
    { hint: await hintFor(first!, search, catalog) },
  );
}

async function hintFor({ request, locations }: Sought, search: Search, catalog: Catalog): Promise<string> {
  const places = locations.flat();
  const wanted = fileName(places[0]!);
  const isLibrary = request.kind === "library";
  const providers = isLibrary ? [] : namesOfProviders(catalog, wanted);
  if (providers.length > 0) return `Ask for a package that provides ${wanted}: ${listNames(providers)}`;
  const directories = new Set(places.map(directoryName));
  const isInside = (path: string): boolean => directories.has(directoryName(path));
  const end = `/${wanted}`;
  const lines = await search.findLines((path) => path.endsWith(end) || isInside(path), isLibrary);
  const namesakes = lines.filter(([path]) => path.endsWith(end) && isProgramOrLibrary(path, request));
  if (namesakes.length > 0) return hintOfNamesakes(namesakes, request);
  const around = new Set(lines.flatMap(([path]) => (isInside(path) ? fileName(path) : [])));
  // update-alternatives makes links such as vi of programs such as vim.tiny.
  const variants = [...around].filter((name) => name.startsWith(wanted) && name.includes(".", wanted.length));
  if (!isLibrary && variants.length > 0) {
    const shown = listNames(variants.map(decodeByteString).sort(compareStrings));
    return `If update-alternatives makes it, ask for the program that it leads to: ${shown}`;
  }
  const nearest = didYouMean(decodeByteString(wanted), [...around].map(decodeByteString));
  if (nearest !== undefined) return nearest;
  return isLibrary
    ? "Put the library into the image as well, with file(), or link it statically"
    : "A path that update-alternatives or a package's script makes is in no index: ask for the program that it leads to, or for a package by its name";
}

function fileName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** With the final slash. */
function directoryName(path: string): string {
  return path.slice(0, path.lastIndexOf("/") + 1);
}

function namesOfProviders(catalog: Catalog, name: string): string[] {
  return [...new Set(catalog.provisions(name).map(({ candidate }) => candidate.record.name))];
}

function listNames(names: readonly string[]): string {
  const rest = names.length - MOST_NAMED;
  return `${names.slice(0, MOST_NAMED).join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`;
}

function isProgramOrLibrary(path: string, { kind }: FileRequest): boolean {
  return kind === "library" ? path.includes("lib") : /(?:^|\/)s?bin\/[^/]+$/.test(path);
}

function hintOfNamesakes(lines: readonly [string, string][], { kind }: FileRequest): string {
  const shown = [...lines]
    .sort(([a], [b]) => a.length - b.length || compareStrings(a, b))
    .slice(0, 3)
    .map(([path, location]) => `/${decodeByteString(path)} of ${parsePackageNames(location).join(" and ")}`);
  const how = kind === "library" ? "ask for its package" : "ask for that";
  return `It may be a link that update-alternatives makes to ${shown.join(" or ")}: ${how}`;
}
