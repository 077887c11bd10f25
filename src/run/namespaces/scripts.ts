// A run → the three shell scripts that start it. All of Linux that is needed is reached through programs of util-linux
// and coreutils, since Node has no system calls for namespaces.
//
// - HOLDER runs outside the container, as root or as root of a user namespace. It starts INIT, obeys Tare (fd 3),
//   reports to it (fd 4), and removes the directory at the end: also when Tare is gone and fd 3 is at its end.
// - INIT is pid 1 of the container: it mounts what the program needs, starts PROGRAM, reaps orphans, and ends with it.
// - PROGRAM has the program's user and rights already and waits (fd 5). The holder then calls pivot_root(2), which
//   moves INIT and PROGRAM, running shells, into the image, and detaches the machine's own tree; from there on only
//   builtins are used. PROGRAM sets the environment, which therefore cannot reach a program of the machine, and
//   becomes the image's program.
//
// Reports, one a line: `up`, `init PID`, `ready PID`, `pivoted`, `exit STATUS`; anything else is a diagnosis.

/** Quotes a text for a POSIX shell. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Quotes each text. */
function quoteAll(texts: readonly string[]): string {
  return texts.map(quote).join(" ");
}

export interface HolderSettings {
  /** PATH of the machine's programs. */
  readonly path: string;
  /** The directory that goes at the end; it holds `root`, `init`, `program`, `owners/` and `modes/`. */
  readonly directory: string;
  readonly hasOwnNetwork: boolean;
  readonly tty: boolean;
  /** Absolute path of script(1), which makes terminals. */
  readonly script: string | undefined;
}

/** Makes the container's namespaces; `--kill-child` and the death signal end it when the holder is killed. */
function unshareCommand({ hasOwnNetwork }: HolderSettings): string {
  const network = hasOwnNetwork ? " --net" : "";
  return `setpriv --pdeathsig KILL unshare --mount --pid --ipc --uts${network} --fork --kill-child sh "$directory/init"`;
}

export function formatHolder(settings: HolderSettings): string {
  const { path, directory, tty, script } = settings;
  const unshare = unshareCommand(settings);
  // Ctrl-C on the new terminal is for the program alone; see `env --default-signal` in INIT.
  const onTerminal = `trap '' INT QUIT; ${unshare}; echo "exit $?" >&4`;
  const relay = `if must_relay 1; then
    same=
    test ! /proc/self/fd/1 -ef /proc/self/fd/8 || same=yes
    relay 1 1 && exec 1>"$directory/out1"
    test -z "$same" || exec 8>&1
  fi
  if must_relay 8; then relay 2 8 && exec 8>"$directory/out2"; fi`;
  const start =
    tty && script !== undefined
      ? `SHELL=/bin/sh ${quote(script)} -qfc ${quote(onTerminal)} /dev/null 3<&- 2>&8`
      : `${unshare} 3<&-; echo "exit $?" >&4`;
  return `
PATH=${quote(path)}
directory=${quote(directory)}
export PATH
cd /
# Not ignored, which programs would inherit. PIPE comes when Tare is gone.
trap : HUP INT QUIT TERM PIPE
umask 077
init=
obey() {
  while read -r word argument; do
    case $word in
      pivot)
        init=$argument
        if nsenter --mount="/proc/$init/ns/mnt" sh -c 'cd "$1" && pivot_root . .' sh "$directory/root" &&
          nsenter --mount="/proc/$init/ns/mnt" umount -l /
        then echo pivoted
        else kill -s KILL "$init"
        fi ;;
      kill) kill -s $argument ;;
    esac
  done
  test -z "$init" || kill -s KILL "$init"
}
give_owners() {
  cd "$directory/root" || return
  for list in "$directory"/owners/*; do
    test ! -e "$list" || xargs -0 chown -h -- "\${list##*/}" <"$list" || return
  done
  for list in "$directory"/modes/*; do
    test ! -e "$list" || xargs -0 chmod -- "\${list##*/}" <"$list" || return
  done
  cd /
}
# Programs open /dev/stdout: that wants a pipe which can be given to their user.
relays=
must_relay() {
  test ! -c "/proc/self/fd/$1" || test -t "$1" || return
  test ! -p "/proc/self/fd/$1" || test ! -O "/proc/self/fd/$1"
}
relay() {
  mkfifo "$directory/out$1" && eval 'cat <"$directory/out$1" >&'"$2"' 3<&- 4>&- 5<&- &' && relays="$relays $!"
}
# Through a directory of the machine, a program could leave the container.
test ! -d /proc/self/fd/0 || exec </dev/null
echo up >&4
read -r word <&3 || word=
if test "$word" = start && give_owners; then
  TARE_PROGRAM=$(cat "$directory/program")
  export directory TARE_PROGRAM
  ${tty ? "" : relay}
  obey <&3 3<&- 5<&- >&4 8>&- &
  obeying=$!
  ${start}
  kill -s KILL $obeying
  exec 1>&4 8>&4
  test -z "$relays" || wait $relays
fi
cd /
rm -rf -- "$directory"
exit 0
`;
}

