// Chunks of a NAR → the hash that a content address of it must have: what makes an object without a signature
// trustworthy, when its path follows from that.

import type { Hash as Hashing } from "node:crypto";
import { createHash } from "node:crypto";
import type { StorePath } from "../../model/store-path.ts";
import { hashPart } from "../../model/store-path.ts";
import { NixFormatError } from "./errors.ts";
import type { Hash, HashAlgorithm } from "./hash.ts";
import type { NarNode } from "./nar-grammar.ts";
import { NarReader } from "./nar-reader.ts";
import { HashModuloSelf } from "./rewrite.ts";
import type { ContentAddressMethod } from "./store-path.ts";

/** Hashes an object for its content address, from the bytes of its NAR. */
export class ContentAddressHasher {
  readonly #update: (chunk: Uint8Array) => void;
  readonly #digest: () => Hash;

  /**
   * @param path What the object may call itself by: its own hash part is left out of account in a NAR.
   */
  constructor(method: ContentAddressMethod, algorithm: HashAlgorithm, path: StorePath) {
    if (method === "recursive") {
      const modulo = new HashModuloSelf(algorithm, hashPart(path));
      this.#update = (chunk) => modulo.update(chunk);
      this.#digest = () => modulo.digest();
      return;
    }
    const hash = createHash(algorithm);
    const reader = new NarReader(new OnlyFile(path, hash));
    this.#update = (chunk) => reader.write(chunk);
    this.#digest = () => {
      reader.end();
      return { algorithm, bytes: hash.digest() };
    };
  }

  /** @throws {NixFormatError} `NAR_INVALID`, also when it is no plain file and only that can have such an address. */
  update(chunk: Uint8Array): void {
    this.#update(chunk);
  }

  /** @throws {NixFormatError} As {@link update}. */
  digest(): Hash {
    return this.#digest();
  }
}

class OnlyFile {
  readonly #path: StorePath;
  readonly #hash: Hashing;

  constructor(path: StorePath, hash: Hashing) {
    this.#path = path;
    this.#hash = hash;
  }

  node(node: NarNode): void {
    if (node.type === "file" && !node.executable) return;
    const kind = node.type === "file" ? "an executable file" : `a ${node.type}`;
    throw new NixFormatError(
      "NAR_INVALID",
      `Cannot hash ${this.#path}: it is ${kind}, its content address is that of a plain file`,
    );
  }

  content(chunk: Uint8Array): void {
    this.#hash.update(chunk);
  }

  nodeEnd(): void {}
}
