// The script of a container's pid 1, INIT: it mounts what the program needs. holder-script.ts says when it runs.

import { quote, quoteAll } from "./shell.ts";

/** Something to mount in the container's tree; `target` is a path of the machine, below the tree, without links. */
export type TreeMount =
  | {
      readonly kind: "bind";
      readonly source: string;
      readonly target: string;
      /** What is to be made read-only: the target and mounts below it, each with the flags that it must keep. */
      readonly readOnly: readonly { readonly target: string; readonly flags: readonly string[] }[];
      /** What has to be made first, since the target is in a tmpfs. */
      readonly make?: "directory" | "file" | undefined;
    }
  | {
      readonly kind: "tmpfs";
      readonly target: string;
      /** Permission bits of its root. */
      readonly mode: number;
      /** Bytes; absent: as the kernel has it, half of the memory. */
      readonly size?: number | undefined;
      readonly make?: "directory" | undefined;
    };

export interface InitSettings {
  /** The container's tree. */
  readonly root: string;
  /** The file that holds PROGRAM. */
  readonly program: string;
  /** Where in the tree /proc, /sys and /dev are: paths of the machine without links. */
  readonly proc: string;
  /** Undefined: there is none. */
  readonly sys: string | undefined;
  readonly dev: string;
  /** Bytes of /dev/shm; undefined: half of the memory. */
  readonly sharedMemory: number | undefined;
  /** Whether this is root of the machine, whose settings in /proc must then be kept from the program. */
  readonly isMachineRoot: boolean;
  /** Whether the group `tty`, 5 in every distribution, can own terminals. */
  readonly hasTtyGroup: boolean;
  readonly hasOwnNetwork: boolean;
  readonly hostname: string;
  readonly mounts: readonly TreeMount[];
  /** Undefined: the tree can be written to; otherwise the flags that its mount must keep. */
  readonly readOnlyFlags: readonly string[] | undefined;
  readonly tty: boolean;
  /** uid that shall own what the program writes to; undefined: as it is. */
  readonly outputOwner: number | undefined;
  /** The words before `/bin/sh -c PROGRAM`: who the program is. */
  readonly become: readonly string[];
}

/** What docker shows of /proc as empty, and read-only, since it is this machine's and not the container's. */
const MASKED = ["acpi", "asound", "kcore", "keys", "latency_stats", "scsi", "sched_debug", "timer_list"];
const PROTECTED = ["bus", "fs", "irq", "sys", "sysrq-trigger"];

const DEVICES = ["null", "zero", "full", "random", "urandom", "tty"];

export function formatInit(settings: InitSettings): string {
  const { root, isMachineRoot, hostname, hasOwnNetwork, tty, become, readOnlyFlags, outputOwner } = settings;
  const lines = [
    ...(tty ? ["exec 8>&2 2>&4"] : []),
    'read -r pid rest </proc/self/stat; echo "init $pid" >&4',
    "set -e; umask 022",
    `mount --bind ${quoteAll([root, root])}`,
    ...(isMachineRoot ? [`mount -o remount,bind,nodev ${quote(root)}`] : []),
    ...formatProc(settings),
    ...formatSys(settings),
    ...formatDev(settings),
    ...(hasOwnNetwork ? ["ip link set lo up || ifconfig lo up || :"] : []),
    "echo '(none)' >/proc/sys/kernel/domainname || :",
    `hostname ${quote(hostname)} || { echo ${quote(hostname)} >/proc/sys/kernel/hostname; } || :`,
    ...settings.mounts.flatMap(formatMount),
    ...(readOnlyFlags === undefined ? [] : [formatRemount(root, readOnlyFlags)]),
    ...(outputOwner === undefined ? [] : formatOutputs(outputOwner, tty)),
    // Whoever the program is, its shell reads it; the directory that it is in stays closed to all others.
    `chmod 644 ${quote(settings.program)}`,
    "set +e",
    `${quoteAll(become)} env -i ${tty ? "--default-signal=INT,QUIT " : ""}/bin/sh /proc/self/fd/7 2>&8 8>&- 7<${quote(settings.program)}`,
    "exit $?",
  ];
  return lines.join("\n");
}

