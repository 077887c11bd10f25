// The patterns of `keep:` and `drop:`: package names (`perl-*`) or paths (`/usr/share/foo/**`).

/** `*` is any text within a component, `**` any text, `?` one character. A pattern with a leading `/` is a path. */
export function compileGlob(pattern: string): { readonly onPath: boolean; matches(text: string): boolean } {
  const onPath = pattern.startsWith("/");
  const body = (onPath ? pattern.slice(1) : pattern)
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replace(/\*\*|\*|\?/g, (wildcard) => (wildcard === "**" ? ".*" : wildcard === "*" ? "[^/]*" : "[^/]"));
  const expression = new RegExp(`^(?:${body})${onPath ? "(?:/|$)" : "$"}`, "s");
  return { onPath, matches: (text) => expression.test(text) };
}
