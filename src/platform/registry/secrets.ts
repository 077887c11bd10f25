// What must never be shown: passwords and tokens are told to a redactor, which takes them out of every text.

/** Shorter secrets are not looked for: they would take whole words out of messages. */
const SHORTEST = 4;
const LONGEST_TEXT = 300;

export class Redactor {
  readonly #secrets = new Set<string>();

  /** Remembers a secret, and the forms in which HTTP, URLs, forms and JSON carry it. */
  add(secret: string): void {
    if (secret.length < SHORTEST) return;
    this.#secrets.add(secret);
    this.#secrets.add(encodeURIComponent(secret));
    this.#secrets.add(new URLSearchParams({ "": secret }).toString().slice(1));
    this.#secrets.add(JSON.stringify(secret).slice(1, -1));
    this.#secrets.add(Buffer.from(secret).toString("base64"));
  }

  /** A text of a registry, safe to show: no secret, no control character, not long. */
  clean(text: string): string {
    let result = text.replaceAll(/[\p{Cc}\p{Cf}]+/gu, " ").trim();
    // Longest first: a secret may begin with another.
    for (const secret of [...this.#secrets].sort((a, b) => b.length - a.length)) {
      result = result.replaceAll(secret, "***");
    }
    result = result.replaceAll(/\b(bearer|basic)\s+[\w.~+/=-]{8,}/gi, "$1 ***");
    return result.length > LONGEST_TEXT ? `${result.slice(0, LONGEST_TEXT)}…` : result;
  }
}

/** A URL for messages: without user, query and fragment, in which servers put signatures and tokens. */
export function showUrl(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`;
}
