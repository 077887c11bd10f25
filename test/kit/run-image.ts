// A program that runs one image and writes down how that went; for tests that need a process of its own: another
// user, signals, a terminal, a sudden death. Its one argument is a JSON file: see `RunImageJob`.

import { readFileSync, writeFileSync } from "node:fs";
import { TareError } from "../../src/model/errors.ts";
import type { Image } from "../../src/model/image.ts";
import { Cache } from "../../src/platform/cache.ts";
import type { RunOptions } from "../../src/run/options.ts";
import { runImage } from "../../src/run/run.ts";
import { RecordedProgress } from "./context.ts";

/** An image whose documents are base64, so that it can be JSON. */
export type ImageJson = Omit<Image, "config" | "manifest"> & {
  readonly config: string;
  readonly manifest: string;
};

export interface RunImageJob {
  readonly image: ImageJson;
  readonly options: RunOptions;
  /** Root of the cache. */
  readonly cache: string;
  /** Where a {@link RunImageReport} is written at the end. */
  readonly report: string;
  /** Milliseconds after which the work is aborted. */
  readonly abortAfterMs?: number;
}

export interface RunImageReport {
  readonly exitCode?: number;
  readonly runtime?: string;
  readonly error?: { readonly code: string; readonly message: string };
  /** Notes and warnings. */
  readonly notes: readonly string[];
}

if (import.meta.main) {
  const job = JSON.parse(readFileSync(process.argv[2]!, "utf8")) as RunImageJob;
  const image: Image = {
    ...job.image,
    config: Buffer.from(job.image.config, "base64"),
    manifest: Buffer.from(job.image.manifest, "base64"),
  };
  const abort = new AbortController();
  if (job.abortAfterMs !== undefined)
    setTimeout(() => abort.abort(new Error("aborted")), job.abortAfterMs).unref();
  const progress = new RecordedProgress();
  const context = { cache: new Cache(job.cache), progress, signal: abort.signal, offline: true, jobs: 1 };
  let report: RunImageReport;
  try {
    report = { ...(await runImage(image, job.options, context)), notes: progress.lines };
  } catch (error) {
    if (!(error instanceof TareError)) throw error;
    report = { error: { code: error.code, message: error.message }, notes: progress.lines };
  }
  writeFileSync(job.report, JSON.stringify(report));
  process.exitCode = report.exitCode ?? 1;
}
