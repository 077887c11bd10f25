// Splits the words behind a command into options and operands, as getopt_long does.

import type { ScriptText } from "../formats/maintainer-script.ts";

export interface Arguments {
  /** By name with its dashes; a flag has an empty text. The last of several counts. */
  readonly options: ReadonlyMap<string, ScriptText>;
  readonly operands: readonly ScriptText[];
}

const FLAG: ScriptText = { text: "", known: true };

/**
 * Splits arguments.
 *
 * @param withValue Names of options that take a value: `--home`, `-m`.
 */
export function parseArguments(args: readonly ScriptText[], withValue: readonly string[]): Arguments {
  const options = new Map<string, ScriptText>();
  const operands: ScriptText[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    const { text } = arg;
    if (text === "--") {
      operands.push(...args.slice(i + 1));
      break;
    }
    if (!text.startsWith("-") || text === "-") operands.push(arg);
    else if (text.startsWith("--")) {
      const equals = text.indexOf("=");
      if (equals > 0) options.set(text.slice(0, equals), { text: text.slice(equals + 1), known: arg.known });
      else options.set(text, withValue.includes(text) ? (args[++i] ?? FLAG) : FLAG);
    } else {
      for (let j = 1; j < text.length; j++) {
        const name = `-${text[j]}`;
        if (!withValue.includes(name)) {
          options.set(name, FLAG);
          continue;
        }
        const rest = text.slice(j + 1);
        options.set(name, rest === "" ? (args[++i] ?? FLAG) : { text: rest, known: arg.known });
        break;
      }
    }
  }
  return { options, operands };
}

/** The first of several spellings of an option that is given. */
export function option(parsed: Arguments, ...names: readonly string[]): ScriptText | undefined {
  for (const name of names) {
    const value = parsed.options.get(name);
    if (value !== undefined) return value;
  }
  return undefined;
}
