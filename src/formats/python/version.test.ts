import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { normalizeName } from "./names.ts";
import { formatSpecifiers, matchesSpecifiers, parseSpecifiers } from "./specifier.ts";
import { compareVersions, formatVersion, parseVersion, tryParseVersion } from "./version.ts";

const ORDERED =
  "1.dev0 1a0.dev1 1a0 1a0.post0 1b2 1rc1 1 1+a 1+a.1 1+2 1.post0.dev1 1.post0 1.0.1 1.2 1.10 2!0";

test("versions are in the order of PEP 440", () => {
  const versions = ORDERED.split(" ").map(parseVersion);
  for (const [i, a] of versions.entries()) {
    for (const [j, b] of versions.entries()) {
      const order = Math.sign(compareVersions(a, b));
      assert.equal(order, Math.sign(i - j), `${formatVersion(a)} ${formatVersion(b)}`);
    }
  }
});

const number = fc.nat(30);
const text = fc
  .tuple(
    fc.option(fc.nat(2)),
    fc.array(number, { minLength: 1, maxLength: 4 }),
    fc.option(fc.tuple(fc.constantFrom("a", "b", "rc"), number)),
    fc.option(number),
    fc.option(number),
    fc.option(fc.stringMatching(/^[a-z0-9]{1,4}(\.[a-z0-9]{1,4})?$/)),
  )
  .map(([epoch, release, pre, post, dev, local]) =>
    [
      epoch ? `${epoch}!` : "",
      release.join("."),
      pre === null ? "" : pre.join(""),
      post === null ? "" : `.post${post}`,
      dev === null ? "" : `.dev${dev}`,
      local === null ? "" : `+${local}`,
    ].join(""),
  );

test("a written version is read as the same, and order is an order", () => {
  fc.assert(
    fc.property(text, text, text, (x, y, z) => {
      const [a, b, c] = [parseVersion(x), parseVersion(y), parseVersion(z)];
      assert.equal(compareVersions(parseVersion(formatVersion(a)), a), 0);
      assert.equal(Math.sign(compareVersions(a, b)), -Math.sign(compareVersions(b, a)));
      if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0) assert.ok(compareVersions(a, c) <= 0);
      const [same] = [parseSpecifiers(`==${formatVersion(a)}`)];
      assert.ok(matchesSpecifiers(same, a));
    }),
  );
});

test("specifiers are written in one form", () => {
  assert.equal(formatSpecifiers(parseSpecifiers(" < 4 , >=3.0 ,>=3.0, ==3.* ")), "<4,==3.*,>=3.0");
  assert.equal(formatSpecifiers(parseSpecifiers("===Foo")), "===Foo");
  assert.equal(formatSpecifiers([]), "");
});

test("what is none is refused with VERSION_INVALID and SPECIFIER_INVALID", () => {
  assert.throws(() => parseVersion("one"), {
    code: "VERSION_INVALID",
    message: /^Cannot read the version "one": it is none/,
  });
  assert.throws(() => parseSpecifiers(">=1, about 2"), {
    code: "SPECIFIER_INVALID",
    message: /"about 2" is none/,
  });
  assert.equal(tryParseVersion("1".repeat(600)), undefined);
});

test("names that differ in case and separators are one", () => {
  for (const name of ["Foo-Bar", "foo.bar", "FOO__bar", "foo-_.bar"])
    assert.equal(normalizeName(name), "foo-bar");
});
