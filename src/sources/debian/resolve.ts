// Which packages an image needs: names and a catalog in, pins and their edges out. Pure: it asks nobody what is newest.
//
// Roots are demanded, dependencies are needs whose options are ordered by preference, Conflicts and Breaks forbid
// pairs. What only one package can satisfy is settled before anything is chosen, so that a chosen alternative is used
// wherever it will do, whatever the order of the names.

import type { Relation, RelationGroup } from "../../formats/debian-dependency.ts";
import { compareStrings } from "../../model/bytes.ts";
import { didYouMean } from "../../model/suggest.ts";
import type { Candidate, Catalog } from "./catalog.ts";
import { DebianError } from "./errors.ts";
import { explainRefutation, type Rule } from "./explain.ts";
import { parsePackageName } from "./request-name.ts";
import { type Clause, type Need, Solver } from "./solver.ts";

export interface ResolvedPackage {
  readonly candidate: Candidate;
  /** Names of the packages that satisfy its dependencies, in the order of their declaration, each once. */
  readonly dependencies: readonly string[];
}

export interface Resolution {
  /** The declared closure of what was asked for, with the essential packages and theirs; sorted by name. */
  readonly packages: ReadonlyMap<string, ResolvedPackage>;
  /** Essential packages that cannot be beside what was asked for, and why. */
  readonly leftOut: readonly { readonly name: string; readonly reason: string }[];
}

/**
 * Packages that are there for systems in transition, and what to take instead where either will do.
 *
 * usrmerge converts a file system when it is installed and brings Perl along; usr-is-merged only says that it is
 * converted, which Tare's file systems always are.
 */
const INSTEAD_OF: Readonly<Record<string, string>> = { usrmerge: "usr-is-merged" };

/**
 * Resolves names to packages.
 *
 * @param names Package names, each with `=version` when one version is wanted; the order does not matter.
 * @param options `recommends`: also takes what is recommended, where that is possible.
 * @throws {DebianError} `UNKNOWN_PACKAGE`, `UNKNOWN_VERSION`, `UNSATISFIABLE` or `CONFLICT`.
 */
export function resolve(
  catalog: Catalog,
  names: readonly string[],
  options: { readonly recommends: boolean },
): Resolution {
  const roots = findRoots(catalog, names);
  // First as apt does it, with the newest version of everything; older versions only when that cannot be.
  let run = new Run(catalog, roots, options.recommends, "newest");
  if (run.solve() !== undefined) {
    run = new Run(catalog, roots, options.recommends, "every");
    const refutation = run.solve();
    if (refutation !== undefined) throw explainRefutation(catalog, refutation);
  }
  return run.finish();
}

/** The packages that are asked for, each once, sorted by name and version. */
function findRoots(catalog: Catalog, names: readonly string[]): Candidate[] {
  const requests = names.map(parsePackageName);
  const pinned = new Set(requests.filter(({ version }) => version !== undefined).map(({ name }) => name));
  const roots = new Set<Candidate>();
  for (const { name, version } of requests) {
    const versions = catalog.versions(name);
    if (versions.length === 0) throw unknownPackage(catalog, name);
    // `foo` beside `foo=1` asks for nothing more.
    if (version === undefined && pinned.has(name)) continue;
    const root =
      version === undefined ? versions[0] : versions.find(({ record }) => record.version === version);
    if (root === undefined) {
      throw new DebianError(
        "UNKNOWN_VERSION",
        `Cannot resolve ${name}=${version}: the archive has no such version, it has ${versions.map(({ record }) => record.version).join(", ")}`,
        { hint: "Name a version that the archive has, or an older archive with the option snapshot" },
      );
    }
    roots.add(root);
  }
  return [...roots].sort(
    (a, b) =>
      compareStrings(a.record.name, b.record.name) || compareStrings(a.record.version, b.record.version),
  );
}

