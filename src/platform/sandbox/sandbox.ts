// Programs of a root file system, run so that they reach nothing else: no file, process or network of this machine but
// what is given to them, and no longer than they may. Works as root and as an ordinary user of Linux.
//
// A sandbox has a directory of its own, for root file systems that are made for it; all that it holds goes with it.

import { constants } from "node:os";
import { dirname, join } from "node:path";
import type { Context } from "../../model/context.ts";
import { InternalError } from "../../model/errors.ts";
import type { Tree } from "../../model/tree.ts";
import { sleep } from "../clock.ts";
import { listStaleTemporaries, makePrivateDirectory, removeTree } from "../directories.ts";
import { makeDirectories, temporaryName, writeFileAtomically } from "../disk.ts";
import { pathKind } from "../files.ts";
import { isLinux, realPath } from "../linux.ts";
import { findProgram, forwardSignals } from "../processes.ts";
import { Agent } from "./agent.ts";
import { checkRun } from "./check-run.ts";
import { SandboxError } from "./errors.ts";
import { Holder } from "./holder.ts";
import {
  becomeOneUser,
  becomeSandboxRoot,
  type IdMapping,
  type Ownership,
  ownershipOf,
  possibleMappings,
} from "./identity.ts";
import { formatInit, type TreeMount } from "./init-script.ts";
import { checkExecutable, mountFlags, readOnlyMounts } from "./mounts.ts";
import { createOperations, type Operations } from "./operations.ts";
import type { SandboxMount, SandboxResult, SandboxRun } from "./options.ts";
import { OutputWatch } from "./output-watch.ts";
import type { MountPlace, PlannedMount } from "./places.ts";
import { formatProgram } from "./program-script.ts";
import type { ReadTree, TreeChanges } from "./read-back.ts";

/** Programs of the machine that are used: all of util-linux and coreutils. */
const PROGRAMS = [
  "unshare",
  "nsenter",
  "setpriv",
  "prlimit",
  "mount",
  "umount",
  "pivot_root",
  "chown",
  "mkfifo",
];

/** The mounts of every sandbox, before those that are asked for. */
const TEMPORARY: SandboxMount = { kind: "tmpfs", target: "/tmp", mode: 0o1777 };

/** Milliseconds after which a change of a file shows in its ctime, on kernels with the slowest tick. */
const CLOCK_TICK = 20;

/** Why this machine can have no sandbox; undefined when it may. */
export function whySandboxIsAbsent(
  system: { readonly isLinux: boolean; readonly findProgram: (name: string) => unknown } = {
    isLinux: isLinux(),
    findProgram,
  },
): string | undefined {
  if (!system.isLinux) return "this is not Linux";
  const missing = PROGRAMS.filter((name) => system.findProgram(name) === undefined);
  return missing.length === 0
    ? undefined
    : `${missing.join(", ")} of util-linux and coreutils is not installed`;
}

/**
 * Opens a sandbox. Dispose of it: its directory goes then, or when Tare dies.
 *
 * @throws {SandboxError} `SANDBOX_UNSUPPORTED`, or `SANDBOX_FORBIDDEN` when this user may make no user namespace.
 */
export async function openSandbox(
  context: Pick<Context, "cache" | "progress" | "signal">,
  mappings: readonly IdMapping[] = possibleMappings(),
): Promise<Sandbox> {
  const absence = whySandboxIsAbsent();
  if (absence !== undefined) throw unsupported(absence);
  const parent = context.cache.path("tmp", "sandbox");
  const directory = temporaryName(parent);
  makePrivateDirectory(directory);
  const { agent, mapping } = await startAgent(mappings, directory, context);
  const operations = agent === undefined ? createOperations(context.cache.root) : agent;
  const sandbox = new Sandbox(directory, mapping, operations, context);
  for (const stale of listStaleTemporaries(dirname(directory))) await sandbox.remove(stale);
  return sandbox;
}

