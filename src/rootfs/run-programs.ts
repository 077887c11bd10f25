// Runs the programs of the image whose output belongs to it and that nothing emulates: caches of plug-ins, schemas and
// types. They run in a sandbox over the finished root file system, one after the other as their packages' scripts would
// have run them, and all of them twice: nothing of a program that writes something else every time gets into the
// image. Warm builds run nothing: results are kept by everything that the programs could see.

import { createHash } from "node:crypto";
import { join } from "node:path";
import { decodeByteString } from "../model/bytes.ts";
import type { Context } from "../model/context.ts";
import type { Architecture } from "../model/image-spec.ts";
import { ROOTFS_UNIT_ID } from "../model/layer-plan.ts";
import type { FixReport, ProgramRun } from "../model/root-file-system.ts";
import type { Tree, TreeEntry } from "../model/tree.ts";
import { monotonicMs, sleep } from "../platform/clock.ts";
import { ContentReader } from "../platform/content.ts";
import { writeFileAtomically } from "../platform/disk.ts";
import { machineArchitecture } from "../platform/machine.ts";
import { readRecord, writeRecord } from "../platform/records.ts";
import { SandboxError } from "../platform/sandbox/errors.ts";
import type { SandboxMount } from "../platform/sandbox/options.ts";
import { openSandbox, type Sandbox } from "../platform/sandbox/sandbox.ts";
import { readCachedTree } from "../platform/tree-cache.ts";
import { computeTreeKey, programTree } from "./program-root.ts";
import type { Root } from "./root.ts";
import { SEARCH_PATH } from "./script-world.ts";
import { withoutTimeComments } from "./time-comments.ts";

/** Raised whenever the same programs may give something else. */
const FORMAT = "program-runs 2";

/** Where programs may put what belongs to the image. What they write elsewhere, such as logs, is left out. */
const OUTPUTS = /^(?:etc|usr|var\/cache|var\/lib)\/(?!dpkg\/)/;

/** Milliseconds that one program may take. */
const TIMEOUT = 120_000;
/** Bytes that one program may print. */
const MOST_OUTPUT = 64 << 20;
/** Milliseconds between two runs of a program, so that one that writes the time down gives itself away. */
const BETWEEN_RUNS = 1100;
/** Files that are reported one by one. */
const MOST_REPORTED = 10;

const STOPPED = "it was stopped";
const SILENT_FAILURE = /^it ended with status \d+$/;

/** What became of one program. */
interface Outcome {
  /** Why nothing of it is in the image; undefined when it ended well. */
  readonly failure?: string | undefined;
  /** The cached tree of what it wrote. */
  readonly key?: string | undefined;
  /** What it printed, base64, when that is its output. */
  readonly printed?: string | undefined;
  /** By path the text of a file, a byte string, that it would write with another time in its comments. */
  readonly timed?: Readonly<Record<string, string>> | undefined;
}

type Needed = FixReport & { readonly run: ProgramRun };

/**
 * Runs what the report says has to run, puts what the programs wrote into the root file system, and says so in the
 * report. What cannot be run stays in the report, with the reason, and the user is warned.
 *
 * @param needsOf Ids of what a unit's scripts may take for granted, in the image or not.
 * @throws {DiskError}, {@link ContentError}, the signal's reason.
 */
export async function runPrograms(
  root: Root,
  reports: FixReport[],
  architecture: Architecture,
  needsOf: (unit: string) => ReadonlySet<string>,
  context: Pick<Context, "cache" | "progress" | "signal">,
): Promise<void> {
  const needed = reports.filter(
    (report): report is Needed => report.action === "needs-run" && report.run !== undefined,
  );
  if (needed.length === 0) return;
  const outcomes = await findOutcomes(root, needed, architecture, needsOf, context);
  for (const [index, report] of needed.entries()) {
    const outcome = outcomes[index]!;
    const more = outcome.failure === undefined ? merge(root, report, outcome, context) : undefined;
    const replacement = more ?? [refuse(root, report, outcome.failure!, context)];
    reports.splice(reports.indexOf(report), 1, ...replacement);
  }
}

async function findOutcomes(
  root: Root,
  needed: readonly Needed[],
  architecture: Architecture,
  needsOf: (unit: string) => ReadonlySet<string>,
  context: Pick<Context, "cache" | "progress" | "signal">,
): Promise<readonly Outcome[]> {
  const runs = needed.map(({ run }) => run);
  if (architecture !== machineArchitecture()) {
    const failure = `the image is for ${architecture}, this machine is ${machineArchitecture()}`;
    return runs.map((): Outcome => ({ failure }));
  }
  // A program that lists plug-ins must see those of the image alone, so that is tried first.
  const inImage = runs.map((run) => root.has(`/${run.program}`));
  const shown = runs.map((run) => withoutAbsent(root, run));
  const first = await runIn(
    undefined,
    root,
    shown.filter((_, index) => inImage[index]),
    architecture,
    context,
  );
  const outcomes = inImage.map((isIn): Outcome | undefined => (isIn ? first.shift() : undefined));
  const open = outcomes.flatMap((one, index) =>
    one === undefined || one.failure !== undefined ? [index] : [],
  );
  const besides = new Set(open.flatMap((index) => [...needsOf(needed[index]!.because ?? "")]));
  const more = await runIn(
    besides,
    root,
    open.map((index) => shown[index]!),
    architecture,
    context,
  );
  for (const [at, index] of open.entries()) {
    const before = outcomes[index];
    // What kept it from running in the image is the reason to tell.
    if (before === undefined || more[at]!.failure === undefined) outcomes[index] = more[at]!;
  }
  return outcomes as readonly Outcome[];
}

