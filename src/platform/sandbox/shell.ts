// Texts as words of a POSIX shell.

/** Quotes a text. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Quotes each text. */
export function quoteAll(texts: readonly string[]): string {
  return texts.map(quote).join(" ");
}
