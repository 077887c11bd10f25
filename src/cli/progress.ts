// Draws progress: one live line a stage on a terminal, one plain line a finished stage elsewhere.

import pc from "picocolors";
import type { Progress, ProgressStage } from "../model/progress.ts";
import { formatBytes } from "./text.ts";

interface Terminal {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

const REDRAW_MS = 80;
const SPINNER = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

interface RunningStage {
  readonly name: string;
  count: number;
  bytes: number;
  expectedCount: number;
  expectedBytes: number;
  detail: string;
}

/** Reports to a terminal or a plain stream; `quiet` shows only warnings. */
export class TerminalProgress implements Progress {
  readonly #stream: Terminal;
  readonly #quiet: boolean;
  readonly #live: boolean;
  readonly #running: RunningStage[] = [];
  #timer: NodeJS.Timeout | undefined;
  #frame = 0;
  #drawnLines = 0;

  constructor(stream: Terminal, options: { readonly quiet: boolean }) {
    this.#stream = stream;
    this.#quiet = options.quiet;
    this.#live = stream.isTTY === true && !options.quiet && process.env["TERM"] !== "dumb";
  }

  stage(name: string): ProgressStage {
    const stage: RunningStage = { name, count: 0, bytes: 0, expectedCount: 0, expectedBytes: 0, detail: "" };
    this.#running.push(stage);
    if (this.#live && this.#timer === undefined) {
      this.#timer = setInterval(() => this.#redraw(), REDRAW_MS);
      this.#timer.unref();
    }
    const end = () => {
      const index = this.#running.indexOf(stage);
      if (index >= 0) this.#running.splice(index, 1);
      return index >= 0;
    };
    return {
      detail: (text) => {
        stage.detail = text;
      },
      advance: (count, bytes = 0) => {
        stage.count += count;
        stage.bytes += bytes;
      },
      expect: (count, bytes = 0) => {
        stage.expectedCount += count;
        stage.expectedBytes += bytes;
      },
      done: (summary) => {
        if (!end()) return;
        if (!this.#quiet) this.#print(`${pc.green("✓")} ${name.padEnd(10)} ${summary}`.trimEnd());
        if (this.#running.length === 0) this.stop();
      },
      abandon: () => {
        if (end() && this.#running.length === 0) this.stop();
      },
    };
  }

  note(text: string): void {
    if (!this.#quiet) this.#print(text);
  }

  warn(text: string): void {
    this.#print(`${pc.yellow("warning:")} ${text}`);
  }

  /** Ends the live lines; what was printed stays. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#erase();
  }

  #print(line: string): void {
    this.#erase();
    this.#stream.write(`${line}\n`);
    if (this.#timer !== undefined) this.#redraw();
  }

  #erase(): void {
    if (this.#drawnLines > 0) this.#stream.write(`\x1b[${this.#drawnLines}A\x1b[J`);
    this.#drawnLines = 0;
  }

  #redraw(): void {
    this.#erase();
    this.#frame = (this.#frame + 1) % SPINNER.length;
    const width = this.#stream.columns ?? 80;
    for (const stage of this.#running) {
      const said = [describe(stage), stage.detail].filter((part) => part !== "").join("  ");
      const line = `${SPINNER[this.#frame]} ${stage.name.padEnd(10)} ${said}`.slice(0, width - 1);
      this.#stream.write(`${line}\n`);
      this.#drawnLines++;
    }
  }
}

function describe({ count, bytes, expectedCount, expectedBytes }: RunningStage): string {
  const parts: string[] = [];
  if (expectedCount > 0) parts.push(`${count}/${expectedCount}`);
  else if (count > 0) parts.push(`${count}`);
  if (expectedBytes > 0) parts.push(`${formatBytes(bytes)} of ${formatBytes(expectedBytes)}`);
  else if (bytes > 0) parts.push(formatBytes(bytes));
  return parts.join("  ");
}