function formatProc({ proc, isMachineRoot }: InitSettings): string[] {
  const own = `mount -t proc -o nosuid,nodev,noexec proc ${quote(proc)}`;
  // In a container whose /proc is masked, the kernel refuses a new one to an ordinary user.
  if (!isMachineRoot) return [`${own} || mount --rbind /proc ${quote(proc)}`];
  return [
    own,
    `for name in ${PROTECTED.join(" ")}; do`,
    `  file=${quote(proc)}/$name`,
    '  test ! -e "$file" || { mount --bind "$file" "$file"; mount -o remount,bind,ro,nosuid,nodev,noexec "$file"; }',
    "done",
    `for name in ${MASKED.join(" ")}; do`,
    `  file=${quote(proc)}/$name`,
    '  if test -d "$file"; then mount -t tmpfs -o ro,nosuid,nodev,noexec,size=0k tmpfs "$file"',
    '  elif test -e "$file"; then mount --bind /dev/null "$file"; fi',
    "done",
  ];
}

function formatSys({ sys, isMachineRoot, hasOwnNetwork }: InitSettings): string[] {
  if (sys === undefined) return [];
  const own = `mount -t sysfs -o ro,nosuid,nodev,noexec sysfs ${quote(sys)}`;
  if (isMachineRoot || hasOwnNetwork) return [`${own} || :`];
  // sysfs belongs to the network namespace; what this machine lets its user see is what there is.
  return [`mount --rbind /sys ${quote(sys)} || :`];
}

function formatDev({ dev, sys, hasTtyGroup, sharedMemory, tty }: InitSettings): string[] {
  const group = hasTtyGroup ? ",gid=5" : "";
  return [
    `cd ${quote(dev)}`,
    "mount -t tmpfs -o nosuid,mode=755,size=64k tmpfs .",
    `cd ${quote(dev)}`,
    `for name in ${DEVICES.join(" ")}; do : >$name; mount --bind /dev/$name $name; done`,
    "mkdir pts shm",
    `mount -t devpts -o nosuid,noexec,newinstance,ptmxmode=0666,mode=0620${group} devpts pts`,
    `mount -t tmpfs -o nosuid,nodev,noexec,mode=1777${formatSize(sharedMemory)} tmpfs shm`,
    // A sandbox, which has no /sys, does without.
    ...(sys === undefined
      ? []
      : ["mkdir mqueue; mount -t mqueue -o nosuid,nodev,noexec mqueue mqueue || rmdir mqueue"]),
    ...(tty ? [': >console; mount --bind "$(tty)" console'] : []),
    "ln -s pts/ptmx ptmx",
    "ln -s /proc/self/fd fd",
    "ln -s /proc/self/fd/0 stdin",
    "ln -s /proc/self/fd/1 stdout",
    "ln -s /proc/self/fd/2 stderr",
    "cd /",
  ];
}

function formatMount(mount: TreeMount): string[] {
  const { target } = mount;
  const make =
    mount.make === undefined
      ? []
      : mount.make === "directory"
        ? [`mkdir -p ${quote(target)}`]
        : [`mkdir -p "$(dirname ${quote(target)})"`, `: >${quote(target)}`];
  if (mount.kind === "tmpfs") {
    const options = `nosuid,nodev,mode=${mount.mode.toString(8)}${formatSize(mount.size)}`;
    return [...make, `mount -t tmpfs -o ${options} tmpfs ${quote(target)}`];
  }
  return [
    ...make,
    `mount --rbind ${quoteAll([mount.source, target])}`,
    ...mount.readOnly.map((one) => formatRemount(one.target, one.flags)),
  ];
}

function formatSize(bytes: number | undefined): string {
  return bytes === undefined ? "" : `,size=${bytes}`;
}

function formatRemount(target: string, flags: readonly string[]): string {
  const options = new Set(["remount", "bind", "ro", ...flags]);
  return `mount -o ${[...options].join(",")} ${quote(target)}`;
}

/** Gives the program's user what it writes to, so that it can open it again: pipes, and a terminal of its own. */
function formatOutputs(owner: number, tty: boolean): string[] {
  const isGiven = tty ? "test -t $fd" : "test -p /proc/self/fd/$fd";
  return ["for fd in 0 1 8; do", `  { ${isGiven}; } && chown ${owner} /proc/self/fd/$fd || :`, "done"];
}
