// pnpm-lock.yaml of versions 6.x (pnpm 8) and 9.0 (pnpm 9 and later): text → projects and packages, in one form.
// Specification: pnpm's lockfile documents. All input is hostile.

import { parseAllDocuments } from "yaml";
import * as z from "zod";
import { NodeLockError } from "./errors.ts";
import { type Manifest, readManifest } from "./manifest.ts";
import { isPackageName } from "./names.ts";

/** What a dependency leads to. */
export type PnpmTarget =
  | { readonly kind: "package"; readonly depPath: string }
  /** A directory, as the lock has it: relative to the project that depends on it. */
  | { readonly kind: "link"; readonly path: string };

/** A package with the peers that it got. */
export interface PnpmPackage {
  /** Unique in the lock: `react-dom@18.3.1(react@18.3.1)`. */
  readonly depPath: string;
  readonly name: string;
  readonly version: string | undefined;
  readonly integrity: string | undefined;
  /** A URL that the lock names. */
  readonly tarball: string | undefined;
  /** Where it comes from when that is no tarball, for messages. */
  readonly foreign: string | undefined;
  readonly optional: boolean;
  readonly hasBin: boolean;
  /** Platforms. */
  readonly manifest: Manifest;
  /** By alias. */
  readonly dependencies: ReadonlyMap<string, PnpmTarget>;
  readonly optionalDependencies: ReadonlyMap<string, PnpmTarget>;
}

export interface PnpmDependency {
  /** As in package.json. */
  readonly specifier: string;
  readonly target: PnpmTarget;
}

/** A project of the workspace. */
export interface PnpmImporter {
  /** Relative to the workspace; empty for its root. */
  readonly path: string;
  readonly dependencies: ReadonlyMap<string, PnpmDependency>;
  readonly devDependencies: ReadonlyMap<string, PnpmDependency>;
  readonly optionalDependencies: ReadonlyMap<string, PnpmDependency>;
}

export interface PnpmLock {
  readonly kind: "pnpm";
  /** How messages call it: the name of its file. */
  readonly name: string;
  readonly version: 6 | 9;
  /** By path; the root's is empty. */
  readonly importers: ReadonlyMap<string, PnpmImporter>;
  /** By `depPath`. */
  readonly packages: ReadonlyMap<string, PnpmPackage>;
  /** Names whose specifiers pnpm replaced. */
  readonly overrides: ReadonlySet<string>;
}

const REMAKE = "pnpm install --lockfile-only";

const Texts = z.record(z.string(), z.string());
const DependenciesShape = z.record(z.string(), z.looseObject({ specifier: z.string(), version: z.string() }));
const ImporterShape = z.looseObject({
  dependencies: DependenciesShape.optional(),
  devDependencies: DependenciesShape.optional(),
  optionalDependencies: DependenciesShape.optional(),
});
const PackageShape = z.looseObject({
  resolution: z
    .looseObject({
      integrity: z.string().optional(),
      tarball: z.string().optional(),
      type: z.string().optional(),
      gitHosted: z.boolean().optional(),
      repo: z.string().optional(),
      directory: z.string().optional(),
    })
    .optional(),
  name: z.string().optional(),
  version: z.string().optional(),
  hasBin: z.boolean().optional(),
});
const SnapshotShape = z.looseObject({
  optional: z.boolean().optional(),
  dependencies: Texts.optional(),
  optionalDependencies: Texts.optional(),
});
const LockShape = ImporterShape.extend({
  lockfileVersion: z.union([z.string(), z.number()]),
  importers: z.record(z.string(), ImporterShape).optional(),
  packages: z.record(z.string(), PackageShape).optional(),
  snapshots: z.record(z.string(), SnapshotShape).optional(),
  overrides: z.record(z.string(), z.unknown()).optional(),
});

type RawLock = z.infer<typeof LockShape>;

