// Other programs: found, started, fed, listened to, signalled and waited for. What they print is hostile.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, statSync } from "node:fs";
import { constants as osConstants } from "node:os";
import { delimiter, isAbsolute, join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { TareError } from "../model/errors.ts";

export type ProcessErrorCode =
  /** The operating system refuses to start a program. */
  "CANNOT_START";

export class ProcessError extends TareError<ProcessErrorCode> {}

/** Where programs of the system are that an ordinary user's PATH may lack. */
const SYSTEM_PATH = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** The directories that programs are looked for in: those of PATH, then the system's own. */
export function programPath(): readonly string[] {
  const own = (process.env["PATH"] ?? "").split(delimiter).filter(isAbsolute);
  return [...new Set([...own, ...SYSTEM_PATH])];
}

/** The absolute path of a program, or undefined when it is not installed. */
export function findProgram(name: string): string | undefined {
  return programPath()
    .map((directory) => join(directory, name))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Where the output of a program goes: to where Tare's own goes, nowhere, or to a function, chunk by chunk. */
export type OutputTarget = "inherit" | "ignore" | ((chunk: Uint8Array) => void);

/** What a program reads: what Tare would, nothing, or chunks, of which the last closes its input. */
export type InputSource = "inherit" | "ignore" | AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

export interface ProcessOptions {
  readonly stdin: InputSource;
  readonly stdout: OutputTarget;
  readonly stderr: OutputTarget;
  /** The whole environment; default is Tare's own. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
  /** Absolute path; default is Tare's own. */
  readonly workingDirectory?: string | undefined;
  /** File descriptors 3, 4…: pipes between Tare and the program. */
  readonly channels?: number | undefined;
  /**
   * True: a session of its own, so that Ctrl-C on the terminal reaches Tare alone, which passes it on once.
   * Default false.
   */
  readonly ownSession?: boolean | undefined;
}

/** How a program ended. */
export type ProcessExit =
  | { readonly kind: "exited"; readonly exitCode: number }
  | { readonly kind: "killed"; readonly signal: NodeJS.Signals };

/** The exit status that a shell would give: 128 + the signal's number for a program that a signal ended. */
export function exitStatus(exit: ProcessExit): number {
  return exit.kind === "exited" ? exit.exitCode : 128 + osConstants.signals[exit.signal];
}

/** A program that runs. */
export interface RunningProcess {
  readonly pid: number;
  /** Is fulfilled when the program has ended and all its output was taken. */
  readonly exited: Promise<ProcessExit>;
  /** Sends a signal; a program that has ended is left alone. */
  kill(signal: NodeJS.Signals): void;
  /** Tare's end of channel 0 (file descriptor 3), 1 (4)… */
  channel(index: number): Readable & Writable;
}

/**
 * Starts a program.
 *
 * @param file Absolute path.
 * @throws {ProcessError} `CANNOT_START`.
 */
export async function startProcess(
  file: string,
  args: readonly string[],
  options: ProcessOptions,
): Promise<RunningProcess> {
  const { stdin, stdout, stderr, channels = 0 } = options;
  const stdio = [stdin, stdout, stderr].map((end) => (typeof end === "string" ? end : "pipe"));
  const child = spawn(file, [...args], {
    stdio: [...stdio, ...Array<"pipe">(channels).fill("pipe")],
    env: options.environment ?? process.env,
    cwd: options.workingDirectory,
    detached: options.ownSession ?? false,
  });
  try {
    if (child.pid === undefined) await once(child, "spawn");
  } catch (cause) {
    const { message } = cause as Error;
    throw new ProcessError("CANNOT_START", `Cannot start ${file}: ${message}`, { cause });
  }
  const exited = once(child, "close").then(([code, signal]: (number | NodeJS.Signals | null)[]) =>
    toExit(code, signal),
  );
  if (typeof stdout === "function") child.stdout!.on("data", stdout);
  if (typeof stderr === "function") child.stderr!.on("data", stderr);
  if (typeof stdin !== "string") void feed(child.stdin!, stdin);
  for (const stream of child.stdio.slice(3)) stream?.on("error", () => {});
  return {
    pid: child.pid!,
    exited,
    kill: (signal) => void child.kill(signal),
    channel: (index) => child.stdio[index + 3] as Readable & Writable,
  };
}

function toExit(code: unknown, signal: unknown): ProcessExit {
  return typeof code === "number"
    ? { kind: "exited", exitCode: code }
    : { kind: "killed", signal: signal as NodeJS.Signals };
}

/** Writes chunks to a program that may stop reading, or end, at any time. */
async function feed(
  input: NonNullable<ChildProcess["stdin"]>,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<void> {
  let isOpen = true;
  let goOn = () => {};
  for (const event of ["error", "close"]) {
    input.on(event, () => {
      isOpen = false;
      goOn();
    });
  }
  input.on("drain", () => goOn());
  try {
    for await (const chunk of chunks) {
      if (!isOpen) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      goOn = resolve;
      if (!input.write(chunk) && isOpen) await promise;
    }
    input.end();
  } catch (error) {
    input.destroy(error as Error);
  }
}

/** What a program printed, and how it ended. */
export interface Captured {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Bytes of output that are kept; what a program prints beyond that is dropped. */
const MOST_CAPTURED = 1 << 20;

/**
 * Runs a program to its end and keeps what it prints.
 *
 * @throws {ProcessError} `CANNOT_START`, or the signal's reason; the program and what it started are then killed.
 */
export async function captureProcess(
  file: string,
  args: readonly string[],
  options: {
    readonly signal: AbortSignal;
    readonly stdin?: InputSource;
    readonly environment?: Readonly<Record<string, string>>;
    readonly workingDirectory?: string | undefined;
  },
): Promise<Captured> {
  const output = [new Capture(), new Capture()] as const;
  options.signal.throwIfAborted();
  const running = await startProcess(file, args, {
    stdin: options.stdin ?? "ignore",
    stdout: output[0].take,
    stderr: output[1].take,
    environment: options.environment,
    workingDirectory: options.workingDirectory,
    ownSession: true,
  });
  const onAbort = () => killGroup(running.pid);
  options.signal.addEventListener("abort", onAbort);
  const exit = await running.exited;
  options.signal.removeEventListener("abort", onAbort);
  options.signal.throwIfAborted();
  return { exitCode: exitStatus(exit), stdout: output[0].text(), stderr: output[1].text() };
}

/** Kills a process that leads a session, and what it started: whoever is left would hold its output open. */
function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}

class Capture {
  readonly #chunks: Uint8Array[] = [];
  #size = 0;

  readonly take = (chunk: Uint8Array): void => {
    if (this.#size < MOST_CAPTURED) this.#chunks.push(chunk);
    this.#size += chunk.length;
  };

  text(): string {
    return Buffer.concat(this.#chunks).toString("utf8", 0, MOST_CAPTURED);
  }
}

/** The signals that people and supervisors send to a program that they started. */
const FORWARDED: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR2"];

/** Gives the signals that this process gets to a function, until it is disposed of. */
export function forwardSignals(send: (signal: NodeJS.Signals) => void): Disposable {
  for (const signal of FORWARDED) process.on(signal, send);
  return {
    [Symbol.dispose]() {
      for (const signal of FORWARDED) process.off(signal, send);
    },
  };
}

/** Runs a program should this process exit before the result is disposed of; not when it is killed. */
export function runAtExit(file: string, args: readonly string[]): Disposable {
  const run = () => void spawnSync(file, args, { stdio: "ignore", timeout: 5000 });
  process.on("exit", run);
  return {
    [Symbol.dispose]() {
      process.off("exit", run);
    },
  };
}

/** Whether a person sits at the other end of standard input, output and error. */
export function isInteractive(): boolean {
  return process.stdin.isTTY === true && process.stdout.isTTY === true && process.stderr.isTTY === true;
}
