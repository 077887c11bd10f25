// A lock → its distributions for one platform: wheels unpacked into the cache and checked, source distributions fetched,
// projects of this machine named. What a wheel cannot be had for is left to whoever builds.

import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import {
  chooseWheel,
  isWheelFileName,
  parseWheelFileName,
  tryParseSdistFileName,
  type WheelFileName,
} from "../../formats/python/file-name.ts";
import type { LockedFile, LockedPackage, PythonLock } from "../../formats/python/lock.ts";
import { checkLockFitsProject } from "../../formats/python/lock-check.ts";
import { type LockSelection, selectPackages } from "../../formats/python/lock-selection.ts";
import { normalizeName } from "../../formats/python/names.ts";
import { type BuildSystem, parseBuildSystem } from "../../formats/python/project.ts";
import { listPlatformTags, pythonMinor, rankSupportedTags } from "../../formats/python/tags.ts";
import { compareVersions, formatVersion, tryParseVersion } from "../../formats/python/version.ts";
import { compareStrings } from "../../model/bytes.ts";
import type { Context } from "../../model/context.ts";
import { removeFile } from "../../platform/files.ts";
import { inParallel } from "../../platform/parallel.ts";
import { PypiError } from "./errors.ts";
import { findFilesByHash } from "./files-by-hash.ts";
import { readIndexSettings } from "./index-settings.ts";
import { PackageIndex, type WantedFile } from "./package-index.ts";
import { type LockedProject, readProject, readText } from "./read-lock.ts";
import { readSdist } from "./sdist.ts";
import { readCachedWheel, type UnpackedWheel, unpackWheel } from "./wheel-tree.ts";

/** A distribution of an environment. */
export type PythonDistribution =
  | (UnpackedWheel & {
      readonly kind: "wheel";
      /** Normalised. */
      readonly name: string;
      readonly version: string;
      readonly fileName: string;
      /** Lower-case hex. */
      readonly sha256: string;
    })
  | {
      readonly kind: "sdist";
      readonly name: string;
      readonly version: string;
      readonly fileName: string;
      readonly sha256: string;
      /** Absolute path of the download; its bytes have the sha256. */
      readonly file: string;
      readonly buildSystem: BuildSystem;
    }
  | {
      readonly kind: "directory";
      readonly name: string;
      readonly version: string | undefined;
      /** Absolute path on this machine. */
      readonly directory: string;
      /** `none`: the project only has dependencies. */
      readonly install: "copied" | "editable" | "none";
      readonly buildSystem: BuildSystem;
    }
  | {
      readonly kind: "git";
      readonly name: string;
      readonly version: string | undefined;
      readonly url: string;
      readonly commit: string | undefined;
      readonly subdirectory: string | undefined;
    };

export interface RealiseOptions extends LockSelection {
  /** Indexes to ask, in place of those of the environment; see {@link readIndexSettings}. */
  readonly indexes?: readonly string[] | undefined;
}

/** Servers do not like more from one client. */
const MOST_DOWNLOADS = 8;

/** A file that was chosen for a package. */
interface Choice {
  readonly package: LockedPackage;
  readonly version: string;
  readonly wanted: WantedFile;
  /** Undefined for a source distribution. */
  readonly wheel: WheelFileName | undefined;
}

/**
 * Makes what a lock pins for a platform available.
 *
 * The lock is compared with pyproject.toml first. Every file is checked by its sha256; what the cache has is not fetched.
 *
 * @returns Sorted by name; the project itself is among them where the lock has it.
 * @throws {PythonFormatError} `LOCK_OUT_OF_DATE`, `LOCK_PLATFORM`, `EXTRA_UNKNOWN`, `GROUP_UNKNOWN`, `LOCK_INVALID`
 * @throws {PypiError} `HASH_MISSING`, `FILE_NOT_FOUND`, `WHEEL_PLATFORM`, `WHEEL_INVALID`, `WHEEL_UNSAFE`, `SDIST_INVALID`
 * @throws {NetworkError} `HASH_MISMATCH` and others, when no place has a file.
 */
export async function realisePythonLock(
  locked: LockedProject,
  options: RealiseOptions,
  context: Context,
): Promise<PythonDistribution[]> {
  context.signal.throwIfAborted();
  const { lock, project, directory } = locked;
  const selection = {
    ...options,
    project: options.project ?? (lock.kind === "uv" ? project?.name : undefined),
  };
  // What is out of date is told before what it leads to.
  if (project !== undefined && lock.kind === "uv") checkLockFitsProject(lock, project, [], options.platform);
  const selected = selectPackages(lock, selection);
  if (project !== undefined) checkLockFitsProject(lock, project, selected, options.platform);
  const index = new PackageIndex(readIndexSettings(options.indexes ?? [], lockedIndexes(lock)));
  return new Realisation(index, options, directory, context).run(selected);
}