/** The error of a machine that can have no sandbox. */
export function unsupported(absence: string): SandboxError {
  const hint =
    absence === "this is not Linux"
      ? "Run Tare on Linux, in a virtual machine or a container of it; what is fetched and not built works everywhere"
      : "Install util-linux and coreutils";
  return new SandboxError("SANDBOX_UNSUPPORTED", `Cannot run programs in a sandbox: ${absence}`, { hint });
}

async function startAgent(
  mappings: readonly IdMapping[],
  directory: string,
  { cache, progress }: Pick<Context, "cache" | "progress">,
): Promise<{ readonly agent: Agent | undefined; readonly mapping: IdMapping }> {
  for (const [index, mapping] of mappings.entries()) {
    if (mapping.kind === "real") return { agent: undefined, mapping };
    try {
      return { agent: await Agent.start(mapping, cache.root, directory), mapping };
    } catch (error) {
      const isLast = index === mappings.length - 1;
      if (isLast) removeTree(directory);
      if (!(error instanceof SandboxError) || isLast) throw error;
      progress.note(
        `the ids of /etc/subuid cannot be used, so all files belong to one user (${error.message})`,
      );
    }
  }
  throw new InternalError("there is no way to map ids");
}

export class Sandbox implements AsyncDisposable {
  /** Absolute path; whatever is put into it goes with the sandbox. */
  readonly directory: string;
  /** `single`: files of all users become root's, and programs cannot give a file to anybody. */
  readonly ownership: Ownership;
  readonly #mapping: IdMapping;
  readonly #worker: Operations | Agent;
  readonly #context: Pick<Context, "progress" | "signal">;
  #runs = 0;
  #isClosed = false;

  /** Use {@link openSandbox}. */
  constructor(
    directory: string,
    mapping: IdMapping,
    worker: Operations | Agent,
    context: Pick<Context, "progress" | "signal">,
  ) {
    this.directory = directory;
    this.ownership = ownershipOf(mapping);
    this.#mapping = mapping;
    this.#worker = worker;
    this.#context = context;
  }

