// Where a path of a container is on this machine. The container's tree is hostile: its links are resolved here, inside
// the tree and through what will be mounted there, and never followed by the kernel. Nobody else may write to the tree
// meanwhile.

import { closeSync, lstatSync, mkdirSync, openSync, readlinkSync } from "node:fs";
import { decodeByteString, encodeByteString } from "../../model/bytes.ts";
import { isErrno, toDiskError } from "../disk.ts";
import { SandboxError } from "./errors.ts";

/** Something that will be mounted, later ones on top of earlier ones. */
export interface PlannedMount {
  /** Absolute path in the container. */
  readonly target: string;
  readonly type: "directory" | "file";
  /** What will be seen there: an absolute path without links, or undefined for an empty directory. */
  readonly source: string | undefined;
  /** Whether missing mount points may be made inside the source. */
  readonly isWritable: boolean;
}

export interface MountPlace {
  /** Absolute path without links, below the tree: what mount(8) gets. */
  readonly place: string;
  /** What has to be made there first, because it is in an empty directory that is not mounted yet. */
  readonly make: "directory" | "file" | undefined;
}

export interface PlacedMounts {
  /** One for each mount. */
  readonly places: readonly MountPlace[];
  /** Byte paths of what was made in the tree. */
  readonly made: readonly string[];
}

/** As many links as Linux follows in one path. */
const MOST_LINKS = 40;

/**
 * Finds the places of mounts, in their order, and makes what is missing in the tree and in what is mounted writable.
 *
 * @param root Absolute path of the container's tree.
 * @throws {SandboxError} `SANDBOX_BAD_MOUNT`; {@link DiskError}
 */
export function placeMounts(root: string, mounts: readonly PlannedMount[]): PlacedMounts {
  const view = new MountView(root);
  return { places: mounts.map((mount) => view.place(mount)), made: view.made };
}

class MountView {
  readonly made: string[] = [];
  readonly #root: string;
  /** By their paths without links; byte strings. */
  readonly #mounted: { readonly path: string; readonly mount: PlannedMount }[] = [];

  constructor(root: string) {
    this.#root = root;
  }

  place(mount: PlannedMount): MountPlace {
    if (!mount.target.startsWith("/") || mount.target.includes("\0")) {
      refuse(mount.target, "an absolute path was wanted");
    }
    const { path, make } = this.#resolve(mount);
    const text = decodeByteString(path);
    if (encodeByteString(text) !== path) refuse(mount.target, "it leads through a link that is not UTF-8");
    this.#mounted.push({ path, mount });
    return { place: `${this.#root}${text === "" ? "" : `/${text}`}`, make };
  }

  #resolve({ target, type }: PlannedMount): { path: string; make: MountPlace["make"] } {
    const pending = (encodeByteString(target) as string).split("/").reverse();
    const at: string[] = [];
    let links = 0;
    let make: MountPlace["make"];
    while (pending.length > 0) {
      const name = pending.pop()!;
      if (name === "" || name === ".") continue;
      if (name === "..") {
        at.pop();
        continue;
      }
      const path = [...at, name].join("/");
      const isLast = pending.every((one) => one === "" || one === ".");
      const wanted = isLast ? type : "directory";
      const found = this.#look(path);
      if (found.kind === "link") {
        if (++links > MOST_LINKS) refuse(target, `it leads through more than ${MOST_LINKS} links`);
        if (found.target.startsWith("/")) at.length = 0;
        pending.push(...found.target.split("/").reverse());
        continue;
      }
      if (found.kind === "nothing") {
        if (found.disk === undefined) make = type;
        else this.#make(found.disk, wanted, target, found.isWritable);
        if (found.isInTree) this.made.push(path);
      } else if (found.kind !== wanted) {
        refuse(target, `${decodeByteString(`/${path}`)} is a ${found.kind} there, a ${wanted} was wanted`);
      }
      at.push(name);
    }
    return { path: at.join("/"), make };
  }

  #look(path: string):
    | {
        readonly kind: "nothing";
        readonly disk: string | undefined;
        readonly isWritable: boolean;
        readonly isInTree: boolean;
      }
    | { readonly kind: "link"; readonly target: string }
    | { readonly kind: "directory" | "file" } {
    const covering = this.#mounted.findLast((one) => path === one.path || path.startsWith(`${one.path}/`));
    const source = covering === undefined ? this.#root : covering.mount.source;
    const rest = covering === undefined ? `/${path}` : path.slice(covering.path.length);
    if (source === undefined) {
      // Earlier mounts inside an empty directory have made its parents.
      const isParent = rest === "" || this.#mounted.some((one) => one.path.startsWith(`${path}/`));
      return isParent
        ? { kind: "directory" }
        : { kind: "nothing", disk: undefined, isWritable: true, isInTree: false };
    }
    const disk = Buffer.concat([Buffer.from(source), Buffer.from(rest, "latin1")]);
    const stats = onTree(path, () => lstatSync(disk, { throwIfNoEntry: false }));
    if (stats === undefined) {
      const isWritable = covering?.mount.isWritable ?? true;
      return { kind: "nothing", disk: disk.toString("latin1"), isWritable, isInTree: covering === undefined };
    }
    if (stats.isSymbolicLink())
      return { kind: "link", target: onTree(path, () => readlinkSync(disk, "latin1")) };
    return { kind: stats.isDirectory() ? "directory" : "file" };
  }

  #make(disk: string, type: "directory" | "file", target: string, isWritable: boolean): void {
    if (!isWritable) refuse(target, "the read-only directory that it is in has no such path");
    const path = Buffer.from(disk, "latin1");
    onTree(disk, () => {
      try {
        if (type === "directory") {
          mkdirSync(path, 0o755);
        } else closeSync(openSync(path, "wx", 0o644));
      } catch (error) {
        // Another sandbox of the same tree was faster.
        if (!isErrno(error, "EEXIST")) throw error;
      }
    });
  }
}

function onTree<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw toDiskError(error, `prepare "${decodeByteString(path)}" for a sandbox`);
  }
}

function refuse(target: string, problem: string): never {
  throw new SandboxError("SANDBOX_BAD_MOUNT", `Cannot mount anything at ${target}: ${problem}`);
}
