// An image and what the user asks of it → a directory that a holder can start: the unpacked tree, with what every
// container has (docker's three files in /etc, mount points), and the scripts.

import { join, posix } from "node:path";
import { type BytePath, decodeByteString, encodeByteString } from "../../model/bytes.ts";
import type { Context } from "../../model/context.ts";
import { makeDirectories, writeFileAtomically } from "../../platform/disk.ts";
import { TreeWriter } from "../../platform/extract.ts";
import { pathKind, readSmallFile } from "../../platform/files.ts";
import { readMachineFile, realPath } from "../../platform/linux.ts";
import { grantedCapabilities, hasId, type IdMapping } from "../../platform/sandbox/identity.ts";
import { formatInit, type TreeMount } from "../../platform/sandbox/init-script.ts";
import { mountFlags, readOnlyMounts } from "../../platform/sandbox/mounts.ts";
import { formatProgram } from "../../platform/sandbox/program-script.ts";
import { RunError } from "../errors.ts";
import type { BindMount, RunRequest } from "../options.ts";
import { unpackLayers } from "../unpack.ts";
import { resolveUser, type UserIdentity } from "../user.ts";

/** Bytes of /etc/passwd and /etc/group that are read. */
const LARGEST_ACCOUNTS_FILE = 8 << 20;

/** Bytes of /dev/shm, as docker has it. */
const SHARED_MEMORY = 64 << 20;

const OWNED_BY_ROOT = { uid: 0, gid: 0, mtimeSeconds: 1 };

/**
 * Fills a directory, which is empty and this user's alone.
 *
 * @throws {RunError} When the image or the request cannot be; {@link DiskError}; the signal's reason.
 */
export async function prepareDirectory(
  directory: string,
  request: RunRequest,
  mapping: IdMapping,
  context: Context,
): Promise<void> {
  const root = join(directory, "root");
  makeDirectories(root);
  const writer = new TreeWriter(root, { owners: mapping.kind === "real" });
  const { specialFiles } = await unpackLayers(request.image.layers, writer, context);
  if (specialFiles > 0) context.progress.note(`${specialFiles} devices and fifos of the image were left out`);

  const { program, options, configuration } = request;
  const tree = new ImageTree(root, writer);
  const user = resolveUser(program.user, tree.readText("etc/passwd"), tree.readText("etc/group"));
  checkIds(user, mapping);
  const hostname = options.hostname ?? request.image.imageId.slice("sha256:".length, "sha256:".length + 12);
  tree.writeNetworkFiles(hostname);
  tree.directory(program.workingDirectory);
  const volumes = configuration.volumes.map((volume) => tree.directory(posix.join("/", volume)));
  const init = formatInit({
    root,
    program: join(directory, "program"),
    proc: tree.directory("/proc"),
    sys: tree.directory("/sys"),
    dev: tree.directory("/dev"),
    sharedMemory: SHARED_MEMORY,
    isMachineRoot: mapping.kind === "real",
    hasTtyGroup: mapping.kind !== "single",
    hasOwnNetwork: options.network === "none",
    hostname,
    mounts: [
      ...(options.readOnly ? volumes.map(toWritable) : []),
      ...request.mounts.map((mount) => tree.mount(mount)),
    ],
    readOnlyFlags: options.readOnly ? mountFlags(root) : undefined,
    tty: request.tty,
    outputOwner: mapping.kind === "single" || user.uid === 0 ? undefined : user.uid,
    become: becomeUser(user, mapping),
  });
  writer.finish();
  if (mapping.kind === "subordinate") writeOwners(directory, writer, mapping, context);
  const environment = new Map([
    ["HOSTNAME", hostname],
    ["HOME", user.home],
    ...(request.tty ? ([["TERM", "xterm"]] as const) : []),
    ...program.environment,
  ]);
  writeFileAtomically(join(directory, "init"), init, 0o600);
  writeFileAtomically(join(directory, "program"), formatProgram({ ...program, environment }), 0o600);
}

function checkIds({ uid, gid, groups }: UserIdentity, mapping: IdMapping): void {
  if (hasId(mapping, "uids", uid) && [gid, ...groups].every((id) => hasId(mapping, "gids", id))) return;
  throw new RunError(
    "RUNTIME_FAILED",
    `Cannot run the image as ${uid}:${gid}: /etc/subuid and /etc/subgid give this user fewer ids than that`,
    { hint: "Give this user a larger range, run as root, or choose another user with -u" },
  );
}

/** A mount of a directory onto itself stays writable when the tree becomes read-only. */
function toWritable(directory: string): TreeMount {
  return { kind: "bind", source: directory, target: directory, readOnly: [] };
}

/** The unpacked tree, with the paths that the machine knows it by. */
class ImageTree {
  readonly #root: string;
  readonly #writer: TreeWriter;

  constructor(root: string, writer: TreeWriter) {
    this.#root = root;
    this.#writer = writer;
  }

