// Store paths that are wanted → valid in the local store, fetched from binary caches with all that they refer to: several
// at once, each checked while it streams, registered when all that it refers to is.

import type { Context } from "../../model/context.ts";
import { TareError } from "../../model/errors.ts";
import type { PathInfo } from "../../model/path-info.ts";
import type { StorePath } from "../../model/store-path.ts";
import { DiskError } from "../../platform/disk.ts";
import { inParallel } from "../../platform/parallel.ts";
import type { LocalStore, StagedPath } from "../../platform/store/local-store.ts";
import { queryClosure, sortReferencesFirst } from "./closure.ts";
import { Caches, type OfferedPath } from "./path-provider.ts";
import type { Substituters } from "./settings.ts";

export { configuredSubstituters, type Substituters } from "./settings.ts";

/** Narinfos that are asked for at once. */
const QUESTIONS = 32;

/** Paths at once: from servers, and from caches of this machine, where only decoders are waited for. */
const DOWNLOADS = 16;
const LOCAL_READS = 4;

/** Paths that are registered in one transaction. */
const MOST_REGISTERED = 64;

/**
 * Gets paths from caches, where they can be had: see {@link Substituter}.
 *
 * @throws The signal's reason; {DiskError}.
 */
export function substitute(
  paths: readonly StorePath[],
  store: LocalStore,
  substituters: Substituters,
  context: Context,
): Promise<ReadonlySet<StorePath>> {
  return new Substituter(substituters, store, context).substitute(paths);
}

/** Caches that one build asks again and again: what they said is remembered, and each complaint made once. */
export class Substituter {
  readonly #store: LocalStore;
  readonly #caches: Caches;
  readonly #context: Context;
  /** Complaints, without the paths that they are about. */
  readonly #complaints = new Set<string>();

  constructor(substituters: Substituters, store: LocalStore, context: Context) {
    this.#store = store;
    this.#context = context;
    this.#caches = new Caches(substituters, context);
  }

  /**
   * Makes paths valid where a cache has them, with all that they refer to.
   *
   * @returns Those of `paths` that are valid now. What no cache has is left out; what cannot be used, since a cache is
   *   out of reach or not trusted, is left out with a warning.
   * @throws The signal's reason; {DiskError}.
   */
  async substitute(paths: readonly StorePath[]): Promise<ReadonlySet<StorePath>> {
    const { database } = this.#store;
    this.#store.protect(paths);
    const missing = [...new Set(paths)].filter((path) => !database.isValid(path));
    const failures = new Map<StorePath, TareError>();
    const offered: StorePath[] = [];
    await inParallel(missing, QUESTIONS, this.#context.signal, async (path) => {
      const isOffered = await this.#attempt(
        path,
        failures,
        async () => (await this.#caches.offer(path)) !== undefined,
      );
      if (isOffered === true) offered.push(path);
    });
    await this.#fetch(offered, failures);
    this.#warn(failures);
    return new Set(paths.filter((path) => database.isValid(path)));
  }

  /** Fetches all together; where that fails, each alone, so that one that is damaged keeps no other away. */
  async #fetch(paths: readonly StorePath[], failures: Map<StorePath, TareError>): Promise<void> {
    if (paths.length === 0) return;
    const together = new Map<StorePath, TareError>();
    await this.#attempt(paths[0]!, together, () =>
      substituteClosure(paths, this.#store, this.#caches, this.#context),
    );
    if (together.size === 0) return;
    for (const path of paths)
      await this.#attempt(path, failures, () =>
        substituteClosure([path], this.#store, this.#caches, this.#context),
      );
  }

  async #attempt<T>(
    path: StorePath,
    failures: Map<StorePath, TareError>,
    action: () => Promise<T>,
  ): Promise<T | undefined> {
    try {
      return await action();
    } catch (error) {
      this.#context.signal.throwIfAborted();
      // No other path fares better on a disk that is full.
      if (!(error instanceof TareError) || error instanceof DiskError) throw error;
      failures.set(path, error);
      return undefined;
    }
  }

  #warn(failures: ReadonlyMap<StorePath, TareError>): void {
    const complaints = Map.groupBy(failures, ([path, { message }]) => message.replaceAll(path, "…"));
    for (const [complaint, [first, ...others]] of complaints) {
      if (this.#complaints.has(complaint)) continue;
      this.#complaints.add(complaint);
      const [path, error] = first!;
      const more =
        others.length === 0
          ? ""
          : `, nor ${others.length === 1 ? "another path" : `${others.length} others`}`;
      this.#context.progress.warn(`${path} is not taken from a cache${more}: ${error.message}`);
    }
  }
}

