// A shell script that runs as root, or as root of a new user namespace of which this user is the owner. Tare says lines
// to it on file descriptor 3 and hears lines on 4; on the end of 3 it has to end.

import { createInterface } from "node:readline";
import { inheritedDescriptors } from "../linux.ts";
import {
  captureProcess,
  findProgram,
  type InputSource,
  type OutputTarget,
  type ProcessExit,
  programPath,
  type RunningProcess,
  startProcess,
} from "../processes.ts";
import { SandboxError } from "./errors.ts";
import { formatLauncher } from "./holder-script.ts";
import type { IdMapping } from "./identity.ts";

const SHELL = "/bin/sh";

/** Commands, reports, and one more for the script's own use. */
const CHANNELS = 3;

/** Lines of diagnosis that are kept. */
const MOST_DIAGNOSES = 20;

/** Where input and output of the script, and of what it starts, are. */
export interface ScriptStreams {
  readonly stdin: InputSource;
  readonly stdout: OutputTarget;
  readonly stderr: OutputTarget;
  /** Whether they are a terminal that the script has to be allowed to use. */
  readonly tty: boolean;
}

export class MappedProcess {
  /** How it ended, when all its output was taken. */
  readonly exited: Promise<ProcessExit>;
  readonly #process: RunningProcess;
  readonly #mapping: IdMapping;
  readonly #diagnoses: string[] = [];

  private constructor(
    process: RunningProcess,
    mapping: IdMapping,
    hear: (word: string, argument: string) => boolean,
  ) {
    this.#process = process;
    this.#mapping = mapping;
    const lines = createInterface({ input: process.channel(1), crlfDelay: Number.POSITIVE_INFINITY });
    lines.on("line", (line) => this.#hear(line, hear));
    this.exited = process.exited;
  }

  /**
   * Starts a script.
   *
   * @param hear Gets every line's first word and the rest; false: the line is a diagnosis.
   * @throws {ProcessError} `CANNOT_START`. That ids cannot be mapped shows as the end of the process.
   */
  static async start(
    mapping: IdMapping,
    script: string,
    { tty, ...streams }: ScriptStreams,
    hear: (word: string, argument: string) => boolean,
  ): Promise<MappedProcess> {
    const path = programPath().join(":");
    // The channels take the place of the first three.
    const leaked = inheritedDescriptors().filter((fd) => fd >= 3 + CHANNELS);
    // dash cannot close descriptors above 9; where sh is dash, bash is there too.
    const bash = leaked.some((fd) => fd > 9) ? findProgram("bash") : undefined;
    // Without --norc, Debian's bash takes a socket for rsh, and runs the user's ~/.bashrc.
    const shell = bash === undefined ? [SHELL, "-c"] : [bash, "--norc", "-c"];
    const launcher = formatLauncher(mapping.kind, path, leaked);
    const process = await startProcess(shell[0]!, [...shell.slice(1), launcher, "sh", script], {
      ...streams,
      environment: { PATH: path },
      channels: CHANNELS,
      // On a terminal that is shared, the script has to be among those that may use it.
      ownSession: !tty,
    });
    return new MappedProcess(process, mapping, hear);
  }

  /** Says a line to the script. */
  say(line: string): void {
    this.#process.channel(0).write(`${line}\n`);
  }

  /** Says the last line on the third channel. */
  release(line: string): void {
    this.#process.channel(2).end(`${line}\n`);
  }

  /** Ends the channels, and waits for the end of the script. */
  async stop(): Promise<void> {
    this.#process.channel(0).end();
    this.#process.channel(2).end();
    await this.exited;
  }

  /** Kills the script itself. */
  kill(): void {
    this.#process.kill("SIGKILL");
  }

  /** Why the script could not do its work, as far as it told. */
  failure(): SandboxError {
    const said = this.#diagnoses.filter((line) => line.trim() !== "").join("; ");
    const isForbidden = /not permitted|denied|No space left on device/i.test(said);
    return new SandboxError(
      isForbidden ? "SANDBOX_FORBIDDEN" : "SANDBOX_FAILED",
      `Cannot set up a sandbox of Linux namespaces: ${said === "" ? "it ended without a word" : said}`,
      { hint: isForbidden ? PERMISSION_HINT : undefined },
    );
  }

  #hear(line: string, hear: (word: string, argument: string) => boolean): void {
    const space = line.indexOf(" ");
    const [word, argument] = space < 0 ? [line, ""] : [line.slice(0, space), line.slice(space + 1)];
    if (word === "user" && /^\d+$/.test(argument)) void this.#mapIds(argument);
    else if (!hear(word, argument) && this.#diagnoses.length < MOST_DIAGNOSES) this.#diagnoses.push(line);
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
    this.say("mapped");
  }
}

const PERMISSION_HINT =
  "Run as root, or let ordinary users make user namespaces (sysctl kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0, user.max_user_namespaces>0)";
