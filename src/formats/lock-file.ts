// tare.lock: text ⇄ Lock. JSON with sorted keys, two spaces, a final newline; line endings do not matter.

import * as z from "zod";
import { compareStrings } from "../model/bytes.ts";
import { formatCanonicalJson } from "../model/canonical-json.ts";
import { TareError } from "../model/errors.ts";
import { type Lock, sectionKey } from "../model/lock.ts";

export type LockErrorCode =
  /** The text is no lock file: no JSON, a wrong shape, a reference to nothing. */
  | "LOCK_INVALID"
  /** Written by a newer Tare. */
  | "LOCK_TOO_NEW"
  /** It does not pin what image.ts asks for. */
  | "LOCK_INCOMPLETE"
  /** There is none, and none may be made. */
  | "LOCK_MISSING"
  /** What was resolved is older than what it pins. */
  | "LOCK_ROLLBACK";

export class LockError extends TareError<LockErrorCode> {}

const Sha256 = z.string().regex(/^[0-9a-f]{64}$/, "64 lower-case hexadecimal digits expected");
const PoolPath = z
  .string()
  .refine(
    (path) =>
      /^[A-Za-z0-9@][A-Za-z0-9@+.~_/%:-]*$/.test(path) &&
      !/(?:^|\/)\.{0,2}(?:\/|$)/.test(path) &&
      !path.includes("://"),
    "a relative path without . or .. expected",
  );

const PinShape = z.strictObject({
  name: z.string().min(1),
  version: z.string().min(1),
  architecture: z.string().min(1),
  release: z.string(),
  path: PoolPath,
  size: z.int().min(1),
  sha256: Sha256,
  integrity: z
    .string()
    .regex(/^sha(?:512|384|256|1)-[A-Za-z0-9+/]+={0,2}$/)
    .optional(),
  dependencies: z.array(z.string()),
  essential: z.boolean().optional(),
});

const ReleaseShape = z.strictObject({
  archive: z.string().regex(/^[a-z0-9][a-z0-9+.-]*$/),
  suite: z.string().min(1),
  codename: z.string().min(1),
  version: z.string().optional(),
  date: z.iso.datetime(),
  sha256: Sha256,
});

const LockShape = z.strictObject({
  version: z.literal(1),
  sections: z.array(
    z.strictObject({
      source: z.string().regex(/^[a-z0-9]+$/),
      scope: z.looseObject({ architecture: z.enum(["amd64", "arm64"]) }),
      requests: z.record(z.string(), z.string()),
      releases: z.record(z.string(), ReleaseShape),
      packages: z.record(z.string(), PinShape),
    }),
  ),
});

/**
 * Reads a lock file.
 *
 * @param name How messages call it: its path.
 * @throws {LockError} `LOCK_INVALID` or `LOCK_TOO_NEW`, naming the place in the file.
 */
export function parseLock(text: string, name: string): Lock {
  const hint = "Restore the file from version control, or delete it and run tare lock";
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (cause) {
    throw new LockError("LOCK_INVALID", `Cannot read ${name}: it is no JSON (${(cause as Error).message})`, {
      hint,
      cause,
    });
  }
  const version = (value as { version?: unknown } | null)?.version;
  if (typeof version === "number" && version > 1) {
    throw new LockError(
      "LOCK_TOO_NEW",
      `Cannot read ${name}: it has version ${version}, this Tare knows version 1`,
      {
        hint: "Use a newer Tare",
      },
    );
  }
  const parsed = LockShape.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new LockError(
      "LOCK_INVALID",
      `Cannot read ${name}: at ${issue?.path.join(".") || "its top"}: ${issue?.message}`,
      { hint },
    );
  }
  const lock = parsed.data as Lock;
  for (const section of lock.sections) {
    for (const [request, answer] of Object.entries(section.requests)) {
      if (!Object.hasOwn(section.packages, answer)) {
        const what = answer === request ? request : `${request}, which ${answer} answers,`;
        throw new LockError("LOCK_INVALID", `Cannot read ${name}: it asks for ${what} but does not pin it`, {
          hint,
        });
      }
    }
    for (const [key, pin] of Object.entries(section.packages)) {
      const problem =
        pin.name !== key
          ? `it names itself ${pin.name}`
          : pin.release !== "" && !Object.hasOwn(section.releases, pin.release)
            ? `its release ${pin.release} is not in the lock`
            : pin.dependencies.find((dependency) => !Object.hasOwn(section.packages, dependency));
      if (problem !== undefined) {
        const said = pin.dependencies.includes(problem)
          ? `its dependency ${problem} is not in the lock`
          : problem;
        throw new LockError("LOCK_INVALID", `Cannot read ${name}: at the package ${key}: ${said}`, { hint });
      }
    }
  }
  return lock;
}

/** Writes a lock file; equal locks give equal text. */
export function formatLock(lock: Lock): string {
  const sections = [...lock.sections].sort((a, b) => compareStrings(sectionKey(a), sectionKey(b)));
  return `${formatCanonicalJson({ ...lock, sections }, 2)}\n`;
}

/**
 * Refuses a lock whose releases are older than those of the lock before: a mirror that is out of date, or one that
 * withholds updates, may still serve a release that is signed and has not expired.
 *
 * Only releases of equal scope are compared; what another scope asks for, such as a snapshot, may be of any age.
 *
 * @param file For messages.
 * @throws {LockError} `LOCK_ROLLBACK`
 */
export function refuseRollbacks(before: Lock | undefined, after: Lock, file: string): void {
  for (const section of after.sections) {
    const earlier = before?.sections.find((other) => sectionKey(other) === sectionKey(section));
    for (const [name, { date }] of Object.entries(section.releases)) {
      const pinned = earlier?.releases[name]?.date;
      if (pinned === undefined || Date.parse(date) >= Date.parse(pinned)) continue;
      throw new LockError(
        "LOCK_ROLLBACK",
        `Cannot write ${file}: the archive's ${name} is of ${date}, the lock has that of ${pinned}, nothing older was wanted`,
        {
          hint: "The mirror is out of date or withholds updates: name another one; if the older state is meant, run tare update --allow-older",
        },
      );
    }
  }
}
