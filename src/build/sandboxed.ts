// A builder in the sandbox: it sees the root file system of its packages, the closure of its inputs in /nix/store, its
// build directory, and nothing else; what it makes at its output paths lands in the staging area.

import { basename, join } from "node:path";
import { decodeByteString } from "../model/bytes.ts";
import { STORE_DIR } from "../model/store-path.ts";
import { makePrivateDirectory } from "../platform/directories.ts";
import { makeDirectories, writeFileAtomically } from "../platform/disk.ts";
import { possibleMappings } from "../platform/sandbox/identity.ts";
import type { SandboxMount, SandboxResult } from "../platform/sandbox/options.ts";
import { openSandbox } from "../platform/sandbox/sandbox.ts";
import { existsInStore, moveIntoStore, openToAll } from "../platform/store-files.ts";
import {
  BUILD_DIRECTORY,
  type BuilderEnvironment,
  describeEnvironment,
  isFixedOutput,
} from "./environment.ts";
import { BuildError } from "./errors.ts";
import { KEPT_UNTIL, keepTree } from "./failed.ts";
import type { BuildContext, BuildJob, BuildOptions } from "./job.ts";
import { BuildLog } from "./log.ts";

/** Who builds, as in Nix's sandbox. */
export const BUILDER = { uid: 1000, gid: 100 };

/** Bytes of output after which a build is ended. */
const MOST_OUTPUT = 1 << 30;

/** As Nix writes them for its sandbox. */
export const SYSTEM_FILES: ReadonlyMap<string, string> = new Map([
  [
    "passwd",
    `root:x:0:0:Nix build user:/build:/noshell
nixbld:x:${BUILDER.uid}:${BUILDER.gid}:Nix build user:/build:/noshell
nobody:x:65534:65534:Nobody:/:/noshell
`,
  ],
  ["group", `root:x:0:\nnixbld:!:${BUILDER.gid}:\nnogroup:x:65534:\n`],
  ["hosts", "127.0.0.1 localhost\n::1 localhost\n"],
]);

/** Files of this machine that a build with network needs to find hosts. */
export const NETWORK_FILES = ["/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/services"];

/**
 * Runs the builder of a derivation; its outputs are moved to `staged`.
 *
 * @throws {BuildError} `BUILD_FAILED` or `BUILD_TIMEOUT`; {SandboxError}.
 */
export async function buildSandboxed(
  job: BuildJob,
  staged: ReadonlyMap<string, string>,
  options: BuildOptions,
  context: BuildContext,
): Promise<void> {
  // Outputs must belong to this user: no other ids are mapped.
  const mappings = possibleMappings().filter(({ kind }) => kind !== "subordinate");
  await using sandbox = await openSandbox(context, mappings);
  // What is built moves into the store: it must lie on the same disk.
  const workspace = context.store.stage({ path: job.drvPath });
  using _ = { [Symbol.dispose]: () => context.store.discard(workspace) };
  const places = makePlaces(workspace, describeEnvironment(job, options.cores), job);
  using log = new BuildLog(context.store.logFile(job.drvPath), job.name, context.progress);
  const result = await sandbox.run({
    root: places.root,
    access: "read-only",
    argv: [job.derivation.builder, ...job.derivation.args].map(decodeByteString),
    environment: places.variables,
    workingDirectory: BUILD_DIRECTORY,
    umask: 0o022,
    user: BUILDER,
    hostname: "localhost",
    network: isFixedOutput(job) ? "host" : "none",
    mounts: listMounts(job, places, context),
    mostOutput: MOST_OUTPUT,
    timeoutMs: options.timeout === undefined ? undefined : options.timeout * 1000,
    silenceMs: options.maxSilentTime === undefined ? undefined : options.maxSilentTime * 1000,
    onOutput: (chunk) => log.write(chunk),
  });
  const kept = () =>
    options.keepFailed
      ? `its directory ${KEPT_UNTIL}: ${keepTree(job.name, places.build, context.store)}`
      : "--keep-failed keeps its directory";
  if (result.exitCode !== 0 || result.exceeded !== undefined)
    throw explainFailure(job, result, log, options, kept);
  const missing = collectOutputs(job, places, staged);
  if (missing !== undefined) {
    throw new BuildError(
      "OUTPUT_MISSING",
      `Cannot use what ${job.name} built: it has not made its output ${missing}, a file or directory at $${missing} was expected`,
      { hint: `The log is ${log.file}; ${kept()}` },
    );
  }
  log.end();
}

