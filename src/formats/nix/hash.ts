// Hashes as Nix writes them: bytes ⇄ nix32, base16, base64, SRI. Source: Nix manual, "Store Object Content Address"
// and "Nix32 Encoding"; what is accepted is what `nix hash` accepts.

import { createHash } from "node:crypto";
import { NixFormatError } from "./errors.ts";

export type HashAlgorithm = "md5" | "sha1" | "sha256" | "sha512";

export interface Hash {
  readonly algorithm: HashAlgorithm;
  readonly bytes: Uint8Array;
}

/** How the bytes of a hash are written; `sri` carries the algorithm in front (`sha256-…`), the others do not. */
export type HashEncoding = "base16" | "nix32" | "base64" | "sri";

const SIZES: Readonly<Record<HashAlgorithm, number>> = { md5: 16, sha1: 20, sha256: 32, sha512: 64 };

/** Digits of nix32: base 32 without `e`, `o`, `u` and `t`. */
export const NIX32_ALPHABET = "0123456789abcdfghijklmnpqrsvwxyz";

const NIX32_VALUES = valuesOf(NIX32_ALPHABET);
const BASE64_VALUES = valuesOf("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");

function valuesOf(alphabet: string): ReadonlyMap<string, number> {
  return new Map([...alphabet].map((digit, value) => [digit, value]));
}

/** Bytes of a hash of this algorithm. */
export function hashSize(algorithm: HashAlgorithm): number {
  return SIZES[algorithm];
}

/** Whether a text names an algorithm that Nix's stores use. */
export function isHashAlgorithm(text: string): text is HashAlgorithm {
  return Object.hasOwn(SIZES, text);
}

/** Hashes bytes; a string is hashed as its UTF-8 form. */
export function computeHash(algorithm: HashAlgorithm, data: Uint8Array | string): Hash {
  return { algorithm, bytes: createHash(algorithm).update(data).digest() };
}

export function equalHashes(a: Hash, b: Hash): boolean {
  return a.algorithm === b.algorithm && Buffer.compare(a.bytes, b.bytes) === 0;
}

/**
 * Folds a hash to fewer bytes by XOR: byte i goes to byte i modulo `size`.
 *
 * @param size Bytes of the result; 20 for store paths.
 */
export function compressHash(bytes: Uint8Array, size: number): Uint8Array {
  const folded = new Uint8Array(size);
  bytes.forEach((byte, i) => {
    folded[i % size]! ^= byte;
  });
  return folded;
}

/** Characters of the nix32 form of so many bytes. */
export function nix32Length(size: number): number {
  return Math.ceil((size * 8) / 5);
}

/** Writes bytes in nix32: five bits a character, the last bits first. */
export function encodeNix32(bytes: Uint8Array): string {
  let text = "";
  for (let n = nix32Length(bytes.length) - 1; n >= 0; n--) {
    const bit = n * 5;
    const at = bit >> 3;
    const pair = bytes[at]! | ((bytes[at + 1] ?? 0) << 8);
    text += NIX32_ALPHABET[(pair >> (bit & 7)) & 31];
  }
  return text;
}

/**
 * Reads nix32.
 *
 * @throws {NixFormatError} `HASH_INVALID` for a character outside the alphabet, a length that no number of bytes has,
 * and bits that do not fit.
 */
export function decodeNix32(text: string): Uint8Array {
  const bytes = new Uint8Array(Math.floor((text.length * 5) / 8));
  if (nix32Length(bytes.length) !== text.length) fail(text, "its length is that of no nix32 text");
  for (let n = 0; n < text.length; n++) {
    const digit = text[text.length - 1 - n]!;
    const value = NIX32_VALUES.get(digit);
    if (value === undefined) fail(text, `nix32 has no digit ${JSON.stringify(digit)}`);
    const bit = n * 5;
    const at = bit >> 3;
    const pair = value << (bit & 7);
    if (at < bytes.length) bytes[at]! |= pair & 0xff;
    if (at + 1 < bytes.length) bytes[at + 1]! |= pair >> 8;
    else if (pair >> 8 !== 0) fail(text, "its first digit has bits that no byte is left for");
  }
  return bytes;
}