/**
 * Makes paths valid, with all that they refer to.
 *
 * @param check Called with what a cache says of each path, before it is fetched.
 * @throws {NixSourceError}; {StoreError} `STORE_HASH_MISMATCH`; {NixFormatError}; {NetworkError}; {DecompressError}.
 */
export async function substituteClosure(
  paths: readonly StorePath[],
  store: LocalStore,
  caches: Caches,
  context: Context,
  check: (info: PathInfo) => void = () => {},
): Promise<void> {
  const infos = await queryMissing(paths, store, caches, context.signal);
  for (const info of infos.values()) check(info);
  const offers: OfferedPath[] = [];
  for (const { path } of sortReferencesFirst(infos)) offers.push((await caches.offer(path))!);
  if (offers.length === 0) return;
  const stage = context.progress.stage("fetching");
  for (const { info } of offers) stage.expect(1, info.fileSize ?? info.narSize);
  using registrar = new Registrar(store, offers);
  const limit = caches.isLocal ? LOCAL_READS : DOWNLOADS;
  await inParallel(offers, limit, context.signal, async ({ info, cache }) => {
    const nar = cache.nar(info, (bytes) => stage.advance(0, bytes));
    registrar.add(await store.stageNar(info, nar));
    stage.advance(1);
  });
  registrar.flush();
  stage.done(`${offers.length} store path${offers.length === 1 ? "" : "s"}`);
}

/** Asks for all that is not in the store; what is there already, and is referred to, stays there. */
async function queryMissing(
  paths: readonly StorePath[],
  store: LocalStore,
  caches: Caches,
  signal: AbortSignal,
): Promise<Map<StorePath, PathInfo>> {
  for (;;) {
    const present = new Set<StorePath>();
    const infos = await queryClosure(paths, caches, signal, (path) => {
      const isPresent = store.database.isValid(path);
      if (isPresent) present.add(path);
      return isPresent;
    });
    store.protect([...present, ...infos.keys()]);
    // A collection may have taken some before they were protected: then they are asked for, too.
    if ([...present].every((path) => store.database.isValid(path))) return infos;
  }
}

/** Registers paths in the order that is given, several at a time. Dispose of it: what was not registered is removed. */
class Registrar implements Disposable {
  readonly #store: LocalStore;
  readonly #order: readonly OfferedPath[];
  readonly #staged = new Map<StorePath, StagedPath>();
  #next = 0;

  constructor(store: LocalStore, order: readonly OfferedPath[]) {
    this.#store = store;
    this.#order = order;
  }

  add(staged: StagedPath): void {
    this.#staged.set(staged.info.path, staged);
    if (this.#ready().length >= MOST_REGISTERED) this.flush();
  }

  /** Registers all whose references are there: those before the first that is not. */
  flush(): void {
    for (let ready = this.#ready(); ready.length > 0; ready = this.#ready()) {
      this.#next += ready.length;
      for (const { info } of ready) this.#staged.delete(info.path);
      this.#store.register(ready);
    }
  }

  #ready(): StagedPath[] {
    const ready: StagedPath[] = [];
    for (let i = this.#next; ready.length < MOST_REGISTERED; i++) {
      const path = this.#order[i]?.info.path;
      const staged = path && this.#staged.get(path);
      if (staged === undefined) break;
      ready.push(staged);
    }
    return ready;
  }

  [Symbol.dispose](): void {
    for (const { staged } of this.#staged.values()) this.#store.discard(staged);
  }
}
