// Cargo.lock: text → the crates that it pins with their checksums. Versions 1 to 4 of the format.

import { parse } from "smol-toml";
import * as z from "zod";
import { CargoFormatError } from "./errors.ts";

/** A crate of crates.io. */
export interface LockedCrate {
  readonly name: string;
  readonly version: string;
  /** SHA-256 of its tarball, lower-case hex. */
  readonly sha256: string;
}

const Shape = z.looseObject({
  package: z
    .array(
      z.looseObject({
        name: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
        version: z.string().regex(/^\d[0-9A-Za-z.+-]{0,127}$/),
        source: z.string().optional(),
        checksum: z.string().optional(),
      }),
    )
    .optional(),
  metadata: z.record(z.string(), z.string()).optional(),
});

const CRATES_IO =
  /^(?:registry\+https:\/\/github\.com\/rust-lang\/crates\.io-index|sparse\+https:\/\/index\.crates\.io\/)$/;

/**
 * Reads the crates that a lock takes from crates.io; those of the project itself are none of them.
 *
 * @throws {CargoFormatError} `CARGO_LOCK_INVALID`, `CRATE_UNSUPPORTED` or `CHECKSUM_MISSING`.
 */
export function parseCargoLock(text: string): LockedCrate[] {
  const { package: packages = [], metadata = {} } = readShape(text);
  return packages.flatMap(({ name, version, source, checksum }): LockedCrate[] => {
    if (source === undefined) return [];
    const label = `${name} ${version}`;
    if (!CRATES_IO.test(source)) {
      throw new CargoFormatError(
        "CRATE_UNSUPPORTED",
        `Cannot use the crate ${label}: it comes from ${source.replace(/\/\/[^/@]*@/, "//***@")}, and only crates of crates.io have a checksum to hold them to`,
        { hint: "Run cargo vendor, and commit vendor/ with .cargo/config.toml" },
      );
    }
    // The first version of the format has checksums at its end.
    const sha256 = checksum ?? metadata[`checksum ${label} (${source})`];
    if (sha256 !== undefined && /^[0-9a-f]{64}$/.test(sha256)) return [{ name, version, sha256 }];
    throw new CargoFormatError(
      "CHECKSUM_MISSING",
      `Cannot use the crate ${label}: Cargo.lock has no checksum of it, and unchecked bytes are never used`,
      { hint: "Run cargo generate-lockfile, and commit Cargo.lock" },
    );
  });
}

function readShape(text: string): z.infer<typeof Shape> {
  let value: unknown;
  try {
    value = parse(text);
  } catch (cause) {
    throw invalid((cause as Error).message.split("\n")[0]!, cause);
  }
  const parsed = Shape.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw invalid(`at ${issue?.path.join(".") || "its top"}: ${issue?.message}`);
}

function invalid(problem: string, cause?: unknown): CargoFormatError {
  return new CargoFormatError("CARGO_LOCK_INVALID", `Cannot read Cargo.lock: ${problem}`, {
    hint: "Run cargo generate-lockfile, and commit Cargo.lock",
    cause,
  });
}
