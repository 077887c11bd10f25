// WWW-Authenticate headers → challenges. Specification: RFC 9110, 11.6.1; parameters as the registry token
// specification has them. Pure.

/** One way in that a server offers. */
export interface Challenge {
  /** Lower-case: `bearer`, `basic`. */
  readonly scheme: string;
  /** By lower-case name. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** Characters of a header that are read. */
const LONGEST_HEADER = 16_384;

/** A scheme, or a parameter; sticky, so that everything else ends the parsing. */
const TOKEN = /[\s,]*([\w!#$%&'*+.^`|~-]+)/y;
const VALUE = /\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/sy;

/** Reads all challenges of a header; what cannot be understood ends the list. */
export function parseChallenges(header: string): Challenge[] {
  const text = header.slice(0, LONGEST_HEADER);
  const challenges: { scheme: string; parameters: Record<string, string> }[] = [];
  for (let at = 0; ; ) {
    TOKEN.lastIndex = at;
    const name = TOKEN.exec(text)?.[1]?.toLowerCase();
    if (name === undefined) return challenges;
    at = TOKEN.lastIndex;
    VALUE.lastIndex = at;
    const value = VALUE.exec(text);
    if (value === null) {
      challenges.push({ scheme: name, parameters: Object.create(null) });
      continue;
    }
    at = VALUE.lastIndex;
    const current = challenges.at(-1);
    if (current !== undefined) {
      current.parameters[name] ??= value[1]?.replaceAll(/\\(.)/gs, "$1") ?? value[2]!;
    }
  }
}