/** Directories of this machine that the sandbox shows. */
export interface Places {
  readonly root: string;
  /** What is at /nix/store: empty but for mounts and what the builder makes. */
  readonly store: string;
  readonly build: string;
  /** Files of /etc that every build has. */
  readonly etc: string;
  readonly variables: Readonly<Record<string, string>>;
}

/** Makes what a builder finds, in a directory that is not there yet. */
export function makePlaces(workspace: string, environment: BuilderEnvironment, job: BuildJob): Places {
  makePrivateDirectory(workspace);
  const [store, build, etc, empty] = ["store", "build", "etc", "root"].map((name) => join(workspace, name));
  for (const [name, text] of SYSTEM_FILES) {
    writeFileAtomically(join(etc!, name), text);
    openToAll(join(etc!, name));
  }
  for (const directory of [store!, build!]) {
    makePrivateDirectory(directory);
    openToAll(directory);
  }
  if (job.root === undefined) makeDirectories(empty!);
  for (const [name, bytes] of environment.files) {
    writeFileAtomically(join(build!, name), bytes, 0o644);
    openToAll(join(build!, name));
  }
  return {
    root: job.root ?? empty!,
    store: store!,
    build: build!,
    etc: etc!,
    variables: environment.variables,
  };
}

/** What is mounted for a builder. @param hasNetwork Whether it shall find hosts. */
export function listMounts(
  job: BuildJob,
  { store, build, etc }: Places,
  context: Pick<BuildContext, "store">,
  hasNetwork = isFixedOutput(job),
): SandboxMount[] {
  const system = [...SYSTEM_FILES.keys()].map(
    (file): SandboxMount => ({
      kind: "bind",
      source: join(etc, file),
      target: `/etc/${file}`,
      access: "read-only",
    }),
  );
  const network = hasNetwork ? NETWORK_FILES.filter(existsInStore) : [];
  return [
    { kind: "tmpfs", target: "/dev/shm", mode: 0o1777 },
    { kind: "bind", source: store, target: STORE_DIR, access: "writable" },
    ...job.inputs.map(
      ({ path }): SandboxMount => ({
        kind: "bind",
        source: context.store.physicalPath(path),
        target: path,
        access: "read-only",
      }),
    ),
    { kind: "bind", source: build, target: BUILD_DIRECTORY, access: "writable" },
    ...system,
    ...network.map(
      (file): SandboxMount => ({ kind: "bind", source: file, target: file, access: "read-only" }),
    ),
  ];
}

/** Moves the outputs out of the sandbox. @returns The name of one that is not there. */
function collectOutputs(
  { derivation }: BuildJob,
  { store }: Places,
  staged: ReadonlyMap<string, string>,
): string | undefined {
  let missing: string | undefined;
  for (const [name, output] of derivation.outputs) {
    const made = join(store, basename("path" in output ? output.path : name));
    if (existsInStore(made)) moveIntoStore(made, staged.get(name)!);
    else missing ??= name;
  }
  return missing;
}

function formatSeconds(seconds: number | undefined): string {
  return seconds === 1 ? "1 second" : `${seconds} seconds`;
}

function explainFailure(
  job: BuildJob,
  { exitCode, signal, exceeded }: SandboxResult,
  log: BuildLog,
  options: BuildOptions,
  keep: () => string,
): BuildError {
  const hint = `The whole log is ${log.file}; ${keep()}`;
  const tail = log.lastLines();
  const said =
    tail.length === 0
      ? "; it said nothing"
      : `; its last lines were\n${tail.map((line) => `  │ ${line}`).join("\n")}`;
  if (exceeded !== undefined) {
    const why = {
      time: `it took longer than ${formatSeconds(options.timeout)}`,
      silence: `it said nothing for ${formatSeconds(options.maxSilentTime)}`,
      output: `it wrote more than ${MOST_OUTPUT} bytes of output`,
    }[exceeded];
    return new BuildError("BUILD_TIMEOUT", `Cannot build ${job.name}: ${why}${said}`, { hint });
  }
  const how = signal === undefined ? `ended with exit code ${exitCode}` : `was ended by ${signal}`;
  return new BuildError("BUILD_FAILED", `Cannot build ${job.name}: its builder ${how}${said}`, { hint });
}
