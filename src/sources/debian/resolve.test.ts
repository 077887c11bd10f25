import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { parsePackages } from "../../formats/debian-packages.ts";
import { satisfies } from "../../formats/debian-version.ts";
import { Catalog } from "./catalog.ts";
import { DebianError } from "./errors.ts";
import { type Resolution, resolve } from "./resolve.ts";

/** An index as text: one line a package, `name version; Field: value; …`. */
function catalogOf(...suites: string[]): Catalog {
  const releases = suites.map((suite, index) => {
    const stanzas = suite
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line !== "")
      .map((line) => {
        const [head, ...fields] = line.split(";").map((part) => part.trim());
        const [name, version = "1"] = head!.split(" ");
        const more = fields.join("\n");
        const architecture = more.includes("Architecture:") ? "" : "Architecture: amd64\n";
        return `Package: ${name}\nVersion: ${version}\n${architecture}${more === "" ? "" : `${more}\n`}Filename: pool/${name}\nSize: 1\nSHA256: ${"0".repeat(64)}\n`;
      });
    return { release: `suite${index}`, packages: parsePackages(stanzas.join("\n")) };
  });
  return new Catalog("amd64", releases);
}

/** `name=version → dependencies`, one a package. */
function dump({ packages }: Resolution): string[] {
  return [...packages].map(([name, { candidate, dependencies }]) => {
    const edges = dependencies.length === 0 ? "" : ` → ${dependencies.join(" ")}`;
    return `${name}=${candidate.record.version}${edges}`;
  });
}

interface Case {
  readonly summary: string;
  readonly suites: readonly string[];
  readonly names: readonly string[];
  readonly recommends?: boolean;
  readonly result: readonly string[];
}