function unknownPackage(catalog: Catalog, name: string): DebianError {
  const providers = [...new Set(catalog.provisions(name).map(({ candidate }) => candidate.record.name))];
  if (providers.length > 0) {
    const shown = providers.slice(0, 5).join(", ");
    return new DebianError(
      "UNKNOWN_PACKAGE",
      `Cannot resolve ${name}: it is a virtual package, a real one was expected`,
      {
        hint: `It is provided by ${shown}${providers.length > 5 ? ` and ${providers.length - 5} others` : ""}`,
      },
    );
  }
  return new DebianError(
    "UNKNOWN_PACKAGE",
    `Cannot resolve ${name}: the archive has no package of that name`,
    {
      hint: didYouMean(name, catalog.names()),
    },
  );
}

/** One attempt to solve. Variables of the solver are candidates, numbered as they are met. */
class Run {
  readonly #catalog: Catalog;
  readonly #roots: readonly Candidate[];
  readonly #recommends: boolean;
  readonly #universe: "newest" | "every";
  /** Versions that were asked for: they stand in for the newest one. */
  readonly #asked: ReadonlyMap<string, Candidate>;
  readonly #variables = new Map<Candidate, number>();
  readonly #candidates: Candidate[] = [];
  readonly #solver: Solver<Rule>;

  constructor(
    catalog: Catalog,
    roots: readonly Candidate[],
    recommends: boolean,
    universe: "newest" | "every",
  ) {
    this.#catalog = catalog;
    this.#roots = roots;
    this.#recommends = recommends;
    this.#universe = universe;
    this.#asked = new Map(roots.map((root) => [root.record.name, root]));
    this.#solver = new Solver({ expand: (variable) => this.#expand(this.#candidate(variable)) });
  }

