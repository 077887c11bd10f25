// What a fix is: one file in fixes/ that makes one aspect of a root file system correct, and reports what it did.

import type { CommandOutcome, ScriptCommand } from "../formats/maintainer-script.ts";
import type { BytePath } from "../model/bytes.ts";
import { compareStrings } from "../model/bytes.ts";
import type { CacheDirectory } from "../model/context.ts";
import { InternalError } from "../model/errors.ts";
import type { Architecture, DeclaredFiles } from "../model/image-spec.ts";
import type { FixAction, FixReport, ProgramRun } from "../model/root-file-system.ts";
import type { PackageMetadata, StoreObject } from "../model/store-object.ts";
import { importModules } from "../platform/discover.ts";
import type { Accounts } from "./accounts.ts";
import type { Diversions } from "./diversions.ts";
import type { Root } from "./root.ts";

/** A package of the image, with its metadata at hand. */
export interface PackageObject extends StoreObject {
  readonly package: PackageMetadata;
}

/** The release that the packages come from, as the lock knows it. */
export interface ReleaseName {
  /** `12.11`; absent for releases without a number. */
  readonly version?: string | undefined;
  /** `bookworm`. */
  readonly codename: string;
}

export interface RootFileSystemOptions {
  readonly architecture: Architecture;
  /** `config.User` of the image. */
  readonly user?: string | undefined;
  readonly release?: ReleaseName | undefined;
  /**
   * Packages that are not in the image, but whose scripts are followed, and whose files scripts find: those that
   * the image's packages need only when they are configured, such as one that makes their user.
   */
  readonly beside?: readonly StoreObject[] | undefined;
  /** What else an installation would bring: scripts are not followed, but programs that scripts run are found there. */
  readonly installable?: readonly StoreObject[] | undefined;
  /** What image.ts declares of its own. */
  readonly declared?: DeclaredFiles | undefined;
  /** The image that this one starts from: its files are there already, and are in no unit of the result. */
  readonly base?: StoreObject | undefined;
  /**
   * Where results of the image's programs are kept that are run because their output belongs to it. Absent: programs
   * are listed, and none is run.
   */
  readonly programCache?: CacheDirectory | undefined;
}

/** A command of a maintainer script, and whose script it is. */
export interface ScriptCall extends ScriptCommand {
  readonly object: PackageObject;
}

/** What a command of a maintainer script does to the image. It must not throw, whatever its arguments are. */
export type CommandHandler = (call: ScriptCall) => CommandOutcome;

/** A program that a script would have run, and that nothing emulates. */
export interface UnemulatedRun {
  readonly object: PackageObject;
  readonly line: number;
  readonly run: ProgramRun;
}

export interface ReportDetails {
  readonly path?: BytePath | undefined;
  readonly because?: string | undefined;
  readonly run?: ProgramRun | undefined;
}

/** What fixes work on and share. */
export interface FixContext {
  readonly root: Root;
  readonly accounts: Accounts;
  readonly diversions: Diversions;
  /** The packages of the image: what a package declares to need comes before it. */
  readonly packages: readonly PackageObject[];
  /** The packages whose scripts are followed, in this order: those of the image and those beside it. */
  readonly followed: readonly PackageObject[];
  readonly options: RootFileSystemOptions;
  /** The commands of all fixes. */
  readonly commands: ReadonlyMap<string, CommandHandler>;
  /** Absolute paths of files that scripts look for before they use a command; see {@link ActiveFix.helpers}. */
  readonly helpers: ReadonlySet<string>;
  /** Grows while maintainer scripts are followed. */
  readonly unemulated: UnemulatedRun[];
  report(action: FixAction, detail: string, details?: ReportDetails): void;
}

/** A fix at work on one image; its state lives in the closure of {@link Fix.create}. */
export interface ActiveFix {
  /** Commands of maintainer scripts, by name. */
  readonly commands?: Readonly<Record<string, CommandHandler>>;
  /** Absolute paths whose presence means to a script that it may use the commands. */
  readonly helpers?: readonly string[];
  /** Does what is not asked for by a script. */
  run?(): void;
}

/** What a file in fixes/ exports as `fix`. */
export interface Fix {
  /** The names of fixes whose `run` must come first. */
  readonly after: readonly string[];
  create(context: FixContext): ActiveFix;
}

export interface NamedFix extends Fix {
  /** The name of its file. */
  readonly name: string;
}

/** Loads every fix, in the order in which they run. */
export async function loadFixes(): Promise<NamedFix[]> {
  const modules = await importModules<{ fix: Fix }>(new URL("./fixes/", import.meta.url));
  return orderFixes(modules.map(({ name, module }) => ({ ...module.fix, name })));
}

/** Orders fixes so that each comes after those it names; otherwise by name. */
export function orderFixes(fixes: readonly NamedFix[]): NamedFix[] {
  const waiting = new Map(fixes.map((fix) => [fix.name, fix]));
  for (const { name, after } of fixes) {
    const missing = after.find((one) => !waiting.has(one));
    if (missing !== undefined)
      throw new InternalError(`the fix ${name} comes after "${missing}", which is no fix`);
  }
  const ordered: NamedFix[] = [];
  while (waiting.size > 0) {
    const ready = [...waiting.values()].filter(({ after }) => !after.some((one) => waiting.has(one)));
    const next = ready.sort((a, b) => compareStrings(a.name, b.name))[0];
    if (next === undefined) {
      throw new InternalError(`the fixes ${[...waiting.keys()].join(", ")} come after each other`);
    }
    waiting.delete(next.name);
    ordered.push(next);
  }
  return ordered;
}

/** A report bound to one fix. */
export function createReporter(name: string, reports: FixReport[]): FixContext["report"] {
  return (action, detail, details = {}) => {
    reports.push({ fix: name, action, detail, ...details });
  };
}
