// The reason of each file that inference keeps, in three words a file: the referring file, the kind, the token.

import type { FileInObject, FileReason, FileReasons } from "../model/closure.ts";
import { getOrMake, type TokenIndex } from "./token-index.ts";

/** A file that the image itself asks for. */
export const FROM_NOWHERE = -1;

/** A reason by numbers; the token as it was found. */
export interface RecordedReason {
  /** Number of the referring file, or {@link FROM_NOWHERE}. */
  readonly source: number;
  readonly kind: string;
  readonly token: string | undefined;
}

/** Remembers for each file what led to it first, so that chains of reasons never lead round in a circle. */
export class ReasonRecorder implements FileReasons {
  readonly #index: TokenIndex;
  readonly #show: (kind: string, token: string) => string;
  readonly #sources: Int32Array;
  /** Numbers of kinds, counted from 1; 0 for files without a reason. */
  readonly #kinds: Uint8Array;
  readonly #tokens: (string | undefined)[];
  readonly #kindNames: string[] = [""];
  readonly #kindNumbers = new Map<string, number>();
  /** By object, then by path: numbers of files; made of what is asked about. */
  readonly #numbers = new Map<string, ReadonlyMap<string, number>>();

  /** @param show Tells a token of a kind as people know it. */
  constructor(index: TokenIndex, show: (kind: string, token: string) => string) {
    this.#index = index;
    this.#show = show;
    this.#sources = new Int32Array(index.size);
    this.#kinds = new Uint8Array(index.size);
    this.#tokens = new Array(index.size);
  }

  /** Records a reason, unless the file has one. */
  record(file: number, source: number, kind: string, token: string | undefined): void {
    if (this.#kinds[file] !== 0) return;
    let number = this.#kindNumbers.get(kind);
    if (number === undefined) {
      number = this.#kindNames.push(kind) - 1;
      this.#kindNumbers.set(kind, number);
    }
    this.#kinds[file] = number;
    this.#sources[file] = source;
    this.#tokens[file] = token;
  }

  /** The reason of a file by its number. */
  at(file: number): RecordedReason | undefined {
    const kind = this.#kindNames[this.#kinds[file]!]!;
    return kind === "" ? undefined : { kind, source: this.#sources[file]!, token: this.#tokens[file] };
  }

  of(file: FileInObject): FileReason | undefined {
    const number = this.numberOf(file);
    const reason = number === undefined ? undefined : this.at(number);
    if (reason === undefined) return undefined;
    const { source, kind, token } = reason;
    return {
      kind,
      ...(token !== undefined && token !== "" && { token: this.#show(kind, token) }),
      ...(source !== FROM_NOWHERE && { from: this.#fileOf(source) }),
    };
  }

  /** The number of a file; undefined when there is none. */
  numberOf({ object, path }: FileInObject): number | undefined {
    return getOrMake(this.#numbers, object, () => {
      const unit = this.#index.units.find((candidate) => candidate.object.id === object);
      return new Map(unit?.files.map((entry, i) => [entry.path as string, unit.first + i]));
    }).get(path);
  }

  #fileOf(number: number): FileInObject {
    return {
      object: this.#index.units[this.#index.unitOf(number)]!.object.id,
      path: this.#index.entryOf(number).path,
    };
  }
}
