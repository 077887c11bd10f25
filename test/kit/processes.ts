// Programs that run beside a test, so that servers in this process can answer them.

import { type SpawnOptions, spawn } from "node:child_process";

export interface StartOptions extends Pick<SpawnOptions, "cwd" | "env"> {
  /** The program is killed after this long. */
  readonly timeoutMs?: number;
  readonly input?: string;
}

export interface Ended {
  /** Null when a signal ended it. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end; a program that is missing is an error. */
export function start(command: string, args: readonly string[], options: StartOptions): Promise<Ended> {
  const { timeoutMs = 120_000, input = "", ...rest } = options;
  return new Promise((done, fail) => {
    const child = spawn(command, args, { ...rest, timeout: timeoutMs, killSignal: "SIGKILL", stdio: "pipe" });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    child.stdin.on("error", () => {});
    child.stdin.end(input);
    child.once("error", fail);
    child.once("close", (status) => done({ status, stdout, stderr }));
  });
}
