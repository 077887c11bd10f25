// Every valid path against what is registered: whether it is there, has its hash, and is as canonical as all of a store.

import { decodeByteString } from "../model/bytes.ts";
import type { Context } from "../model/context.ts";
import { TareError } from "../model/errors.ts";
import { type StorePath, storeBaseName } from "../model/store-path.ts";
import type { Registration } from "../platform/nix-database.ts";
import { removeInvalid } from "../platform/store/garbage.ts";
import type { LocalStore } from "../platform/store/local-store.ts";
import { existsInStore, findUncanonical, hashNar } from "../platform/store-files.ts";

export interface StoreProblem {
  readonly path: StorePath;
  /** `unreadable`: it holds what no store path may, or the disk cannot give it. */
  readonly kind: "missing" | "changed" | "unreadable" | "not-canonical";
  readonly detail: string;
}

export interface VerifiedStore {
  /** Paths that were looked at. */
  readonly checked: number;
  /** Bytes of their NARs. */
  readonly size: number;
  readonly problems: readonly StoreProblem[];
  /** Paths that are valid no more: damaged ones, and all that refer to them. */
  readonly removed: readonly StorePath[];
  /** Paths whose modes and times were set right. */
  readonly repaired: readonly StorePath[];
}

/**
 * Reads everything, or some paths, again.
 *
 * @param options `repair`: what is damaged is made invalid and removed, with all that refers to it, so that the next
 *   build makes it anew; what is merely not canonical is made so.
 */
export async function verifyStore(
  store: LocalStore,
  { paths, repair }: { readonly paths?: readonly StorePath[] | undefined; readonly repair: boolean },
  { progress, signal }: Pick<Context, "progress" | "signal">,
): Promise<VerifiedStore> {
  const infos = paths === undefined ? store.database.all() : paths.map((path) => store.query(path));
  const stage = progress.stage("verifying");
  const size = infos.reduce((sum, { narSize }) => sum + narSize, 0);
  stage.expect(infos.length, size);
  const problems: StoreProblem[] = [];
  for (const info of infos) {
    const problem = await findProblem(store.physicalPath(info.path), info, signal);
    if (problem !== undefined) problems.push({ path: info.path, ...problem });
    stage.advance(1, info.narSize);
  }
  stage.done(`${infos.length} store path${infos.length === 1 ? "" : "s"}`);
  const result = { checked: infos.length, size, problems };
  return { ...result, ...(repair ? repairPaths(store, problems) : { removed: [], repaired: [] }) };
}

async function findProblem(
  place: string,
  { narHash, narSize }: Registration,
  signal: AbortSignal,
): Promise<Omit<StoreProblem, "path"> | undefined> {
  if (!existsInStore(place)) return { kind: "missing", detail: `there is nothing at ${place}` };
  try {
    const found = await hashNar(place, { signal });
    if (found.narHash !== narHash || found.narSize !== narSize) {
      return {
        kind: "changed",
        detail: `its NAR has the hash sha256:${found.narHash}, registered is sha256:${narHash}`,
      };
    }
    const uncanonical = findUncanonical(place);
    if (uncanonical === undefined) return undefined;
    const { path, problem } = uncanonical;
    return {
      kind: "not-canonical",
      detail: `${problem}, at ${path === "" ? "its top" : decodeByteString(path)}`,
    };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof TareError) return { kind: "unreadable", detail: error.message };
    throw error;
  }
}

function repairPaths(
  store: LocalStore,
  problems: readonly StoreProblem[],
): Pick<VerifiedStore, "removed" | "repaired"> {
  const repaired = problems.filter(({ kind }) => kind === "not-canonical").map(({ path }) => path);
  for (const path of repaired) store.canonicalise(store.physicalPath(path));
  const damaged = problems.filter(({ kind }) => kind !== "not-canonical").map(({ path }) => path);
  const removed = store.database.exclusively(() => {
    const gone = new Set<StorePath>();
    const pending = [...damaged];
    for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
      if (gone.has(path)) continue;
      gone.add(path);
      pending.push(...store.database.referrers(path));
    }
    store.database.delete([...gone]);
    return [...gone].sort();
  });
  for (const path of removed) removeInvalid(store, storeBaseName(path));
  return { removed, repaired: repaired.filter((path) => !removed.includes(path)) };
}