/**
 * Reads a lock file of pnpm.
 *
 * @param name How messages call it: `pnpm-lock.yaml`.
 * @throws {NodeLockError} `NODE_LOCK_INVALID` or `LOCK_VERSION_UNSUPPORTED`.
 */
export function parsePnpmLock(text: string, name: string): PnpmLock {
  const value = parseYaml(text, name);
  const version = checkVersion(value, name);
  const parsed = LockShape.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw invalid(name, `at ${issue?.path.join(".") || "its top"}: ${issue?.message}`);
  }
  return new Reader(parsed.data, version, name).read();
}

/** The document that describes the packages: newer versions of pnpm may put one about itself before it. */
function parseYaml(text: string, name: string): unknown {
  const documents = parseAllDocuments(text.replace(/^\uFEFF/, ""), { uniqueKeys: true, logLevel: "silent" });
  if (!Array.isArray(documents)) throw invalid(name, "it is empty");
  const last = documents.at(-1);
  const [error] = documents.flatMap(({ errors }) => errors);
  if (last === undefined || error !== undefined) {
    throw invalid(name, `it is no YAML (${error?.message.split("\n")[0] ?? "it is empty"})`, error);
  }
  try {
    return last.toJS({ maxAliasCount: 0 });
  } catch (cause) {
    throw invalid(name, `it is no plain YAML (${(cause as Error).message})`, cause);
  }
}

function checkVersion(value: unknown, name: string): 6 | 9 {
  const said = (value as { lockfileVersion?: unknown } | null)?.lockfileVersion;
  const version = /^(\d+)(?:\.\d+)?$/.exec(String(said))?.[1];
  if (version === "6" || version === "9") return Number(version) as 6 | 9;
  if (version === undefined) throw invalid(name, "it has no lockfileVersion");
  throw new NodeLockError(
    "LOCK_VERSION_UNSUPPORTED",
    `Cannot read ${name}: it has version ${said}, this Tare knows versions 6 and 9`,
    {
      hint:
        Number(version) > 9 ? "Use a newer Tare" : `Run ${REMAKE} with pnpm 9 or newer, and commit ${name}`,
    },
  );
}

class Reader {
  readonly #raw: RawLock;
  readonly #version: 6 | 9;
  readonly #name: string;
  readonly #depPaths: ReadonlySet<string>;

  constructor(raw: RawLock, version: 6 | 9, name: string) {
    this.#raw = raw;
    this.#version = version;
    this.#name = name;
    const keys = Object.keys((version === 9 ? raw.snapshots : raw.packages) ?? {});
    this.#depPaths = new Set(keys.map(stripSlash));
  }

