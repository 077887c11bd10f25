// Who may sign releases: Debian's archive keys, shipped as data, and the keyring that a user adds.

import { fileURLToPath } from "node:url";
import type { PublicKey } from "openpgp";
import { InternalError } from "../../model/errors.ts";
import { environmentVariable } from "../../platform/environment.ts";
import { readSmallFile } from "../../platform/files.ts";
import { DebianError } from "./errors.ts";
import type { ArchiveName } from "./suites.ts";

/** A shipped key: a file in keys/, whose README says where it is from. */
interface ShippedKey {
  readonly file: string;
  /** Of the primary key, lower-case hex. */
  readonly fingerprint: string;
  /** The only archive whose releases it may sign. */
  readonly archive: ArchiveName;
}

export const SHIPPED_KEYS: readonly ShippedKey[] = [
  {
    file: "bookworm-automatic.asc",
    fingerprint: "b8b80b5b623eab6ad8775c45b7c5d7d6350947f8",
    archive: "debian",
  },
  {
    file: "bookworm-stable.asc",
    fingerprint: "4d64fec119c2029067d6e791f8d2585b8783d481",
    archive: "debian",
  },
  {
    file: "bookworm-security-automatic.asc",
    fingerprint: "05ab90340c0c5e797f44a8c8254cf3b5aec0a8f0",
    archive: "debian-security",
  },
  {
    file: "trixie-automatic.asc",
    fingerprint: "04b54c3cdca79751b16bc6b5225629df75b188bd",
    archive: "debian",
  },
  {
    file: "trixie-stable.asc",
    fingerprint: "41587f7db8c774bccf131416762f67a0b2c39de4",
    archive: "debian",
  },
  {
    file: "trixie-security-automatic.asc",
    fingerprint: "5e04a1e3223a19a20706e20f9904613d4cce68c6",
    archive: "debian-security",
  },
];

/** Bytes; Debian's whole keyring has 56 KB. */
const LARGEST_KEYRING = 4 << 20;

/**
 * The keys that may sign an archive's releases: Debian's, and those of the file that `TARE_DEBIAN_KEYRING` names.
 *
 * @throws {DebianError} `BAD_KEYRING` when that file is not there or holds no public keys.
 */
export async function readTrustedKeys(archive: ArchiveName): Promise<PublicKey[]> {
  shippedKeys[archive] ??= readShippedKeys(archive);
  const extra = environmentVariable("TARE_DEBIAN_KEYRING");
  return [...(await shippedKeys[archive]), ...(extra === undefined ? [] : await readKeyring(extra))];
}

/** Read once in a process: they do not change. */
const shippedKeys: Partial<Record<ArchiveName, Promise<PublicKey[]>>> = {};

async function readShippedKeys(archive: ArchiveName): Promise<PublicKey[]> {
  const keys: PublicKey[] = [];
  for (const shipped of SHIPPED_KEYS) {
    if (shipped.archive !== archive) continue;
    const path = fileURLToPath(new URL(`./keys/${shipped.file}`, import.meta.url));
    const found = await readKeyring(path);
    if (found.length !== 1 || found[0]!.getFingerprint() !== shipped.fingerprint) {
      throw new InternalError(`the key file ${shipped.file} does not hold the key ${shipped.fingerprint}`);
    }
    keys.push(...found);
  }
  return keys;
}

const ARMORED_BLOCK = /-----BEGIN PGP PUBLIC KEY BLOCK-----[\s\S]*?-----END PGP PUBLIC KEY BLOCK-----/g;

/**
 * Reads OpenPGP public keys, armored (any number of blocks) or binary.
 *
 * @throws {DebianError} `BAD_KEYRING`
 */
export async function readKeyring(path: string): Promise<PublicKey[]> {
  const fail = (problem: string, cause?: unknown): never => {
    throw new DebianError("BAD_KEYRING", `Cannot read the keyring ${path}: ${problem}`, {
      hint: "Let TARE_DEBIAN_KEYRING name a file of OpenPGP public keys, armored or binary",
      cause,
    });
  };
  const bytes = readSmallFile(path, LARGEST_KEYRING);
  if (bytes === undefined) return fail("there is no such file");
  if (bytes === "too-large") return fail(`it is larger than ${LARGEST_KEYRING} bytes`);
  const { readKeys } = await import("openpgp");
  try {
    const blocks = bytes.toString("latin1").match(ARMORED_BLOCK);
    const lists = await (blocks === null
      ? [await readKeys({ binaryKeys: new Uint8Array(bytes) })]
      : Promise.all(blocks.map((block) => readKeys({ armoredKeys: block }))));
    const keys = lists.flat();
    if (keys.some((key) => key.isPrivate())) return fail("it holds a private key, public ones were expected");
    return keys.length === 0 ? fail("it holds no keys") : (keys as PublicKey[]);
  } catch (cause) {
    if (cause instanceof DebianError) throw cause;
    return fail("it holds no OpenPGP public keys", cause);
  }
}