  /** A text file of the image; empty when it has none. */
  readText(path: string): string {
    const entry = this.#writer.resolve(path);
    if (entry?.type !== "file") return "";
    const bytes = readSmallFile(this.#machinePath(entry.path), LARGEST_ACCOUNTS_FILE);
    return bytes === undefined || bytes === "too-large" ? "" : bytes.toString("utf8");
  }

  /** Makes sure that there is a directory; returns its path on the machine. */
  directory(path: string): string {
    const entry = this.#writer.ensure(encodeByteString(path), "directory");
    if (entry.type === "directory") return this.#machinePath(entry.path);
    throw new RunError("BAD_IMAGE", `Cannot run the image: its ${path} is a file, a directory was wanted`);
  }

  /** Writes what docker puts in place of the image's own files. */
  writeNetworkFiles(hostname: string): void {
    const hosts =
      readMachineFile("/etc/hosts")?.toString("latin1") ?? "127.0.0.1\tlocalhost\n::1\tlocalhost\n";
    const files: readonly (readonly [string, Buffer | undefined])[] = [
      ["etc/hostname", Buffer.from(`${hostname}\n`)],
      ["etc/hosts", Buffer.from(`${hosts.replace(/\n*$/, "\n")}127.0.1.1\t${hostname}\n`, "latin1")],
      ["etc/resolv.conf", readMachineFile("/etc/resolv.conf")],
    ];
    for (const [path, bytes] of files) {
      if (bytes !== undefined) this.#writer.file(path, { ...OWNED_BY_ROOT, mode: 0o644 }, bytes);
    }
  }

  /** Makes the place where something of the machine is to be mounted. */
  mount({ source, target, readOnly }: BindMount): TreeMount {
    const path = posix.normalize(target);
    if (!path.startsWith("/") || path === "/")
      refuseMount(source, target, "an absolute path below / was wanted");
    const real = realPath(source);
    if (real === undefined)
      return refuseMount(source, target, "there is no such file or directory on this machine");
    const type = pathKind(real) === "directory" ? "directory" : "file";
    const entry = this.#writer.ensure(encodeByteString(path), type);
    if ((entry.type === "directory") !== (type === "directory")) {
      refuseMount(source, target, `one is a ${type}, the other is not`);
    }
    const place = this.#machinePath(entry.path);
    return {
      kind: "bind",
      source: real,
      target: place,
      readOnly: readOnly ? readOnlyMounts(real, place) : [],
    };
  }

  #machinePath(path: BytePath): string {
    const text = decodeByteString(path);
    if (encodeByteString(text) !== path) {
      throw new RunError("BAD_IMAGE", `Cannot run the image: the path "${text}" in it is not UTF-8`);
    }
    return text === "" ? this.#root : join(this.#root, text);
  }
}

function refuseMount(source: string, target: string, problem: string): never {
  throw new RunError("BAD_MOUNT", `Cannot mount ${source} at ${target}: ${problem}`);
}

/** The command that gives a process the program's ids and rights, and starts the next command. */
function becomeUser(user: UserIdentity, mapping: IdMapping): readonly string[] {
  const capabilities = ["-all", ...grantedCapabilities(mapping).map((name) => `+${name}`)].join(",");
  // Root keeps what docker's root has; for all others, no program may bring more.
  const rights = user.uid === 0 ? ["--inh-caps=-all", `--bounding-set=${capabilities}`] : ["--no-new-privs"];
  const ids = [`${user.uid}`, `${user.gid}`] as const;
  if (mapping.kind !== "single") {
    const groups = [...new Set([user.gid, ...user.groups])].join(",");
    return ["setpriv", `--reuid=${ids[0]}`, `--regid=${ids[1]}`, `--groups=${groups}`, ...rights];
  }
  if (user.uid === 0 && user.gid === 0) return ["setpriv", ...rights];
  // The one id is root while mounting; a second user namespace gives it the program's number.
  return ["unshare", "--user", `--map-user=${ids[0]}`, `--map-group=${ids[1]}`, "setpriv", ...rights];
}

/** Lists which files get which owner: only root of the user namespace can give them. */
function writeOwners(
  directory: string,
  writer: TreeWriter,
  mapping: IdMapping,
  context: Pick<Context, "progress">,
): void {
  const owners = new Map<string, string[]>();
  const modes = new Map<string, string[]>();
  let unknown = 0;
  for (const { path, type, attributes } of writer.entries()) {
    const { uid, gid, mode } = attributes;
    if (uid === 0 && gid === 0) continue;
    if (!hasId(mapping, "uids", uid) || !hasId(mapping, "gids", gid)) {
      unknown++;
      continue;
    }
    addTo(owners, `${uid}:${gid}`, path);
    // A change of owner takes these bits away.
    if (type === "file" && (mode & 0o6000) !== 0) addTo(modes, mode.toString(8), path);
  }
  if (unknown > 0)
    context.progress.warn(`${unknown} files belong to ids that this user may not hand out: root has them`);
  for (const [folder, lists] of Object.entries({ owners, modes })) {
    makeDirectories(join(directory, folder));
    for (const [name, paths] of lists) {
      const text = paths.map((path) => `./${path}\0`).join("");
      writeFileAtomically(join(directory, folder, name), Buffer.from(text, "latin1"), 0o600);
    }
  }
}

function addTo(lists: Map<string, string[]>, key: string, path: string): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [path]);
  else list.push(path);
}
