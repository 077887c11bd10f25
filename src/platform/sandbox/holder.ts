// The process that holds a container: see holder-script.ts. It is started before the container's tree is there, so that
// from then on its directory goes whatever becomes of Tare.

import { programPath } from "../processes.ts";
import { SandboxError } from "./errors.ts";
import { formatHolder, type HolderSettings } from "./holder-script.ts";
import type { IdMapping } from "./identity.ts";
import { MappedProcess, type ScriptStreams } from "./mapped-process.ts";

export class Holder {
  #process!: MappedProcess;
  readonly #up = Promise.withResolvers<boolean>();
  /** Signals that came before there was a program. */
  readonly #waiting: NodeJS.Signals[] = [];
  #init: string | undefined;
  #program: string | undefined;
  #isStarted = false;
  #exitCode: number | undefined;

  private constructor() {}

  /**
   * Starts a holder.
   *
   * @throws {SandboxError} `SANDBOX_FORBIDDEN` when this user may not make the namespaces, or ids cannot be mapped so.
   */
  static async start(
    mapping: IdMapping,
    settings: Omit<HolderSettings, "path" | "tty">,
    streams: ScriptStreams,
  ): Promise<Holder> {
    const holder = new Holder();
    const script = formatHolder({ ...settings, tty: streams.tty, path: programPath().join(":") });
    holder.#process = await MappedProcess.start(mapping, script, streams, (word, argument) =>
      holder.#hear(word, argument),
    );
    void holder.#process.exited.then(() => holder.#up.resolve(false));
    if (!(await holder.#up.promise)) {
      await holder.stop();
      throw holder.#process.failure();
    }
    return holder;
  }

  /**
   * Starts the program, whose scripts are in the directory, and waits for its end.
   *
   * @returns Its exit status; 128 + N when signal N ended it.
   * @throws {SandboxError} `SANDBOX_FORBIDDEN` or `SANDBOX_FAILED` when it was not started, or the holder was killed.
   */
  async run(): Promise<number> {
    this.#process.say("start");
    await this.#process.exited;
    if (!this.#isStarted) throw this.#process.failure();
    if (this.#exitCode === undefined) {
      throw new SandboxError(
        "SANDBOX_FAILED",
        "Cannot tell how a program ended: the process that held its sandbox was killed",
      );
    }
    return this.#exitCode;
  }

  /** Gives the program a signal; one that is not there yet gets it when it is. */
  signal(signal: NodeJS.Signals): void {
    if (this.#isStarted) this.#process.say(`kill ${signal.slice("SIG".length)} ${this.#program}`);
    else this.#waiting.push(signal);
  }

  /** Ends the holder without starting anything, or kills all of the container. */
  async stop(): Promise<void> {
    await this.#process.stop();
  }

  #hear(word: string, argument: string): boolean {
    const isNumber = /^\d+$/.test(argument);
    if (word === "up") this.#up.resolve(true);
    else if (word === "init" && isNumber) this.#init = argument;
    else if (word === "ready" && isNumber) {
      this.#program = argument;
      this.#process.say(`pivot ${this.#init}`);
    } else if (word === "pivoted") this.#letGo();
    else if (word === "exit" && isNumber) this.#exitCode = Number(argument);
    else return false;
    return true;
  }

  #letGo(): void {
    this.#process.release("go");
    this.#isStarted = true;
    for (const signal of this.#waiting) this.signal(signal);
  }
}
