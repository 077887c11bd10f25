// Splits a line of a systemd configuration table (sysusers.d, tmpfiles.d) into its fields.
// Specification: sysusers.d(5) and tmpfiles.d(5): fields are separated by blanks and may be quoted; C escapes.

const ESCAPES: Readonly<Record<string, string>> = {
  n: "\n",
  t: "\t",
  r: "\r",
  s: " ",
  a: "\x07",
  b: "\b",
  f: "\f",
  v: "\v",
};

/**
 * Splits a line into at most `most` fields; the last is the rest of the line, unquoted when it is quoted whole.
 *
 * @returns Undefined for an empty line, a comment, or a quote that is not closed.
 */
export function splitConfigLine(line: string, most: number): string[] | undefined {
  const text = line.trim();
  if (text === "" || text.startsWith("#") || text.startsWith(";")) return undefined;
  const fields: string[] = [];
  let position = 0;
  while (position < text.length) {
    if (fields.length === most - 1) {
      const rest = text.slice(position);
      const quoted = /^(["'])(.*)\1$/s.exec(rest);
      fields.push(decodeEscapes(quoted?.[2] ?? rest));
      break;
    }
    const match = /^(?:"((?:\\.|[^"\\])*)"|'((?:\\.|[^'\\])*)'|([^\s"'][^\s]*))(?:\s+|$)/s.exec(
      text.slice(position),
    );
    if (match === null) return undefined;
    fields.push(decodeEscapes(match[1] ?? match[2] ?? match[3]!));
    position += match[0].length;
  }
  return fields;
}

function decodeEscapes(text: string): string {
  return text.replace(
    /\\(?:x([0-9A-Fa-f]{2})|([0-7]{3})|(.))/gs,
    (_, hex?: string, octal?: string, char?: string) => {
      if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8) & 0xff);
      return ESCAPES[char!] ?? char!;
    },
  );
}
