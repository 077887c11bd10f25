// A program that runs programs in a sandbox and writes down how that went; for tests that need a process of its own:
// another user, a sudden death. Its one argument is a JSON file: see `SandboxJob`.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TareError } from "../../src/model/errors.ts";
import { Cache } from "../../src/platform/cache.ts";
import type { SandboxResult, SandboxRun } from "../../src/platform/sandbox/options.ts";
import { openSandbox } from "../../src/platform/sandbox/sandbox.ts";
import { RecordedProgress } from "./context.ts";
import { makeTree, type TreeDescription } from "./trees.ts";

export interface SandboxJob {
  readonly cache: string;
  readonly report: string;
  /** The root file system, with busybox at /bin/busybox and /bin/sh. */
  readonly tree: TreeDescription;
  /** `root` is the root file system when absent. Each run's changes are told. */
  readonly runs: readonly (Omit<SandboxRun, "root" | "onOutput" | "onError"> & {
    readonly root?: string;
    /** Keeps standard error apart. */
    readonly splits?: boolean;
  })[];
  readonly abortAfterMs?: number;
}

export interface SandboxRunReport {
  readonly result: SandboxResult;
  readonly output: string;
  readonly errors: string;
  /** One line an entry, as `file 644 0:0 path sha256`. */
  readonly changed: readonly string[];
  readonly removed: readonly string[];
  readonly special: readonly string[];
}

export interface SandboxReport {
  readonly ownership?: string;
  readonly runs: readonly SandboxRunReport[];
  readonly error?: { readonly code: string; readonly message: string; readonly hint?: string };
  readonly notes: readonly string[];
}

const BUSYBOX = "/bin/busybox";

async function work(job: SandboxJob, signal: AbortSignal): Promise<SandboxReport> {
  const progress = new RecordedProgress();
  const runs: SandboxRunReport[] = [];
  let ownership: string | undefined;
  try {
    await using sandbox = await openSandbox({ cache: new Cache(job.cache), progress, signal });
    ownership = sandbox.ownership;
    const root = join(sandbox.directory, "root");
    const busybox = {
      "bin/busybox": { text: readFileSync(BUSYBOX), mode: 0o755 },
      "bin/sh": { target: "busybox" },
    };
    await sandbox.materialise(makeTree({ ...busybox, ...job.tree }), root);
    for (const { splits, ...run } of job.runs) {
      await sandbox.watch(root);
      const [output, errors]: [Uint8Array[], Uint8Array[]] = [[], []];
      const result = await sandbox.run({
        root,
        ...run,
        onOutput: (chunk) => {
          output.push(chunk);
          writeFileSync(`${job.report}.started`, "");
        },
        ...(splits === true ? { onError: (chunk: Uint8Array) => void errors.push(chunk) } : {}),
      });
      const { tree, removed, specialFiles } = await sandbox.readChanges(root);
      runs.push({
        result,
        output: Buffer.concat(output).toString(),
        errors: Buffer.concat(errors).toString(),
        changed: tree.entries.map((entry) => {
          const what =
            entry.type === "file"
              ? ` ${entry.content.sha256.slice(0, 8)}${entry.inode === undefined ? "" : " linked"}`
              : entry.type === "symlink"
                ? ` ${entry.target}`
                : "";
          return `${entry.type} ${entry.mode.toString(8)} ${entry.uid}:${entry.gid} ${entry.path}${what}`;
        }),
        removed,
        special: specialFiles.map(({ kind, path }) => `${kind} ${path}`),
      });
    }
    return { ownership, runs, notes: progress.lines };
  } catch (error) {
    if (!(error instanceof TareError)) throw error;
    const { code, message, hint } = error;
    return {
      ...(ownership === undefined ? {} : { ownership }),
      runs,
      error: { code, message, ...(hint === undefined ? {} : { hint }) },
      notes: progress.lines,
    };
  }
}

if (import.meta.main) {
  const job = JSON.parse(readFileSync(process.argv[2]!, "utf8")) as SandboxJob;
  const abort = new AbortController();
  if (job.abortAfterMs !== undefined)
    setTimeout(() => abort.abort(new TareError("ABORTED", "aborted")), job.abortAfterMs).unref();
  writeFileSync(job.report, JSON.stringify(await work(job, abort.signal)));
}
