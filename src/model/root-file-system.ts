// The root file system of an image as data: whose entries are whose, what was added, and why.

import type { BytePath } from "./bytes.ts";
import type { DirectoryEntry, TreeEntry } from "./tree.ts";

export type FixAction =
  /** A file was written, or got other content. */
  | "write"
  | "link"
  | "directory"
  /** Owner, group or permission bits of an entry were set. */
  | "attributes"
  | "remove"
  | "user"
  | "group"
  /** A file has another name because of a diversion. */
  | "divert"
  /** A file of one package took the place of another's. */
  | "replace"
  /** Something was found and deliberately or necessarily not done; the detail says why. */
  | "skip"
  /** A program of the image was run in a sandbox; `run` says which. */
  | "run"
  /** A program of the image would have to run and was not; `run` says which, the detail why. */
  | "needs-run";

/** A program of the image that makes a file when it is run, as the package's own script would run it. */
export interface ProgramRun {
  /** Path of the program in the image. */
  readonly program: BytePath;
  readonly args: readonly string[];
  /** Where its standard output goes, when the script redirects it. */
  readonly output?: BytePath | undefined;
}

/** One thing that a fix did or did not do. */
export interface FixReport {
  /** Name of the fix: its file in rootfs/fixes/. */
  readonly fix: string;
  readonly action: FixAction;
  readonly path?: BytePath | undefined;
  /** For people; one line, no full stop. */
  readonly detail: string;
  /** Id of the store object that is the reason, where one is. */
  readonly because?: string | undefined;
  readonly run?: ProgramRun | undefined;
}

/** A store object's entries at their places in the image. */
export interface RootFileSystemUnit {
  readonly id: string;
  readonly label: string;
  /** Sorted; hard links stay within a unit. Everything but a directory is in one unit only. */
  readonly entries: readonly TreeEntry[];
}

export interface RootFileSystem {
  /** In the order of the closure. */
  readonly units: readonly RootFileSystemUnit[];
  /** What the fixes wrote, sorted; no path of it but directories is in a unit. */
  readonly additions: readonly TreeEntry[];
  /** The whole, sorted by path: what a container will see. */
  readonly merged: ReadonlyMap<BytePath, TreeEntry>;
  /** The directories of the whole by path, with their final owners and modes. */
  readonly directories: ReadonlyMap<BytePath, DirectoryEntry>;
  /** Files whose contents, not their paths alone, decided what was done; where they were then. */
  readonly contentsRead: ReadonlySet<BytePath>;
  /** In the order in which things were done. */
  readonly report: readonly FixReport[];
}
