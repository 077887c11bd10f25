// Starts agents, and speaks with them as with functions: see agent-main.ts.

import { fileURLToPath } from "node:url";
import { type AgentAnswer, formatLine, parseLine, restoreError } from "./agent-lines.ts";
import { SandboxError } from "./errors.ts";
import type { IdMapping } from "./identity.ts";
import { MappedProcess } from "./mapped-process.ts";
import type { Operations } from "./operations.ts";
import { quoteAll } from "./shell.ts";

const PROGRAM = fileURLToPath(
  new URL(`./agent-main${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url),
);

interface Waiting {
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

export class Agent {
  #process!: MappedProcess;
  readonly #up = Promise.withResolvers<boolean>();
  readonly #waiting = new Map<number, Waiting>();
  #calls = 0;

  private constructor() {}

  /**
   * Starts an agent.
   *
   * @param directory Absolute path of what the agent removes when it ends.
   * @throws {SandboxError} `SANDBOX_FORBIDDEN` when this user may not make a user namespace, or ids cannot be mapped so.
   */
  static async start(mapping: IdMapping, cacheRoot: string, directory: string): Promise<Agent> {
    const agent = new Agent();
    const script = `exec ${quoteAll([process.execPath, PROGRAM, cacheRoot, directory])} 5<&- 8>&-`;
    const streams = { stdin: "ignore", stdout: "ignore", stderr: "ignore", tty: false } as const;
    agent.#process = await MappedProcess.start(mapping, script, streams, (word, argument) =>
      agent.#hear(word, argument),
    );
    void agent.#process.exited.then(() => agent.#end());
    if (!(await agent.#up.promise)) {
      await agent.stop();
      throw agent.#process.failure();
    }
    return agent;
  }

  /** Has an operation done. @throws What it throws, or the signal's reason; the agent is then of no more use. */
  async call<Name extends keyof Operations>(
    name: Name,
    request: Parameters<Operations[Name]>[0],
    signal: AbortSignal,
  ): Promise<Awaited<ReturnType<Operations[Name]>>> {
    signal.throwIfAborted();
    const id = this.#calls++;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#waiting.set(id, { resolve, reject });
    const onAbort = () => void this.stop();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      this.#process.say(formatLine({ id, name, request }));
      return (await promise) as Awaited<ReturnType<Operations[Name]>>;
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Ends the agent, which removes its directory. */
  async stop(): Promise<void> {
    await this.#process.stop();
  }

  #hear(word: string, argument: string): boolean {
    if (word === "up") this.#up.resolve(true);
    else if (word === "answer") this.#settle(parseLine<AgentAnswer>(argument));
    else return false;
    return true;
  }

  #settle(answer: AgentAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if ("error" in answer) waiting?.reject(restoreError(answer.error));
    else waiting?.resolve(answer.result);
  }

  #end(): void {
    this.#up.resolve(false);
    for (const { reject } of this.#waiting.values()) {
      reject(
        new SandboxError(
          "SANDBOX_FAILED",
          "Cannot go on with a sandbox: the process that keeps its files was killed",
        ),
      );
    }
    this.#waiting.clear();
  }
}
