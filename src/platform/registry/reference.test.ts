import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { RegistryError } from "./errors.ts";
import {
  apiHost,
  formatRegistryReference,
  isLoopback,
  looksLikeRegistryReference,
  parseRegistryReference,
} from "./reference.ts";

const DIGEST = `sha256:${"0123456789abcdef".repeat(4)}`;

for (const [text, host, repository, tag, digest] of [
  ["redis", "docker.io", "library/redis", "latest", undefined],
  ["redis:7", "docker.io", "library/redis", "7", undefined],
  ["team/app", "docker.io", "team/app", "latest", undefined],
  ["docker.io/redis", "docker.io", "library/redis", "latest", undefined],
  ["index.docker.io/team/app:v1", "docker.io", "team/app", "v1", undefined],
  ["docker://registry-1.docker.io/library/redis", "docker.io", "library/redis", "latest", undefined],
  ["localhost/app", "localhost", "app", "latest", undefined],
  ["localhost:5000/a/b/c:x.y-z_1", "localhost:5000", "a/b/c", "x.y-z_1", undefined],
  ["Registry.Example.COM/app", "registry.example.com", "app", "latest", undefined],
  ["[::1]:5000/app", "[::1]:5000", "app", "latest", undefined],
  [`ghcr.io/a/b@${DIGEST}`, "ghcr.io", "a/b", undefined, DIGEST],
  [`ghcr.io/a__b/c.d:v1@${DIGEST}`, "ghcr.io", "a__b/c.d", "v1", DIGEST],
] as const) {
  test(`${text} is ${repository} of ${host}`, () => {
    assert.deepEqual(parseRegistryReference(text), { host, repository, tag, digest });
  });
}

for (const text of [
  "",
  ":v1",
  "localhost:5000/",
  "localhost:5000/UPPER",
  "localhost:5000/a//b",
  "localhost:5000/../b",
  "localhost:5000/a:-tag",
  `localhost:5000/a:${"t".repeat(129)}`,
  "localhost:5000/a@sha256:abc",
  `localhost:5000/a@sha512:${"0".repeat(128)}`,
  "user:secret@localhost:5000/a",
  "host.example:port/a",
  "a.b/c?d=e",
  "a.b/c#d",
  `a.b/${"x".repeat(300)}`,
  "a.b/c\n",
]) {
  test(`${JSON.stringify(text).slice(0, 40)} is no reference`, () => {
    assert.throws(
      () => parseRegistryReference(text),
      (error) => error instanceof RegistryError && error.code === "REFERENCE_INVALID",
    );
  });
}

test("a name with capitals is told in small letters", () => {
  assert.throws(
    () => parseRegistryReference("ghcr.io/Team/App"),
    (error) => error instanceof RegistryError && error.hint?.endsWith("team/app") === true,
  );
});

test("whatever is parsed is written so that it parses to the same; nothing but RegistryError is thrown", () => {
  const piece = fc.stringMatching(/^[a-z0-9]{1,5}([._-][a-z0-9]{1,3})?$/);
  const reference = fc
    .tuple(
      fc.constantFrom("localhost:5000", "a.example"),
      fc.array(piece, { minLength: 1, maxLength: 4 }),
      piece,
    )
    .map(([host, parts, tag]) => `${host}/${parts.join("/")}:${tag}`);
  fc.assert(
    fc.property(reference, (text) => {
      const parsed = parseRegistryReference(text);
      assert.equal(formatRegistryReference(parsed), text);
    }),
  );
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        const parsed = parseRegistryReference(text);
        // It goes into a URL as it is: nothing in it may be more than a name.
        assert.equal(new URL(`https://${apiHost(parsed.host)}/v2/${parsed.repository}/x`).search, "");
      } catch (error) {
        if (!(error instanceof RegistryError)) throw error;
      }
    }),
  );
});

test("loopback is this machine alone", () => {
  const here = ["localhost", "localhost:5000", "127.0.0.1", "127.1.2.3:80", "[::1]:5000", "reg.localhost"];
  for (const host of here) assert.ok(isLoopback(host), host);
  const elsewhere = [
    "127.0.0.1.example.com",
    "localhost.example.com",
    "128.0.0.1",
    "[::2]:5000",
    "docker.io",
  ];
  for (const host of elsewhere) assert.ok(!isLoopback(host), host);
});

test("a place is known from a path by its host", () => {
  for (const text of ["localhost:5000/a", "localhost/a", "ghcr.io/a/b:v1", "127.0.0.1:1/a"]) {
    assert.ok(looksLikeRegistryReference(text), text);
  }
  for (const text of [
    "oci:dir",
    "./a.b/c",
    "a",
    "dir/file",
    "../a.b/c",
    "/a.b/c",
    "oci-archive:a.b/c",
    "-",
  ]) {
    assert.ok(!looksLikeRegistryReference(text), text);
  }
});
