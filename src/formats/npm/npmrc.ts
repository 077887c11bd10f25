// .npmrc: text → settings. An ini file: `key = value` a line, `;` and `#` begin comments, `${NAME}` is the environment's.

/**
 * Reads settings. Sections and arrays, which no setting that Tare reads has, are passed over.
 *
 * @param environment The value of a variable; what has none stays as it is written, as with npm.
 */
export function parseNpmrc(
  text: string,
  environment: (name: string) => string | undefined,
): ReadonlyMap<string, string> {
  const settings = new Map<string, string>();
  const expand = (value: string) =>
    value.replace(
      /(\\*)\$\{([^${}?]+)(\?)?\}/g,
      (whole, escapes: string, name: string, optional: string | undefined) => {
        if (escapes.length % 2 === 1) return whole.slice((escapes.length + 1) / 2);
        const found = environment(name) ?? (optional === undefined ? undefined : "");
        return escapes.slice(escapes.length / 2) + (found ?? `\${${name}}`);
      },
    );
  for (const line of text.replace(/^\uFEFF/, "").split(/[\r\n]+/)) {
    if (/^\s*(?:[;#[]|$)/.test(line)) continue;
    const equals = line.indexOf("=");
    if (equals < 0) continue;
    const key = expand(unquote(line.slice(0, equals)));
    if (key !== "" && !key.endsWith("[]")) settings.set(key, expand(unquote(line.slice(equals + 1))));
  }
  return settings;
}

function unquote(text: string): string {
  const trimmed = text.trim();
  if (/^"(?:.*)"$/.test(trimmed) || /^'(?:.*)'$/.test(trimmed)) return trimmed.slice(1, -1);
  return trimmed
    .replace(/(^|[^\\])\s*[;#].*$/, "$1")
    .replace(/\\([;#])/g, "$1")
    .trim();
}
