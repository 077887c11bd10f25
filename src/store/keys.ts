// Key files: secret keys that sign paths, as Nix has them.

import {
  createSecretKey,
  formatPublicKey,
  formatSecretKey,
  parseSecretKey,
  type SecretKey,
} from "../formats/nix/signature.ts";
import { readSmallFile } from "../platform/files.ts";
import { createSecretFile, randomSeed } from "../platform/secret-file.ts";
import { StoreCommandError } from "./errors.ts";

const LARGEST_KEY_FILE = 1 << 12;
/** Bytes of an ed25519 seed. */
const SEED_SIZE = 32;

/** @throws {StoreCommandError} `KEY_FILE_WRONG`; {NixFormatError} `SIGNATURE_INVALID`. */
export function readKeyFile(file: string): SecretKey {
  const bytes = readSmallFile(file, LARGEST_KEY_FILE);
  if (bytes instanceof Buffer) return parseSecretKey(bytes.toString("utf8"));
  const problem = bytes === undefined ? "there is no such file" : "it is too large for a key";
  throw new StoreCommandError("KEY_FILE_WRONG", `Cannot read the key ${file}: ${problem}`, {
    hint: "tare store generate-key NAME --out FILE makes one",
  });
}

/**
 * Makes a key that only this user can read; no file is overwritten.
 *
 * @returns The public key, for those who shall trust it.
 * @throws {StoreCommandError} `KEY_FILE_WRONG`; {NixFormatError} `SIGNATURE_INVALID` for the name.
 */
export function generateKeyFile(name: string, file: string): string {
  const key = createSecretKey(name, randomSeed(SEED_SIZE));
  if (createSecretFile(file, formatSecretKey(key))) return formatPublicKey(key);
  throw new StoreCommandError("KEY_FILE_WRONG", `Cannot write the key ${file}: there is a file already`, {
    hint: "Whoever trusts its public key would trust the new one no more; name another file",
  });
}