const TABLE: readonly Case[] = [
  {
    summary: "a chain, Pre-Depends first, each dependency once",
    suites: ["a; Depends: b, c, b (>= 1); Pre-Depends: c\nb; Depends: c\nc"],
    names: ["a"],
    result: ["a=1 → c b", "b=1 → c", "c=1"],
  },
  {
    summary: "a cycle",
    suites: ["a; Depends: b\nb; Depends: a"],
    names: ["a"],
    result: ["a=1 → b", "b=1 → a"],
  },
  { summary: "a name asked for twice", suites: ["a"], names: ["a", "a"], result: ["a=1"] },
  {
    summary: "the newest version of all suites",
    suites: ["a 1.0-1\nb 1:0.1", "a 1.0-1+deb12u2\nb 9", "a 1.0-1+deb12u1"],
    names: ["a", "b"],
    result: ["a=1.0-1+deb12u2", "b=1:0.1"],
  },
  {
    summary: "packages of architecture all, but none of another architecture",
    suites: ["a; Depends: b\nb 1; Architecture: all\nb 2; Architecture: arm64"],
    names: ["a"],
    result: ["a=1 → b", "b=1"],
  },
  {
    summary: "the first alternative",
    suites: ["a; Depends: b | c\nb\nc"],
    names: ["a"],
    result: ["a=1 → b", "b=1"],
  },
  {
    summary: "the first alternative that exists",
    suites: ["a; Depends: x | c\nc"],
    names: ["a"],
    result: ["a=1 → c", "c=1"],
  },
  {
    summary: "the first alternative in the right version",
    suites: ["a; Depends: b (>= 2) | c\nb 1.9\nc"],
    names: ["a"],
    result: ["a=1 → c", "c=1"],
  },
  {
    summary: "the first alternative whose own dependencies can be met",
    suites: ["a; Depends: b | c\nb; Depends: missing\nc"],
    names: ["a"],
    result: ["a=1 → c", "c=1"],
  },
  {
    summary: "an alternative that is chosen already, whatever the order of names",
    suites: ["a; Depends: b | c\nb\nc\nz; Depends: c"],
    names: ["a", "z"],
    result: ["a=1 → c", "c=1", "z=1 → c"],
  },
  {
    summary: "an alternative that conflicts is passed over",
    suites: ["a; Depends: b | c\nb; Conflicts: z\nc\nz"],
    names: ["a", "z"],
    result: ["a=1 → c", "c=1", "z=1"],
  },
  {
    summary: "a choice far up is changed when what it brings breaks something",
    suites: ["a; Depends: b | c, d\nb; Depends: e\nc\nd; Depends: f\ne\nf; Breaks: e (<< 2)"],
    names: ["a"],
    result: ["a=1 → c d", "c=1", "d=1 → f", "f=1"],
  },
  {
    summary: "the relations dpkg knows",
    suites: ["a; Depends: b (<< 2), c (<= 1), d (= 1), e (>= 1), f (>> 0.9)\nb 2~\nc 1\nd 1\ne 1\nf 1"],
    names: ["a"],
    result: ["a=1 → b c d e f", "b=2~", "c=1", "d=1", "e=1", "f=1"],
  },
  {
    summary: "an older version when the newest does not fit",
    suites: ["a; Depends: b (<< 2)\nb 1", "b 2"],
    names: ["a"],
    result: ["a=1 → b", "b=1"],
  },
  {
    summary: "one older version for all who need it",
    suites: ["a; Depends: b (= 1), c\nb 1\nc; Depends: b", "b 2"],
    names: ["a"],
    result: ["a=1 → b c", "b=1", "c=1 → b"],
  },
  {
    summary: "a version that is asked for, with what fits it",
    suites: ["a 1; Depends: b (= 1)\nb 1", "a 2; Depends: b (= 2)\nb 2"],
    names: ["a=1"],
    result: ["a=1 → b", "b=1"],
  },
  {
    summary: "a name beside a version of it",
    suites: ["a 1", "a 2"],
    names: ["a", "a=1"],
    result: ["a=1"],
  },
  {
    summary: "a real package before one that provides its name",
    suites: ["a; Depends: b\naa; Provides: b\nb"],
    names: ["a"],
    result: ["a=1 → b", "b=1"],
  },
  {
    summary: "among providers an essential one, then priority, then name",
    suites: [
      "a; Depends: v, w, x\np3; Provides: v\np2; Priority: important; Provides: v\np1; Priority: extra; Provides: v, w\np4; Provides: w\np5; Provides: w\np0; Provides: x\np9; Priority: extra; Essential: yes; Provides: x",
    ],
    names: ["a"],
    result: ["a=1 → p2 p4 p9", "p2=1", "p4=1", "p9=1"],
  },
  {
    summary: "a provider that is there already",
    suites: ["a; Depends: v, p2\np1; Provides: v\np2; Provides: v"],
    names: ["a"],
    result: ["a=1 → p2", "p2=1"],
  },
  {
    summary: "versioned Provides satisfy versioned dependencies, unversioned ones do not",
    suites: ["a; Depends: v (>= 2)\np1; Provides: v\np2 9; Provides: v (= 1)\np3; Provides: v (= 2)"],
    names: ["a"],
    result: ["a=1 → p3", "p3=1"],
  },
  {
    summary: "what a package provides itself it needs from nobody",
    suites: ["a; Depends: v; Provides: v\np; Provides: v"],
    names: ["a"],
    result: ["a=1"],
  },
  {
    summary: "a package that conflicts with a name it provides itself",
    suites: ["a; Provides: v; Conflicts: v; Depends: b\nb"],
    names: ["a"],
    result: ["a=1 → b", "b=1"],
  },
  {
    summary: ":any is served by packages that allow it or are foreign",
    suites: [
      "a; Depends: p:any, q:any (>= 1), r:native, s:amd64\np; Multi-Arch: allowed\nq; Multi-Arch: foreign\nr\ns",
    ],
    names: ["a"],
    result: ["a=1 → p q r s", "p=1", "q=1", "r=1", "s=1"],
  },
  {
    summary: ":any and names of other architectures are alternatives that fail",
    suites: ["a; Depends: p:any | q:arm64 | r\np\nq\nr"],
    names: ["a"],
    result: ["a=1 → r", "r=1"],
  },
  {
    summary: "restrictions to architectures and profiles",
    suites: ["a; Depends: b [arm64], c [amd64], d <stage1>, e <!nocheck>\nb\nc\nd\ne"],
    names: ["a"],
    result: ["a=1 → c e", "c=1", "e=1"],
  },
  {
    summary: "a conflict with another architecture's package is none",
    suites: ["a; Conflicts: b:i386; Depends: b\nb"],
    names: ["a"],
    result: ["a=1 → b", "b=1"],
  },
  {
    summary: "versioned Conflicts and Breaks that do not apply",
    suites: ["a; Conflicts: b (<< 2), v (<< 9); Breaks: b (>> 2); Depends: b\nb 2; Provides: v"],
    names: ["a"],
    result: ["a=1 → b", "b=2"],
  },
  {
    summary: "usr-is-merged rather than usrmerge",
    suites: ["a; Depends: usrmerge | usr-is-merged\nusrmerge; Depends: perl\nusr-is-merged\nperl"],
    names: ["a"],
    result: ["a=1 → usr-is-merged", "usr-is-merged=1"],
  },
  {
    summary: "usrmerge when it is asked for",
    suites: ["a; Depends: usrmerge | usr-is-merged\nusrmerge\nusr-is-merged"],
    names: ["a", "usrmerge"],
    result: ["a=1 → usrmerge", "usrmerge=1"],
  },
  {
    summary: "recommended packages are left out",
    suites: ["a; Recommends: b\nb"],
    names: ["a"],
    result: ["a=1"],
  },
  {
    summary: "recommended packages on demand, with what they recommend",
    suites: ["a; Depends: d; Recommends: b, c\nb; Recommends: e\nc\nd\ne"],
    names: ["a"],
    recommends: true,
    result: ["a=1 → d b c", "b=1 → e", "c=1", "d=1", "e=1"],
  },
  {
    summary: "a recommendation that cannot be followed is none",
    suites: ["a; Recommends: missing, b, c | d\nb; Conflicts: a\nc; Depends: missing\nd"],
    names: ["a"],
    recommends: true,
    result: ["a=1 → d", "d=1"],
  },
  {
    summary: "essential packages and their closure, with no edges but declared ones",
    suites: ["a; Depends: b\nb\ne; Essential: yes; Depends: f\nf; Depends: b\ng"],
    names: ["a"],
    result: ["a=1 → b", "b=1", "e=1 → f", "f=1 → b"],
  },
  {
    summary: "essential packages do not change what others refer to",
    suites: ["a; Depends: x | y\nx\ny\ne; Essential: yes; Depends: y"],
    names: ["a"],
    result: ["a=1 → x", "e=1 → y", "x=1", "y=1"],
  },
  {
    summary: "an essential package takes the alternative that is there",
    suites: ["gawk; Provides: awk\nmawk; Priority: required; Provides: awk\ne; Essential: yes; Depends: awk"],
    names: ["gawk"],
    result: ["e=1 → gawk", "gawk=1"],
  },
];

