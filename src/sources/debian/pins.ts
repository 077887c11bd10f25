// The pins of a lock section, checked before anything is done with them: a lock may come from anywhere.

import type { LockSection, Pin } from "../../model/lock.ts";
import { DebianError } from "./errors.ts";
import { checkPoolPath } from "./pool-path.ts";
import { type DebianScope, readScope } from "./scope.ts";
import type { ArchiveName } from "./suites.ts";

/** A pin with what the rest of its section says of it. */
export interface CheckedPin {
  readonly pin: Pin;
  /** The archive whose pool has it. */
  readonly archive: ArchiveName;
  /** The suite that lists it. */
  readonly suite: string;
  /** Date of the release that lists it, in ISO 8601. */
  readonly date: string;
  /** Ids of the store objects that it depends on. */
  readonly references: readonly string[];
}

export interface CheckedSection {
  readonly scope: DebianScope;
  /** In the order of the names. */
  readonly pins: readonly CheckedPin[];
}

/**
 * Checks a section and the pins that are wanted of it.
 *
 * @throws {DebianError} `BAD_PIN` when a name has no pin, or something of it is not what a lock of Tare's has.
 */
export function checkSection(section: LockSection, names: readonly string[]): CheckedSection {
  return { scope: readScope(section.scope), pins: names.map((name) => checkPin(section, name)) };
}

function checkPin(section: LockSection, name: string): CheckedPin {
  const pin = findPin(section, name);
  if (!/^[0-9a-f]{64}$/.test(pin.sha256)) throw wrong(`package ${name}`, "its sha256 is none");
  if (!Number.isSafeInteger(pin.size) || pin.size < 1) throw wrong(`package ${name}`, "its size is none");
  checkPoolPath(pin.path, name);
  const references = pin.dependencies.map((dependency) => objectId(findPin(section, dependency)));
  return { pin, references, ...checkRelease(section, pin.release) };
}

function findPin(section: LockSection, name: string): Pin {
  const pin = Object.hasOwn(section.packages, name) ? section.packages[name] : undefined;
  if (pin === undefined) throw wrong(`package ${name}`, "it is not there");
  if (pin.name !== name) throw wrong(`package ${name}`, `it names itself ${pin.name}`);
  return pin;
}

function checkRelease(section: LockSection, name: string): Pick<CheckedPin, "archive" | "suite" | "date"> {
  const release = Object.hasOwn(section.releases, name) ? section.releases[name] : undefined;
  if (release === undefined) throw wrong(`release ${name}`, "it is not there");
  const { archive, suite, date } = release;
  if (archive !== "debian" && archive !== "debian-security") {
    throw wrong(`release ${name}`, `"${archive}" is no archive of Debian`);
  }
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(date) || Number.isNaN(Date.parse(date))) {
    throw wrong(`release ${name}`, `"${date}" is no date`);
  }
  return { archive, suite, date };
}

/** The id of the store object that a pin becomes. */
function objectId({ name, version, architecture }: Pin): string {
  return `deb/${name}/${version}/${architecture}`;
}

function wrong(thing: string, problem: string): DebianError {
  return new DebianError("BAD_PIN", `Cannot use the lock's ${thing}: ${problem}`, {
    hint: "Restore tare.lock from version control, or delete it and run tare lock",
  });
}
