// A shell where a derivation is built: the same root file system, inputs and variables, with directories of this machine,
// its network, and a person or a command at the other end.

import { dirname, join } from "node:path";
import { type BytePath, decodeByteString, joinPath, ROOT_PATH } from "../model/bytes.ts";
import { listEntries, readLinkTarget } from "../platform/directory-entries.ts";
import { possibleMappings } from "../platform/sandbox/identity.ts";
import type { SandboxMount } from "../platform/sandbox/options.ts";
import { openSandbox } from "../platform/sandbox/sandbox.ts";
import { createTreeMaker, type TreeMaker } from "../platform/tree-maker.ts";
import type { BuilderEnvironment } from "./environment.ts";
import type { BuildContext, BuildJob } from "./job.ts";
import { BUILDER, listMounts, makePlaces, SYSTEM_FILES } from "./sandboxed.ts";

export interface BuildShell {
  readonly job: BuildJob;
  /** From {@link describeEnvironment}, for a shell that builds. */
  readonly environment: BuilderEnvironment;
  /** The program, an absolute path or one of PATH, and its arguments. */
  readonly argv: readonly string[];
  /** Absolute paths of directories of this machine that are there, and may be written to, where they are here. */
  readonly directories: readonly string[];
  /** Absolute path, of one of them or below. */
  readonly workingDirectory: string;
  readonly tty: boolean;
}

/** Directories of a root file system that every sandbox has anew. */
const OWN_DIRECTORIES: readonly string[] = ["dev", "proc", "sys", "tmp"];

/**
 * Runs a program where a derivation is built.
 *
 * @returns Its exit code; 128 + N when signal N ended it.
 * @throws {SandboxError}; {DiskError}; the signal's reason.
 */
export async function enterBuildShell(shell: BuildShell, context: BuildContext): Promise<number> {
  const mappings = possibleMappings().filter(({ kind }) => kind !== "subordinate");
  await using sandbox = await openSandbox(context, mappings);
  const { job, directories } = shell;
  const places = makePlaces(join(sandbox.directory, "places"), shell.environment, job);
  const root = join(sandbox.directory, "shell");
  const below = layOutRoot(places.root, root, ["/etc/x", "/nix/store/x", "/build/x", ...directories]);
  const { exitCode } = await sandbox.run({
    root,
    access: "read-only",
    argv: shell.argv,
    environment: places.variables,
    workingDirectory: shell.workingDirectory,
    umask: 0o022,
    user: BUILDER,
    hostname: "localhost",
    network: "host",
    mounts: [
      ...below,
      ...listMounts(job, places, context, true),
      ...directories.map(
        (path): SandboxMount => ({ kind: "bind", source: path, target: path, access: "writable" }),
      ),
    ],
    interactive: { tty: shell.tty },
  });
  return exitCode;
}

/**
 * Makes a root file system of mounts, in which directories can be made where mounts go: that of the packages belongs to
 * all builds with them, and stays as it is.
 *
 * @param from Absolute path of the packages' root file system.
 * @param to Absolute path where nothing is.
 * @param mountPoints What will be mounted: their parents become directories of the new root.
 */
function layOutRoot(from: string, to: string, mountPoints: readonly string[]): SandboxMount[] {
  const opened = new Set<string>();
  for (const path of mountPoints) {
    for (let parent = dirname(path); parent !== "/"; parent = dirname(parent)) opened.add(parent.slice(1));
  }
  const maker = createTreeMaker(to);
  const mounts = listRoot(from, ROOT_PATH, opened, maker);
  for (const path of [...opened, ...mountPoints.map((point) => dirname(point).slice(1))])
    if (!isBelowLink(from, path)) maker.directory(path);
  maker.directory("");
  return mounts;
}

function listRoot(
  from: string,
  directory: BytePath,
  opened: ReadonlySet<string>,
  maker: TreeMaker,
): SandboxMount[] {
  return listEntries(from, directory).flatMap(({ name, type }): SandboxMount[] => {
    const path = joinPath(directory, name);
    const text = decodeByteString(path);
    const source = join(from, text);
    if (type === "symlink") maker.symlink(text, decodeByteString(readLinkTarget(from, path)));
    else if (type === "file" && !SYSTEM_FILES.has(text.replace(/^etc\//, ""))) maker.copy(text, source);
    else if (type === "directory" && (opened.has(text) || OWN_DIRECTORIES.includes(text))) {
      maker.directory(text);
      return opened.has(text) ? listRoot(from, path, opened, maker) : [];
    } else if (type === "directory")
      return [{ kind: "bind", source, target: `/${text}`, access: "read-only" }];
    return [];
  });
}

/** Whether a parent of a path is a link of the root: what is mounted there goes where that leads. */
function isBelowLink(from: string, path: string): boolean {
  const parts = path.split("/");
  return parts.some((_, i) => {
    const parent = parts.slice(0, i).join("/") as BytePath;
    try {
      return listEntries(from, parent).some(({ name, type }) => name === parts[i] && type === "symlink");
    } catch {
      return false;
    }
  });
}