  #variable(candidate: Candidate): number {
    let variable = this.#variables.get(candidate);
    if (variable === undefined) {
      variable = this.#candidates.push(candidate);
      this.#variables.set(candidate, variable);
    }
    return variable;
  }

  #candidate(variable: number): Candidate {
    return this.#candidates[variable - 1]!;
  }

  /** The version of a package that is taken when any will do. */
  #preferred(name: string): Candidate | undefined {
    return this.#asked.get(name) ?? this.#catalog.versions(name)[0];
  }

  /** The rules of the roots that cannot hold together, or undefined when they can. */
  solve(): Rule[] | undefined {
    return this.#solver.require(
      this.#roots.map((root) => ({
        variable: this.#variable(root),
        tag: { kind: "request", candidate: root },
      })),
    );
  }

  finish(): Resolution {
    if (this.#recommends) this.#addRecommended();
    const declared = this.#reach(this.#roots, this.#chosen());
    this.#solver.keep(
      [...declared.keys()].map((candidate) => this.#variable(candidate)),
      { kind: "kept" },
    );
    const leftOut: { name: string; reason: string }[] = [];
    const essentials: Candidate[] = [];
    for (const name of this.#catalog.essentialNames()) {
      const chosen = this.#chosen();
      const present = this.#catalog.versions(name).find((version) => chosen.has(version));
      const essential = present ?? this.#preferred(name)!;
      const refutation =
        present === undefined ? this.#solver.tryAdd(this.#variable(essential), { kind: "kept" }) : undefined;
      if (refutation === undefined) essentials.push(essential);
      else leftOut.push({ name, reason: explainRefutation(this.#catalog, refutation, essential).message });
    }
    // Essential packages never change what the declared ones refer to.
    const all = new Map([...this.#reach(essentials, this.#chosen()), ...declared]);
    const sorted = [...all].sort(([a], [b]) => compareStrings(a.record.name, b.record.name));
    return {
      packages: new Map(
        sorted.map(([candidate, dependencies]) => [candidate.record.name, { candidate, dependencies }]),
      ),
      leftOut,
    };
  }

  #chosen(): Set<Candidate> {
    return new Set(this.#solver.trueVariables().map((variable) => this.#candidate(variable)));
  }

  /** Takes what is recommended by what is there, as long as something is added. */
  #addRecommended(): void {
    const done = new Set<Candidate>();
    for (let chosen = this.#chosen(); chosen.size > done.size; chosen = this.#chosen()) {
      for (const candidate of chosen) {
        if (done.has(candidate)) continue;
        done.add(candidate);
        for (const group of this.#catalog.relations(candidate.record).recommends) this.#recommend(group);
      }
    }
  }

  #recommend(group: RelationGroup): void {
    const options = this.#options(group);
    const chosen = this.#chosen();
    if (options.some((option) => chosen.has(option))) return;
    for (const option of options) {
      if (this.#solver.tryAdd(this.#variable(option), { kind: "kept" }) === undefined) return;
    }
  }

  /** What is reachable from some packages by the dependencies that `chosen` satisfies, with those edges. */
  #reach(from: Iterable<Candidate>, chosen: ReadonlySet<Candidate>): Map<Candidate, string[]> {
    const reached = new Map<Candidate, string[]>();
    const queue = [...from];
    for (let candidate = queue.pop(); candidate !== undefined; candidate = queue.pop()) {
      if (reached.has(candidate)) continue;
      const names = new Set<string>();
      const { depends, recommends } = this.#catalog.relations(candidate.record);
      for (const group of this.#recommends ? [...depends, ...recommends] : depends) {
        const options = this.#options(group);
        const satisfier: Candidate | undefined = options.includes(candidate)
          ? candidate
          : options.find((option) => chosen.has(option));
        // Only a recommendation can be left unmet.
        if (satisfier === undefined || satisfier === candidate) continue;
        names.add(satisfier.record.name);
        queue.push(satisfier);
      }
      reached.set(candidate, [...names]);
    }
    return reached;
  }

  *#expand(candidate: Candidate): Generator<Need<Rule> | Clause<Rule>> {
    const { record } = candidate;
    const { depends, conflicts } = this.#catalog.relations(record);
    const variable = this.#variable(candidate);
    for (const group of depends) {
      const options = this.#options(group);
      // Nobody needs another for what it provides itself.
      if (options.includes(candidate)) continue;
      yield {
        options: options.map((option) => this.#variable(option)),
        tag: { kind: "need", candidate, group, options },
      };
    }
    for (const other of this.#catalog.versions(record.name)) {
      if (other === candidate) continue;
      const tag: Rule = { kind: "versions", candidate, other };
      yield { literals: [-variable, -this.#variable(other)], tag };
    }
    for (const { field, relation } of conflicts) {
      for (const other of this.#catalog.matches(
        relation.qualifier === "any" ? withoutQualifier(relation) : relation,
      )) {
        // A package may conflict with a name that it provides: it then replaces all others that do.
        if (other.record.name === record.name) continue;
        const tag: Rule = { kind: "conflict", candidate, field, relation, other };
        yield { literals: [-variable, -this.#variable(other)], tag };
      }
    }
  }

  /** What satisfies a group, the preferred first. */
  #options(group: RelationGroup): Candidate[] {
    const options = new Set<Candidate>();
    for (const relation of group) {
      const older: Candidate[] = [];
      for (const candidate of this.#catalog.matches(relation)) {
        if (candidate === this.#preferred(candidate.record.name)) options.add(candidate);
        else if (this.#universe === "every") older.push(candidate);
      }
      for (const candidate of older) options.add(candidate);
    }
    return preferLighter([...options]);
  }
}

function withoutQualifier({ qualifier: _, ...relation }: Relation): Relation {
  return relation;
}

function preferLighter(options: Candidate[]): Candidate[] {
  for (const [index, { record }] of options.entries()) {
    const instead = Object.hasOwn(INSTEAD_OF, record.name) ? INSTEAD_OF[record.name] : undefined;
    const better = options.findIndex((option) => option.record.name === instead);
    if (better > index) options.splice(index, 0, ...options.splice(better, 1));
  }
  return options;
}
