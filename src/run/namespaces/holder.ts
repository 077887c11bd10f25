// The process that holds a container: see scripts.ts. It is started before the image is unpacked, so that from then on
// the directory goes whatever becomes of Tare.

import { createInterface } from "node:readline";
import { inheritedDescriptors } from "../../platform/linux.ts";
import {
  captureProcess,
  findProgram,
  programPath,
  type RunningProcess,
  startProcess,
} from "../../platform/processes.ts";
import { RunError } from "../errors.ts";
import type { RunRequest } from "../options.ts";
import type { IdMapping } from "./identity.ts";
import { formatHolder, formatLauncher, type HolderSettings } from "./scripts.ts";

const SHELL = "/bin/sh";

/** Commands, reports, and the program's start. */
const CHANNELS = 3;

/** Lines of diagnosis that are kept. */
const MOST_DIAGNOSES = 20;

export class Holder {
  readonly #process: RunningProcess;
  readonly #mapping: IdMapping;
  readonly #up = Promise.withResolvers<boolean>();
  readonly #diagnoses: string[] = [];
  /** Signals that came before there was a program. */
  readonly #waiting: NodeJS.Signals[] = [];
  #init: string | undefined;
  #program: string | undefined;
  #isStarted = false;
  #exitCode: number | undefined;

  private constructor(process: RunningProcess, mapping: IdMapping) {
    this.#process = process;
    this.#mapping = mapping;
    createInterface({ input: process.channel(1) }).on("line", (line) => this.#hear(line));
    void process.exited.then(() => this.#up.resolve(false));
  }

  /**
   * Starts a holder.
   *
   * @throws {RunError} `RUNTIME_FAILED` when this user may not make the namespaces, or ids cannot be mapped so.
   */
  static async start(
    mapping: IdMapping,
    settings: Omit<HolderSettings, "path">,
    { options, tty }: RunRequest,
  ): Promise<Holder> {
    const path = programPath().join(":");
    const script = formatHolder({ ...settings, path });
    // The channels take the place of the first three.
    const leaked = inheritedDescriptors().filter((fd) => fd >= 3 + CHANNELS);
    // dash cannot close descriptors above 9; where sh is dash, bash is there too.
    const bash = leaked.some((fd) => fd > 9) ? findProgram("bash") : undefined;
    // Without --norc, Debian's bash takes a socket for rsh, and runs the user's ~/.bashrc.
    const shell = bash === undefined ? [SHELL, "-c"] : [bash, "--norc", "-c"];
    const launcher = formatLauncher(mapping.kind, path, leaked);
    const process = await startProcess(shell[0]!, [...shell.slice(1), launcher, "sh", script], {
      stdin: options.stdin ?? "inherit",
      stdout: options.stdout ?? "inherit",
      stderr: options.stderr ?? "inherit",
      environment: { PATH: path },
      channels: CHANNELS,
      // On a terminal that is shared, the holder has to be among those that may use it.
      ownSession: !tty,
    });
    const holder = new Holder(process, mapping);
    if (!(await holder.#up.promise)) {
      await holder.stop();
      throw holder.#failure();
    }
    return holder;
  }

  /**
   * Starts the program, whose scripts are in the directory, and waits for its end.
   *
   * @returns Its exit status.
   * @throws {RunError} `RUNTIME_FAILED` when it was not started.
   */
  async run(): Promise<number> {
    this.#command("start");
    await this.#process.exited;
    if (!this.#isStarted) throw this.#failure();
    if (this.#exitCode === undefined) {
      throw new RunError(
        "RUNTIME_FAILED",
        "Cannot run the image: the process that held the container was killed",
      );
    }
    return this.#exitCode;
  }

  /** Gives the program a signal; one that is not there yet gets it when it is. */
  signal(signal: NodeJS.Signals): void {
    if (this.#isStarted) this.#command(`kill ${signal.slice("SIG".length)} ${this.#program}`);
    else this.#waiting.push(signal);
  }

  /** Ends the holder without starting anything, or kills the container. */
  async stop(): Promise<void> {
    this.#process.channel(0).end();
    this.#process.channel(2).end();
    await this.#process.exited;
  }

  #command(text: string): void {
    this.#process.channel(0).write(`${text}\n`);
  }

  #hear(line: string): void {
    const [word, argument = ""] = line.split(" ");
    if (line === "up") this.#up.resolve(true);
    else if (word === "user" && /^\d+$/.test(argument)) void this.#mapIds(argument);
    else if (word === "init" && /^\d+$/.test(argument)) this.#init = argument;
    else if (word === "ready" && /^\d+$/.test(argument)) {
      this.#program = argument;
      this.#command(`pivot ${this.#init}`);
    } else if (line === "pivoted") this.#letGo();
    else if (word === "exit" && /^\d+$/.test(argument)) this.#exitCode = Number(argument);
    else if (this.#diagnoses.length < MOST_DIAGNOSES) this.#diagnoses.push(line);
  }

  #letGo(): void {
    this.#process.channel(2).end("go\n");
    this.#isStarted = true;
    for (const signal of this.#waiting) this.signal(signal);
  }

  async #mapIds(pid: string): Promise<void> {
    const mapping = this.#mapping;
    if (mapping.kind !== "subordinate") return;
    const { user, uids, gids } = mapping;
    const signal = new AbortController().signal;
    const maps = [
      [mapping.newuidmap, user.uid, uids],
      [mapping.newgidmap, user.gid, gids],
    ] as const;
    for (const [program, own, { start, count }] of maps) {
      const args = [pid, "0", own, "1", "1", start, count].map(String);
      const { exitCode, stderr } = await captureProcess(program, args, { signal });
      if (exitCode !== 0) {
        this.#diagnoses.push(stderr.trim());
        return void this.stop();
      }
    }
    this.#command("mapped");
  }

  #failure(): RunError {
    const said = this.#diagnoses.filter((line) => line.trim() !== "").join("; ");
    const hint = /not permitted|denied|No space left on device/i.test(said) ? PERMISSION_HINT : undefined;
    return new RunError(
      "RUNTIME_FAILED",
      `Cannot run the image with Linux namespaces: ${said === "" ? "the container could not be set up" : said}`,
      { hint },
    );
  }
}

const PERMISSION_HINT =
  "Install podman, run as root, or let ordinary users make user namespaces (sysctl kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0, user.max_user_namespaces>0)";

/** Removes a directory whose files belong to ids of a user namespace. */
export async function removeInNamespace(
  mapping: IdMapping,
  directory: string,
  request: RunRequest,
): Promise<void> {
  const quiet: RunRequest = {
    ...request,
    tty: false,
    options: { stdin: "ignore", stdout: "ignore", stderr: "ignore" },
  };
  const settings = { directory, hasOwnNetwork: false, tty: false, script: undefined };
  const holder = await Holder.start(mapping, settings, quiet);
  await holder.stop();
}
