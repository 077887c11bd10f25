// What a store object is → its store path. Source: Nix manual, "Complete Store Path Calculation".
// A path is `/nix/store/` nix32(first 160 bits, folded, of sha256("TYPE:sha256:HEX:/nix/store:NAME")) `-` NAME.

import { createHash } from "node:crypto";
import { compareStrings } from "../../model/bytes.ts";
import type { StorePath } from "../../model/store-path.ts";
import { STORE_DIR, storeNameProblem, storePathProblem } from "../../model/store-path.ts";
import { NixFormatError } from "./errors.ts";
import type { Hash } from "./hash.ts";
import {
  compressHash,
  computeHash,
  encodeNix32,
  formatHash,
  formatTypedHash,
  isHashAlgorithm,
  parseHash,
} from "./hash.ts";

/** Bytes of the folded hash in a store path. */
const PATH_HASH_SIZE = 20;

/** How bytes became the hash of a content address: the text itself, one plain file, or the NAR of any tree. */
export type ContentAddressMethod = "text" | "flat" | "recursive";

/** What a store path is the address of, when it says what the contents are and not how they were made. */
export interface ContentAddress {
  readonly method: ContentAddressMethod;
  /** Of the contents; where they refer to themselves, of the contents modulo their own hash part. */
  readonly hash: Hash;
}

/** What a content-addressed object refers to. */
export interface ReferencesOf {
  /** Other store paths; order and duplicates do not matter. */
  readonly references?: Iterable<StorePath>;
  /** Whether its own hash part occurs in it. */
  readonly selfReference?: boolean;
}

/**
 * Reads a store path that a person or a program wrote. As in Nix, repeated and trailing slashes are passed over.
 *
 * @throws {NixFormatError} `STORE_PATH_INVALID`
 */
export function parseStorePath(text: string): StorePath {
  const path = text.replace(/\/{2,}/g, "/").replace(/(?<=.)\/$/, "");
  const problem = storePathProblem(path);
  if (problem !== undefined) invalid(`Cannot read the store path "${text}": ${problem}`);
  return path as StorePath;
}

/** @throws {NixFormatError} `STORE_PATH_INVALID` when the name breaks a rule. */
export function checkStoreName(name: string): void {
  const problem = storeNameProblem(name);
  if (problem !== undefined) invalid(`Cannot make a store path named "${name}": ${problem}`);
}

/**
 * Computes the store path of a text file, as `builtins.toFile` names it and .drv files are named.
 *
 * @param contents The file's exact bytes; a string is encoded as UTF-8.
 * @param references Store paths that the contents mention; order and duplicates do not matter.
 * @throws {NixFormatError} `STORE_PATH_INVALID` for the name.
 */
export function computeTextPath(
  name: string,
  contents: Uint8Array | string,
  references: Iterable<StorePath> = [],
): StorePath {
  const hash = computeHash("sha256", contents);
  return computeContentAddressedPath(name, { method: "text", hash }, { references });
}

/**
 * Computes the store path of a tree, as `nix-store --add` and `builtins.path` name it.
 *
 * @param narHash sha256 of the tree's NAR.
 * @throws {NixFormatError} `STORE_PATH_INVALID` for the name.
 */
export function computeSourcePath(name: string, narHash: Hash): StorePath {
  return computeContentAddressedPath(name, { method: "recursive", hash: narHash });
}

/**
 * Computes the store path of what has a content address, whoever made it.
 *
 * @throws {NixFormatError} `STORE_PATH_INVALID` for the name, for a text whose hash is no sha256 or that refers to
 * itself, and for references of anything else than a text or a NAR's sha256: Nix has no paths for those.
 */
export function computeContentAddressedPath(
  name: string,
  { method, hash }: ContentAddress,
  { references = [], selfReference = false }: ReferencesOf = {},
): StorePath {
  const sorted = [...new Set(references)].sort(compareStrings);
  if (method === "text") {
    if (hash.algorithm !== "sha256")
      invalid(`Cannot name the text "${name}": its hash is of ${hash.algorithm}, sha256 was wanted`);
    if (selfReference) invalid(`Cannot name the text "${name}": it refers to itself, which a text cannot`);
    return makeStorePath(["text", ...sorted].join(":"), hash, name);
  }
  if (method === "recursive" && hash.algorithm === "sha256") {
    return makeStorePath(["source", ...sorted, ...(selfReference ? ["self"] : [])].join(":"), hash, name);
  }
  if (selfReference || sorted.length > 0) {
    invalid(
      `Cannot name "${name}": it has references, and only texts and trees addressed by the sha256 of their NAR may have them`,
    );
  }
  const recursion = method === "recursive" ? "r:" : "";
  const inner = computeHash("sha256", `fixed:out:${recursion}${formatTypedHash(hash, "base16")}:`);
  return makeStorePath("output:out", inner, name);
}

/**
 * Computes the store path of a derivation's output.
 *
 * @param derivationName The derivation's name, without `.drv`.
 * @param hashModulo sha256 of the derivation modulo its fixed-output inputs, its own output paths masked.
 * @throws {NixFormatError} `STORE_PATH_INVALID` when the derived name breaks a rule.
 */
export function computeOutputPath(derivationName: string, output: string, hashModulo: Hash): StorePath {
  return makeStorePath(`output:${output}`, hashModulo, outputPathName(derivationName, output));
}

/** The name of an output's store path: the derivation's for `out`, else `<derivation>-<output>`. */
export function outputPathName(derivationName: string, output: string): string {
  return output === "out" ? derivationName : `${derivationName}-${output}`;
}

function makeStorePath(type: string, hash: Hash, name: string): StorePath {
  checkStoreName(name);
  const fingerprint = `${type}:sha256:${formatHash(hash, "base16")}:${STORE_DIR}:${name}`;
  const digest = createHash("sha256").update(fingerprint).digest();
  return `${STORE_DIR}/${encodeNix32(compressHash(digest, PATH_HASH_SIZE))}-${name}` as StorePath;
}

/** Writes a content address as narinfos and the database have it: `text:sha256:…`, `fixed:r:sha256:…`. */
export function formatContentAddress({ method, hash }: ContentAddress): string {
  const prefix = { text: "text:", flat: "fixed:", recursive: "fixed:r:" }[method];
  return prefix + formatTypedHash(hash, "nix32");
}

/**
 * Reads a content address.
 *
 * @throws {NixFormatError} `STORE_PATH_INVALID` for an unknown form, `HASH_INVALID` for its hash.
 */
export function parseContentAddress(text: string): ContentAddress {
  const parts = /^(text:|fixed:(r:)?)((\w+):.*)$/s.exec(text);
  if (parts === null || !isHashAlgorithm(parts[4]!)) {
    invalid(
      `Cannot read the content address "${text}": its form is unknown, "text:sha256:…" or "fixed:[r:]ALGORITHM:…" was wanted`,
    );
  }
  const method = parts[1] === "text:" ? "text" : parts[2] === undefined ? "flat" : "recursive";
  return { method, hash: parseHash(parts[3]!, method === "text" ? "sha256" : undefined) };
}

function invalid(message: string): never {
  throw new NixFormatError("STORE_PATH_INVALID", message);
}
