// Debian control data: text ⇄ stanzas of fields (`control`, `Release`, `.sources`). Source: deb822(5).

import { TareError } from "../model/errors.ts";

export type ControlErrorCode =
  /** The text breaks the syntax of control files. */
  | "BAD_CONTROL"
  /** A version breaks the syntax of deb-version(7). */
  | "BAD_VERSION"
  /** A relation field breaks the syntax of Debian Policy 7.1. */
  | "BAD_DEPENDENCY"
  /** A release file lacks what it must say, or says it wrongly. */
  | "BAD_RELEASE";

/** Thrown by the parsers of Debian's text formats. */
export class ControlError extends TareError<ControlErrorCode> {}

/**
 * The fields of one stanza in their order, names as written.
 *
 * A value of several lines holds `\n`; its later lines keep their leading blank, so that it can be written again.
 */
export type Stanza = ReadonlyMap<string, string>;

export interface Deb822Options {
  /** What is parsed, for messages. Default: `control data`. */
  readonly name?: string;
  /** True: lines that begin with `#` are comments, as in source control files and apt's sources. */
  readonly comments?: boolean;
}

/**
 * Parses control data into its stanzas.
 *
 * Stanzas are divided by lines that are empty or blank. Line ends may be LF or CRLF.
 *
 * @throws {ControlError} `BAD_CONTROL`; the message names the line.
 */
export function parseStanzas(text: string, options: Deb822Options = {}): Stanza[] {
  const { name = "control data", comments = false } = options;
  const stanzas: Stanza[] = [];
  let stanza = new Map<string, string>();
  let seen = new Set<string>();
  let field: string | undefined;
  const fail = (line: number, problem: string): never => {
    throw new ControlError("BAD_CONTROL", `Cannot parse ${name}: line ${line} ${problem}`);
  };
  const lines = text.split("\n");
  for (const [index, raw] of lines.entries()) {
    const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
    if (comments && line.startsWith("#")) continue;
    if (/^[ \t]*$/.test(line)) {
      if (stanza.size > 0) stanzas.push(stanza);
      stanza = new Map();
      seen = new Set();
      field = undefined;
    } else if (line.startsWith(" ") || line.startsWith("\t")) {
      if (field === undefined) fail(index + 1, "continues a field, but none has begun");
      else stanza.set(field, `${stanza.get(field)}\n${line.trimEnd()}`);
    } else {
      // Field names: printable ASCII but for the colon; neither `#` nor `-` first.
      const match = /^([!-9;-~]+):(.*)$/.exec(line);
      if (match === null || /^[#-]/.test(line)) fail(index + 1, `is no field: a "Name: value" was expected`);
      field = match![1]!;
      if (seen.has(field.toLowerCase())) fail(index + 1, `gives the field ${field} a second time`);
      seen.add(field.toLowerCase());
      stanza.set(field, match![2]!.trim());
    }
  }
  if (stanza.size > 0) stanzas.push(stanza);
  return stanzas;
}

/**
 * Parses control data of exactly one stanza.
 *
 * @throws {ControlError} `BAD_CONTROL`, also when there are none or several.
 */
export function parseStanza(text: string, options: Deb822Options = {}): Stanza {
  const stanzas = parseStanzas(text, options);
  if (stanzas.length !== 1) {
    throw new ControlError(
      "BAD_CONTROL",
      `Cannot parse ${options.name ?? "control data"}: it has ${stanzas.length} stanzas, 1 was expected`,
    );
  }
  return stanzas[0]!;
}

/** The value of a field; names are compared without case. */
export function readField(stanza: Stanza, name: string): string | undefined {
  const exact = stanza.get(name);
  if (exact !== undefined) return exact;
  const lower = name.toLowerCase();
  for (const [key, value] of stanza) if (key.toLowerCase() === lower) return value;
  return undefined;
}

/** Writes one stanza, each field on its lines, without the empty line that would end it. */
export function formatStanza(stanza: Iterable<readonly [string, string]>): string {
  let text = "";
  for (const [name, value] of stanza) {
    text += value === "" || value.startsWith("\n") ? `${name}:${value}\n` : `${name}: ${value}\n`;
  }
  return text;
}
