// Store paths that are wanted → valid in the local store, fetched from binary caches with all that they refer to: several
// at once, each checked while it streams, registered when all that it refers to is.

import type { Context } from "../../model/context.ts";
import { TareError } from "../../model/errors.ts";
import type { PathInfo } from "../../model/path-info.ts";
import type { StorePath } from "../../model/store-path.ts";
import { inParallel } from "../../platform/parallel.ts";
import type { LocalStore, StagedPath } from "../../platform/store/local-store.ts";
import { queryClosure, sortReferencesFirst } from "./closure.ts";
import { Caches, type OfferedPath } from "./path-provider.ts";
import type { Substituters } from "./settings.ts";

export { configuredSubstituters, type Substituters } from "./settings.ts";

/** Paths at once: from servers, and from caches of this machine, where only decoders are waited for. */
const DOWNLOADS = 16;
const LOCAL_READS = 4;

/** Paths that are registered in one transaction. */
const MOST_REGISTERED = 64;

/**
 * Gets paths from caches, where they can be had.
 *
 * @returns Those of `paths` that are valid now. What no cache has is left out; what cannot be used, since a cache is out
 *   of reach or not trusted, is left out with a warning.
 * @throws The signal's reason; {DiskError}.
 */
export async function substitute(
  paths: readonly StorePath[],
  store: LocalStore,
  substituters: Substituters,
  context: Context,
): Promise<ReadonlySet<StorePath>> {
  store.protect(paths);
  const caches = new Caches(substituters, context);
  for (const path of paths) {
    if (substituters.urls.length === 0 || store.database.isValid(path)) continue;
    try {
      if ((await caches.offer(path)) !== undefined) await substituteClosure([path], store, caches, context);
    } catch (error) {
      context.signal.throwIfAborted();
      if (!(error instanceof TareError)) throw error;
      context.progress.warn(`${path} is not taken from a cache: ${error.message}`);
    }
  }
  return new Set(paths.filter((path) => store.database.isValid(path)));
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
  const isValid = (path: StorePath) => {
    store.protect([path]);
    return store.database.isValid(path);
  };
  const infos = await queryClosure(paths, caches, context.signal, isValid);
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
