// A program that builds derivations and writes down how that went; for tests that need a process of its own: another
// user, a sudden death, two at once. Its one argument is a JSON file: see `BuildProcessJob`.

import { readFileSync, writeFileSync } from "node:fs";
import type { BuildOptions } from "../../src/build/job.ts";
import type { BuildGraph } from "../../src/model/derivation.ts";
import { TareError } from "../../src/model/errors.ts";
import type { PlacedOutput } from "../../src/model/image-spec.ts";
import type { StorePath } from "../../src/model/store-path.ts";
import { type BuildsContext, instantiateImage, realiseOutputs } from "../../src/pipeline/builds.ts";
import { Cache } from "../../src/platform/cache.ts";
import { LocalStore } from "../../src/platform/store/local-store.ts";
import { outputPath } from "../../src/realise/instantiate.ts";
import { RecordedProgress } from "./context.ts";

export interface BuildProcessJob {
  readonly graph: BuildGraph;
  readonly outputs: readonly PlacedOutput[];
  readonly cache: string;
  readonly store: string;
  readonly report: string;
  readonly settings: BuildOptions;
  readonly jobs: number;
}

export interface BuildProcessReport {
  readonly paths: readonly StorePath[];
  readonly error?: { readonly code: string; readonly message: string };
  readonly lines: readonly string[];
}

async function work({
  graph,
  outputs,
  cache,
  store: root,
  settings,
  jobs,
}: BuildProcessJob): Promise<BuildProcessReport> {
  using store = new LocalStore(root);
  const progress = new RecordedProgress();
  const context: BuildsContext = {
    cache: new Cache(cache),
    progress,
    signal: new AbortController().signal,
    offline: false,
    jobs,
    lock: { version: 1, sections: [] },
    store,
    build: settings,
  };
  process.stdout.write("begun\n");
  try {
    const plan = await instantiateImage({ graph }, { copy: true }, context);
    await realiseOutputs({ outputs }, plan, context);
    return { paths: outputs.map((output) => outputPath(plan, output)), lines: progress.lines };
  } catch (error) {
    if (!(error instanceof TareError)) throw error;
    return { paths: [], error: { code: error.code, message: error.message }, lines: progress.lines };
  }
}

if (import.meta.main) {
  const job = JSON.parse(readFileSync(process.argv[2]!, "utf8")) as BuildProcessJob;
  writeFileSync(job.report, JSON.stringify(await work(job)));
}
