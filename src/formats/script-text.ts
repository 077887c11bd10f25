// A text in a script of which parts may be unknown.

/** Unknown parts stand in the text as `${name}` or `$(...)`. */
export interface ScriptText {
  readonly text: string;
  readonly known: boolean;
}

/** A text that is known. */
export function known(text: string): ScriptText {
  return { text, known: true };
}

/** Texts with blanks between them. */
export function joinTexts(texts: readonly ScriptText[]): ScriptText {
  return { text: texts.map((one) => one.text).join(" "), known: texts.every((one) => one.known) };
}
