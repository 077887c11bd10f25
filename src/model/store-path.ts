// Store paths: `/nix/store/<32 nix32 characters>-<name>`, the names of store objects. Only their syntax is here; how a
// path follows from what it names is in formats/nix/store-path.ts. Rules: Nix manual, "Store Path" (those of Nix 2.20.2
// and later).

/** A whole store path, checked: `/nix/store/<hash part>-<name>`, nothing behind it. */
export type StorePath = string & { readonly storePath: unique symbol };

/** The directory that every store path is in. Its text is part of what store paths are hashes of. */
export const STORE_DIR = "/nix/store";

/** Characters of the hash part: 160 bits, 5 a character. */
export const HASH_PART_LENGTH = 32;

/** Characters of the longest name. */
export const LONGEST_NAME = 211;

const PREFIX = `${STORE_DIR}/`;
const NAME_START = PREFIX.length + HASH_PART_LENGTH + 1;

/** Why a text is no name of a store object, or undefined when it is one. Output names follow the same rule. */
export function storeNameProblem(name: string): string | undefined {
  if (name === "") return "the name is empty";
  if (name.length > LONGEST_NAME) return `the name has ${name.length} characters, more than ${LONGEST_NAME}`;
  const bad = /[^0-9A-Za-z+\-._?=]/u.exec(name)?.[0];
  if (bad !== undefined)
    return `the name has the character ${JSON.stringify(bad)}, only 0-9A-Za-z+-._?= may be`;
  if (/^\.\.?(?:-|$)/.test(name)) return `the name's first part, up to a dash, is "." or ".."`;
  return undefined;
}

/** Why a text is no hash part, or undefined when it is one. */
export function hashPartProblem(text: string): string | undefined {
  if (text.length !== HASH_PART_LENGTH) {
    return `the hash part has ${text.length} characters, ${HASH_PART_LENGTH} were wanted`;
  }
  const bad = /[^0-9a-df-np-sv-z]/u.exec(text)?.[0];
  return bad === undefined ? undefined : `the hash part has the character ${JSON.stringify(bad)}`;
}

/** Why a text is no store path, or undefined when it is one. */
export function storePathProblem(text: string): string | undefined {
  if (!text.startsWith(PREFIX)) return `it is not in ${STORE_DIR}`;
  if (text.includes("/", PREFIX.length)) return `it is not directly in ${STORE_DIR}`;
  const dash = text.charAt(NAME_START - 1);
  const problem = hashPartProblem(text.slice(PREFIX.length, NAME_START - 1));
  if (problem !== undefined) return problem;
  if (dash !== "-") return "there is no dash behind the hash part";
  return storeNameProblem(text.slice(NAME_START));
}

/** The store path that a text is exactly; undefined when it is none. */
export function asStorePath(text: string): StorePath | undefined {
  return storePathProblem(text) === undefined ? (text as StorePath) : undefined;
}

/** The store path of `<hash part>-<name>`, as narinfos write references; undefined when it is none. */
export function storePathOfBaseName(text: string): StorePath | undefined {
  return asStorePath(PREFIX + text);
}

/**
 * Splits a path at or below a store path.
 *
 * @returns `below` is what follows the store path, without a leading `/`; empty for the store path itself. Undefined
 * for what is not in the store.
 */
export function splitStorePath(
  text: string,
): { readonly storePath: StorePath; readonly below: string } | undefined {
  const slash = text.indexOf("/", PREFIX.length);
  const storePath = asStorePath(slash < 0 ? text : text.slice(0, slash));
  return storePath === undefined
    ? undefined
    : { storePath, below: slash < 0 ? "" : text.slice(slash).replace(/^\/+/, "") };
}

/** The 32 characters that scanners look for. */
export function hashPart(path: StorePath): string {
  return path.slice(PREFIX.length, NAME_START - 1);
}

/** What stands behind the dash. */
export function nameOf(path: StorePath): string {
  return path.slice(NAME_START);
}

/** `<hash part>-<name>`: the name of the file in the store. */
export function storeBaseName(path: StorePath): string {
  return path.slice(PREFIX.length);
}