/** A run without arguments that name files which the image does not have, as when a script lists plug-ins. */
function withoutAbsent(root: Root, run: ProgramRun): ProgramRun {
  const isPresent = (arg: string) => !arg.startsWith("/") || root.has(arg) || root.find(arg) === undefined;
  return { ...run, args: run.args.filter(isPresent) };
}

async function runIn(
  besides: ReadonlySet<string> | undefined,
  root: Root,
  runs: readonly ProgramRun[],
  architecture: Architecture,
  context: Pick<Context, "cache" | "progress" | "signal">,
): Promise<Outcome[]> {
  if (runs.length === 0) return [];
  const tree = programTree(root, runs, besides);
  const key = createHash("sha256")
    .update(JSON.stringify([FORMAT, architecture, computeTreeKey(tree), runs]))
    .digest("hex");
  const record = context.cache.path("runs", `${key}.json`);
  const known = readRecord(record) as Outcome[] | undefined;
  if (known?.every((one) => one.key === undefined || readCachedTree(context.cache, one.key) !== undefined)) {
    return known;
  }
  const stage = context.progress.stage("running programs");
  stage.expect(2 * runs.length);
  try {
    const [first, second] = [
      await runAll(tree, runs, context, () => stage.advance(1)),
      await runAll(tree, runs, context, () => stage.advance(1)),
    ];
    const outcomes = first.map((one, index) => compare(one, second[index]!));
    // How long something takes depends on the machine.
    if (!outcomes.some(({ failure }) => failure?.startsWith(STOPPED))) writeRecord(record, outcomes);
    stage.done(
      `${runs.length} ${besides === undefined ? "of the image" : "from beside the image"}, twice each`,
    );
    return outcomes;
  } catch (error) {
    if (!(error instanceof SandboxError)) throw error;
    stage.done("no sandbox");
    const failure = error.hint === undefined ? error.message : `${error.message} (${error.hint})`;
    return runs.map((): Outcome => ({ failure }));
  }
}

/** One run of one program. */
interface RunResult {
  readonly failure: string | undefined;
  readonly key: string | undefined;
  readonly tree: Tree | undefined;
  readonly printed: string | undefined;
}

/** Runs all programs in a root file system of their own. */
async function runAll(
  tree: Tree,
  runs: readonly ProgramRun[],
  context: Pick<Context, "cache" | "progress" | "signal">,
  advance: () => void,
): Promise<readonly RunResult[]> {
  const startMs = monotonicMs();
  await using sandbox = await openSandbox(context);
  const directory = join(sandbox.directory, "root");
  await sandbox.materialise(tree, directory);
  await sandbox.watch(directory);
  const results: RunResult[] = [];
  const printed: SandboxMount[] = [];
  for (const run of runs) {
    const result = await runOne(sandbox, directory, run, printed);
    results.push(result);
    if (result.printed !== undefined && run.output !== undefined) {
      const source = join(sandbox.directory, `printed-${results.length}`);
      writeFileAtomically(source, Buffer.from(result.printed, "base64"), 0o644);
      printed.push({
        kind: "bind",
        source,
        target: `/${decodeByteString(run.output)}`,
        access: "read-only",
      });
    }
    advance();
  }
  await sleep(Math.max(0, BETWEEN_RUNS - (monotonicMs() - startMs)), context.signal);
  return results;
}

async function runOne(
  sandbox: Sandbox,
  directory: string,
  run: ProgramRun,
  mounts: readonly SandboxMount[],
): Promise<RunResult> {
  const [output, errors]: [Uint8Array[], Uint8Array[]] = [[], []];
  const { exitCode, exceeded } = await sandbox.run({
    root: directory,
    access: "writable",
    argv: [`/${run.program}`, ...run.args].map(decodeByteString),
    environment: { PATH: SEARCH_PATH.join(":"), HOME: "/root", LC_ALL: "C.UTF-8", SOURCE_DATE_EPOCH: "1" },
    mounts,
    timeoutMs: TIMEOUT,
    mostOutput: MOST_OUTPUT,
    onOutput: (chunk) => output.push(chunk),
    onError: (chunk) => errors.push(chunk),
  });
  const { tree, key } = await sandbox.readChanges(directory);
  const nothing = { key: undefined, tree: undefined, printed: undefined };
  if (exceeded !== undefined) {
    const much =
      exceeded === "output" ? `printed more than ${MOST_OUTPUT} bytes` : `ran for ${TIMEOUT / 1000} s`;
    return { ...nothing, failure: `${STOPPED} because it ${much}` };
  }
  if (exitCode !== 0) return { ...nothing, failure: describeFailure(exitCode, Buffer.concat(errors)) };
  const printed = run.output === undefined ? undefined : Buffer.concat(output).toString("base64");
  return { failure: undefined, key, tree, printed };
}