  /**
   * Writes a tree to a directory: owners as {@link ownership} allows, modes and hard links as they are, all times one
   * second after the epoch.
   *
   * @param directory Absolute path of an empty directory of this user, or of one to be made: here, or in the cache.
   * @throws {ContentError} `CACHE_DAMAGED`; {@link DiskError}; the signal's reason.
   */
  async materialise(tree: Tree, directory: string): Promise<void> {
    makeDirectories(directory);
    const mapping = this.#mapping;
    const largest = (kind: "uids" | "gids") =>
      mapping.kind === "subordinate" ? mapping[kind].count : 2 ** 32;
    const { foreignOwners } = await this.#do("materialise", {
      entries: tree.entries,
      directory,
      owners: mapping.kind !== "single",
      largestUid: largest("uids"),
      largestGid: largest("gids"),
    });
    if (foreignOwners > 0) {
      const files = `${foreignOwners} files belong to ids that this user may not hand out`;
      this.#context.progress.warn(`${files}: in the sandbox root has them`);
    }
  }

  /** Remembers what is in a directory, so that {@link readChanges} can tell what a program did to it. */
  async watch(directory: string): Promise<void> {
    await this.#do("watch", { directory: realPath(directory) ?? directory });
    await sleep(CLOCK_TICK, this.#context.signal);
  }

  /**
   * What has changed in a directory since it was watched, or since this was last asked; what is mounted in a sandbox does not count.
   *
   * @throws {SandboxError} `SANDBOX_BAD_TREE`; {@link DiskError}; the signal's reason.
   */
  readChanges(directory: string): Promise<TreeChanges> {
    return this.#do("readChanges", { directory: realPath(directory) ?? directory });
  }

  /** Reads a whole directory. @throws As {@link readChanges}. */
  readTree(directory: string): Promise<ReadTree> {
    return this.#do("readTree", { directory });
  }

  /** Removes a directory whose files may belong to any id. */
  async remove(path: string): Promise<void> {
    await this.#do("remove", { path });
  }

  /**
   * Runs a program to its end; everything that it has started ends with it. Several may run at once.
   *
   * @throws {SandboxError} When it was not started; the signal's reason, after all was killed.
   */
  async run(options: SandboxRun): Promise<SandboxResult> {
    checkRun(options);
    const { signal } = this.#context;
    signal.throwIfAborted();
    const root = realPath(options.root);
    if (root === undefined || pathKind(root) !== "directory") {
      throw new SandboxError(
        "SANDBOX_BAD_OPTION",
        `Cannot run a program in a sandbox: its root "${options.root}" is no directory`,
      );
    }
    checkExecutable(root);
    const directory = join(this.directory, `run-${this.#runs++}`);
    makePrivateDirectory(directory);
    const mounts = await this.#placeMounts(root, options);
    this.#writeScripts(directory, root, mounts, options);
    const watch = new OutputWatch(options);
    const { interactive } = options;
    const holder = await Holder.start(
      this.#mapping,
      {
        directory,
        root,
        hasOwnNetwork: options.network !== "host",
        script: interactive?.tty === true ? findProgram("script") : undefined,
      },
      interactive === undefined
        ? {
            stdin: "ignore",
            stdout: watch.take(options.onOutput),
            stderr: watch.take(options.onError),
            tty: false,
          }
        : { stdin: "inherit", stdout: "inherit", stderr: "inherit", tty: interactive.tty },
    );
    using _signals = interactive && forwardSignals((signal) => holder.signal(signal));
    return await this.#runHeld(holder, watch);
  }

  async #runHeld(holder: Holder, watch: OutputWatch): Promise<SandboxResult> {
    const { signal } = this.#context;
    const stop = () => void holder.stop();
    signal.addEventListener("abort", stop, { once: true });
    watch.start(stop);
    try {
      const exitCode = await holder.run();
      signal.throwIfAborted();
      return { exitCode, signal: signalOf(exitCode), exceeded: watch.exceeded, ownership: this.ownership };
    } catch (error) {
      signal.throwIfAborted();
      if (watch.exceeded === undefined) throw error;
      return { exitCode: 137, signal: "SIGKILL", exceeded: watch.exceeded, ownership: this.ownership };
    } finally {
      watch.end();
      signal.removeEventListener("abort", stop);
      await holder.stop();
    }
  }

  async #placeMounts(
    root: string,
    { mounts: asked = [], ownTmp = false }: Pick<SandboxRun, "mounts" | "ownTmp">,
  ): Promise<{ readonly proc: string; readonly dev: string; readonly others: readonly TreeMount[] }> {
    const system = ["/proc", "/dev"].map((target): SandboxMount => ({ kind: "tmpfs", target }));
    const mounts = [...system, ...(ownTmp ? [] : [TEMPORARY]), ...asked].map(resolveSource);
    const places = await this.#do("placeMounts", { root, mounts: mounts.map(({ planned }) => planned) });
    const treeMounts = mounts.map(({ mount, planned }, index) => toTreeMount(mount, planned, places[index]!));
    const [proc, dev, ...others] = treeMounts;
    return { proc: proc!.target, dev: dev!.target, others };
  }

  #writeScripts(
    directory: string,
    root: string,
    { proc, dev, others }: { proc: string; dev: string; others: readonly TreeMount[] },
    options: SandboxRun,
  ): void {
    const { user = "root", limits = {} } = options;
    const program = join(directory, "program");
    const become =
      user === "root" || (user.uid === 0 && user.gid === 0)
        ? becomeSandboxRoot(this.#mapping)
        : becomeOneUser(this.#mapping, user);
    const init = formatInit({
      root,
      program,
      proc,
      dev,
      sys: undefined,
      sharedMemory: undefined,
      isMachineRoot: this.#mapping.kind === "real",
      hasTtyGroup: this.#mapping.kind !== "single",
      hasOwnNetwork: options.network !== "host",
      hostname: options.hostname ?? "localhost",
      mounts: others,
      readOnlyFlags: options.access === "read-only" ? mountFlags(root) : undefined,
      tty: options.interactive?.tty === true,
      outputOwner: undefined,
      become: [...formatLimits(limits), ...become],
    });
    const text = formatProgram({
      argv: options.argv,
      environment: new Map(Object.entries(options.environment)),
      workingDirectory: options.workingDirectory ?? "/",
      umask: options.umask,
      joinsOutput: options.onError === undefined && options.interactive === undefined,
    });
    writeFileAtomically(join(directory, "init"), init, 0o600);
    writeFileAtomically(program, text, 0o600);
  }

  async #do<Name extends keyof Operations>(
    name: Name,
    request: Parameters<Operations[Name]>[0],
  ): Promise<Awaited<ReturnType<Operations[Name]>>> {
    const { signal } = this.#context;
    if (this.#isClosed) throw new InternalError("a sandbox is used after its end");
    if (this.#worker instanceof Agent) return this.#worker.call(name, request, signal);
    const operation = this.#worker[name] as (
      request: unknown,
      signal: AbortSignal,
    ) => ReturnType<Operations[Name]>;
    return (await operation(request, signal)) as Awaited<ReturnType<Operations[Name]>>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#worker instanceof Agent) await this.#worker.stop();
    else await this.#worker.remove({ path: this.directory });
  }
}

/**
 * Runs one program in a sandbox that is there for it alone.
 *
 * @throws As {@link openSandbox} and {@link Sandbox.run}.
 */
export async function runInSandbox(
  options: SandboxRun,
  context: Pick<Context, "cache" | "progress" | "signal">,
): Promise<SandboxResult> {
  await using sandbox = await openSandbox(context);
  return await sandbox.run(options);
}

function resolveSource(mount: SandboxMount): {
  readonly mount: SandboxMount;
  readonly planned: PlannedMount;
} {
  const { target } = mount;
  if (mount.kind === "tmpfs") {
    return { mount, planned: { target, type: "directory", source: undefined, isWritable: true } };
  }
  const source = realPath(mount.source);
  if (source === undefined) {
    throw new SandboxError(
      "SANDBOX_BAD_MOUNT",
      `Cannot mount ${mount.source} at ${target}: there is no such file or directory on this machine`,
    );
  }
  const type = pathKind(source) === "directory" ? "directory" : "file";
  return {
    mount: { ...mount, source },
    planned: { target, type, source, isWritable: mount.access === "writable" },
  };
}

function toTreeMount(mount: SandboxMount, { type }: PlannedMount, { place, make }: MountPlace): TreeMount {
  if (mount.kind === "tmpfs") {
    const { mode = 0o755, size } = mount;
    return {
      kind: "tmpfs",
      target: place,
      mode,
      size,
      make: make === undefined ? undefined : "directory",
    };
  }
  return {
    kind: "bind",
    source: mount.source,
    target: place,
    readOnly: mount.access === "read-only" ? readOnlyMounts(mount.source, place) : [],
    make: make === undefined ? undefined : type,
  };
}

function formatLimits({ processes, fileSize, openFiles }: NonNullable<SandboxRun["limits"]>): string[] {
  const options = { core: 0, nproc: processes, fsize: fileSize, nofile: openFiles };
  const given = Object.entries(options).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}=${value}:${value}`],
  );
  return ["prlimit", ...given];
}

function signalOf(exitCode: number): NodeJS.Signals | undefined {
  const found = Object.entries(constants.signals).find(([, number]) => 128 + number === exitCode);
  return found?.[0] as NodeJS.Signals | undefined;
}
