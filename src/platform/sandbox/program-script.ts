// The script that becomes a container's program, PROGRAM: holder-script.ts says when it runs. After the container's
// root directory was changed there are only builtins of the shell.

import { quote, quoteAll } from "./shell.ts";

export interface ProgramSettings {
  readonly argv: readonly string[];
  /** Everything that the program gets. */
  readonly environment: ReadonlyMap<string, string>;
  readonly workingDirectory: string;
  /** Bits that new files do not get; default 022. */
  readonly umask?: number | undefined;
  /** Whether standard error goes where standard output goes; default false. */
  readonly joinsOutput?: boolean | undefined;
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

/** @param settings `argv` has at least one word. */
export function formatProgram(settings: ProgramSettings): string {
  const { argv, environment, workingDirectory, umask = 0o022, joinsOutput = false } = settings;
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
    "exec 4>&- 5<&- 7<&-",
    ...(joinsOutput ? ["exec 2>&1"] : []),
    `umask 0${umask.toString(8)}`,
    `cd -P -- ${quote(workingDirectory)} || { ${say(`cannot enter the working directory ${workingDirectory}`)}; exit 126; }`,
    "unset PWD OLDPWD SHLVL",
    ...plain.map(([name, value]) => `export ${name}=${quote(value)}`),
    `${isThere} || { ${say(`cannot run ${program}: there is no such program`)}; exit 127; }`,
  ];
  if (other.length === 0) {
    return [
      ...lines,
      `trap ${quote(say(`cannot run ${program}: it or the interpreter that it names cannot be executed`))} EXIT`,
      `exec ${quoteAll(argv)}`,
    ].join("\n");
  }
  // A shell cannot set these; the container's own env(1) can.
  const names = other.map(([name]) => name).join(", ");
  const pairs = other.map(([name, value]) => `${name}=${value}`);
  return [
    ...lines,
    "if command -v env >/dev/null",
    `then exec env ${quoteAll([...pairs, ...argv])}`,
    `else ${say(`${names} cannot be set: there is no env program`)}; exec ${quoteAll(argv)}`,
    "fi",
  ].join("\n");
}
