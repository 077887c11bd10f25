// An output whose hash was said before: the hash of its bytes, or of its NAR, must be that.

import type { DerivationOutput } from "../formats/nix/aterm.ts";
import { equalHashes, formatHash, type Hash } from "../formats/nix/hash.ts";
import { formatContentAddress } from "../formats/nix/store-path.ts";
import { pathKind } from "../platform/files.ts";
import { HashedFile } from "../platform/hashed-file.ts";
import { hashNar } from "../platform/store-files.ts";
import { BuildError } from "./errors.ts";
import type { BuildJob } from "./job.ts";

/**
 * Checks an output with a fixed hash.
 *
 * @param narHash SHA-256 of its NAR, hex.
 * @returns Its content address.
 * @throws {BuildError} `OUTPUT_HASH_MISMATCH`, saying both hashes as image.ts would write them.
 */
export async function checkFixedOutput(
  job: BuildJob,
  { method, hash }: DerivationOutput & { readonly kind: "fixed" },
  place: string,
  narHash: string,
  signal: AbortSignal,
): Promise<string> {
  const found = await hashOutput(job, method, hash.algorithm, { place, narHash, signal });
  if (equalHashes(found, hash)) return formatContentAddress({ method, hash });
  throw new BuildError(
    "OUTPUT_HASH_MISMATCH",
    `Cannot use what ${job.name} made: its hash is ${formatHash(found, "sri")}, ${formatHash(hash, "sri")} was said`,
    { hint: "If the change is meant, write the hash that it has now" },
  );
}

async function hashOutput(
  job: BuildJob,
  method: "flat" | "recursive",
  algorithm: Hash["algorithm"],
  { place, narHash, signal }: { place: string; narHash: string; signal: AbortSignal },
): Promise<Hash> {
  if (method === "recursive") {
    const hash = algorithm === "sha256" ? narHash : (await hashNar(place, { signal, algorithm })).narHash;
    return { algorithm, bytes: Buffer.from(hash, "hex") };
  }
  if (pathKind(place) !== "file") {
    throw new BuildError(
      "OUTPUT_HASH_MISMATCH",
      `Cannot use what ${job.name} made: its output is no file, and a flat hash is of a file`,
      { hint: 'Write outputHashMode: "recursive"' },
    );
  }
  using file = new HashedFile(place, algorithm);
  return { algorithm, bytes: Buffer.from(await file.digest(), "hex") };
}
