// Commands of image.ts over a composed root file system: they run in a sandbox, and what they changed becomes part of
// the image's own layer, with the owners that they gave. What they removed is in no layer.

import { createHash } from "node:crypto";
import { join } from "node:path";
import { type BytePath, comparePaths, parentPath, ROOT_PATH } from "../model/bytes.ts";
import { formatCanonicalJson } from "../model/canonical-json.ts";
import type { Context } from "../model/context.ts";
import type { ImageCommands } from "../model/image-spec.ts";
import type { FixReport, RootFileSystem } from "../model/root-file-system.ts";
import { createTree, type DirectoryEntry, type TreeEntry } from "../model/tree.ts";
import { readRecord, writeRecord } from "../platform/records.ts";
import type { SandboxMount } from "../platform/sandbox/options.ts";
import { openSandbox, type Sandbox } from "../platform/sandbox/sandbox.ts";
import { readCachedTree } from "../platform/tree-cache.ts";
import { RootFsError } from "./errors.ts";
import { computeTreeKey } from "./program-root.ts";

/** What commands may use beside the image. */
export interface CommandTools {
  /** Absolute path of a root file system with a shell and what commands need. */
  readonly root: string;
  /** What is in it, as text: part of the key of the result. */
  readonly key: string;
  /** Store paths that commands mention, and where they really are. */
  readonly storePaths: readonly { readonly path: string; readonly physical: string }[];
}

/** Changed whenever the same commands would give another result. */
const FORMAT = "customise 2";

/** Lines of output that an error shows. */
const TAIL_LINES = 12;

const ASK_FOR_IDS = "give it a range in /etc/subuid and /etc/subgid";

/** Where tools are that do not depend on anything in the image. */
const TOOLS = "/.tare-tools";

/** What commands did: as it is kept in the cache. */
interface Changes {
  /** Of the tree in the cache that holds what is new or different. */
  readonly key: string;
  readonly removed: readonly BytePath[];
}

/**
 * Runs the commands of an image, each over what the one before has left.
 *
 * @throws {RootFsError} `COMMANDS_FAILED` with the last lines of their output; {SandboxError} where there is no sandbox.
 */
export async function customiseRoot(
  rootFileSystem: RootFileSystem,
  commands: ImageCommands,
  tools: CommandTools,
  context: Pick<Context, "cache" | "progress" | "signal">,
): Promise<RootFileSystem> {
  const before = createTree(rootFileSystem.merged.values());
  const key = createHash("sha256")
    .update(
      formatCanonicalJson([
        FORMAT,
        computeTreeKey(before),
        commands,
        tools.key,
        tools.storePaths.map(({ path }) => path),
      ]),
    )
    .digest("hex");
  const record = context.cache.path("runs", `${key}.json`);
  const known = readRecord(record) as Changes | undefined;
  const cached = known && readCachedTree(context.cache, known.key);
  if (known !== undefined && cached !== undefined)
    return apply(rootFileSystem, cached.tree.entries, known.removed);
  const stage = context.progress.stage("running commands");
  await using sandbox = await openSandbox(context);
  const directory = join(sandbox.directory, "root");
  await sandbox.materialise(before, directory);
  await sandbox.watch(directory);
  for (const command of listCommands(commands)) {
    context.signal.throwIfAborted();
    if (command.name !== "extraCommands" && sandbox.ownership === "single") {
      context.progress.warn(
        `${command.name}: this user may hand out no ids, so that only root can own files (${ASK_FOR_IDS})`,
      );
    }
    await runCommand(sandbox, directory, command, tools);
    stage.advance(1);
  }
  const changes = await sandbox.readChanges(directory);
  refuseSpecialFiles(changes.specialFiles);
  const isOwn = (path: BytePath) => path === TOOLS.slice(1) || path.startsWith(`${TOOLS.slice(1)}/`);
  const removed = changes.removed.filter((path) => !isOwn(path));
  writeRecord(record, { key: changes.key, removed });
  stage.done(`${changes.tree.entries.length} files changed, ${removed.length} removed`);
  return apply(
    rootFileSystem,
    changes.tree.entries.filter(({ path }) => !isOwn(path)),
    removed,
  );
}

interface Command {
  readonly name: "extraCommands" | "fakeRootCommands" | "runAsRoot";
  readonly script: string;
  /** Whether the image is the root file system of the command, not only its working directory. */
  readonly inside: boolean;
}

function listCommands({
  extraCommands,
  fakeRootCommands,
  enableFakechroot,
  runAsRoot,
}: ImageCommands): Command[] {
  const commands: Command[] = [
    { name: "runAsRoot", script: runAsRoot, inside: true },
    { name: "extraCommands", script: extraCommands, inside: false },
    { name: "fakeRootCommands", script: fakeRootCommands, inside: enableFakechroot },
  ];
  return commands.filter(({ script }) => script !== "");
}

