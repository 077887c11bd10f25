import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ControlError, formatStanza, parseStanza, parseStanzas, readField } from "./deb822.ts";

const TABLE: readonly {
  summary: string;
  text: string;
  stanzas: Record<string, string>[];
  comments?: boolean;
}[] = [
  { summary: "nothing", text: "", stanzas: [] },
  { summary: "only blank lines", text: "\n \n\t\n", stanzas: [] },
  { summary: "one field without a final newline", text: "Package: bash", stanzas: [{ Package: "bash" }] },
  { summary: "no blank behind the colon", text: "Package:bash\n", stanzas: [{ Package: "bash" }] },
  { summary: "blanks around a value", text: "A: \t b \t\n", stanzas: [{ A: "b" }] },
  { summary: "an empty value", text: "A:\nB: c\n", stanzas: [{ A: "", B: "c" }] },
  { summary: "colons in a value", text: "Homepage: https://a:8/\n", stanzas: [{ Homepage: "https://a:8/" }] },
  {
    summary: "continuation lines keep their blank",
    text: "Description: short\n long\n .\n\ttab  \n",
    stanzas: [{ Description: "short\n long\n .\n\ttab" }],
  },
  {
    summary: "a value that begins on the next line",
    text: "Hash:\n a\n b\n",
    stanzas: [{ Hash: "\n a\n b" }],
  },
  {
    summary: "several stanzas, many blank lines",
    text: "\n\nA: 1\n\n \n\nA: 2\n\n",
    stanzas: [{ A: "1" }, { A: "2" }],
  },
  { summary: "CRLF", text: "A: 1\r\n b\r\n\r\nB: 2\r\n", stanzas: [{ A: "1\n b" }, { B: "2" }] },
  { summary: "odd field names", text: "X-Foo_1.2/3: y\n", stanzas: [{ "X-Foo_1.2/3": "y" }] },
  {
    summary: "comments where they are allowed",
    text: "# first\nA: 1\n# between\n b\n",
    stanzas: [{ A: "1\n b" }],
    comments: true,
  },
];

for (const { summary, text, stanzas, comments = false } of TABLE) {
  test(`parses ${summary}`, () => {
    assert.deepEqual(
      parseStanzas(text, { comments }).map((stanza) => Object.fromEntries(stanza)),
      stanzas,
    );
  });
}

const WRONG: readonly [summary: string, text: string, message: RegExp][] = [
  ["a continuation of nothing", " a: b\n", /line 1 continues a field, but none has begun/],
  ["a continuation behind a blank line", "A: b\n\n c\n", /line 3 continues/],
  ["a line without a colon", "A: b\nnothing\n", /line 2 is no field/],
  ["a name with a blank", "A b: c\n", /line 1 is no field/],
  ["an empty name", ": c\n", /line 1 is no field/],
  ["a name that begins with a dash", "-A: c\n", /line 1 is no field/],
  ["a comment where there are none", "# A: c\n", /line 1 is no field/],
  [
    "a field given twice, in another case",
    "Depends: a\ndepends: b\n",
    /line 2 gives the field depends a second time/,
  ],
  ["a name that is not ASCII", "Ä: c\n", /line 1 is no field/],
];

for (const [summary, text, message] of WRONG) {
  test(`refuses ${summary} with BAD_CONTROL`, () => {
    assert.throws(
      () => parseStanzas(text, { name: "a test" }),
      (error) =>
        error instanceof ControlError &&
        error.code === "BAD_CONTROL" &&
        message.test(error.message) &&
        error.message.startsWith("Cannot parse a test: "),
    );
  });
}

test("a single stanza must be single", () => {
  assert.equal(parseStanza("A: b\n").get("A"), "b");
  assert.throws(() => parseStanza(""), /has 0 stanzas, 1 was expected/);
  assert.throws(() => parseStanza("A: b\n\nA: c\n"), /has 2 stanzas/);
});

test("fields are read without case", () => {
  const stanza = parseStanza("multi-ARCH: same\n");
  assert.equal(readField(stanza, "Multi-Arch"), "same");
  assert.equal(readField(stanza, "Package"), undefined);
});

test("what is written is read again", () => {
  const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_.-]{0,8}$/);
  const line = fc.stringMatching(/^[!-~]([ -~]{0,10}[!-~])?$/);
  const value = fc
    .tuple(fc.option(line, { nil: "" }), fc.array(line, { maxLength: 3 }))
    .map(([first, rest]) => [first, ...rest.map((one) => ` ${one}`)].join("\n"));
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.tuple(name, value), { selector: ([key]) => key.toLowerCase(), minLength: 1 }),
      (fields) => {
        assert.deepEqual([...parseStanza(formatStanza(fields))], fields);
      },
    ),
  );
});
