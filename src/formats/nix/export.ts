// Streams of `nix-store --export` ⇄ NARs with what is known of their paths. Each path: 1, its NAR, a magic number, the
// path, its references, its deriver, 0; then 0 ends the stream. Nothing in it is signed, nor does it hold hashes.

import { compareStrings } from "../../model/bytes.ts";
import type { StorePath } from "../../model/store-path.ts";
import { asStorePath } from "../../model/store-path.ts";
import { NixFormatError } from "./errors.ts";
import { encodeNarNumber, encodeNarString, narPadding } from "./nar-grammar.ts";
import type { NarConsumer } from "./nar-reader.ts";

/** What an export says of a path, behind its NAR. */
export interface ExportedPath {
  readonly path: StorePath;
  /** Sorted, each once. */
  readonly references: readonly StorePath[];
  readonly deriver?: StorePath | undefined;
}

/** Is called in the order of the stream: `nar` when one begins, `path` when it and what is said of it were read. */
export interface ExportHandler {
  /** Gives what reads the NAR that comes: a NarReader, or a NarTreeBuilder to have its hash as well. */
  nar(): NarConsumer;
  path(exported: ExportedPath): void;
}

const EXPORT_MAGIC = 0x4558494e;
/** Bytes of the longest store path, with room to say what is wrong with longer ones. */
const LONGEST_PATH = 255;
/** Bytes of the signature of an old Nix, which is passed over. */
const LONGEST_SIGNATURE = 1 << 16;
const MOST_REFERENCES = 1 << 24;

type State =
  | "begin"
  | "nar"
  | "magic"
  | "path"
  | "reference-count"
  | "reference"
  | "deriver"
  | "signature-mark"
  | "signature"
  | "ended";

/**
 * A push parser: {@link write} takes chunks of any size, {@link end} checks that the stream is whole.
 *
 * After it has thrown, a reader must not be used again.
 */
export class ExportReader {
  readonly #handler: ExportHandler;
  #state: State = "begin";
  #nar: NarConsumer | undefined;
  /** The number or string that comes, so far. */
  #held: Buffer = Buffer.alloc(0);
  #path: StorePath | undefined;
  #references: StorePath[] = [];
  #referencesLeft = 0;
  #deriver: StorePath | undefined;

  constructor(handler: ExportHandler) {
    this.#handler = handler;
  }

  /**
   * Reads on; nothing may follow the stream.
   *
   * @throws {NixFormatError} `EXPORT_INVALID`, `NAR_INVALID`
   */
  write(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#state === "ended") fail("bytes follow its end");
      if (this.#state === "nar") {
        at += this.#nar!.read(chunk.subarray(at));
        if (this.#nar!.ended) this.#state = "magic";
        continue;
      }
      const need = this.#need() - this.#held.length;
      const taken = chunk.subarray(at, at + need);
      this.#held = Buffer.concat([this.#held, taken]);
      at += taken.length;
      // A string is whole only when its length, once it is known, asks for no more.
      if (this.#held.length === this.#need()) {
        const held = this.#held;
        this.#held = Buffer.alloc(0);
        this.#take(held);
      }
    }
  }

  /** @throws {NixFormatError} `EXPORT_INVALID` when the stream is not whole. */
  end(): void {
    if (this.#state !== "ended") fail("it ends early");
  }

  /** Bytes of the number or string that comes, as far as they are known. */
  #need(): number {
    const isText = ["path", "reference", "deriver", "signature"].includes(this.#state);
    if (!isText || this.#held.length < 8) return 8;
    const length = readNumber(this.#held);
    const longest = this.#state === "signature" ? LONGEST_SIGNATURE : LONGEST_PATH;
    if (length > longest) fail(`a string claims ${length} bytes, at most ${longest} may be here`);
    return 8 + length + narPadding(length);
  }

  #take(held: Buffer): void {
    switch (this.#state) {
      case "begin":
        if (this.#flag(held, "there is neither a path nor the end")) {
          this.#nar = this.#handler.nar();
          this.#state = "nar";
        } else this.#state = "ended";
        break;
      case "magic":
        if (readNumber(held) !== EXPORT_MAGIC) fail("no description follows a NAR");
        this.#state = "path";
        break;
      case "path":
        this.#path = toPath(held);
        this.#state = "reference-count";
        break;
      case "reference-count":
        this.#references = [];
        this.#referencesLeft = readNumber(held);
        if (this.#referencesLeft > MOST_REFERENCES) fail(`a path claims ${this.#referencesLeft} references`);
        this.#state = this.#referencesLeft > 0 ? "reference" : "deriver";
        break;
      case "reference":
        this.#references.push(toPath(held));
        this.#referencesLeft--;
        if (this.#referencesLeft === 0) this.#state = "deriver";
        break;
      case "deriver":
        this.#deriver = textOf(held) === "" ? undefined : toPath(held);
        this.#state = "signature-mark";
        break;
      case "signature-mark":
        if (this.#flag(held, "the mark of a signature is damaged")) this.#state = "signature";
        else this.#endPath();
        break;
      case "signature":
        textOf(held);
        this.#endPath();
        break;
    }
  }

  #endPath(): void {
    const references = [...new Set(this.#references)].sort(compareStrings);
    this.#state = "begin";
    this.#handler.path({ path: this.#path!, references, deriver: this.#deriver });
  }

  #flag(held: Buffer, problem: string): boolean {
    const value = readNumber(held);
    if (value > 1) fail(problem);
    return value === 1;
  }
}

function readNumber(bytes: Buffer): number {
  return bytes.readUInt32LE(0) + bytes.readUInt32LE(4) * 0x1_0000_0000;
}

function textOf(held: Buffer): string {
  const end = 8 + readNumber(held);
  if (held.subarray(end).some((byte) => byte !== 0)) fail("padding is not zero");
  return held.toString("latin1", 8, end);
}

function toPath(held: Buffer): StorePath {
  const text = textOf(held);
  return asStorePath(text) ?? fail(`${JSON.stringify(text)} is no store path`);
}

/** What stands before the NAR of each path. */
export const EXPORT_PATH_BEGIN: Uint8Array = Buffer.from(encodeNarNumber(1), "latin1");
/** What ends the stream. */
export const EXPORT_END: Uint8Array = Buffer.from(encodeNarNumber(0), "latin1");

/** What stands behind the NAR of a path. */
export function formatExportedPath({ path, references, deriver }: ExportedPath): Uint8Array {
  const sorted = [...new Set(references)].sort(compareStrings);
  const text =
    encodeNarNumber(EXPORT_MAGIC) +
    encodeNarString(path) +
    encodeNarNumber(sorted.length) +
    sorted.map(encodeNarString).join("") +
    encodeNarString(deriver ?? "") +
    encodeNarNumber(0);
  return Buffer.from(text, "latin1");
}

/**
 * Writes a stream. The caller gives paths after all that they refer to, or an import will refuse them.
 *
 * @param paths Each with its NAR, in any number of chunks, which is not looked at.
 */
export function* writeExport(
  paths: Iterable<ExportedPath & { readonly nar: Iterable<Uint8Array> }>,
): Generator<Uint8Array> {
  for (const path of paths) {
    yield EXPORT_PATH_BEGIN;
    yield* path.nar;
    yield formatExportedPath(path);
  }
  yield EXPORT_END;
}

function fail(problem: string): never {
  throw new NixFormatError("EXPORT_INVALID", `Cannot read the export: ${problem}`);
}