function lockedIndexes(lock: PythonLock): string[] {
  if (lock.kind === "requirements") return [...lock.indexes];
  const indexes = lock.packages.flatMap(({ source }) =>
    source.kind === "registry" ? (source.index ?? []) : [],
  );
  return [...new Set(indexes)].filter((url) => /^https?:\/\//.test(url));
}

class Realisation {
  readonly #index: PackageIndex;
  readonly #options: RealiseOptions;
  readonly #directory: string;
  readonly #context: Context;
  readonly #ranks: ReadonlyMap<string, number>;

  constructor(index: PackageIndex, options: RealiseOptions, directory: string, context: Context) {
    this.#index = index;
    this.#options = options;
    this.#directory = directory;
    this.#context = context;
    this.#ranks = rankSupportedTags(options.platform);
  }

  async run(selected: readonly LockedPackage[]): Promise<PythonDistribution[]> {
    const found: PythonDistribution[] = [];
    const choices: Choice[] = [];
    await inParallel(selected, MOST_DOWNLOADS, this.#context.signal, async (one, signal) => {
      const local = this.#readLocal(one);
      if (local === undefined) choices.push(await this.#choose(one, { ...this.#context, signal }));
      else found.push(local);
    });
    const missing: Choice[] = [];
    for (const choice of choices) {
      const cached =
        choice.wheel === undefined ? undefined : readCachedWheel(choice.wanted.sha256, this.#context);
      if (cached === undefined) missing.push(choice);
      else found.push(toWheel(choice, cached));
    }
    if (missing.length > 0) found.push(...(await this.#fetchAll(missing)));
    return found.sort((a, b) => compareStrings(a.name, b.name));
  }

  /** What is no file of an index; undefined for all others. */
  #readLocal({ name, version, source }: LockedPackage): PythonDistribution | undefined {
    if (source.kind === "git") {
      const { url, commit, subdirectory } = source;
      return { kind: "git", name: normalizeName(name), version, url, commit, subdirectory };
    }
    if (source.kind !== "directory") return undefined;
    const directory = resolve(this.#directory, source.path);
    const project = readProject(directory);
    const text = readText(join(directory, "pyproject.toml"));
    return {
      kind: "directory",
      name:
        name === ""
          ? (project?.name ?? normalizeName(directory.slice(directory.lastIndexOf("/") + 1)))
          : name,
      version: version ?? project?.version,
      directory,
      install: source.install,
      buildSystem: parseBuildSystem(text, join(directory, "pyproject.toml")),
    };
  }

  /** The file of a package that is used: the best wheel, else the source distribution. */
  async #choose(locked: LockedPackage, context: Context): Promise<Choice> {
    const files = locked.files.length > 0 ? locked.files : await this.#listByHash(locked, context);
    const wheels = files.flatMap((file) =>
      isWheelFileName(file.name) ? [{ file, wheel: parseWheelFileName(file.name) }] : [],
    );
    const best = chooseWheel(wheels, this.#ranks);
    const sdists = files.flatMap((file) => tryParseSdistFileName(file.name) ?? []);
    const file = best?.file ?? files.find(({ name }) => name === sdists[0]?.fileName);
    if (file === undefined)
      throw this.#noWheel(
        locked,
        wheels.map(({ wheel }) => wheel.fileName),
      );
    if (file.sha256 === undefined) throw hashMissing(locked, file.name);
    const version = locked.version ?? formatVersion((best?.wheel ?? sdists[0]!).version);
    checkIdentity(locked, best?.wheel);
    return {
      package: locked,
      version,
      wheel: best?.wheel,
      wanted: {
        project: locked.name,
        fileName: file.name,
        url: file.path === undefined ? file.url : pathToFileURL(resolve(this.#directory, file.path)).href,
        sha256: file.sha256,
        size: file.size,
      },
    };
  }

  async #listByHash(locked: LockedPackage, context: Context): Promise<readonly LockedFile[]> {
    if (locked.hashes.length === 0) throw hashMissing(locked, undefined);
    const files = await findFilesByHash(locked, this.#index, context);
    if (files.length > 0) return files;
    throw new PypiError(
      "FILE_NOT_FOUND",
      `Cannot fetch ${describe(locked)}: ${this.#index.describe()} has no file of it with a hash of the lock`,
      { hint: "Name an index that has it with TARE_PYPI_INDEX, or lock again" },
    );
  }

  #noWheel(locked: LockedPackage, wheels: readonly string[]): PypiError {
    const { platform } = this.#options;
    const [major, minor] = pythonMinor(platform);
    const shown = wheels.slice(0, 12);
    const list =
      wheels.length === 0
        ? "it has no wheels and no source distribution"
        : `its wheels are ${shown.join(", ")}${wheels.length > shown.length ? ` and ${wheels.length - shown.length} others` : ""}`;
    return new PypiError(
      "WHEEL_PLATFORM",
      `Cannot install ${describe(locked)} on Python ${major}.${minor}, ${platform.architecture}, glibc ${platform.glibc}: ${list}, one for cp${major}${minor} and ${listPlatformTags(platform)[0]} or older was expected`,
      { hint: "Take Python from another suite, or lock a version that has a wheel for this one" },
    );
  }

  async #fetchAll(choices: readonly Choice[]): Promise<PythonDistribution[]> {
    const stage = this.#context.progress.stage("fetching");
    stage.expect(
      choices.length,
      choices.reduce((sum, { wanted }) => sum + (wanted.size ?? 0), 0),
    );
    const found: PythonDistribution[] = [];
    let bytes = 0;
    const onBytes = (count: number) => {
      bytes += count;
      stage.advance(0, count);
    };
    const limit = Math.min(MOST_DOWNLOADS, Math.max(1, this.#context.jobs) * 4);
    await inParallel(choices, limit, this.#context.signal, async (choice, signal) => {
      found.push(await this.#open(choice, { ...this.#context, signal }, onBytes));
      stage.advance(1);
    });
    stage.done(
      `${choices.length} distribution${choices.length === 1 ? "" : "s"}, ${(bytes / 1e6).toFixed(1)} MB`,
    );
    return found;
  }

  async #open(
    choice: Choice,
    context: Context,
    onBytes: (count: number) => void,
  ): Promise<PythonDistribution> {
    const { wanted } = choice;
    for (let again = false; ; again = true) {
      let received = 0;
      const file = await this.#index.fetch(wanted, context, (count) => {
        received += count;
        onBytes(count);
      });
      const opened = await openFile(choice, file, context);
      if (opened !== undefined) return opened;
      // A download is checked as it arrives: the copy in the cache has been damaged since.
      removeFile(file);
      onBytes(-received);
      if (again)
        throw new PypiError("WHEEL_INVALID", `Cannot install ${wanted.fileName}: the cache damages it`, {
          hint: "Check the disk that the cache is on",
        });
      context.progress.note(`${wanted.fileName} is damaged in the cache and is fetched again`);
    }
  }
}

async function openFile(
  choice: Choice,
  file: string,
  context: Context,
): Promise<PythonDistribution | undefined> {
  const { wanted, wheel, version } = choice;
  const { sha256, fileName } = wanted;
  if (wheel !== undefined) {
    const unpacked = await unpackWheel(file, sha256, wheel, context);
    return unpacked === undefined ? undefined : toWheel(choice, unpacked);
  }
  const { extension } = tryParseSdistFileName(fileName)!;
  const metadata = await readSdist(file, sha256, fileName, extension, context);
  if (metadata === undefined) return undefined;
  return { kind: "sdist", name: choice.package.name, version, fileName, sha256, file, ...metadata };
}

function toWheel(
  { package: { name }, version, wanted }: Choice,
  unpacked: UnpackedWheel,
): PythonDistribution {
  return { kind: "wheel", name, version, fileName: wanted.fileName, sha256: wanted.sha256, ...unpacked };
}

function describe({ name, version }: LockedPackage): string {
  return version === undefined ? name : `${name} ${version}`;
}

function hashMissing(locked: LockedPackage, fileName: string | undefined): PypiError {
  return new PypiError(
    "HASH_MISSING",
    `Cannot install ${describe(locked)}: the lock has no sha256 of ${fileName ?? "it"}, every file needs one`,
    {
      hint: "Lock with hashes: `uv lock`, `uv pip compile --generate-hashes` or `pip-compile --generate-hashes`",
    },
  );
}

/** A lock that names another project's wheel is refused before that is fetched. */
function checkIdentity(locked: LockedPackage, wheel: WheelFileName | undefined): void {
  if (wheel === undefined) return;
  const version = locked.version === undefined ? undefined : tryParseVersion(locked.version);
  if (
    wheel.name === locked.name &&
    (version === undefined ||
      compareVersions({ ...wheel.version, local: undefined }, { ...version, local: undefined }) === 0)
  )
    return;
  throw new PypiError(
    "WHEEL_INVALID",
    `Cannot install ${describe(locked)}: the lock names ${wheel.fileName} for it, which is another distribution`,
    { hint: "The lock was changed by hand or made by a faulty tool: lock again" },
  );
}
