import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ControlError } from "./deb822.ts";
import {
  formatRelationGroup,
  formatRelations,
  parseRelations,
  type Relation,
  relationApplies,
} from "./debian-dependency.ts";

const TABLE: readonly [text: string, groups: readonly (readonly Relation[])[], written?: string][] = [
  ["", []],
  ["libc6", [[{ name: "libc6" }]]],
  ["libc6 (>= 2.36)", [[{ name: "libc6", version: { relation: ">=", version: "2.36" } }]]],
  ["libc6(>=2.36)", [[{ name: "libc6", version: { relation: ">=", version: "2.36" } }]], "libc6 (>= 2.36)"],
  ["a ( << 1:2-3 )", [[{ name: "a", version: { relation: "<<", version: "1:2-3" } }]], "a (<< 1:2-3)"],
  [
    "a (< 1), b (> 2)",
    [
      [{ name: "a", version: { relation: "<=", version: "1" } }],
      [{ name: "b", version: { relation: ">=", version: "2" } }],
    ],
    "a (<= 1), b (>= 2)",
  ],
  [
    "a | b:any | c (= 1)",
    [
      [
        { name: "a" },
        { name: "b", qualifier: "any" },
        { name: "c", version: { relation: "=", version: "1" } },
      ],
    ],
  ],
  ["a,\n b , c,", [[{ name: "a" }], [{ name: "b" }], [{ name: "c" }]], "a, b, c"],
  [
    "python3:any (>= 3.9~)",
    [[{ name: "python3", qualifier: "any", version: { relation: ">=", version: "3.9~" } }]],
  ],
  ["g++:amd64", [[{ name: "g++", qualifier: "amd64" }]]],
  [
    "a [amd64 !i386] <!nocheck cross> <stage1>",
    [[{ name: "a", architectures: ["amd64", "!i386"], profiles: [["!nocheck", "cross"], ["stage1"]] }]],
  ],
  [
    "libstdc++6 (>= 5)[linux-any]<!x>",
    [
      [
        {
          name: "libstdc++6",
          version: { relation: ">=", version: "5" },
          architectures: ["linux-any"],
          profiles: [["!x"]],
        },
      ],
    ],
    "libstdc++6 (>= 5) [linux-any] <!x>",
  ],
];

for (const [text, groups, written = text] of TABLE) {
  test(`parses and writes "${text.replaceAll("\n", "\\n")}"`, () => {
    assert.deepEqual(parseRelations(text), groups);
    assert.equal(formatRelations(groups), written);
  });
}

for (const text of [
  "a b",
  "a (1)",
  "a (>= )",
  "a (=> 1)",
  "a (>= 1",
  "a |",
  "| a",
  "a:",
  ":any",
  "a (= 1) (= 2)",
  "a []",
  "-a",
  "a (>= 1 2)",
  "a <x",
]) {
  test(`refuses "${text}" with BAD_DEPENDENCY`, () => {
    assert.throws(
      () => parseRelations(text),
      (error) => error instanceof ControlError && error.code === "BAD_DEPENDENCY",
    );
  });
}

test("a long field is shortened in the message, the wrong part is quoted", () => {
  const text = `${"good, ".repeat(50)}bad one`;
  assert.throws(
    () => parseRelations(text),
    (error: Error) => error.message.length < 200 && error.message.includes('"bad one"'),
  );
});

test("parsing never fails in another way, and what is parsed is written and read again", () => {
  const name = fc.stringMatching(/^[a-z0-9][a-z0-9+.-]{1,6}$/);
  const relation = fc.record(
    {
      name,
      qualifier: fc.constantFrom("any", "native", "amd64"),
      version: fc.record(
        {
          relation: fc.constantFrom("<<", "<=", "=", ">=", ">>") as fc.Arbitrary<"<<">,
          version: fc.stringMatching(/^[0-9][a-z0-9.+~:-]{0,5}$/),
        },
        { noNullPrototype: true },
      ),
      architectures: fc.array(fc.constantFrom("amd64", "!i386", "linux-any"), { minLength: 1, maxLength: 2 }),
      profiles: fc.array(fc.array(fc.constantFrom("!nocheck", "stage1"), { minLength: 1, maxLength: 2 }), {
        minLength: 1,
        maxLength: 2,
      }),
    },
    { requiredKeys: ["name"], noNullPrototype: true },
  );
  const groups = fc.array(fc.array(relation, { minLength: 1, maxLength: 3 }), { maxLength: 3 });
  fc.assert(fc.property(groups, (value) => assert.deepEqual(parseRelations(formatRelations(value)), value)));
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(..."a1 ,|()<>=:[]!~") }), (text) => {
      try {
        for (const group of parseRelations(text))
          assert.deepEqual(parseRelations(formatRelationGroup(group)), [group]);
      } catch (error) {
        assert.ok(error instanceof ControlError);
      }
    }),
  );
});

test("restrictions to architectures and profiles are honoured", () => {
  const table: [string, boolean][] = [
    ["a", true],
    ["a [amd64]", true],
    ["a [arm64 i386]", false],
    ["a [!amd64]", false],
    ["a [!i386 !arm64]", true],
    ["a [linux-any]", true],
    ["a [any-amd64]", true],
    ["a [kfreebsd-any]", false],
    ["a [any]", true],
    ["a <!nocheck>", true],
    ["a <stage1>", false],
    ["a <stage1> <!nocheck>", true],
    ["a <!nocheck stage1>", false],
  ];
  for (const [text, applies] of table) {
    assert.equal(relationApplies(parseRelations(text)[0]![0]!, "amd64"), applies, text);
  }
});
