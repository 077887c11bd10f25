// What the Linux kernel says of this machine and this process: proc(5), mountinfo, capabilities, subuid(5).

import { readdirSync, readFileSync, realpathSync } from "node:fs";
import { networkInterfaces, userInfo } from "node:os";

/** Whether this is Linux at all. */
export function isLinux(): boolean {
  return process.platform === "linux";
}

/** A pseudo-file's or small file's text; undefined when it is not there or not to be read. */
function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** A file of this machine that programs in a container shall see, such as /etc/resolv.conf; undefined when absent. */
export function readMachineFile(path: "/etc/resolv.conf" | "/etc/hosts"): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

/** Who this process is. */
export interface ProcessUser {
  readonly uid: number;
  readonly gid: number;
  /** The login name; the uid as text when it has none. */
  readonly name: string;
}

export function processUser(): ProcessUser {
  const [uid, gid] = [process.geteuid?.() ?? 0, process.getegid?.() ?? 0];
  try {
    return { uid, gid, name: userInfo().username };
  } catch {
    return { uid, gid, name: String(uid) };
  }
}

/** Bits of capabilities(7), by the names that setpriv(1) uses. */
export const CAPABILITY_BITS: Readonly<Record<string, number>> = {
  chown: 0,
  dac_override: 1,
  fowner: 3,
  fsetid: 4,
  kill: 5,
  setgid: 6,
  setuid: 7,
  setpcap: 8,
  net_bind_service: 10,
  net_raw: 13,
  sys_chroot: 18,
  sys_admin: 21,
  mknod: 27,
  audit_write: 29,
  setfcap: 31,
};

/** A set of capabilities of this process. */
export function hasCapability(set: "CapEff" | "CapBnd", name: string): boolean {
  const text = readText("/proc/self/status");
  const mask = new RegExp(`^${set}:\\s*([0-9a-f]+)$`, "m").exec(text ?? "")?.[1] ?? "0";
  return ((BigInt(`0x${mask}`) >> BigInt(CAPABILITY_BITS[name]!)) & 1n) === 1n;
}

/** `count` ids of the machine from `start` on that a user may hand out in user namespaces. */
export interface SubordinateIds {
  readonly start: number;
  readonly count: number;
}

/** The first range that subuid(5) or subgid(5) gives a user; undefined when there is none. */
export function subordinateIds(kind: "subuid" | "subgid", user: ProcessUser): SubordinateIds | undefined {
  return parseSubordinateIds(readText(`/etc/${kind}`) ?? "", user);
}

/** Parses subuid(5): lines of `NAME-OR-UID:START:COUNT`. */
export function parseSubordinateIds(text: string, user: ProcessUser): SubordinateIds | undefined {
  for (const line of text.split("\n")) {
    const [owner, start, count] = line.trim().split(":");
    if (owner !== user.name && owner !== String(user.uid)) continue;
    if (/^[0-9]{1,10}$/.test(start ?? "") && /^[1-9][0-9]{0,9}$/.test(count ?? "")) {
      return { start: Number(start), count: Number(count) };
    }
  }
  return undefined;
}

/** One mount of this process's mount namespace. */
export interface Mount {
  /** Where it is, as the kernel says it. */
  readonly target: string;
  /** Of `ro`, `nosuid`, `nodev`, `noexec` those that it has: a user namespace may not take them off. */
  readonly flags: readonly string[];
}

const LOCKED_FLAGS: readonly string[] = ["ro", "nosuid", "nodev", "noexec"];

/** The mounts of this process, in the order of the kernel: later ones cover earlier ones. */
export function listMounts(): readonly Mount[] {
  return parseMounts(readText("/proc/self/mountinfo") ?? "");
}

/** Parses /proc/PID/mountinfo (proc_pid_mountinfo(5)). */
export function parseMounts(text: string): Mount[] {
  return text.split("\n").flatMap((line) => {
    const fields = line.split(" ");
    if (fields.length < 7) return [];
    const target = fields[4]!.replace(/\\([0-7]{3})/g, (_, octal) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    return [{ target, flags: fields[5]!.split(",").filter((flag) => LOCKED_FLAGS.includes(flag)) }];
  });
}

/** The mount that an absolute path without links is on. */
export function mountOf(path: string, mounts: readonly Mount[]): Mount | undefined {
  const holds = ({ target }: Mount) => target === "/" || path === target || path.startsWith(`${target}/`);
  return mounts
    .filter(holds)
    .reduce<Mount | undefined>(
      (best, mount) => (best === undefined || mount.target.length >= best.target.length ? mount : best),
      undefined,
    );
}

/**
 * File descriptors beyond standard error that a program would inherit from this process, because whoever started it
 * left them open: through one that is a directory, a program in a container could leave it.
 */
export function inheritedDescriptors(): number[] {
  const O_CLOEXEC = 0o2000000;
  return readdirSync("/proc/self/fdinfo")
    .map(Number)
    .filter((fd) => {
      const flags = /^flags:\s*([0-7]+)$/m.exec(readText(`/proc/self/fdinfo/${fd}`) ?? "")?.[1];
      return fd > 2 && flags !== undefined && (Number.parseInt(flags, 8) & O_CLOEXEC) === 0;
    });
}

/** Whether this machine has a network beyond itself. */
export function hasNetwork(): boolean {
  return Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ internal }) => !internal));
}

/** Whether the kernel can run programs of another architecture, with an emulator that was registered for it. */
export function hasEmulator(machine: "x86_64" | "aarch64"): boolean {
  return readText(`/proc/sys/fs/binfmt_misc/qemu-${machine}`)?.startsWith("enabled") === true;
}

/** A path without links, or undefined when nothing is there. */
export function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
