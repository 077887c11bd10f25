// Ed25519 keys and signatures as binary caches have them: `NAME:BASE64`. A secret key is its seed and its public key, 64
// bytes; a public key 32, a signature 64.

import type { KeyObject } from "node:crypto";
import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import { NixFormatError } from "./errors.ts";
import { decodeBase64 } from "./hash.ts";

export interface PublicKey {
  /** Up to the colon: what signatures say they are by. */
  readonly name: string;
  readonly key: KeyObject;
}

export interface SecretKey {
  readonly name: string;
  readonly key: KeyObject;
}

const SEED_SIZE = 32;
const PUBLIC_SIZE = 32;
const SIGNATURE_SIZE = 64;
/** What stands before the 32 bytes in PKCS #8 and SubjectPublicKeyInfo (RFC 8410). */
const PKCS8_HEAD = Buffer.from("302e020100300506032b657004220420", "hex");
const SPKI_HEAD = Buffer.from("302a300506032b6570032100", "hex");

interface Named {
  readonly name: string;
  readonly bytes: Uint8Array;
}

function splitNamed(text: string): Named | undefined {
  const colon = text.indexOf(":");
  const bytes = colon <= 0 ? undefined : decodeBase64(text.slice(colon + 1));
  return bytes === undefined ? undefined : { name: text.slice(0, colon), bytes };
}

/**
 * Reads a public key, as `trusted-public-keys` lists them.
 *
 * @throws {NixFormatError} `SIGNATURE_INVALID`
 */
export function parsePublicKey(text: string): PublicKey {
  const named = splitNamed(text);
  if (named?.bytes.length !== PUBLIC_SIZE) {
    throw new NixFormatError(
      "SIGNATURE_INVALID",
      `Cannot read the public key "${text}": NAME:BASE64 of ${PUBLIC_SIZE} bytes was wanted`,
      { hint: "A public key looks like cache.example.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=" },
    );
  }
  return { name: named.name, key: publicKeyOf(named.bytes) };
}

function publicKeyOf(bytes: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([SPKI_HEAD, bytes]), format: "der", type: "spki" });
}

function privateKeyOf(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, seed]), format: "der", type: "pkcs8" });
}

function publicBytes(key: KeyObject): Buffer {
  const publicKey = key.type === "private" ? createPublicKey(key) : key;
  return publicKey.export({ format: "der", type: "spki" }).subarray(SPKI_HEAD.length);
}

/**
 * Reads a secret key, as `nix-store --generate-binary-cache-key` writes it; white space around it is passed over.
 *
 * @throws {NixFormatError} `SIGNATURE_INVALID`; the message does not show the key.
 */
export function parseSecretKey(text: string): SecretKey {
  const named = splitNamed(text.trim());
  if (named?.bytes.length !== SEED_SIZE + PUBLIC_SIZE) {
    throw new NixFormatError(
      "SIGNATURE_INVALID",
      `Cannot read the secret key: NAME:BASE64 of ${SEED_SIZE + PUBLIC_SIZE} bytes was wanted`,
    );
  }
  const key = privateKeyOf(named.bytes.subarray(0, SEED_SIZE));
  if (!publicBytes(key).equals(named.bytes.subarray(SEED_SIZE))) {
    throw new NixFormatError(
      "SIGNATURE_INVALID",
      `Cannot read the secret key "${named.name}": its public half does not belong to it`,
    );
  }
  return { name: named.name, key };
}

/**
 * Makes a secret key of 32 random bytes.
 *
 * @throws {NixFormatError} `SIGNATURE_INVALID` for another number of bytes, and for a name that is empty or has a colon
 * or white space.
 */
export function createSecretKey(name: string, seed: Uint8Array): SecretKey {
  if (seed.length !== SEED_SIZE || !/^[^:\s]+$/.test(name)) {
    throw new NixFormatError(
      "SIGNATURE_INVALID",
      `Cannot make a key named "${name}": a name without colon and white space, and ${SEED_SIZE} bytes, were wanted`,
    );
  }
  return { name, key: privateKeyOf(seed) };
}

/** Writes a secret key as Nix reads it. */
export function formatSecretKey({ name, key }: SecretKey): string {
  const seed = key.export({ format: "der", type: "pkcs8" }).subarray(PKCS8_HEAD.length);
  return `${name}:${Buffer.concat([seed, publicBytes(key)]).toString("base64")}`;
}

/** Writes a public key; of a secret key, the one that belongs to it. */
export function formatPublicKey({ name, key }: PublicKey | SecretKey): string {
  return `${name}:${publicBytes(key).toString("base64")}`;
}

/** The public key that belongs to a secret one. */
export function publicKeyFor({ name, key }: SecretKey): PublicKey {
  return { name, key: createPublicKey(key) };
}

/** Signs a text, such as the fingerprint of a store path: `NAME:BASE64`. */
export function signText({ name, key }: SecretKey, text: string): string {
  return `${name}:${sign(null, Buffer.from(text), key).toString("base64")}`;
}

/**
 * Whether a signature is by one of the keys, and of this text. What is no signature at all is by none of them.
 *
 * @param keys Those that are trusted; only those with the signature's name are tried.
 */
export function verifySignature(keys: Iterable<PublicKey>, text: string, signature: string): boolean {
  const named = splitNamed(signature);
  if (named?.bytes.length !== SIGNATURE_SIZE) return false;
  for (const { name, key } of keys) {
    if (name === named.name && verify(null, Buffer.from(text), key, named.bytes)) return true;
  }
  return false;
}
