// How fast closures are inferred, and what it buys that files are read for more than ELF headers. Real packages of the smoke
// tests' first cases; needs the archive the first time.

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { scanObjects } from "../src/closure/facts-cache.ts";
import { computeObjectFacts, entriesWithFacts } from "../src/closure/facts-of-object.ts";
import { inferClosure } from "../src/closure/infer.ts";
import { loadTokenKinds } from "../src/closure/kinds.ts";
import { normalizePath } from "../src/closure/literals.ts";
import type { Closure } from "../src/model/closure.ts";
import type { StoreObject } from "../src/model/store-object.ts";
import { computeTreeSize } from "../src/model/tree.ts";
import { Cache } from "../src/platform/cache.ts";
import { ContentReader } from "../src/platform/content.ts";
import { SHARED_CACHE, tare } from "../test/kit/cli.ts";
import { loadInferable, sharedContext } from "../test/kit/inferable.ts";
import { makeHarness, runSmokeCase, type SmokeCase, smokeCases, smokeImageFile } from "../test/kit/smoke.ts";
import { addWhiteouts } from "./whiteouts.ts";

const FIRST = 40;
const RUNS = 3;
/** The kinds that dynamic linking alone has. */
const ELF_KINDS = ["elf-interpreter", "elf-needed", "elf-needed-path"];
/** Cases whose inference has a target, in milliseconds. */
const TARGETS = [
  ["redis-server", 200],
  ["ffmpeg", 1000],
] as const;

const firstCases = () => smokeCases().slice(0, FIRST);
const packagesOf = (name: string) => smokeCases().find((one) => one.name === name)!.packages;

interface ClosureRow {
  readonly what: string;
  readonly result: string;
  readonly target: string;
}

/** Reads all files of packages on one thread, as a worker does. */
async function benchScan(): Promise<ClosureRow> {
  const kinds = await loadTokenKinds();
  const { input } = await loadInferable(packagesOf("ffmpeg"));
  let best = Number.POSITIVE_INFINITY;
  let bytes = 0;
  for (let run = 0; run < RUNS; run++) {
    const reader = new ContentReader();
    bytes = 0;
    const start = performance.now();
    for (const { tree } of input.objects) {
      computeObjectFacts(entriesWithFacts(tree.entries), kinds, (entry) => {
        bytes += entry.size;
        return reader.read(entry);
      });
    }
    best = Math.min(best, (performance.now() - start) / 1000);
  }
  const speed = bytes / 1e6 / best;
  return {
    what: `scanning the packages of ffmpeg, one core, ${(bytes / 1e6).toFixed(0)} MB`,
    result: `${speed.toFixed(0)} MB/s`,
    target: "at least 100 MB/s",
  };
}

function benchInference(name: string, target: number): ClosureRow {
  const times = Array.from({ length: RUNS }, () => {
    const script = join(import.meta.dirname, "infer-once.ts");
    const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...packagesOf(name)], {
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(`inference of ${name} failed:\n${stderr}`);
    return Number(stdout);
  });
  return {
    what: `reading facts and inferring the closure of ${name}, a process of its own`,
    result: `${Math.min(...times).toFixed(0)} ms`,
    target: `at most ${target} ms`,
  };
}

