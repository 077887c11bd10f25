// What lock files of Python say, whatever their format: packages, their files, and which of them are wanted when.

import type { Marker } from "./marker.ts";
import type { SpecifierSet } from "./specifier.ts";

/** A wheel or source distribution that a lock names. */
export interface LockedFile {
  /** File name. */
  readonly name: string;
  /** Absolute URL. */
  readonly url: string | undefined;
  /** On this machine, relative to the lock file. */
  readonly path: string | undefined;
  /** Bytes. */
  readonly size: number | undefined;
  /** Lower-case hex; undefined when the lock does not say. */
  readonly sha256: string | undefined;
}

/** Where a package comes from. */
export type LockedSource =
  /** An index; undefined is the default one. */
  | { readonly kind: "registry"; readonly index: string | undefined }
  /** One wheel or source distribution that is named by URL or path. */
  | { readonly kind: "archive" }
  | {
      readonly kind: "git";
      readonly url: string;
      readonly commit: string | undefined;
      readonly subdirectory: string | undefined;
    }
  | {
      readonly kind: "directory";
      /** Relative to the lock file; `.` is its own directory. */
      readonly path: string;
      /** `none`: a project that only has dependencies, and is not installed itself. */
      readonly install: "copied" | "editable" | "none";
    };

/** A package as a lock pins it. */
export interface LockedPackage {
  /** Normalised. */
  readonly name: string;
  /** As written; undefined for projects whose version is computed when they are built. */
  readonly version: string | undefined;
  readonly source: LockedSource;
  /** Wheels and source distributions. Empty when only {@link hashes} are known, and for git and directories. */
  readonly files: readonly LockedFile[];
  /** sha256 of files that may be used, when their names are not known: a requirements file. Lower-case hex. */
  readonly hashes: readonly string[];
}

/** A package of uv.lock, with what it asks for. */
export interface UvPackage extends LockedPackage {
  readonly dependencies: readonly UvDependency[];
  readonly extras: ReadonlyMap<string, readonly UvDependency[]>;
  readonly groups: ReadonlyMap<string, readonly UvDependency[]>;
  /** What its pyproject.toml said when the lock was made; undefined for packages of an index. */
  readonly metadata: UvMetadata | undefined;
}

/** An edge of uv.lock. */
export interface UvDependency {
  readonly name: string;
  /** Of the package that is meant, where there are several of the name. */
  readonly version: string | undefined;
  /** Key of the source that is meant, where there are several of the name. */
  readonly sourceKey: string | undefined;
  readonly extras: readonly string[];
  readonly marker: Marker | undefined;
}

export interface UvMetadata {
  readonly requires: readonly UvRequirement[];
  /** Normalised names of its extras, also of those without dependencies. */
  readonly extras: readonly string[];
  readonly groups: ReadonlyMap<string, readonly UvRequirement[]>;
}

/** A requirement of a project, as uv.lock keeps it. */
export interface UvRequirement {
  readonly name: string;
  readonly extras: readonly string[];
  /** Undefined where it has another source than an index. */
  readonly specifiers: SpecifierSet | undefined;
  readonly hasOwnSource: boolean;
  readonly marker: Marker | undefined;
}

/** A package of pylock.toml. */
export interface PylockPackage extends LockedPackage {
  readonly marker: Marker | undefined;
  readonly requiresPython: SpecifierSet | undefined;
}

/** A line of a requirements file. */
export interface RequirementPin {
  /** Where it is written: `requirements.txt:12`. */
  readonly origin: string;
  readonly marker: Marker | undefined;
  readonly package: LockedPackage;
  readonly extras: readonly string[];
}

export type PythonLock =
  | {
      readonly kind: "uv";
      /** File name, for messages. */
      readonly file: string;
      readonly requiresPython: SpecifierSet | undefined;
      readonly packages: readonly UvPackage[];
      /** Normalised names of the workspace's projects; empty when there is only one. */
      readonly members: readonly string[];
    }
  | {
      readonly kind: "pylock";
      readonly file: string;
      readonly requiresPython: SpecifierSet | undefined;
      /** The lock is for environments in which one of them holds; undefined is for all. */
      readonly environments: readonly Marker[] | undefined;
      readonly extras: readonly string[];
      readonly groups: readonly string[];
      readonly defaultGroups: readonly string[];
      readonly packages: readonly PylockPackage[];
    }
  | {
      readonly kind: "requirements";
      readonly file: string;
      readonly requiresPython: undefined;
      readonly pins: readonly RequirementPin[];
      /** What `--index-url` and `--extra-index-url` say. */
      readonly indexes: readonly string[];
    };
