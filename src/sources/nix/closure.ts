// Some store paths and who knows them → all that they refer to, references first. What caches say is hostile: circles are
// refused, and so is what nobody has.

import { compareStrings } from "../../model/bytes.ts";
import type { PathInfo } from "../../model/path-info.ts";
import type { StorePath } from "../../model/store-path.ts";
import { inParallel } from "../../platform/parallel.ts";
import { NixSourceError } from "./errors.ts";
import type { PathProvider } from "./path-provider.ts";

/** Questions that are open at once. */
const QUESTIONS = 32;

/**
 * Asks for paths and all that they refer to.
 *
 * @param known What need not be asked for, nor what it refers to.
 * @throws {NixSourceError} `PATH_UNAVAILABLE`; what the provider throws.
 */
export async function queryClosure(
  roots: readonly StorePath[],
  provider: PathProvider,
  signal: AbortSignal,
  known: (path: StorePath) => boolean = () => false,
): Promise<Map<StorePath, PathInfo>> {
  const found = new Map<StorePath, PathInfo>();
  const referrers = new Map<StorePath, StorePath | undefined>();
  let wanted = [...new Set(roots)].filter((path) => !known(path));
  for (const path of wanted) referrers.set(path, undefined);
  while (wanted.length > 0) {
    const asked = wanted;
    await inParallel(asked, QUESTIONS, signal, async (path) => {
      const info = await provider.info(path);
      if (info === undefined) throw unavailable(path, referrers.get(path), provider);
      found.set(path, info);
    });
    wanted = [];
    for (const path of asked) {
      for (const reference of found.get(path)!.references) {
        if (referrers.has(reference) || known(reference)) continue;
        referrers.set(reference, path);
        wanted.push(reference);
      }
    }
  }
  return found;
}

function unavailable(
  path: StorePath,
  referrer: StorePath | undefined,
  { name }: PathProvider,
): NixSourceError {
  const why = referrer === undefined ? "" : `, which ${referrer} refers to`;
  return new NixSourceError(
    "PATH_UNAVAILABLE",
    `Cannot find ${path}${why}: ${name || "no cache"} does not have it`,
    {
      hint: "Name a cache or a store that has it, with all that it refers to",
    },
  );
}

/**
 * Orders paths so that each comes behind all that it refers to; ties go by path.
 *
 * @throws {NixSourceError} `REFERENCE_LOOP`
 */
export function sortReferencesFirst<Info extends Pick<PathInfo, "path" | "references">>(
  infos: ReadonlyMap<StorePath, Info>,
): Info[] {
  const sorted: Info[] = [];
  const state = new Map<StorePath, "open" | "done">();
  for (const root of [...infos.keys()].sort(compareStrings)) {
    // A stack of our own: chains may be longer than that of the engine.
    const stack = [{ path: root, next: 0 }];
    while (stack.length > 0) {
      const frame = stack.at(-1)!;
      const info = infos.get(frame.path)!;
      if (frame.next === 0) {
        if (state.get(frame.path) === "done") {
          stack.pop();
          continue;
        }
        state.set(frame.path, "open");
      }
      const reference = info.references[frame.next++];
      if (reference === undefined) {
        state.set(frame.path, "done");
        sorted.push(info);
        stack.pop();
      } else if (reference !== frame.path && infos.has(reference) && state.get(reference) !== "done") {
        if (state.get(reference) === "open") throw loop(reference, frame.path);
        stack.push({ path: reference, next: 0 });
      }
    }
  }
  return sorted;
}

function loop(path: StorePath, referrer: StorePath): NixSourceError {
  return new NixSourceError(
    "REFERENCE_LOOP",
    `Cannot use ${path}: it refers to ${referrer}, which refers back to it, and no build makes such a circle`,
    { hint: "The cache or store is damaged or hostile: use another one" },
  );
}
