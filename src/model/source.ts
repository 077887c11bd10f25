// What a package source does: one folder under sources/ each, with an index.ts that exports `source`.

import type { Context } from "./context.ts";
import { InternalError } from "./errors.ts";
import type { RequestScope } from "./image-spec.ts";
import type { LockChange, LockSection } from "./lock.ts";
import type { StoreObject } from "./store-object.ts";
import type { Tree } from "./tree.ts";

export interface Source {
  /**
   * Resolves and pins: the only step that asks what is newest.
   *
   * @param names What is asked for in this scope, sorted, each once: packages, and what else the source can find.
   * @param mirrors Base URLs from image.ts; the source adds those of the environment and its defaults.
   */
  lock(
    scope: RequestScope,
    names: readonly string[],
    mirrors: readonly string[],
    context: Context,
  ): Promise<LockSection>;

  /**
   * Turns pins into store objects, fetching and unpacking what the cache does not hold.
   *
   * @param names Names of pins of the section.
   * @returns One object for each name, in the order of the names.
   */
  realise(
    section: LockSection,
    names: readonly string[],
    mirrors: readonly string[],
    context: Context,
  ): Promise<StoreObject[]>;

  /**
   * Makes store paths valid in the store of this user, with all that they refer to, for builds to read.
   *
   * @param names Names of pins of the section, which are store paths.
   */
  provideStorePaths?(
    section: LockSection,
    names: readonly string[],
    mirrors: readonly string[],
    context: Context,
  ): Promise<void>;

  /**
   * Who has files, for messages: names of packages by request; what nobody has is left out.
   *
   * @param requests Such as `lib:libssl.so.3`, `bin:sh` or `/usr/bin/perl` (docs/requests.md).
   * @param cachedOnly Large indices are used when they are in the cache, and not fetched.
   */
  findProviders?(
    scope: RequestScope,
    requests: readonly string[],
    mirrors: readonly string[],
    context: Context,
    cachedOnly: boolean,
  ): Promise<ReadonlyMap<string, readonly string[]>>;

  /**
   * Makes a tree of a project of this machine, for a build or an image.
   *
   * @param path Absolute path of the project's directory or lock file.
   * @param options Plain data, as the source's function for image.ts wrote it.
   */
  importTree?(path: string, options: Readonly<Record<string, unknown>>, context: Context): Promise<Tree>;

  /** What of this machine an import depends on, as text: the same text, the same tree. Fetches nothing. */
  identifyImport?(
    path: string,
    options: Readonly<Record<string, unknown>>,
    context: Context,
  ): Promise<string>;

  /**
   * The options of the same import for development: with what the image leaves out.
   *
   * @param groups Names of dependency groups; undefined is what the language's tools take by default.
   */
  developImport?(
    options: Readonly<Record<string, unknown>>,
    groups: readonly string[] | undefined,
  ): Readonly<Record<string, unknown>>;

  /** What to ask for instead of a scope whose libraries are too old, as image.ts writes it; undefined when it is the newest. */
  suggestNewer?(scope: RequestScope): Promise<string | undefined>;

  /**
   * Lists what differs between two sections of the same scope, sorted by name.
   *
   * @param before Undefined when there was no such section: everything is added.
   * @param after Undefined when there is none any more: everything is removed.
   */
  describeChanges(before: LockSection | undefined, after: LockSection | undefined): Promise<LockChange[]>;
}

/** What a source does that has nothing to pin, as its projects have locks of their own: it makes trees of them. */
export type ProjectImporter = Required<Pick<Source, "importTree" | "identifyImport">> &
  Pick<Source, "developImport">;

/**
 * A source of project imports only: no request names it, and tare.lock has no section of it.
 *
 * @param pinnedBy What pins its packages, for whoever asks all the same: "Go modules are pinned by go.sum".
 */
export function importingSource(pinnedBy: string, importer: ProjectImporter): Source {
  const refuse = async () => {
    throw new InternalError(`${pinnedBy}, tare.lock has none of them`);
  };
  return { lock: refuse, realise: refuse, describeChanges: refuse, ...importer };
}
