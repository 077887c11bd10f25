// Shell patterns and POSIX regular expressions as JavaScript regular expressions.
// Specification: POSIX.1-2017, "Pattern Matching Notation" and "Regular Expressions", in the C locale.

const CLASSES: Readonly<Record<string, string>> = {
  alpha: "A-Za-z",
  digit: "0-9",
  alnum: "A-Za-z0-9",
  upper: "A-Z",
  lower: "a-z",
  space: " \\t\\n\\r\\f\\v",
  blank: " \\t",
  punct: "!-\\/:-@\\[-`{-~",
  print: " -~",
  graph: "!-~",
  cntrl: "\\x00-\\x1f\\x7f",
  xdigit: "0-9A-Fa-f",
};

/** Quantified groups can make matching exponential; longer texts than this are not worth it. */
const LONGEST = 2000;

/** One character of a shell pattern; `literal` ones were quoted and stand for themselves. */
export interface PatternChar {
  readonly char: string;
  readonly literal: boolean;
}

/** The characters of an unquoted pattern, in which a backslash quotes the next character. */
export function toPatternChars(pattern: string): PatternChar[] {
  const chars: PatternChar[] = [];
  for (let i = 0; i < pattern.length; i++) {
    if (pattern[i] === "\\" && i + 1 < pattern.length) chars.push({ char: pattern[++i]!, literal: true });
    else chars.push({ char: pattern[i]!, literal: false });
  }
  return chars;
}

/** Whether a shell pattern has a character that is not a plain one. */
export function isPattern(chars: readonly PatternChar[]): boolean {
  return chars.some(({ char, literal }) => !literal && "*?[".includes(char));
}

/**
 * Translates a shell pattern.
 *
 * @param mode `path`: `*`, `?` and brackets do not match `/`, nor a leading `.`.
 * @returns The body of a regular expression without anchors.
 */
export function translateShellPattern(
  chars: readonly PatternChar[],
  mode: "path" | "text",
  lazy = false,
): string {
  let out = "";
  for (let i = 0; i < chars.length; i++) {
    const { char, literal } = chars[i]!;
    if (literal) out += escapeRegExp(char);
    else if (char === "*") out += (mode === "path" ? "[^/]*" : "[^]*") + (lazy ? "?" : "");
    else if (char === "?") out += mode === "path" ? "[^/]" : "[^]";
    else if (char === "[") {
      const text = chars.map((one) => one.char).join("");
      const bracket = translateBracket(text, i, "!^");
      if (bracket === undefined) out += "\\[";
      else {
        out += bracket.source;
        i = bracket.end - 1;
      }
    } else out += escapeRegExp(char);
  }
  return out;
}

/** A regular expression that matches a whole text as a shell pattern does, or undefined when it is none. */
export function compileShellPattern(
  chars: readonly PatternChar[],
  mode: "path" | "text",
): RegExp | undefined {
  const hidden = mode === "path" && !(chars[0]?.char === ".") ? "(?!\\.)" : "";
  return compile(`^${hidden}${translateShellPattern(chars, mode)}$`, "");
}

/**
 * Translates a POSIX basic or extended regular expression, with GNU's `\+ \? \| \< \> \b \s \w`.
 *
 * @param flags JavaScript flags, such as `i`.
 * @returns Undefined when the expression is not valid or too long.
 */
export function compilePosixRegExp(source: string, extended: boolean, flags = ""): RegExp | undefined {
  if (source.length > LONGEST) return undefined;
  let out = "";
  let atStart = true;
  for (let i = 0; i < source.length; i++) {
    const char = source[i]!;
    const wasAtStart = atStart;
    atStart = false;
    if (char === "\\") {
      const next = source[++i];
      if (next === undefined) return undefined;
      if (!extended && (next === "(" || next === "|")) atStart = true;
      out += translateEscape(next, extended);
    } else if (char === "[") {
      const bracket = translateBracket(source, i, "^");
      if (bracket === undefined) return undefined;
      out += bracket.source;
      i = bracket.end - 1;
    } else if (char === "*" && wasAtStart) out += extended ? "" : "\\*";
    else if (char === "." || char === "*") out += char === "." ? "[^\\0]" : "*";
    else if (char === "^") {
      out += extended || wasAtStart ? "^" : "\\^";
      atStart = true;
    } else if (char === "$") {
      const ends = i + 1 === source.length || (!extended && /^\\[)|]/.test(source.slice(i + 1)));
      out += extended || ends ? "$" : "\\$";
    } else if ("(){}|+?".includes(char)) {
      if (extended && (char === "(" || char === "|")) atStart = true;
      out += extended ? char : `\\${char}`;
    } else out += escapeRegExp(char);
  }
  return compile(out, flags);
}

function translateEscape(next: string, extended: boolean): string {
  if (/[1-9]/.test(next)) return `\\${next}`;
  if ("sSwWbBnt".includes(next)) return `\\${next}`;
  if (next === "<") return "\\b(?=\\w)";
  if (next === ">") return "\\b(?<=\\w)";
  if (!extended && "(){}|+?".includes(next)) return next;
  return escapeRegExp(next);
}

/** A bracket expression that begins at `start`; `end` is behind its `]`. */
function translateBracket(
  text: string,
  start: number,
  negations: string,
): { source: string; end: number } | undefined {
  let i = start + 1;
  let out = "[";
  if (negations.includes(text[i] ?? "\0") && text[i] !== undefined) {
    out += "^";
    i++;
  }
  for (let first = true; ; first = false) {
    const char = text[i];
    if (char === undefined) return undefined;
    if (char === "]" && !first) return { source: out === "[^" ? "[^]" : `${out}]`, end: i + 1 };
    if (char === "[" && text[i + 1] === ":") {
      const end = text.indexOf(":]", i + 2);
      const known = end < 0 ? undefined : CLASSES[text.slice(i + 2, end)];
      if (known === undefined) return undefined;
      out += known;
      i = end + 2;
    } else if (char === "-" && !first && text[i + 1] !== "]" && text[i + 1] !== undefined) {
      out += "-";
      i++;
    } else {
      out += /[\]\\^[-]/.test(char) ? `\\${char}` : char;
      i++;
    }
  }
}

function escapeRegExp(char: string): string {
  return /[\\^$.*+?()[\]{}|/]/.test(char) ? `\\${char}` : char;
}

function compile(source: string, flags: string): RegExp | undefined {
  if (source.length > 2 * LONGEST) return undefined;
  try {
    return new RegExp(source, flags);
  } catch {
    return undefined;
  }
}
