// What podman and docker have in common: their command line, and how to tell their own failures from the program's.

import type { Context } from "../model/context.ts";
import {
  captureProcess,
  exitStatus,
  forwardSignals,
  runAtExit,
  startProcess,
} from "../platform/processes.ts";
import { RunError } from "./errors.ts";
import type { BindMount, RunRequest } from "./options.ts";
import { stopOnAbort } from "./stop.ts";

/** The statuses by which an engine says that it failed itself; a program may end with them, too. */
const ENGINE_FAILED = 125;
/** Also said of a program that cannot be executed or is not there; podman says them of its own helpers, too. */
const NOT_EXECUTED = [126, 127];

export interface EngineRun {
  /** `podman` or `docker`. */
  readonly name: string;
  /** Absolute path. */
  readonly program: string;
  /** Options that this engine wants beside those that both have. */
  readonly extraOptions: readonly string[];
  /** What the engine calls the image. */
  readonly image: string;
  /** A name that no other container has. */
  readonly containerName: string;
  /** Whether the container was started; asked when the status may be the engine's own. */
  wasStarted(): Promise<boolean>;
}

/** Starts a container of an image that the engine has, and waits for its end. */
export async function runContainer(
  engine: EngineRun,
  request: RunRequest,
  context: Context,
): Promise<number> {
  const { options, tty, configuration } = request;
  const running = await startProcess(engine.program, formatRunArguments(engine, request), {
    stdin: options.stdin ?? "inherit",
    stdout: options.stdout ?? "inherit",
    stderr: options.stderr ?? "inherit",
    ownSession: !tty,
  });
  // The engine has a session of its own: it would go on without Tare.
  using _kill = runAtExit(engine.program, ["kill", engine.containerName]);
  let signalled = false;
  const ended = new AbortController();
  const program = {
    signal(signal: NodeJS.Signals) {
      if (signal !== "SIGKILL") return running.kill(signal);
      const never = new AbortController().signal;
      void captureProcess(engine.program, ["kill", engine.containerName], { signal: never });
    },
  };
  using _signals = forwardSignals((signal) => {
    signalled = true;
    program.signal(signal);
  });
  const onAbort = () => void stopOnAbort(program, configuration.stopSignal, () => signalled, ended.signal);
  context.signal.addEventListener("abort", onAbort, { once: true });
  try {
    const exitCode = exitStatus(await running.exited);
    const isAuto = (options.runtime ?? "auto") === "auto";
    const mayBeEngine = exitCode === ENGINE_FAILED || (NOT_EXECUTED.includes(exitCode) && isAuto);
    if (!mayBeEngine || (await engine.wasStarted())) return exitCode;
  } finally {
    ended.abort();
    context.signal.removeEventListener("abort", onAbort);
  }
  context.signal.throwIfAborted();
  throw engineFailure(engine.name, "it could not start the container (see above)");
}

/** Runs an engine's command that is no run; what it says is told when it fails. */
export async function callEngine(
  name: string,
  program: string,
  args: readonly string[],
  context: Pick<Context, "signal">,
): Promise<string> {
  const { exitCode, stdout, stderr } = await captureProcess(program, args, { signal: context.signal });
  if (exitCode === 0) return stdout.trim();
  const lines = stderr.trim().split("\n");
  throw engineFailure(name, lines.at(-1) || `${args[0]} ended with status ${exitCode}`);
}

function engineFailure(name: string, problem: string): RunError {
  return new RunError("RUNTIME_FAILED", `Cannot run the image with ${name}: ${problem}`, {
    hint: "Try --runtime namespaces",
  });
}

/** The arguments of `run`. */
export function formatRunArguments(engine: EngineRun, request: RunRequest): string[] {
  const { options, program, publish, mounts, tty } = request;
  const [entrypoint, ...command] = program.argv as [string, ...string[]];
  return [
    "run",
    "--rm",
    `--name=${engine.containerName}`,
    ...engine.extraOptions,
    "--pull=never",
    ...(options.stdin === "ignore" ? [] : ["--interactive"]),
    ...(tty ? ["--tty"] : []),
    ...(options.user === undefined ? [] : [`--user=${options.user}`]),
    ...(options.workdir === undefined ? [] : [`--workdir=${options.workdir}`]),
    ...Object.entries(options.env ?? {}).map(([name, value]) => `--env=${name}=${value}`),
    ...(options.hostname === undefined ? [] : [`--hostname=${options.hostname}`]),
    ...(options.network === undefined ? [] : [`--network=${options.network}`]),
    ...(options.readOnly ? ["--read-only"] : []),
    ...mounts.map((mount) => `--mount=${formatMountOption(mount)}`),
    ...publish.map((port) => `--publish=${port}`),
    // The whole command line is ours, so that all runtimes join Entrypoint and Cmd in one way.
    `--entrypoint=${entrypoint}`,
    engine.image,
    ...command,
  ];
}

/** The value of `--mount`, which is a line of CSV. */
function formatMountOption({ source, target, readOnly }: BindMount): string {
  const fields = ["type=bind", `source=${source}`, `target=${target}`, ...(readOnly ? ["readonly"] : [])];
  return fields.map((field) => (/[",\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field)).join(",");
}
