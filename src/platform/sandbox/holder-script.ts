// A container → the three shell scripts that start it. All of Linux that is needed is reached through programs of
// util-linux and coreutils, since Node has no system calls for namespaces.
//
// - HOLDER runs outside the container, as root or as root of a user namespace. It starts INIT, obeys Tare (fd 3),
//   reports to it (fd 4), and removes the directory at the end: also when Tare is gone and fd 3 is at its end.
// - INIT is pid 1 of the container: it mounts what the program needs, starts PROGRAM, reaps orphans, and ends with it.
// - PROGRAM has the program's user and rights already and waits (fd 5). The holder then calls pivot_root(2), which
//   moves INIT and PROGRAM, running shells, into its root, and detaches the machine's own tree; from there on only
//   builtins are used. PROGRAM sets the environment, which therefore cannot reach a program of the machine, and
//   becomes the container's program.
//
// Reports, one a line: `up`, `init PID`, `ready PID`, `pivoted`, `exit STATUS`; anything else is a diagnosis.

import { quote } from "./shell.ts";

export interface HolderSettings {
  /** PATH of the machine's programs. */
  readonly path: string;
  /** The directory that goes at the end; it holds `init`, `program`, and `owners/` and `modes/` where files get others. */
  readonly directory: string;
  /** The container's root directory. */
  readonly root: string;
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
  const { path, directory, root, tty, script } = settings;
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
root=${quote(root)}
export PATH directory
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
        if nsenter --mount="/proc/$init/ns/mnt" sh -c 'cd "$1" && pivot_root . .' sh "$root" &&
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
  cd "$root" || return
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
 * Starts a script (its first argument) where it may make namespaces; its own errors are diagnoses too.
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
