// All versions of all packages of some suites, by name and by what they provide. Pure data; nothing is chosen here.

import {
  parseRelations,
  type Relation,
  type RelationGroup,
  relationApplies,
} from "../../formats/debian-dependency.ts";
import type { PackageRecord } from "../../formats/debian-packages.ts";
import { compareVersions, satisfies } from "../../formats/debian-version.ts";
import { compareStrings } from "../../model/bytes.ts";
import type { Architecture } from "../../model/image-spec.ts";

/** One version of a package, with the release that lists it. */
export interface Candidate {
  readonly record: PackageRecord;
  /** Key of the release: its suite. */
  readonly release: string;
}

/** A name that a package provides beside its own. */
export interface Provision {
  readonly candidate: Candidate;
  /** Absent when the name is provided without a version: it then satisfies no versioned relation. */
  readonly version: string | undefined;
}

/** The relation fields of one package, parsed, without what is for other architectures. */
export interface CandidateRelations {
  /** In the order of declaration: Pre-Depends, then Depends. */
  readonly depends: readonly RelationGroup[];
  readonly recommends: readonly RelationGroup[];
  /** Conflicts, then Breaks, with the name of their field. */
  readonly conflicts: readonly { readonly field: "Conflicts" | "Breaks"; readonly relation: Relation }[];
}

const PRIORITIES = ["required", "important", "standard", "optional", "extra"];

/** Lower ranks are taken first. */
export function priorityRank({ priority }: PackageRecord): number {
  const rank = PRIORITIES.indexOf(priority);
  return rank < 0 ? PRIORITIES.length : rank;
}

/** Among several providers apt takes an essential one, then one of higher priority, then the first by name. */
function compareProvisions(a: Provision, b: Provision): number {
  const x = a.candidate.record;
  const y = b.candidate.record;
  return (
    Number(y.essential) - Number(x.essential) ||
    priorityRank(x) - priorityRank(y) ||
    compareStrings(x.name, y.name) ||
    compareVersions(y.version, x.version)
  );
}

export class Catalog {
  readonly architecture: Architecture;
  readonly #versions = new Map<string, Candidate[]>();
  readonly #provisions = new Map<string, Provision[]>();
  readonly #sorted = new Set<string>();
  readonly #matches = new WeakMap<Relation, readonly Candidate[]>();
  #essentialNames: readonly string[] | undefined;
  readonly #relations = new Map<PackageRecord, CandidateRelations>();

  /**
   * @param releases The packages of each release. Of a version that several list, the first one's is taken.
   * @throws {ControlError} `BAD_DEPENDENCY` when a Provides field cannot be read.
   */
  constructor(
    architecture: Architecture,
    releases: Iterable<{ readonly release: string; readonly packages: Iterable<PackageRecord> }>,
  ) {
    this.architecture = architecture;
    for (const { release, packages } of releases) {
      for (const record of packages) {
        if (record.architecture === architecture || record.architecture === "all") {
          this.#add({ record, release });
        }
      }
    }
  }

  #add(candidate: Candidate): void {
    const { record } = candidate;
    const versions = this.#versions.get(record.name);
    if (versions === undefined) {
      this.#versions.set(record.name, [candidate]);
    } else {
      let index = 0;
      for (; index < versions.length; index++) {
        const order = compareVersions(record.version, versions[index]!.record.version);
        if (order === 0) return;
        if (order > 0) break;
      }
      versions.splice(index, 0, candidate);
    }
    for (const [relation] of parseRelations(record.provides)) {
      const list = this.#provisions.get(relation!.name) ?? [];
      list.push({ candidate, version: relation!.version?.version });
      this.#provisions.set(relation!.name, list);
    }
  }

  /** The versions of a package, newest first; none when there is no such package. */
  versions(name: string): readonly Candidate[] {
    return this.#versions.get(name) ?? [];
  }

  /** Who provides a name, in the order in which apt would choose. */
  provisions(name: string): readonly Provision[] {
    const list = this.#provisions.get(name);
    if (list === undefined) return [];
    if (!this.#sorted.has(name)) {
      list.sort(compareProvisions);
      this.#sorted.add(name);
    }
    return list;
  }

  /** The names of all real packages, in no particular order. */
  names(): Iterable<string> {
    return this.#versions.keys();
  }

  get size(): number {
    return this.#versions.size;
  }

  /** The names of essential packages (in their newest version), sorted. */
  essentialNames(): readonly string[] {
    this.#essentialNames ??= [...this.#versions]
      .flatMap(([name, [newest]]) => (newest!.record.essential ? [name] : []))
      .sort(compareStrings);
    return this.#essentialNames;
  }

  /**
   * The relations of a package.
   *
   * @throws {ControlError} `BAD_DEPENDENCY` when one of its fields cannot be read.
   */
  relations(record: PackageRecord): CandidateRelations {
    let relations = this.#relations.get(record);
    if (relations === undefined) {
      relations = this.#parseRelations(record);
      this.#relations.set(record, relations);
    }
    return relations;
  }

  #parseRelations(record: PackageRecord): CandidateRelations {
    const groups = (text: string): RelationGroup[] =>
      parseRelations(text)
        .map((group) => group.filter((relation) => relationApplies(relation, this.architecture)))
        .filter((group) => group.length > 0);
    const conflicts = (field: "Conflicts" | "Breaks", text: string) =>
      groups(text).flatMap((group) => group.map((relation) => ({ field, relation })));
    return {
      depends: [...groups(record.preDepends), ...groups(record.depends)],
      recommends: groups(record.recommends),
      conflicts: [...conflicts("Conflicts", record.conflicts), ...conflicts("Breaks", record.breaks)],
    };
  }

  /**
   * All packages that a relation means: those of the name, newest first, then those that provide it.
   *
   * Only one architecture is ever resolved at once: `:any` asks for a package that says it serves any, another
   * architecture's name is satisfied by none.
   */
  matches(relation: Relation): readonly Candidate[] {
    let matches = this.#matches.get(relation);
    if (matches === undefined) {
      matches = [...this.#match(relation)];
      this.#matches.set(relation, matches);
    }
    return matches;
  }

  *#match({ name, qualifier, version }: Relation): Generator<Candidate> {
    const fits = ({ record }: Candidate): boolean =>
      qualifier === undefined ||
      qualifier === "native" ||
      qualifier === this.architecture ||
      (qualifier === "any" && (record.multiArch === "allowed" || record.multiArch === "foreign"));
    const holds = (actual: string | undefined): boolean =>
      version === undefined || (actual !== undefined && satisfies(actual, version.relation, version.version));
    for (const candidate of this.versions(name)) {
      if (fits(candidate) && holds(candidate.record.version)) yield candidate;
    }
    for (const provision of this.provisions(name)) {
      if (fits(provision.candidate) && holds(provision.version)) yield provision.candidate;
    }
  }
}