/**
 * Starts the holder where it may make namespaces; its own errors are diagnoses too.
 *
 * @param leaked File descriptors that no program shall inherit.
 */
export function formatLauncher(
  mapping: "real" | "subordinate" | "single",
  path: string,
  leaked: readonly number[],
): string {
  const close = leaked.map((fd) => `exec ${fd}>&-; `).join("");
  const begin = `PATH=${quote(path)}; export PATH; ${close}exec 8>&2 2>&4`;
  switch (mapping) {
    case "real":
      return `${begin}; exec sh -c "$1"`;
    case "single":
      return `${begin}; exec unshare --user --map-root-user sh -c "$1"`;
    case "subordinate":
      // The ids are mapped from outside; then a second start makes this root of the namespace.
      return `${begin}; exec unshare --user sh -c 'echo "user $$" >&4; read -r word <&3 && exec sh -c "$1"' sh "$1"`;
  }
}

/** Something to mount in the image's tree; `target` is a path of the machine, below the tree, without links. */
export interface TreeMount {
  readonly source: string;
  readonly target: string;
  /** What is to be made read-only: the target and mounts below it, each with the flags that it must keep. */
  readonly readOnly: readonly { readonly target: string; readonly flags: readonly string[] }[];
}

export interface InitSettings {
  /** The image's tree. */
  readonly root: string;
  /** Where in the tree /proc, /sys and /dev are: paths of the machine without links. */
  readonly proc: string;
  readonly sys: string;
  readonly dev: string;
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
    "set -e",
    `mount --bind ${quoteAll([root, root])}`,
    ...(isMachineRoot ? [`mount -o remount,bind,nodev ${quote(root)}`] : []),
    ...formatProc(settings),
    ...formatSys(settings),
    ...formatDev(settings),
    ...(hasOwnNetwork ? ["ip link set lo up || ifconfig lo up || :"] : []),
    `hostname ${quote(hostname)} || { echo ${quote(hostname)} >/proc/sys/kernel/hostname; } || :`,
    ...settings.mounts.flatMap(formatMount),
    ...(readOnlyFlags === undefined ? [] : [formatRemount(root, readOnlyFlags)]),
    ...(outputOwner === undefined ? [] : formatOutputs(outputOwner, tty)),
    "set +e",
    `${quoteAll(become)} env -i ${tty ? "--default-signal=INT,QUIT " : ""}/bin/sh -c "$TARE_PROGRAM" tare 2>&8 8>&-`,
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
  const own = `mount -t sysfs -o ro,nosuid,nodev,noexec sysfs ${quote(sys)}`;
  if (isMachineRoot || hasOwnNetwork) return [`${own} || :`];
  // sysfs belongs to the network namespace; what this machine lets its user see is what there is.
  return [`mount --rbind /sys ${quote(sys)} || :`];
}

