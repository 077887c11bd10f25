// What a build says: all of it in a file, the last lines at hand, the newest line with the progress.

import type { Progress, ProgressStage } from "../model/progress.ts";
import { AppendedFile } from "../platform/appended-file.ts";

/** Lines that an error shows. */
const TAIL_LINES = 12;
/** Characters of a line that are kept. */
const LONGEST_LINE = 400;

/** Dispose of it when the build has ended; {@link end} says that it went well. */
export class BuildLog implements Disposable {
  /** Absolute path. */
  readonly file: string;
  readonly #output: AppendedFile;
  readonly #stage: ProgressStage;
  readonly #lines: string[] = [];
  readonly #decoder = new TextDecoder();
  #pending = "";
  #count = 0;

  constructor(file: string, name: string, progress: Progress) {
    this.file = file;
    this.#output = new AppendedFile(file);
    this.#stage = progress.stage(`building ${name}`);
  }

  write(chunk: Uint8Array): void {
    this.#output.write(chunk);
    const lines = (this.#pending + this.#decoder.decode(chunk, { stream: true })).split("\n");
    this.#pending = lines.pop()!.slice(-LONGEST_LINE);
    const shown = lines.slice(-TAIL_LINES).map(toPrintable);
    this.#lines.push(...shown);
    this.#lines.splice(0, this.#lines.length - TAIL_LINES);
    this.#count += lines.length;
    this.#stage.advance(lines.length);
    const newest = shown.findLast((line) => line !== "");
    if (newest !== undefined) this.#stage.detail?.(newest);
  }

  /** The last lines, without control characters. */
  lastLines(): string[] {
    return [...this.#lines, toPrintable(this.#pending)].filter((line) => line !== "").slice(-TAIL_LINES);
  }

  /** The builder ended well. */
  end(): void {
    const count = this.#count + (this.#pending === "" ? 0 : 1);
    this.#stage.done(count === 0 ? "" : `${count} ${count === 1 ? "line" : "lines"} of log`);
  }

  [Symbol.dispose](): void {
    this.#output[Symbol.dispose]();
    this.#stage.abandon?.();
  }
}

function toPrintable(line: string): string {
  // Of what a program overwrites on one line the last counts; then colours, cursor movements and titles, and whatever
  // else a terminal would obey.
  const last = line.trimEnd().split("\r").at(-1)!;
  const plain = last
    .replaceAll(/\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)?/g, "")
    .replaceAll(/\u001b\[[0-9;:?<=>]*[ -/]*[@-~]/g, "")
    .replaceAll(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, "");
  return plain.trimEnd().slice(0, LONGEST_LINE);
}