/** Facts of all packages of the first cases, none of them known; what was fetched and unpacked stays. */
async function benchCold(): Promise<ClosureRow> {
  const objects = new Map<string, StoreObject>();
  for (const { packages } of firstCases()) {
    for (const object of (await loadInferable(packages)).input.objects) objects.set(object.id, object);
  }
  const root = mkdtempSync(join(tmpdir(), "tare-bench-"));
  try {
    mkdirSync(join(root, "facts"));
    for (const folder of ["downloads", "trees"])
      symlinkSync(join(SHARED_CACHE, "tare", folder), join(root, folder));
    const context = { ...sharedContext(), cache: new Cache(root) };
    const start = performance.now();
    await scanObjects([...objects.values()], context);
    const seconds = (performance.now() - start) / 1000;
    const bytes = [...objects.values()].reduce((sum, { tree }) => sum + computeTreeSize(tree), 0);
    return {
      what: `facts of all ${objects.size} packages of the first ${FIRST} cases, cold, ${(bytes / 1e6).toFixed(0)} MB, ${context.jobs} threads`,
      result: `${seconds.toFixed(1)} s`,
      target: "",
    };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

export async function formatClosureTable(): Promise<string> {
  const rows = [
    await benchScan(),
    ...TARGETS.map(([name, target]) => benchInference(name, target)),
    await benchCold(),
  ];
  return [
    "| what | measured | target |",
    "|---|--:|---|",
    ...rows.map(({ what, result, target }) => `| ${what} | ${result} | ${target} |`),
  ].join("\n");
}

// ─── Ablation ───────────────────────────────────────────────────────────────────────────────────────────────────────

/** Paths of files in merged-usr form, each with its size; hard links count once. */
function filesOf(closure: Closure): Map<string, number> {
  const files = new Map<string, number>();
  const inodes = new Set<string>();
  for (const { entries } of closure.units) {
    for (const entry of entries) {
      if (entry.type === "directory") continue;
      let size = entry.type === "file" ? entry.size : 0;
      if (entry.type === "file" && entry.inode !== undefined) {
        if (inodes.has(entry.inode)) size = 0;
        inodes.add(entry.inode);
      }
      files.set(normalizePath(entry.path), size);
    }
  }
  return files;
}

const sizeOf = (files: ReadonlyMap<string, number>) =>
  [...files.values()].reduce((sum, size) => sum + size, 0);

/** Runs a case in its image without some of its files. */
async function runWithout(
  smokeCase: SmokeCase,
  missing: readonly string[],
  harness: string,
): Promise<boolean> {
  const directory = mkdtempSync(join(tmpdir(), "tare-bench-"));
  try {
    writeFileSync(join(directory, "image.ts"), smokeImageFile(smokeCase.packages));
    const built = tare(["build", "-q", "--no-frozen", "-o", "oci:out"], { cwd: directory });
    if (built.status !== 0) throw new Error(built.stderr);
    const layout = join(directory, "out");
    addWhiteouts(layout, missing);
    const environment = { ...process.env, XDG_CACHE_HOME: SHARED_CACHE };
    return (await runSmokeCase(smokeCase, layout, harness, environment)).ok;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/**
 * Measures the first cases with all kinds of tokens and with those of dynamic linking alone.
 *
 * @param runs Also run each case's test in the smaller image, which verification would refuse.
 */
export async function formatAblationTable(runs: boolean): Promise<string> {
  const cleanups: (() => void)[] = [];
  const harness = runs ? makeHarness({ after: (cleanup: () => void) => void cleanups.push(cleanup) }) : "";
  const rows: string[] = [];
  let [all, elf, works] = [0, 0, 0];
  try {
    for (const smokeCase of firstCases()) {
      const { input } = await loadInferable(smokeCase.packages);
      const files = filesOf(inferClosure(input));
      const linked = filesOf(inferClosure({ ...input, options: { ...input.options, onlyKinds: ELF_KINDS } }));
      const missing = [...files.keys()].filter((path) => !linked.has(path) && !isUsrMerge(path));
      const ok = runs && (await runWithout(smokeCase, missing, harness));
      all += sizeOf(files);
      elf += sizeOf(linked);
      if (ok) works++;
      const verdict = runs ? (ok ? "yes" : "no") : "";
      rows.push(
        `| ${smokeCase.name} | ${(sizeOf(files) / 1e6).toFixed(1)} | ${(sizeOf(linked) / 1e6).toFixed(1)} | ${verdict} |`,
      );
    }
  } finally {
    for (const cleanup of cleanups) cleanup();
  }
  return [
    ...(runs ? [`With ELF edges alone ${works} of ${rows.length} do their work.`, ""] : []),
    "| case | all kinds, MB | ELF alone, MB | works with ELF alone |",
    "|---|--:|--:|---|",
    ...rows,
    `| sum | ${(all / 1e6).toFixed(1)} | ${(elf / 1e6).toFixed(1)} | ${runs ? works : ""} |`,
  ].join("\n");
}

/** The links that every image has, whatever names them. */
function isUsrMerge(path: string): boolean {
  return /^(?:usr\/)?(?:s?bin|lib(?:32|64|x32)?)$/.test(path);
}