  read(): PnpmLock {
    const importers = Object.entries(this.#raw.importers ?? { ".": this.#raw }).map(([path, raw]) =>
      this.#importer(path === "." ? "" : path, raw),
    );
    const packages = Object.entries((this.#version === 9 ? this.#raw.snapshots : this.#raw.packages) ?? {});
    return {
      kind: "pnpm",
      name: this.#name,
      version: this.#version,
      importers: new Map(importers.map((importer) => [importer.path, importer])),
      packages: new Map(
        packages.map(([key, snapshot]) => [
          stripSlash(key),
          this.#package(key, SnapshotShape.parse(snapshot)),
        ]),
      ),
      // `a>b@2` replaces b.
      overrides: new Set(
        Object.keys(this.#raw.overrides ?? {}).map((key) => key.replace(/^.*>/, "").replace(/(.)@.*$/, "$1")),
      ),
    };
  }

  #importer(path: string, raw: z.infer<typeof ImporterShape>): PnpmImporter {
    const where = path === "" ? "the project" : path;
    const read = (group: z.infer<typeof DependenciesShape> = {}) =>
      new Map(
        Object.entries(group).map(([alias, { specifier, version }]) => [
          alias,
          { specifier, target: this.#target(alias, version, where) },
        ]),
      );
    return {
      path,
      dependencies: read(raw.dependencies),
      devDependencies: read(raw.devDependencies),
      optionalDependencies: read(raw.optionalDependencies),
    };
  }

  #package(key: string, snapshot: z.infer<typeof SnapshotShape>): PnpmPackage {
    const depPath = stripSlash(key);
    const { id, name, version } = splitDepPath(depPath);
    const packages = this.#raw.packages ?? {};
    const raw = packages[key] ?? (Object.hasOwn(packages, id) ? packages[id] : undefined);
    if (raw === undefined) throw invalid(this.#name, `its packages lack ${id}`);
    const ownName = raw.name ?? name;
    if (ownName === undefined || !isPackageName(ownName)) {
      throw invalid(this.#name, `"${depPath}" begins with no name of a package`);
    }
    const read = (group: z.infer<typeof Texts> = {}) =>
      new Map(
        Object.entries(group).map(([alias, reference]) => [alias, this.#target(alias, reference, depPath)]),
      );
    return {
      depPath,
      name: ownName,
      version: raw.version ?? version,
      integrity: raw.resolution?.integrity,
      tarball: raw.resolution?.tarball,
      foreign: describeForeign(depPath, raw),
      optional: snapshot.optional === true,
      hasBin: raw.hasBin === true,
      manifest: readManifest({ ...raw, name: ownName }),
      dependencies: read(snapshot.dependencies),
      optionalDependencies: read(snapshot.optionalDependencies),
    };
  }

  /** What an alias and a reference mean: `1.0.0`, `name@1.0.0`, `/name@1.0.0`, `link:../a`. */
  #target(alias: string, reference: string, from: string): PnpmTarget {
    if (!isPackageName(alias)) throw invalid(this.#name, `"${alias}" is no name of a package`);
    if (reference.startsWith("link:")) return { kind: "link", path: reference.slice("link:".length) };
    for (const depPath of [`${alias}@${reference}`, stripSlash(reference)]) {
      if (this.#depPaths.has(depPath)) return { kind: "package", depPath };
    }
    throw invalid(this.#name, `${from} needs ${alias} ${reference}, which is not in it`);
  }
}

function stripSlash(key: string): string {
  return key.startsWith("/") ? key.slice(1) : key;
}

/** `@a/b@1.0.0(c@2.0.0)` is the package `@a/b@1.0.0` of name `@a/b` and version `1.0.0`. */
function splitDepPath(depPath: string): {
  readonly id: string;
  readonly name: string | undefined;
  readonly version: string | undefined;
} {
  const peers = depPath.indexOf("(");
  const id = peers < 0 ? depPath : depPath.slice(0, peers);
  const at = id.indexOf("@", 1);
  const version = id.slice(at + 1);
  return at < 0
    ? { id, name: undefined, version: undefined }
    : { id, name: id.slice(0, at), version: /^\d+\.\d+\.\d+/.test(version) ? version : undefined };
}

function describeForeign(depPath: string, { resolution }: z.infer<typeof PackageShape>): string | undefined {
  if (depPath.includes("(patch_hash=")) return "a patch that pnpm would apply";
  const { type, repo, directory, tarball, gitHosted } = resolution ?? {};
  if (type === "directory") return `a packed copy of the directory ${directory ?? ""}`;
  const isGit =
    gitHosted === true ||
    type === "git" ||
    /^https:\/\/(?:codeload\.github\.com|bitbucket\.org|gitlab\.com)\//.test(tarball ?? "");
  if (isGit) return `the git repository ${repo ?? tarball ?? depPath}`.replace(/\/\/[^/@]*@/, "//***@");
  if (type !== undefined && type !== "tarball") return `a ${type} resolution`;
  return undefined;
}

function invalid(name: string, problem: string, cause?: unknown): NodeLockError {
  return new NodeLockError("NODE_LOCK_INVALID", `Cannot read ${name}: ${problem}`, {
    cause,
    hint: `Restore ${name} from version control, or run ${REMAKE}`,
  });
}