/**
 * Reads a hash in any of its written forms: digits of base16 (either case), nix32 or base64, told apart by their
 * number; `algo:` and such digits; or SRI, `algo-` and base64, whose padding may be missing.
 *
 * @param algorithm What it must be a hash of; without it the text must say so itself.
 * @throws {NixFormatError} `HASH_INVALID`
 */
export function parseHash(text: string, algorithm?: HashAlgorithm): Hash {
  const split = /^([^:-]*)([:-])(.*)$/s.exec(text);
  const [prefix, separator, digits] =
    split === null ? [undefined, "", text] : [split[1]!, split[2]!, split[3]!];
  if (prefix !== undefined && !isHashAlgorithm(prefix)) {
    fail(text, `the algorithm "${prefix}" is unknown, md5, sha1, sha256 or sha512 was wanted`);
  }
  if (algorithm !== undefined && prefix !== undefined && prefix !== algorithm) {
    fail(text, `it is of ${prefix}, ${algorithm} was wanted`);
  }
  const known = prefix ?? algorithm;
  if (known === undefined) fail(text, "it does not say its algorithm, and nothing else does");
  return { algorithm: known, bytes: decodeDigits(text, digits, SIZES[known], separator === "-", known) };
}

function decodeDigits(
  text: string,
  digits: string,
  size: number,
  isSri: boolean,
  algorithm: HashAlgorithm,
): Uint8Array {
  if (!isSri && digits.length === size * 2) {
    if (!/^[0-9a-fA-F]*$/.test(digits)) fail(text, "it has a character that base16 does not have");
    return Buffer.from(digits, "hex");
  }
  if (!isSri && digits.length === nix32Length(size)) return decodeNix32(digits);
  if (!isSri && digits.length !== Math.ceil(size / 3) * 4) {
    fail(text, `its length is that of no hash of ${algorithm}`);
  }
  const bytes = decodeBase64(digits);
  if (bytes === undefined) fail(text, "it has a character that base64 does not have");
  if (bytes.length !== size) fail(text, `it has ${bytes.length} bytes, ${algorithm} has ${size}`);
  return bytes;
}

/**
 * Reads base64 as Nix does: line ends are passed over, `=` ends it wherever it stands, padding may be missing, and bits
 * that fill no byte are dropped.
 *
 * @returns undefined when there is another character.
 */
export function decodeBase64(text: string): Uint8Array | undefined {
  const bytes: number[] = [];
  let bits = 0;
  let count = 0;
  for (const char of text) {
    if (char === "=") break;
    if (char === "\n") continue;
    const value = BASE64_VALUES.get(char);
    if (value === undefined) return undefined;
    bits = ((bits << 6) | value) & 0xffff;
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes.push((bits >> count) & 0xff);
    }
  }
  return Uint8Array.from(bytes);
}

/** Writes the digits of a hash, or its SRI form. */
export function formatHash(hash: Hash, encoding: HashEncoding): string {
  switch (encoding) {
    case "base16":
      return toBuffer(hash.bytes).toString("hex");
    case "nix32":
      return encodeNix32(hash.bytes);
    case "base64":
      return toBuffer(hash.bytes).toString("base64");
    case "sri":
      return `${hash.algorithm}-${toBuffer(hash.bytes).toString("base64")}`;
  }
}

/** Writes `algo:` and the digits of a hash, as narinfos (nix32) and the store's database (base16) have it. */
export function formatTypedHash(hash: Hash, encoding: Exclude<HashEncoding, "sri">): string {
  return `${hash.algorithm}:${formatHash(hash, encoding)}`;
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function fail(text: string, problem: string): never {
  throw new NixFormatError("HASH_INVALID", `Cannot read the hash "${text}": ${problem}`);
}
