import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseChallenges } from "./challenge.ts";
import { Redactor, showUrl } from "./secrets.ts";
import { DEFAULT_TIMING, parseRetryAfter, pauseAfter } from "./timing.ts";

for (const [summary, header, expected] of [
  ["nothing", "", []],
  ["basic", 'Basic realm="a"', [["basic", { realm: "a" }]]],
  [
    "a token service, with commas in a value",
    'Bearer realm="https://auth.example/token",service="reg",scope="repository:a:pull,push"',
    [["bearer", { realm: "https://auth.example/token", service: "reg", scope: "repository:a:pull,push" }]],
  ],
  [
    "names in any case, spaces, values without quotes",
    "BEARER Realm = https://x/t , SERVICE=reg",
    [["bearer", { realm: "https://x/t", service: "reg" }]],
  ],
  [
    "several challenges in one header",
    'Negotiate, Basic realm="b", Bearer realm="c", error="invalid_token"',
    [
      ["negotiate", {}],
      ["basic", { realm: "b" }],
      ["bearer", { realm: "c", error: "invalid_token" }],
    ],
  ],
  ["escapes", 'Basic realm="a \\"b\\" \\\\c"', [["basic", { realm: 'a "b" \\c' }]]],
  ["the first of two values counts", "Bearer realm=a, realm=b", [["bearer", { realm: "a" }]]],
  ["a quote that does not end", 'Bearer realm="abc', [["bearer", {}]]],
  ["a parameter without a scheme", 'realm="abc"', []],
] as const) {
  test(`challenges: ${summary}`, () => {
    const found = parseChallenges(header).map(({ scheme, parameters }) => [scheme, { ...parameters }]);
    assert.deepEqual(found.slice(0, expected.length), expected);
  });
}

test("any header is read, and in time that grows with its length", () => {
  fc.assert(fc.property(fc.string({ maxLength: 300 }), (text) => void parseChallenges(text)));
  const start = performance.now();
  for (const text of [
    "a=".repeat(50_000),
    'a="'.repeat(50_000),
    "\\".repeat(100_000),
    `a="${"\\".repeat(16_000)}`,
  ]) {
    parseChallenges(text);
  }
  assert.ok(performance.now() - start < 500);
});

test("Retry-After: seconds and dates; what is neither is none", () => {
  const now = Date.UTC(2026, 0, 1, 0, 0, 0);
  for (const [value, expected] of [
    [undefined, undefined],
    ["", undefined],
    ["0", 0],
    [" 17 ", 17_000],
    ["-1", undefined],
    ["1.5", undefined],
    ["1e3", undefined],
    ["soon", undefined],
    ["2026-01-01", undefined],
    ["Thu, 01 Jan 2026 00:00:30 GMT", 30_000],
    ["Wed, 31 Dec 2025 23:59:59 GMT", 0],
    ["Thursday, 01-Jan-26 00:01:00 GMT", 60_000],
  ] as const) {
    assert.equal(parseRetryAfter(value, now), expected, String(value));
  }
});

test("pauses double, and end", () => {
  assert.deepEqual(
    [1, 2, 3, 4].map((failures) => pauseAfter(failures, DEFAULT_TIMING)),
    [250, 500, 1000, 2000],
  );
  assert.equal(pauseAfter(40, DEFAULT_TIMING), DEFAULT_TIMING.longestPauseMs);
});

test("a redactor takes secrets out in every form that HTTP has for them", () => {
  const redactor = new Redactor();
  redactor.add("hunter2/+ü");
  redactor.add("user:hunter2/+ü");
  const basic = Buffer.from("user:hunter2/+ü").toString("base64");
  for (const text of ["x hunter2/+ü y", `q=${encodeURIComponent("hunter2/+ü")}`, `Basic ${basic}`]) {
    const clean = redactor.clean(text);
    assert.doesNotMatch(clean, /hunter2/);
    assert.ok(!clean.includes(basic));
    assert.match(clean, /\*\*\*/);
  }
  assert.equal(redactor.clean("got Bearer abcdefghijkl.mnop"), "got Bearer ***");
  assert.equal(redactor.clean("a\u001b[31mred\r\n"), "a [31mred");
  assert.ok(redactor.clean("x".repeat(10_000)).length < 400);
  assert.equal(showUrl(new URL("https://u:p@h.example/a?signature=secret#x")), "https://h.example/a");
});
