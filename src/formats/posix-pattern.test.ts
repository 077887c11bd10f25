import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compilePosixRegExp, compileShellPattern, toPatternChars } from "./posix-pattern.ts";

function matches(pattern: string, text: string, mode: "path" | "text" = "text"): boolean | undefined {
  return compileShellPattern(toPatternChars(pattern), mode)?.test(text);
}

const PATTERNS: readonly (readonly [pattern: string, text: string, matches: boolean])[] = [
  ["*", "", true],
  ["*.conf", "a.conf", true],
  ["*.conf", "a.conf.bak", false],
  ["a?c", "abc", true],
  ["a?c", "ac", false],
  ["[a-c]x", "bx", true],
  ["[!a-c]x", "bx", false],
  ["[^a-c]x", "dx", true],
  ["[]x]", "]", true],
  ["[[:digit:]]*", "7up", true],
  ["[[:space:]]", "\t", true],
  ["\\*", "*", true],
  ["\\*", "a", false],
  ["a.b", "axb", false],
  ["(a|b)+$", "(a|b)+$", true],
  ["[a", "[a", true],
];

for (const [pattern, text, expected] of PATTERNS) {
  test(`the shell pattern ${pattern} ${expected ? "matches" : "does not match"} "${text}"`, () =>
    assert.equal(matches(pattern, text), expected));
}

test("a path pattern matches neither slashes nor hidden names", () => {
  assert.equal(matches("*", "a/b", "path"), false);
  assert.equal(matches("*", ".a", "path"), false);
  assert.equal(matches(".*", ".a", "path"), true);
});

test("a text without special characters matches itself only, as a pattern of quoted characters", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (text, other) => {
      const quoted = [...text].map((char) => ({ char, literal: true }));
      const expression = compileShellPattern(quoted, "text")!;
      assert.ok(expression.test(text));
      assert.equal(expression.test(other), other === text);
    }),
  );
});

const EXPRESSIONS: readonly (readonly [
  source: string,
  extended: boolean,
  text: string,
  found: string | undefined,
])[] = [
  ["a*b", false, "xaab", "aab"],
  ["a+", false, "a+", "a+"],
  ["a\\+", false, "aaa", "aaa"],
  ["a+", true, "aaa", "aaa"],
  ["\\(ab\\)\\1", false, "abab", "abab"],
  ["(ab)\\1", true, "abab", "abab"],
  ["^a", false, "ba", undefined],
  ["a^b", false, "a^b", "a^b"],
  ["a$b", false, "a$b", "a$b"],
  ["b$", false, "ab", "b"],
  ["*a", false, "*a", "*a"],
  ["a\\{2\\}", false, "aaa", "aa"],
  ["a{2}", true, "aaa", "aa"],
  ["a|b", false, "a|b", "a|b"],
  ["a|b", true, "b", "b"],
  ["[^[:space:]]+", true, "  ab c", "ab"],
  ["[.]b", false, "axb.b", ".b"],
  ["\\<b", false, "ab b", "b"],
  ["\\.", false, "a.b", "."],
];

for (const [source, extended, text, found] of EXPRESSIONS) {
  test(`the ${extended ? "extended" : "basic"} expression ${source} finds ${found} in "${text}"`, () =>
    assert.equal(compilePosixRegExp(source, extended)?.exec(text)?.[0], found));
}

test("refuses expressions that are not valid, too long, or end in a backslash", () => {
  assert.equal(compilePosixRegExp("[a", false), undefined);
  assert.equal(compilePosixRegExp("(", true), undefined);
  assert.equal(compilePosixRegExp("a\\", true), undefined);
  assert.equal(compilePosixRegExp("a".repeat(3000), true), undefined);
});
