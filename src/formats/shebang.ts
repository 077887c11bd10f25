// The first line of a script → the programs that it names. As the kernel reads it (fs/binfmt_script.c) and env(1) does.

export interface ScriptPrograms {
  /** What the kernel starts, as written. */
  readonly interpreter: string;
  /** The program that env(1) is asked for, when the interpreter is env. */
  readonly command: string | undefined;
}

/** Options of env(1) that take the next word. */
const ENV_OPTIONS_WITH_VALUE = /^(?:-[uCa]|--unset|--chdir|--argv0)$/;

/**
 * Parses the first line of a script.
 *
 * @param start The file's first bytes (latin1); 256 are all that the kernel reads.
 * @returns Undefined when it does not begin with `#!`, or names nothing.
 */
export function parseScriptPrograms(start: string): ScriptPrograms | undefined {
  if (!start.startsWith("#!")) return undefined;
  const line = start.slice(2).split(/[\n\0]/, 1)[0]!;
  const [, interpreter, argument = ""] = /^[ \t]*([^ \t]+)[ \t]*(.*?)[ \t\r]*$/.exec(line) ?? [];
  if (interpreter === undefined) return undefined;
  return { interpreter, command: /(?:^|\/)env$/.test(interpreter) ? parseEnv(argument) : undefined };
}

function parseEnv(argument: string): string | undefined {
  const words = argument.replace(/^(?:-v?S|--split-string=?)[ \t]*/, "").split(/[ \t]+/);
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (ENV_OPTIONS_WITH_VALUE.test(word)) words.shift();
    else if (word !== "" && !word.startsWith("-") && !word.includes("=")) return word;
  }
  return undefined;
}
