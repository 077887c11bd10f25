// Turns the rules that cannot hold together into an error that a person can act on.

import {
  formatRelation,
  formatRelationGroup,
  type Relation,
  type RelationGroup,
} from "../../formats/debian-dependency.ts";
import { compareStrings } from "../../model/bytes.ts";
import { didYouMean } from "../../model/suggest.ts";
import type { Candidate, Catalog } from "./catalog.ts";
import { DebianError } from "./errors.ts";

/** What the solver knows: each of its clauses is one of these. */
export type Rule =
  | { readonly kind: "request"; readonly candidate: Candidate }
  /** A package that was settled before. */
  | { readonly kind: "kept" }
  | {
      readonly kind: "need";
      readonly candidate: Candidate;
      readonly group: RelationGroup;
      readonly options: readonly Candidate[];
    }
  | {
      readonly kind: "conflict";
      readonly candidate: Candidate;
      readonly field: "Conflicts" | "Breaks";
      readonly relation: Relation;
      readonly other: Candidate;
    }
  | { readonly kind: "versions"; readonly candidate: Candidate; readonly other: Candidate };

/** How many problems a message names. */
const MOST_PROBLEMS = 3;

/**
 * Explains why packages cannot be together.
 *
 * @param refutation The rules that contradict each other.
 * @param essential The essential package that was being added, when it was no request.
 */
export function explainRefutation(
  catalog: Catalog,
  refutation: readonly Rule[],
  essential?: Candidate,
): DebianError {
  const roots = refutation.flatMap((rule) => (rule.kind === "request" ? [rule.candidate] : []));
  if (essential !== undefined) roots.push(essential);
  roots.sort((a, b) => compareStrings(a.record.name, b.record.name));
  const chain = chainsFrom(roots, refutation);
  const missing = refutation.flatMap((rule) =>
    rule.kind === "need" && rule.options.length === 0 ? [explainMissing(catalog, rule, chain)] : [],
  );
  const conflicts = refutation.flatMap((rule) =>
    rule.kind === "conflict" ? [explainConflict(rule, chain, essential)] : [],
  );
  const versions = refutation.flatMap((rule) =>
    rule.kind === "versions" ? [explainVersions(rule, refutation, chain)] : [],
  );
  const conflicting = conflicts.length + versions.length > 0;
  const problems = [...new Set([...conflicts, ...missing, ...versions])].sort(
    // The shortest chains are the easiest to understand.
    (a, b) => a.length - b.length || compareStrings(a, b),
  );
  const shown = problems.slice(0, MOST_PROBLEMS).join("; ");
  const rest = problems.length - MOST_PROBLEMS;
  const names = [...new Set(roots.map(({ record }) => record.name))].join(", ");
  return new DebianError(
    conflicting ? "CONFLICT" : "UNSATISFIABLE",
    `Cannot resolve ${names}: ${shown}${rest > 0 ? `; and ${rest} more of the kind` : ""}`,
    {
      hint: conflicting
        ? "Leave one of them out of the image, or build two images"
        : "Add the component or the suite that has it, or leave the package out",
    },
  );
}

/** For each package the shortest way from a root to it, as text. */
function chainsFrom(roots: readonly Candidate[], rules: readonly Rule[]): (candidate: Candidate) => string {
  const needs = new Map<Candidate, Candidate[]>();
  for (const rule of rules) {
    if (rule.kind !== "need") continue;
    needs.set(rule.candidate, [...(needs.get(rule.candidate) ?? []), ...rule.options]);
  }
  const chains = new Map<Candidate, string>(roots.map((root) => [root, root.record.name]));
  // A Map is walked in the order of insertion, also over what is inserted meanwhile: breadth first.
  for (const [candidate, chain] of chains) {
    for (const option of needs.get(candidate) ?? []) {
      if (!chains.has(option)) chains.set(option, `${chain} → ${option.record.name}`);
    }
  }
  return (candidate) => chains.get(candidate) ?? candidate.record.name;
}

function explainMissing(
  catalog: Catalog,
  { candidate, group }: Extract<Rule, { kind: "need" }>,
  chain: (candidate: Candidate) => string,
): string {
  const reasons = group.map((relation) => {
    const { name, qualifier } = relation;
    const versions = catalog.versions(name).map(({ record }) => record.version);
    if (versions.length > 0) {
      return qualifier !== undefined && relation.version === undefined
        ? `the ${name} of the archive does not serve ${name}:${qualifier}`
        : `the archive has ${name} ${versions.join(" and ")}`;
    }
    const providers = catalog.provisions(name).map(({ candidate: provider }) => provider.record.name);
    if (providers.length > 0)
      return `${providers.slice(0, 3).join(", ")} provides another version of ${name}`;
    const suggestion = group.length === 1 ? didYouMean(name, catalog.names()) : undefined;
    return `no package is or provides ${name}${suggestion === undefined ? "" : ` (${suggestion.replace(/^D(.*)\?$/, "d$1")})`}`;
  });
  return `${chain(candidate)} needs ${formatRelationGroup(group)}, but ${reasons.join(" and ")}`;
}

function explainConflict(
  { candidate, field, relation, other }: Extract<Rule, { kind: "conflict" }>,
  chain: (candidate: Candidate) => string,
  essential: Candidate | undefined,
): string {
  const verb = field === "Breaks" ? "breaks" : "conflicts with";
  const as =
    relation.name === other.record.name && relation.version === undefined
      ? ""
      : ` (${field}: ${formatRelation(relation)})`;
  const way = chain(other);
  const why =
    way !== other.record.name
      ? `which is needed by ${way}`
      : other === essential
        ? "which is essential"
        : "which is asked for";
  return `${chain(candidate)} ${verb} ${other.record.name} ${other.record.version}${as}, ${why}`;
}

function explainVersions(
  { candidate, other }: Extract<Rule, { kind: "versions" }>,
  rules: readonly Rule[],
  chain: (candidate: Candidate) => string,
): string {
  const wants = (version: Candidate): string => {
    const need = rules.find((rule) => rule.kind === "need" && rule.options.includes(version));
    return need?.kind === "need"
      ? `${chain(need.candidate)} (${formatRelationGroup(need.group)})`
      : "image.ts";
  };
  const { name } = candidate.record;
  const [low, high] = [candidate, other].sort((a, b) => compareStrings(a.record.version, b.record.version));
  return `${name} ${low!.record.version}, wanted by ${wants(low!)}, cannot be beside ${name} ${high!.record.version}, wanted by ${wants(high!)}`;
}
