import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ControlError } from "./deb822.ts";
import {
  compareVersions,
  countStableUpdates,
  parseVersion,
  satisfies,
  versionProblem,
} from "./debian-version.ts";

/** Each is older than the next; those in one line are equal. */
const ASCENDING: readonly (readonly string[])[] = [
  ["0~~", "0:0~~"],
  ["0~~a"],
  ["0~"],
  ["0", "00", "0-0", "0:0", "0-00"],
  ["0a"],
  ["0+"],
  ["0.1"],
  ["1.0~beta1~svn1245"],
  ["1.0~beta1"],
  ["1.0~rc1-1"],
  ["1.0~rc1-1+b1"],
  ["1.0", "1.0-0", "01.00-00", "0:1.0"],
  ["1.0-0+deb12u1"],
  ["1.0-0.1"],
  ["1.0-1~deb12u1"],
  ["1.0-1"],
  ["1.0-1+b1"],
  ["1.0-1+b10"],
  ["1.0-1.1"],
  ["1.0-2"],
  ["1.0-10"],
  ["1.0a-1"],
  ["1.0+dfsg-1"],
  ["1.0.0-1"],
  ["1.0.1"],
  ["1.2-a"],
  ["1.2-a-1"],
  ["1.9"],
  ["1.10"],
  ["20240101"],
  ["99999999999999999999999998"],
  ["99999999999999999999999999"],
  ["1:0.1", "01:0.1"],
  ["1:1.0~"],
  ["1:1.0"],
  ["10:0"],
];

test("versions are ordered as dpkg orders them", () => {
  for (const [i, group] of ASCENDING.entries()) {
    for (const [j, other] of ASCENDING.entries()) {
      for (const a of group) {
        for (const b of other) {
          assert.equal(Math.sign(compareVersions(a, b)), Math.sign(i - j), `${a} against ${b}`);
        }
      }
    }
  }
});

test("every relation holds exactly where it should", () => {
  const table: [string, string, string][] = [
    ["1.0", "1.1", "<< <="],
    ["1.1", "1.0", ">> >="],
    ["1.0", "1.0-0", "<= = >="],
  ];
  for (const [a, b, holding] of table) {
    for (const relation of ["<<", "<=", "=", ">=", ">>"] as const) {
      assert.equal(satisfies(a, relation, b), holding.split(" ").includes(relation), `${a} ${relation} ${b}`);
    }
  }
});

test("versions are taken apart", () => {
  assert.deepEqual(parseVersion("5:7.0.15-1~deb12u6"), {
    epoch: 5,
    upstream: "7.0.15",
    revision: "1~deb12u6",
  });
  assert.deepEqual(parseVersion("1.0"), { epoch: 0, upstream: "1.0", revision: "" });
  assert.deepEqual(parseVersion("1.0-rc1-2"), { epoch: 0, upstream: "1.0-rc1", revision: "2" });
  assert.deepEqual(parseVersion("1:2:3-4"), { epoch: 1, upstream: "2:3", revision: "4" });
});

const WRONG: readonly [string, RegExp][] = [
  ["", /upstream version is empty/],
  ["1:", /upstream version is empty/],
  ["a:1", /epoch is no number/],
  [":1", /epoch is no number/],
  ["-1:1", /epoch is no number/],
  ["2147483648:1", /epoch is larger/],
  ["a1", /must begin with a digit/],
  ["1 0", /must begin with a digit and consist/],
  ["1_0", /must begin with a digit and consist/],
  ["1.0-", /revision must consist/],
  ["1.0-a_b", /revision must consist/],
  ["-1", /upstream version is empty/],
];

for (const [text, message] of WRONG) {
  test(`refuses the version "${text}" with BAD_VERSION`, () => {
    assert.throws(
      () => parseVersion(text),
      (error) => error instanceof ControlError && error.code === "BAD_VERSION" && message.test(error.message),
    );
    assert.match(versionProblem(text) ?? "", message);
  });
}

test("the order is total: antisymmetric and transitive on any text", () => {
  const text = fc.string({ unit: fc.constantFrom(..."019az~+-.:"), maxLength: 8 });
  fc.assert(
    fc.property(text, text, text, (a, b, c) => {
      assert.equal(Math.sign(compareVersions(a, b)), -Math.sign(compareVersions(b, a)) || 0);
      if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0) assert.ok(compareVersions(a, c) <= 0);
    }),
    { numRuns: 2000 },
  );
});

test("updates since the release are counted in the version", () => {
  const counts = [
    "5:7.0.15-1~deb12u6",
    "2.36-9+deb12u14",
    "12.4+deb12u1+b2",
    "1.2-3",
    "1.0+deb12",
    "1.0-1~bpo12+1",
  ];
  assert.deepEqual(counts.map(countStableUpdates), [6, 14, 1, 0, 0, 0]);
});