describe("resolves", () => {
  for (const { summary, suites, names, recommends = false, result } of TABLE) {
    test(summary, () => {
      assert.deepEqual(dump(resolve(catalogOf(...suites), names, { recommends })), result);
      assert.deepEqual(dump(resolve(catalogOf(...suites), [...names].reverse(), { recommends })), result);
      // Neither does the order of an index matter.
      const reversed = suites.map((suite) => suite.split("\n").reverse().join("\n"));
      assert.deepEqual(dump(resolve(catalogOf(...reversed), names, { recommends })), result);
    });
  }
});

interface Failure {
  readonly summary: string;
  readonly suite: string;
  readonly names: readonly string[];
  readonly code: string;
  readonly message: string;
  readonly hint?: RegExp;
}

const FAILURES: readonly Failure[] = [
  {
    summary: "an unknown package, with the nearest names",
    suite: "redis-server\nredis-sentinel\nbash",
    names: ["redis-sever"],
    code: "UNKNOWN_PACKAGE",
    message: "Cannot resolve redis-sever: the archive has no package of that name",
    hint: /^Did you mean "redis-server"/,
  },
  {
    summary: "a virtual package, with those that provide it",
    suite: "mawk; Priority: required; Provides: awk\ngawk; Provides: awk",
    names: ["awk"],
    code: "UNKNOWN_PACKAGE",
    message: "Cannot resolve awk: it is a virtual package, a real one was expected",
    hint: /^It is provided by mawk, gawk$/,
  },
  {
    summary: "a version that is not there",
    suite: "ab 1\nab 2",
    names: ["ab=3"],
    code: "UNKNOWN_VERSION",
    message: "Cannot resolve ab=3: the archive has no such version, it has 2, 1",
  },
  {
    summary: "a name that can be none",
    suite: "ab",
    names: ["AB"],
    code: "BAD_NAME",
    message:
      'Cannot use "AB" as a Debian package: a name consists of lower-case letters and digits, and + - . behind the first of them',
  },
  {
    summary: "a dependency that nothing is, with the chain",
    suite: "aa; Depends: bb\nbb; Depends: libfoo3\nlibfoo4",
    names: ["aa"],
    code: "UNSATISFIABLE",
    message:
      'Cannot resolve aa: aa → bb needs libfoo3, but no package is or provides libfoo3 (did you mean "libfoo4")',
  },
  {
    summary: "a dependency whose version nothing has",
    suite: "aa; Depends: bb (>= 3) | cc (>= 2)\nbb 2\np; Provides: cc (= 1)",
    names: ["aa"],
    code: "UNSATISFIABLE",
    message:
      "Cannot resolve aa: aa needs bb (>= 3) | cc (>= 2), but the archive has bb 2 and p provides another version of cc",
  },
  {
    summary: "a package that does not serve any architecture",
    suite: "aa; Depends: bb:any\nbb",
    names: ["aa"],
    code: "UNSATISFIABLE",
    message: "Cannot resolve aa: aa needs bb:any, but the bb of the archive does not serve bb:any",
  },
  {
    summary: "a conflict of two that are asked for",
    suite: "aa; Conflicts: bb\nbb",
    names: ["aa", "bb"],
    code: "CONFLICT",
    message: "Cannot resolve aa, bb: aa conflicts with bb 1, which is asked for",
  },
  {
    summary: "a conflict deep down, with both chains",
    suite: "aa; Depends: cc\ncc; Depends: dd\nbb; Depends: ee\nee 2; Breaks: dd (<< 3)\ndd 2",
    names: ["aa", "bb"],
    code: "CONFLICT",
    message:
      "Cannot resolve aa, bb: bb → ee breaks dd 2 (Breaks: dd (<< 3)), which is needed by aa → cc → dd",
  },
  {
    summary: "a conflict with a provided name",
    suite: "aa; Conflicts: mta; Provides: mta\nbb; Conflicts: mta; Provides: mta",
    names: ["aa", "bb"],
    code: "CONFLICT",
    message: "Cannot resolve aa, bb: aa conflicts with bb 1 (Conflicts: mta), which is asked for",
  },
  {
    summary: "two versions of one package",
    suite: "aa; Depends: cc (= 1)\nbb; Depends: cc (= 2)\ncc 1\ncc 2",
    names: ["aa", "bb"],
    code: "CONFLICT",
    message:
      "Cannot resolve aa, bb: cc 1, wanted by aa (cc (= 1)), cannot be beside cc 2, wanted by bb (cc (= 2))",
  },
  {
    summary: "two versions asked for",
    suite: "aa 1\naa 2",
    names: ["aa=1", "aa=2"],
    code: "CONFLICT",
    message: "Cannot resolve aa: aa 1, wanted by image.ts, cannot be beside aa 2, wanted by image.ts",
  },
  {
    summary: "alternatives that all fail, each for its own reason",
    suite: "aa; Depends: bb | cc\nbb; Depends: nothing-like-it\ncc; Conflicts: aa",
    names: ["aa"],
    code: "CONFLICT",
    message:
      "Cannot resolve aa: aa → cc conflicts with aa 1, which is asked for; aa → bb needs nothing-like-it, but no package is or provides nothing-like-it",
  },
];

