// Relation fields (Depends, Provides, Conflicts…): text ⇄ values. Source: Debian Policy 7.1 and 12, deb-control(5).

import { ControlError } from "./deb822.ts";
import type { VersionRelation } from "./debian-version.ts";

/** One package that would do, as declared. */
export interface Relation {
  readonly name: string;
  /** What follows the name and a colon: `any`, `native` or an architecture. */
  readonly qualifier?: string | undefined;
  readonly version?: { readonly relation: VersionRelation; readonly version: string } | undefined;
  /** `[amd64 !i386]` as words; the relation is for the named architectures, or for all but those with `!`. */
  readonly architectures?: readonly string[] | undefined;
  /** `<!nocheck cross> <stage1>` as a list of lists of words. */
  readonly profiles?: readonly (readonly string[])[] | undefined;
}

/** Alternatives, the preferred one first; one of them is enough. */
export type RelationGroup = readonly Relation[];

const RELATION =
  /^([A-Za-z0-9][A-Za-z0-9+._-]*)(?::([A-Za-z0-9][A-Za-z0-9-]*))?(?:\s*\(\s*(<<|<=|=|>=|>>|<|>)\s*([^\s()<>=]+)\s*\))?(?:\s*\[\s*([^[\]]+?)\s*\])?((?:\s*<[^<>]*>)*)$/;

/** `<` and `>` are dpkg's old spellings of `<=` and `>=`. */
const OLD_OPERATORS: Readonly<Record<string, VersionRelation>> = { "<": "<=", ">": ">=" };

/**
 * Parses a relation field.
 *
 * @param text The field's value; may span lines. Empty text is no group at all.
 * @throws {ControlError} `BAD_DEPENDENCY`; the message quotes the part that is wrong.
 */
export function parseRelations(text: string): RelationGroup[] {
  if (text === "") return [];
  const groups: RelationGroup[] = [];
  for (const part of text.split(",")) {
    const group = part.trim();
    // dpkg ignores a comma too many.
    if (group === "") continue;
    groups.push(
      group.includes("|")
        ? group.split("|").map((one) => parseRelation(one.trim(), text))
        : [parseRelation(group, text)],
    );
  }
  return groups;
}

function parseRelation(text: string, field: string): Relation {
  const match = RELATION.exec(text);
  if (match === null) {
    const whole = field.length > 100 ? `${field.slice(0, 97)}...` : field;
    throw new ControlError(
      "BAD_DEPENDENCY",
      `Cannot parse the relations "${whole}": "${text}" is no relation`,
    );
  }
  const [, name, qualifier, operator, version, architectures, profiles] = match;
  return {
    name: name!,
    ...(qualifier === undefined ? {} : { qualifier }),
    ...(operator === undefined
      ? {}
      : {
          version: { relation: OLD_OPERATORS[operator] ?? (operator as VersionRelation), version: version! },
        }),
    ...(architectures === undefined ? {} : { architectures: architectures.split(/\s+/) }),
    ...(profiles === undefined || profiles.trim() === "" ? {} : { profiles: parseProfiles(profiles) }),
  };
}

function parseProfiles(text: string): string[][] {
  return [...text.matchAll(/<([^<>]*)>/g)].map(([, words]) =>
    words!
      .trim()
      .split(/\s+/)
      .filter((word) => word !== ""),
  );
}

/** Writes one relation as Policy does: `name:any (>= 1) [amd64] <!nocheck>`. */
export function formatRelation(relation: Relation): string {
  let text = relation.name;
  if (relation.qualifier !== undefined) text += `:${relation.qualifier}`;
  if (relation.version !== undefined) text += ` (${relation.version.relation} ${relation.version.version})`;
  if (relation.architectures !== undefined) text += ` [${relation.architectures.join(" ")}]`;
  for (const words of relation.profiles ?? []) text += ` <${words.join(" ")}>`;
  return text;
}

/** Writes alternatives with ` | ` between them. */
export function formatRelationGroup(group: RelationGroup): string {
  return group.map(formatRelation).join(" | ");
}

/** Writes a relation field on one line. */
export function formatRelations(groups: readonly RelationGroup[]): string {
  return groups.map(formatRelationGroup).join(", ");
}

/**
 * Whether a relation counts on an architecture when no build profile is active.
 *
 * Such restrictions belong in source packages; where one got into a binary package it is honoured.
 */
export function relationApplies(relation: Relation, architecture: string): boolean {
  const { architectures, profiles } = relation;
  if (architectures !== undefined && !architectureListMatches(architectures, architecture)) return false;
  // One list whose every word holds is enough; without active profiles only negated words hold.
  return profiles === undefined || profiles.some((words) => words.every((word) => word.startsWith("!")));
}

function architectureListMatches(words: readonly string[], architecture: string): boolean {
  const negated = words.every((word) => word.startsWith("!"));
  const hit = words.some((word) => architectureMatches(word.replace(/^!/, ""), architecture));
  return negated ? !hit : hit;
}

/** Matches `any`, `linux-any`, `any-amd64` and plain names. Tare's architectures are all Linux. */
function architectureMatches(pattern: string, architecture: string): boolean {
  return (
    pattern === architecture ||
    pattern === "any" ||
    pattern === "linux-any" ||
    pattern === `any-${architecture}` ||
    pattern === `linux-${architecture}`
  );
}