async function runCommand(
  sandbox: Sandbox,
  directory: string,
  { name, script, inside }: Command,
  tools: CommandTools,
): Promise<void> {
  const lines: string[] = [];
  let pending = "";
  const common = {
    environment: {
      HOME: "/root",
      PATH: `/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin${inside ? `:${TOOLS}/bin` : ""}`,
      SOURCE_DATE_EPOCH: "1",
      TERM: "xterm-256color",
      LC_ALL: "C.UTF-8",
    },
    umask: 0o022,
    onOutput: (chunk: Uint8Array) => {
      const split = (pending + Buffer.from(chunk).toString("utf8")).split("\n");
      pending = split.pop()!;
      lines.push(...split);
      lines.splice(0, lines.length - TAIL_LINES);
    },
  };
  const storeMounts = tools.storePaths.map(
    ({ path, physical }): SandboxMount => ({
      kind: "bind",
      source: physical,
      target: path,
      access: "read-only",
    }),
  );
  const { exitCode, signal } = await sandbox.run(
    inside
      ? {
          ...common,
          root: directory,
          access: "writable",
          ownTmp: true,
          argv: [
            `${TOOLS}/busybox`,
            "sh",
            "-c",
            `${TOOLS}/busybox mkdir -p ${TOOLS}/bin && ${TOOLS}/busybox --install -s ${TOOLS}/bin && exec ${TOOLS}/busybox sh -e -c "$0"`,
            script,
          ],
          mounts: [
            { kind: "tmpfs", target: TOOLS },
            {
              kind: "bind",
              source: join(tools.root, "usr/bin/busybox"),
              target: `${TOOLS}/busybox`,
              access: "read-only",
            },
            ...storeMounts,
          ],
        }
      : {
          ...common,
          root: tools.root,
          access: "read-only",
          argv: ["/bin/bash", "-e", "-o", "pipefail", "-c", script],
          workingDirectory: "/build/root",
          mounts: [
            { kind: "bind", source: directory, target: "/build/root", access: "writable" },
            ...storeMounts,
          ],
        },
  );
  if (exitCode === 0) return;
  const said = [...lines, pending].filter((line) => line.trim() !== "").slice(-TAIL_LINES);
  const how = signal === undefined ? `ended with exit code ${exitCode}` : `were ended by ${signal}`;
  const tail =
    said.length === 0
      ? "; they said nothing"
      : `; their last lines were\n${said.map((line) => `  │ ${line}`).join("\n")}`;
  throw new RootFsError("COMMANDS_FAILED", `Cannot run ${name}: the commands ${how}${tail}`, {
    hint:
      sandbox.ownership === "single" && said.some((line) => /\bch(?:own|grp)\b/.test(line))
        ? `This user may hand out no ids: ${ASK_FOR_IDS}`
        : inside
          ? "They run in the image, with its programs and those of busybox"
          : "They run beside the image, whose root is their working directory: write ./etc, not /etc",
  });
}

function refuseSpecialFiles(files: readonly { readonly path: BytePath; readonly kind: string }[]): void {
  const [first] = files;
  if (first === undefined) return;
  throw new RootFsError(
    "COMMANDS_FAILED",
    `Cannot use what the commands made: /${first.path} is a ${first.kind}; files, directories and links were expected`,
    { hint: "Make it when the container starts" },
  );
}

/** Puts changes over a root file system: changed entries become its own, removed ones go. */
function apply(
  rootFileSystem: RootFileSystem,
  changed: readonly TreeEntry[],
  removed: readonly BytePath[],
): RootFileSystem {
  const gone = new Set<BytePath>(removed);
  const isGone = (path: BytePath): boolean => {
    for (let at = path; at !== ROOT_PATH; at = parentPath(at)) if (gone.has(at)) return true;
    return false;
  };
  // What was there before and differs now only in what no layer holds stays where it is.
  const differs = changed.filter((entry) => !isSame(entry, rootFileSystem.merged.get(entry.path)));
  const replaced = new Set(differs.filter(({ type }) => type !== "directory").map(({ path }) => path));
  const stays = ({ path }: TreeEntry): boolean => !replaced.has(path) && !isGone(path);
  const merged = new Map([...rootFileSystem.merged].filter(([path]) => !isGone(path)));
  const directories = new Map([...rootFileSystem.directories].filter(([path]) => !isGone(path)));
  for (const entry of differs) {
    merged.set(entry.path, entry);
    if (entry.type === "directory") directories.set(entry.path, entry);
  }
  const own = createTree([...rootFileSystem.additions.filter(stays), ...differs]).entries;
  const report: FixReport[] = [
    ...differs.map(
      ({ path, type }): FixReport => ({
        fix: "commands",
        action: type === "directory" ? "directory" : type === "symlink" ? "link" : "write",
        path,
        detail: "by a command of image.ts",
      }),
    ),
    ...removed.map(
      (path): FixReport => ({ fix: "commands", action: "remove", path, detail: "by a command of image.ts" }),
    ),
  ];
  return {
    ...rootFileSystem,
    units: rootFileSystem.units.map((unit) => ({
      ...unit,
      entries: unit.entries.filter(stays).map((entry) => withAttributes(entry, directories)),
    })),
    additions: own,
    merged: new Map([...merged].sort(([a], [b]) => comparePaths(a, b))),
    directories,
    report: [...rootFileSystem.report, ...report],
  };
}

/** Directories that packages ship have the owners and modes that the whole has. */
function withAttributes(entry: TreeEntry, directories: ReadonlyMap<BytePath, DirectoryEntry>): TreeEntry {
  return entry.type === "directory" ? (directories.get(entry.path) ?? entry) : entry;
}

function isSame(entry: TreeEntry, before: TreeEntry | undefined): boolean {
  if (before === undefined || before.type !== entry.type) return false;
  if (entry.uid !== before.uid || entry.gid !== before.gid) return false;
  if (entry.type === "symlink") return before.type === "symlink" && entry.target === before.target;
  if (entry.mode !== before.mode) return false;
  return entry.type !== "file" || (before.type === "file" && entry.content.sha256 === before.content.sha256);
}
