import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import fc from "fast-check";
import { FormatError } from "./errors.ts";
import { formatJson, formatPythonList, parseJson } from "./python-json.ts";

const parse = (text: string) => parseJson(Buffer.from(text), "the document");
const rewrite = (text: string) => formatJson(parse(text));

test("keys stay in their order, also those that are numbers, and the last of two counts", () => {
  assert.equal(rewrite('{"b":1,"10":2,"2":3,"b":4}'), '{\n    "b": 4,\n    "10": 2,\n    "2": 3\n}');
  assert.equal(
    rewrite('{"__proto__":{"a":[]},"c":{}}'),
    '{\n    "__proto__": {\n        "a": []\n    },\n    "c": {}\n}',
  );
});

test("numbers are written as Python writes them", () => {
  for (const [text, wanted] of [
    ["1", "1"],
    ["-0", "0"],
    ["123456789012345678901234567890", "123456789012345678901234567890"],
    ["1.0", "1.0"],
    ["-0.0", "-0.0"],
    ["1e5", "100000.0"],
    ["1E16", "1e+16"],
    ["123456789012345.5", "123456789012345.5"],
    ["1.5e300", "1.5e+300"],
    ["0.0001", "0.0001"],
    ["0.00001234", "1.234e-05"],
    ["-2.50", "-2.5"],
  ] as const) {
    assert.equal(rewrite(text), wanted, text);
  }
});

test("strings are ASCII, as Python's are", () => {
  assert.equal(
    rewrite(String.raw`"\u00e9\n\/\u007f😀\ud800"`),
    String.raw`"\u00e9\n/\u007f\ud83d\ude00\ud800"`,
  );
});

test("what is no JSON is refused, with the place", () => {
  const refuses = (text: string | Buffer, problem: RegExp) =>
    assert.throws(
      () => parseJson(Buffer.from(text), "the document"),
      (error) => error instanceof FormatError && error.code === "BAD_JSON" && problem.test(error.message),
    );
  refuses("", /a value was expected at character 1$/);
  refuses("{} x", /something follows the document at character 4/);
  refuses('{"a" 1}', /a ":" was expected at character 6/);
  refuses('{"a":1,}', /a string was expected/);
  refuses("[1 2]", /a "," or "\]" was expected/);
  refuses('{"a":1 "b"}', /a "," or "}" was expected/);
  refuses("[1,]", /a value was expected/);
  refuses("01", /something follows/);
  refuses('"\n"', /a string was expected/);
  refuses("NaN", /a value was expected/);
  refuses("1e999", /too large/);
  refuses("9".repeat(5000), /too many digits/);
  refuses("[".repeat(10_000), /inside each other/);
  refuses(Buffer.from([0x22, 0xff, 0x22]), /not UTF-8/);
  refuses("\ufeff{}", /a value was expected at character 1/);
});

test("whatever JSON.stringify writes is read back", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value);
      // Floats differ in their text only.
      assert.deepEqual(JSON.parse(rewrite(text)), JSON.parse(text));
    }),
    { numRuns: 200 },
  );
});

test("documents and lists are what Python's json and repr() make of them", (t) => {
  const script = `import json, sys
value = json.load(sys.stdin)
print(json.dumps(value, indent=4), repr([v for v in value if isinstance(v, str)]), sep="\\n---\\n", end="")`;
  const values = [
    "plain",
    "it's",
    "both ' and \"",
    "tab\t nul\0 del\x7f",
    "é \u00a0 \u2028 \ue000 😀 \u{10ffff}",
    1e-7,
    1e22,
    123456.789,
    -1.5,
    { a: { b: [[], {}, [null, true]] } },
  ];
  const result = spawnSync("python3", ["-c", script], {
    input: JSON.stringify(values),
    encoding: "utf8",
    env: { ...process.env, PYTHONUTF8: "1" },
  });
  if (result.error !== undefined) return t.skip("python3 is not installed");
  const texts = values.filter((value) => typeof value === "string");
  // JSON.stringify writes 1e22 as Python does.
  assert.equal(`${rewrite(JSON.stringify(values))}\n---\n${formatPythonList(texts)}`, result.stdout);
});
