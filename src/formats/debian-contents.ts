// Contents indices: lines of a path and the packages that ship it, read in chunks since an index has up to 500 MB.
// Source: Debian wiki "DebianRepository/Format", "Contents indices".

import { ControlError } from "./deb822.ts";

/** Bytes; paths have at most 4,095, and a file of many packages names them all. */
const LONGEST_LINE = 1 << 20;

/** Reads an index line by line; memory is bounded by the longest line. */
export class ContentsReader {
  readonly #name: string;
  readonly #visit: (path: string, location: string) => void;
  /** The beginning of a line whose end has not come yet. */
  #rest = "";

  /**
   * @param name What is read, for messages.
   * @param visit Called for every line: the path without a leading slash (a byte string), and where it is, which
   *   {@link parsePackageNames} reads.
   */
  constructor(name: string, visit: (path: string, location: string) => void) {
    this.#name = name;
    this.#visit = visit;
  }

  /** @throws {ControlError} `BAD_CONTROL` when a line has no end. */
  push(chunk: Uint8Array): void {
    const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const text = this.#rest + buffer.toString("latin1");
    let start = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
      this.#line(text, start, end);
      start = end + 1;
    }
    this.#rest = text.slice(start);
    if (this.#rest.length > LONGEST_LINE) {
      throw new ControlError(
        "BAD_CONTROL",
        `Cannot read ${this.#name}: it has a line of more than ${LONGEST_LINE} bytes`,
      );
    }
  }

  /** Reads what is behind the last line's end. */
  end(): void {
    if (this.#rest !== "") this.#line(this.#rest, 0, this.#rest.length);
    this.#rest = "";
  }

  /** A path may have blanks in it, the location has none. Other lines are passed over, as apt does. */
  #line(text: string, start: number, end: number): void {
    let location = end;
    while (location > start && !isBlank(text.charCodeAt(location - 1))) location--;
    let pathEnd = location;
    while (pathEnd > start && isBlank(text.charCodeAt(pathEnd - 1))) pathEnd--;
    if (pathEnd > start) this.#visit(text.slice(start, pathEnd), text.slice(location, end));
  }
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** The packages of a location: `libs/libc6`, `utils/a,contrib/utils/b`. */
export function parsePackageNames(location: string): string[] {
  return location.split(",").flatMap((item) => item.slice(item.lastIndexOf("/") + 1) || []);
}