function formatDev({ dev, hasTtyGroup, tty }: InitSettings): string[] {
  const group = hasTtyGroup ? ",gid=5" : "";
  return [
    `cd ${quote(dev)}`,
    "mount -t tmpfs -o nosuid,mode=755,size=64k tmpfs .",
    `cd ${quote(dev)}`,
    `for name in ${DEVICES.join(" ")}; do : >$name; mount --bind /dev/$name $name; done`,
    "mkdir pts shm mqueue",
    `mount -t devpts -o nosuid,noexec,newinstance,ptmxmode=0666,mode=0620${group} devpts pts`,
    "mount -t tmpfs -o nosuid,nodev,noexec,mode=1777,size=64m tmpfs shm",
    "mount -t mqueue -o nosuid,nodev,noexec mqueue mqueue || rmdir mqueue",
    ...(tty ? [': >console; mount --bind "$(tty)" console'] : []),
    "ln -s pts/ptmx ptmx",
    "ln -s /proc/self/fd fd",
    "ln -s /proc/self/fd/0 stdin",
    "ln -s /proc/self/fd/1 stdout",
    "ln -s /proc/self/fd/2 stderr",
    "cd /",
  ];
}

function formatMount({ source, target, readOnly }: TreeMount): string[] {
  return [
    `mount --rbind ${quoteAll([source, target])}`,
    ...readOnly.map((mount) => formatRemount(mount.target, mount.flags)),
  ];
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

export interface ProgramSettings {
  readonly argv: readonly string[];
  /** Everything that the program gets. */
  readonly environment: ReadonlyMap<string, string>;
  readonly workingDirectory: string;
}

/** Variables that a shell sets, checks or refuses to change. */
const SHELL_VARIABLES: readonly string[] = [
  "BASHOPTS",
  "BASH_VERSINFO",
  "EUID",
  "LINENO",
  "OPTIND",
  "PPID",
  "RANDOM",
  "SECONDS",
  "SHELLOPTS",
  "UID",
  "_",
];

export function formatProgram({ argv, environment, workingDirectory }: ProgramSettings): string {
  const program = argv[0]!;
  const isPlain = (name: string) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !SHELL_VARIABLES.includes(name);
  const plain = [...environment].filter(([name]) => isPlain(name));
  const other = [...environment].filter(([name]) => !isPlain(name));
  const say = (text: string) => `printf '%s\\n' ${quote(`tare: ${text}`)} >&2`;
  const isThere = program.includes("/")
    ? `test -e ${quote(program)}`
    : `command -v ${quote(program)} >/dev/null`;
  const lines = [
    'read -r pid rest </proc/self/stat; echo "ready $pid" >&4',
    "read -r word <&5 || exit 125",
    "exec 4>&- 5<&-",
    "umask 022",
    `cd -P -- ${quote(workingDirectory)} || { ${say(`cannot enter the working directory ${workingDirectory}`)}; exit 126; }`,
    "unset PWD OLDPWD SHLVL",
    ...plain.map(([name, value]) => `export ${name}=${quote(value)}`),
    `${isThere} || { ${say(`cannot run ${program}: the image has no such program`)}; exit 127; }`,
  ];
  if (other.length === 0) {
    return [
      ...lines,
      `trap ${quote(say(`cannot run ${program}: it or the interpreter that it names cannot be executed`))} EXIT`,
      `exec ${quoteAll(argv)}`,
    ].join("\n");
  }
  // A shell cannot set these; the image's own env(1) can.
  const names = other.map(([name]) => name).join(", ");
  const pairs = other.map(([name, value]) => `${name}=${value}`);
  return [
    ...lines,
    "if command -v env >/dev/null",
    `then exec env ${quoteAll([...pairs, ...argv])}`,
    `else ${say(`${names} cannot be set: the image has no env program`)}; exec ${quoteAll(argv)}`,
    "fi",
  ].join("\n");
}
