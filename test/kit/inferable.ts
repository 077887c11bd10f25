// What inference works on for real packages, without a command line: for measurements of inference itself.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { reachDeclared } from "../../src/closure/declared.ts";
import type { InferenceInput } from "../../src/closure/infer.ts";
import type { Context } from "../../src/model/context.ts";
import { SILENT_PROGRESS } from "../../src/model/progress.ts";
import type { StoreObject } from "../../src/model/store-object.ts";
import { computeTreeSize } from "../../src/model/tree.ts";
import { gatherInference } from "../../src/pipeline/closure.ts";
import { resolveLock } from "../../src/pipeline/lock.ts";
import { evaluate } from "../../src/pipeline.ts";
import { Cache } from "../../src/platform/cache.ts";
import { SHARED_CACHE } from "./cli.ts";
import { smokeImageFile } from "./smoke.ts";

export interface Inferable {
  readonly input: InferenceInput;
  /** Bytes of the files of the declared closure. */
  readonly declaredSize: number;
  /** Bytes of those and of the Essential packages with what they need. */
  readonly size: number;
}

/** A context with the cache that all live tests share. */
export function sharedContext(): Context {
  return {
    cache: new Cache(join(SHARED_CACHE, "tare")),
    progress: SILENT_PROGRESS,
    signal: new AbortController().signal,
    offline: false,
    jobs: 2,
  };
}

/** Resolves, fetches and scans packages of bookworm as a build would. */
export async function loadInferable(
  packages: readonly string[],
  context = sharedContext(),
): Promise<Inferable> {
  const directory = mkdtempSync(join(tmpdir(), "tare-inferable-"));
  try {
    writeFileSync(join(directory, "image.ts"), smokeImageFile(packages));
    const evaluated = await evaluate(join(directory, "image.ts"));
    const { lock } = await resolveLock(evaluated, "use", context);
    const input = await gatherInference(evaluated.spec, lock, context);
    const byId = new Map(input.objects.map((object) => [object.id, object]));
    const declared = reachDeclared(input.roots, (id) => ({
      references: byId.get(id)?.declaredReferences.filter((reference) => byId.has(reference)) ?? [],
    }));
    const sizeOf = (objects: readonly StoreObject[]) =>
      objects.reduce((total, { tree }) => total + computeTreeSize(tree), 0);
    return {
      input,
      declaredSize: sizeOf(declared.map((id) => byId.get(id)!)),
      size: sizeOf(input.objects),
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