function describeFailure(exitCode: number, errors: Buffer): string {
  const lines = errors
    .toString("utf8")
    .split("\n")
    .filter((line) => line.trim() !== "");
  const last = lines.at(-1)?.trim().slice(0, 200);
  return `it ended with status ${exitCode}${last === undefined ? "" : `: ${last}`}`;
}

function compare(first: RunResult, second: RunResult): Outcome {
  const failure = first.failure ?? second.failure;
  if (failure !== undefined) return { failure };
  if (first.printed !== second.printed) return { failure: "it prints something else every time" };
  const [one, two] = [first, second].map(
    ({ tree }) =>
      new Map(
        tree!.entries
          .filter(({ path }) => OUTPUTS.test(path))
          .map((entry) => [entry.path, describeEntry(entry)]),
      ),
  );
  const paths = [...one!.keys(), ...two!.keys()].sort();
  const timed: Record<string, string> = {};
  for (const path of paths.filter((path) => one!.get(path) !== two!.get(path))) {
    const text = textWithoutTime(path, first.tree!, second.tree!);
    if (text === undefined) {
      return { failure: `it writes something else into /${decodeByteString(path)} every time` };
    }
    timed[path] = text;
  }
  return { key: first.key, printed: first.printed, timed };
}

/** The text of a file in which two runs tell different times in comments, without these. */
function textWithoutTime(path: string, ...trees: readonly [Tree, Tree]): string | undefined {
  const [one, two] = trees.map(({ entries }) => entries.find((entry) => entry.path === path));
  if (one?.type !== "file" || two?.type !== "file") return undefined;
  if (one.mode !== two.mode || one.uid !== two.uid || one.gid !== two.gid) return undefined;
  using reader = new ContentReader();
  return withoutTimeComments(reader.read(one), reader.read(two));
}

function describeEntry(entry: TreeEntry): string {
  const { type, mode, uid, gid } = entry;
  const what = entry.type === "file" ? entry.content.sha256 : entry.type === "symlink" ? entry.target : "";
  return [type, mode, uid, gid, what].join(" ");
}

/** Puts what a program wrote into the root file system. */
function merge(root: Root, report: Needed, outcome: Outcome, { cache }: Pick<Context, "cache">): FixReport[] {
  const { fix, because, run, detail } = report;
  const tree = outcome.key === undefined ? undefined : readCachedTree(cache, outcome.key)?.tree;
  const written = (tree?.entries ?? []).filter((entry) => OUTPUTS.test(entry.path) && isOutput(root, entry));
  for (const entry of written) {
    // A program of the image gives nobody more rights.
    const mode = entry.mode & 0o777;
    const text = outcome.timed?.[entry.path];
    if (text !== undefined) root.writeFile(entry.path, text, { mode, uid: entry.uid, gid: entry.gid });
    else root.put(entry.type === "symlink" ? entry : { ...entry, mode });
  }
  const files = written.filter(({ type }) => type !== "directory").map(({ path }) => path);
  if (run.output !== undefined && OUTPUTS.test(run.output) && !root.isLeftOut(run.output)) {
    root.writeFile(run.output, Buffer.from(outcome.printed ?? "", "base64").toString("latin1"));
    files.push(run.output);
  }
  const count = `${files.length} ${files.length === 1 ? "file" : "files"}`;
  const reports: FixReport[] = [
    { fix, action: "run", path: files[0], because, run, detail: `${detail} wrote ${count}` },
  ];
  for (const path of files.slice(0, MOST_REPORTED)) {
    reports.push({ fix, action: "write", path, because, detail: `by ${detail}` });
  }
  return reports;
}

/** Whether something that a program wrote may be in the image: files of packages stay as they are, but empty ones. */
function isOutput(root: Root, entry: TreeEntry): boolean {
  const { path, type } = entry;
  if (root.isLeftOut(path)) return false;
  const before = root.peek(path);
  if (before === undefined) return true;
  if (type === "directory") return false;
  // A package that ships an empty file keeps a place for what is written when it is configured.
  const isPlace = before.type === "file" && before.size === 0 && type === "file";
  return isPlace || root.unitOf(path) === ROOTFS_UNIT_ID;
}

/** A program that was not run, or in vain. One that is not even in the image is not missed. */
function refuse(
  root: Root,
  report: Needed,
  failure: string,
  { progress }: Pick<Context, "progress">,
): FixReport {
  if (!root.has(`/${report.run.program}`)) {
    const { run: _, ...rest } = report;
    return {
      ...rest,
      action: "skip",
      detail: `${report.detail}, which is left out of the image, was not run: ${failure}`,
    };
  }
  // A program that only says "no" had nothing to do.
  if (!SILENT_FAILURE.test(failure)) progress.warn(`${report.detail} was not run for the image: ${failure}`);
  return { ...report, detail: `${report.detail}: ${failure}` };
}
