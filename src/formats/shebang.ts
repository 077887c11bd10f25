// The first line of a script → the programs that it names. As the kernel reads it (fs/binfmt_script.c) and env(1) does.

/** Bytes of a script that the kernel looks at (BINPRM_BUF_SIZE). */
export const SHEBANG_SIZE = 256;

export interface Shebang {
  /** What the kernel starts, as written. */
  readonly interpreter: string;
  /** The rest of the line: one argument to the kernel; empty when there is none. */
  readonly argument: string;
}

/** Options of env(1) that take the next word. */
const ENV_OPTIONS_WITH_VALUE = /^(?:-[uCa]|--unset|--chdir|--argv0)$/;

/**
 * Parses the first line of a script.
 *
 * @param start The file's first bytes (latin1); {@link SHEBANG_SIZE} are all that the kernel reads.
 * @returns Undefined when it does not begin with `#!`, or names nothing.
 */
export function parseShebang(start: string): Shebang | undefined {
  if (!start.startsWith("#!")) return undefined;
  const line = start
    .slice(2, SHEBANG_SIZE)
    .split(/[\n\0]/, 1)[0]!
    .replace(/^[ \t]+|[ \t]+$/g, "");
  const [, interpreter, argument] = /^([^ \t]+)[ \t]*(.*)$/s.exec(line) ?? [];
  return interpreter === undefined ? undefined : { interpreter, argument: argument! };
}

/**
 * The program that a script asks env(1) for: a name to be found by PATH, or a path.
 *
 * @param path Where the interpreter really lies, when links lead to it; default: as it is written.
 * @returns Undefined when the interpreter is no env, or the line names nothing.
 */
export function programOfEnv({ interpreter, argument }: Shebang, path = interpreter): string | undefined {
  if (!isEnv(path) && !isEnv(interpreter)) return undefined;
  const words = argument
    .replace(/\r+$/, "")
    .replace(/^(?:-v?S|--split-string=?)[ \t]*/, "")
    .split(/[ \t]+/);
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (ENV_OPTIONS_WITH_VALUE.test(word)) words.shift();
    else if (word !== "" && !word.startsWith("-") && !word.includes("=")) return word;
  }
  return undefined;
}

function isEnv(path: string): boolean {
  return /(?:^|\/)env$/.test(path);
}
