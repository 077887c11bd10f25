// Clearsigned release files → the text that was signed, and nothing else of them. Source: RFC 9580, section 7.

import type { PublicKey, VerifyMessageResult } from "openpgp";
import { DebianError } from "./errors.ts";

type VerificationResult = VerifyMessageResult["signatures"][number];

/** How far a clock may be behind a signer's. */
export const CLOCK_TOLERANCE_SECONDS = 24 * 60 * 60;

export interface VerifyOptions {
  /** What is verified, for messages: `the release file of bookworm`. */
  readonly name: string;
  readonly keys: readonly PublicKey[];
  /** Seconds since the epoch. */
  readonly nowSeconds: number;
  /** True for a release of the past: its signer's key may have expired since. */
  readonly historic: boolean;
}

/** One clearsigned message from the first byte to the last: no text around it, and no second one within. */
const FRAME =
  /^-----BEGIN PGP SIGNED MESSAGE-----\r?\n(?:Hash: [A-Za-z0-9, -]+\r?\n)*\r?\n[\s\S]*\n-----BEGIN PGP SIGNATURE-----\r?\n[\s\S]*\n-----END PGP SIGNATURE-----\s*$/;
const MARKER = /^-----(?:BEGIN|END) PGP /gm;

/**
 * Verifies a clearsigned document.
 *
 * At least one signature must be good and by one of the keys, which must be neither revoked nor expired; signatures by
 * unknown keys are passed over, as Debian signs with the keys of two releases.
 *
 * @returns The signed text. Whatever stands around it in the file is not part of it.
 * @throws {DebianError} `BAD_SIGNATURE`, `UNTRUSTED_KEY` or `RELEASE_NOT_YET_VALID`.
 */
export async function verifyClearsigned(bytes: Uint8Array, options: VerifyOptions): Promise<string> {
  const { name, keys } = options;
  const fail = (problem: string, cause?: unknown): never => {
    throw new DebianError("BAD_SIGNATURE", `Cannot trust ${name}: ${problem}`, {
      hint: "The mirror may be damaged or hostile: name another one with TARE_DEBIAN_MIRROR",
      cause,
    });
  };
  let document: string;
  try {
    document = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    return fail("it is no UTF-8 text", cause);
  }
  if (!FRAME.test(document) || document.match(MARKER)?.length !== 3) {
    return fail("it is not one clearsigned message and nothing else");
  }
  const { readCleartextMessage, verify } = await import("openpgp");
  let text: string;
  let signatures: readonly VerificationResult[];
  try {
    const message = await readCleartextMessage({ cleartextMessage: document });
    // Times are checked here: openpgp would ask the machine's clock on its own.
    const verified = await verify({ message, verificationKeys: [...keys], date: null as never });
    text = verified.data as string;
    signatures = verified.signatures;
  } catch (cause) {
    return fail("its signature cannot be read", cause);
  }
  const problems: DebianError[] = [];
  for (const signature of signatures) {
    const problem = await signatureProblem(signature, options);
    if (problem === undefined) return text;
    problems.push(problem);
  }
  if (problems.length === 0) return fail("it has no signature");
  // A known key that signed something else says more than an unknown key does.
  throw problems.find(({ code }) => code !== "UNTRUSTED_KEY") ?? mostTelling(problems);
}

function mostTelling(problems: readonly DebianError[]): DebianError {
  return problems.find(({ message }) => !message.includes("not known")) ?? problems[0]!;
}

async function signatureProblem(
  signature: VerificationResult,
  { name, keys, nowSeconds, historic }: VerifyOptions,
): Promise<DebianError | undefined> {
  const id = signature.keyID.toHex();
  const key = keys.find((one) => one.getKeys(signature.keyID).length > 0);
  const untrusted = (problem: string): DebianError =>
    new DebianError("UNTRUSTED_KEY", `Cannot trust ${name}: it is signed by the key ${id}, ${problem}`, {
      hint: "For an archive of your own let TARE_DEBIAN_KEYRING name a file with its public key",
    });
  if (key === undefined) return untrusted("which is not known for this archive");
  try {
    await signature.verified;
  } catch (cause) {
    return new DebianError(
      "BAD_SIGNATURE",
      `Cannot trust ${name}: its signature by the key ${id} does not fit what it says`,
      { hint: "The mirror may be damaged or hostile: name another one with TARE_DEBIAN_MIRROR", cause },
    );
  }
  const revoked = await key.isRevoked(undefined, undefined, null as never);
  if (revoked) return untrusted("which is revoked");
  if (!historic) {
    // That the key was valid when it signed has been seen to; it must be so now as well.
    try {
      await key.getSigningKey(signature.keyID, new Date(nowSeconds * 1000));
    } catch (cause) {
      return untrusted(`which is not valid any more: ${(cause as Error).message}`);
    }
  }
  const created = (await signature.signature).packets[0]?.created;
  if (
    created === undefined ||
    created === null ||
    created.getTime() > (nowSeconds + CLOCK_TOLERANCE_SECONDS) * 1000
  ) {
    return new DebianError("RELEASE_NOT_YET_VALID", `Cannot trust ${name}: it was signed in the future`, {
      hint: "Check the clock of this machine",
    });
  }
  return undefined;
}
