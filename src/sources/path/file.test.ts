import assert from "node:assert/strict";
import { test } from "node:test";
import { debian } from "../debian/request.ts";
import { file } from "./file.ts";

test("a file is plain data, and nothing is read", () => {
  const own = file("./no-such", "/usr/bin/server");
  assert.deepEqual(own, {
    kind: "file",
    path: "./no-such",
    target: "/usr/bin/server",
    mode: undefined,
    archive: undefined,
  });
  assert.ok(Object.isFrozen(own));
  assert.equal(file(new URL("file:///srv/a%20b"), "/b").path, "/srv/a b");
  assert.equal(file("a", "/b", { mode: 0o4755 }).mode, 0o4755);
  assert.equal(file("a", "/b", { archive: debian("trixie") }).archive?.scope["suite"], "trixie");
});

const WRONG: [summary: string, call: () => unknown, message: RegExp, code?: string][] = [
  ["no source", () => file("", "/b"), /"" as file\(\)'s source/],
  ["a URL of the network", () => file(new URL("https://example.org/a"), "/b"), /https:\/\/example\.org\/a/],
  ["a NUL byte", () => file("a\0", "/b"), /source/],
  ["no target", () => file("a", undefined as never), /undefined as file\(\)'s target/],
  ["a relative target", () => file("a", "usr/bin/a"), /an absolute path with the file's name/],
  ["a directory as target", () => file("a", "/usr/bin/"), /target/],
  ["the root as target", () => file("a", "/"), /target/],
  ["a target that climbs", () => file("a", "/usr/../a"), /target/],
  ["a mode that is none", () => file("a", "/b", { mode: 0o20000 }), /from 0 to 4095/],
  ["an archive that is none", () => file("a", "/b", { archive: "trixie" as never }), /an archive such as/],
  ["an unknown option", () => file("a", "/b", { owner: 1 } as never), /"owner"/, "UNKNOWN_OPTION"],
];
for (const [summary, call, message, code = "BAD_OPTION"] of WRONG) {
  test(`refuses ${summary}`, () => assert.throws(call, { code, message }));
}