describe("explains", () => {
  for (const { summary, suite, names, code, message, hint = /./ } of FAILURES) {
    test(`${summary} (${code})`, () => {
      assert.throws(
        () => resolve(catalogOf(suite), names, { recommends: false }),
        (error) => {
          assert.ok(error instanceof DebianError);
          assert.deepEqual({ code: error.code, message: error.message }, { code, message });
          assert.match(error.hint ?? "", hint);
          return true;
        },
      );
    });
  }
});

test("an essential package that cannot be beside the rest is left out, and named", () => {
  const resolution = resolve(catalogOf("a; Conflicts: e\ne; Essential: yes\nf; Essential: yes"), ["a"], {
    recommends: false,
  });
  assert.deepEqual(dump(resolution), ["a=1", "f=1"]);
  assert.deepEqual(resolution.leftOut, [
    { name: "e", reason: "Cannot resolve a, e: a conflicts with e 1, which is essential" },
  ]);
});

test("on random archives: found exactly when possible, sound, and independent of all orders", () => {
  const names = ["aa", "bb", "cc", "dd", "ee"];
  const relation = fc
    .tuple(
      fc.constantFrom(...names, "vv"),
      fc.option(fc.tuple(fc.constantFrom("<<", "<=", "=", ">=", ">>"), fc.constantFrom("1", "2")), {
        nil: undefined,
        freq: 2,
      }),
    )
    .map(([name, version]) => (version === undefined ? name : `${name} (${version.join(" ")})`));
  const group = fc.uniqueArray(relation, { minLength: 1, maxLength: 2 }).map((parts) => parts.join(" | "));
  const record = fc.record({
    name: fc.constantFrom(...names),
    version: fc.constantFrom("1", "2"),
    depends: fc.array(group, { maxLength: 2 }),
    conflicts: fc.array(relation, { maxLength: 1 }),
    provides: fc.constantFrom("", "", "vv", "vv (= 1)", "vv (= 2)"),
  });
  const archive = fc.uniqueArray(record, {
    selector: ({ name, version }) => `${name} ${version}`,
    minLength: 2,
    maxLength: 8,
  });
  fc.assert(
    fc.property(archive, fc.nat(), (records, pick) => {
      const text = records
        .map(({ name, version, depends, conflicts, provides }) =>
          [
            `${name} ${version}`,
            depends.length > 0 ? `Depends: ${depends.join(", ")}` : "",
            conflicts.length > 0 ? `Conflicts: ${conflicts.join(", ")}` : "",
            provides !== "" ? `Provides: ${provides}` : "",
          ]
            .filter((part) => part !== "")
            .join("; "),
        )
        .join("\n");
      const root = records[pick % records.length]!.name;
      const newest = records
        .filter(({ name }) => name === root)
        .sort((a, b) => (a.version < b.version ? 1 : -1))[0]!;
      const sets = Array.from({ length: 1 << records.length }, (_, bits) =>
        records.filter((__, index) => (bits & (1 << index)) !== 0),
      );
      const possible = sets.some((set) => set.includes(newest) && isConsistent(set));
      let resolution: Resolution | undefined;
      try {
        resolution = resolve(catalogOf(text), [root], { recommends: false });
      } catch (error) {
        assert.ok(error instanceof DebianError && ["UNSATISFIABLE", "CONFLICT"].includes(error.code));
      }
      assert.equal(resolution !== undefined, possible, text);
      if (resolution === undefined) return;
      const chosen = [...resolution.packages.values()].map(
        ({ candidate }) =>
          records.find(
            ({ name, version }) => name === candidate.record.name && version === candidate.record.version,
          )!,
      );
      assert.ok(isConsistent(chosen), text);
      const shuffled = resolve(catalogOf(text.split("\n").reverse().join("\n")), [root], {
        recommends: false,
      });
      assert.deepEqual(dump(shuffled), dump(resolution));
    }),
    { numRuns: 400 },
  );

  interface Made {
    readonly name: string;
    readonly version: string;
    readonly depends: readonly string[];
    readonly conflicts: readonly string[];
    readonly provides: string;
  }
  /** The rules once more, written as plainly as they can be. */
  function isConsistent(set: readonly Made[]): boolean {
    if (new Set(set.map(({ name }) => name)).size !== set.length) return false;
    return set.every(
      (made) =>
        made.depends.every((one) =>
          one.split(" | ").some((text) => set.some((other) => fits(other, text))),
        ) &&
        made.conflicts.every((text) => !set.some((other) => other.name !== made.name && fits(other, text))),
    );
  }
  function fits(made: Made, text: string): boolean {
    const [, name, relation, version] = /^(\w+)(?: \((\S+) (\S+)\))?$/.exec(text)!;
    const holds = (actual: string | undefined): boolean =>
      relation === undefined || (actual !== undefined && satisfies(actual, relation as "=", version!));
    if (made.name === name && holds(made.version)) return true;
    const provided = /^(\w+)(?: \(= (\S+)\))?$/.exec(made.provides);
    return provided?.[1] === name && holds(provided?.[2]);
  }
});
