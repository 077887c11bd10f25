// What is learnt of a NAR while it streams by: its hash and size, and whether it has the content address that it claims.

import { createHash, type Hash } from "node:crypto";
import { ContentAddressHasher } from "../../formats/nix/content-address.ts";
import { formatTypedHash } from "../../formats/nix/hash.ts";
import type { NarNode } from "../../formats/nix/nar-grammar.ts";
import type { NarHandler } from "../../formats/nix/nar-reader.ts";
import { parseContentAddress } from "../../formats/nix/store-path.ts";
import type { PathInfo } from "../../model/path-info.ts";
import { StoreError } from "./errors.ts";

/** Hands each call on to several, in order. */
export class NarTee implements NarHandler {
  readonly #handlers: readonly NarHandler[];

  constructor(...handlers: readonly NarHandler[]) {
    this.#handlers = handlers;
  }

  node(node: NarNode, offset: number): void {
    for (const handler of this.#handlers) handler.node(node, offset);
  }

  content(chunk: Uint8Array): void {
    for (const handler of this.#handlers) handler.content(chunk);
  }

  nodeEnd(): void {
    for (const handler of this.#handlers) handler.nodeEnd();
  }
}

/** Hashes and measures. */
export class NarHash {
  readonly #hash = createHash("sha256");
  #size = 0;

  update(chunk: Uint8Array): void {
    this.#hash.update(chunk);
    this.#size += chunk.length;
  }

  /** Call it once. */
  facts(): { readonly narHash: string; readonly narSize: number } {
    return { narHash: this.#hash.digest("hex"), narSize: this.#size };
  }
}

/** Compares a NAR with what was promised of it, its content address too. */
export class NarCheck {
  readonly #info: PathInfo;
  readonly #hash = new NarHash();
  readonly #address: { readonly hasher: ContentAddressHasher; readonly wanted: string } | undefined;

  constructor(info: PathInfo) {
    this.#info = info;
    if (info.ca === undefined) return;
    const { method, hash } = parseContentAddress(info.ca);
    this.#address = {
      hasher: new ContentAddressHasher(method, hash.algorithm, info.path),
      wanted: formatTypedHash(hash, "nix32"),
    };
  }

  update(chunk: Uint8Array): void {
    this.#hash.update(chunk);
    this.#address?.hasher.update(chunk);
  }

  /** @throws {StoreError} `STORE_HASH_MISMATCH` */
  end(): void {
    const { path, narHash, narSize } = this.#info;
    const found = this.#hash.facts();
    if (found.narHash !== narHash || found.narSize !== narSize) {
      throw mismatch(
        path,
        `its NAR has the hash sha256:${found.narHash} and ${found.narSize} bytes, sha256:${narHash} and ${narSize} bytes were promised`,
      );
    }
    if (this.#address === undefined) return;
    const actual = formatTypedHash(this.#address.hasher.digest(), "nix32");
    if (actual === this.#address.wanted) return;
    throw mismatch(
      path,
      `its content has the hash ${actual}, its content address says ${this.#address.wanted}`,
    );
  }
}

function mismatch(path: string, problem: string): StoreError {
  return new StoreError("STORE_HASH_MISMATCH", `Cannot add ${path}: ${problem}`, {
    hint: "The cache or the stream is damaged: get the path from elsewhere",
  });
}

/** Hashes the contents of the only file of a NAR. */
export class FlatHash implements NarHandler {
  readonly #hash: Hash;
  readonly #refuse: (kind: string) => never;

  constructor(algorithm: string, refuse: (kind: string) => never) {
    this.#hash = createHash(algorithm);
    this.#refuse = refuse;
  }

  node(node: NarNode): void {
    if (node.type !== "file") this.#refuse(node.type);
  }

  content(chunk: Uint8Array): void {
    this.#hash.update(chunk);
  }

  nodeEnd(): void {}

  digest(): Buffer {
    return this.#hash.digest();
  }
}
