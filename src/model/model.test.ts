import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  bytePathProblem,
  comparePaths,
  decodeByteString,
  encodeByteString,
  parentPath,
  resolveLinkTarget,
  toBytePath,
} from "./bytes.ts";
import { formatCanonicalJson } from "./canonical-json.ts";
import { describeLevels } from "./image-spec.ts";
import { didYouMean, nearestNames } from "./suggest.ts";
import { computeTreeSize, createTree, type FileEntry } from "./tree.ts";
import { walkPath } from "./walk-path.ts";

const component = fc.stringMatching(/^[a-c.\-!0é]{1,3}$/).filter((text) => text !== "." && text !== "..");
const path = fc.array(component, { maxLength: 4 }).map((parts) => encodeByteString(parts.join("/")));

test("paths are ordered as their lists of components are, by bytes", () => {
  const compareLists = (a: string[], b: string[]): number => {
    for (let i = 0; i < Math.min(a.length, b.length); i++) {
      const order = Buffer.compare(Buffer.from(a[i]!, "latin1"), Buffer.from(b[i]!, "latin1"));
      if (order !== 0) return order;
    }
    return a.length - b.length;
  };
  const split = (text: string) => (text === "" ? [] : text.split("/"));
  fc.assert(
    fc.property(path, path, (a, b) => {
      assert.equal(Math.sign(comparePaths(a, b)), Math.sign(compareLists(split(a), split(b))));
    }),
  );
  assert.deepEqual(["a-b", "a/b", "a"].sort(comparePaths), ["a", "a/b", "a-b"]);
});

test("byte strings keep every byte", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) =>
      assert.equal(decodeByteString(encodeByteString(text)), text),
    ),
  );
});

for (const [text, problem] of [
  ["/a", /absolute/],
  ["a//b", /empty/],
  ["a/", /empty/],
  ["a/../b", /"\.\."/],
  ["./a", /"\."/],
  ["a\0", /NUL/],
  ["x".repeat(256), /255/],
  [`${"x/".repeat(2048)}x`, /4095/],
] as const) {
  test(`"${text.slice(0, 12)}" is no path inside a tree`, () =>
    assert.match(bytePathProblem(text) ?? "", problem));
}

test("link targets resolve as text and stop at the root", () => {
  const link = toBytePath("/usr/bin/x");
  assert.equal(resolveLinkTarget(link, "y"), "usr/bin/y");
  assert.equal(resolveLinkTarget(link, "../lib/./y"), "usr/lib/y");
  assert.equal(resolveLinkTarget(link, "/etc//y/"), "etc/y");
  assert.equal(resolveLinkTarget(link, "../../../../y"), "y");
  assert.equal(parentPath(toBytePath("a")), "");
});

test("a tree counts hard-linked bytes once", () => {
  const file = (at: string, inode?: string): FileEntry => ({
    path: toBytePath(at),
    type: "file",
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: 10,
    inode,
    content: { kind: "bytes", bytes: new Uint8Array(10), sha256: "" },
  });
  assert.equal(computeTreeSize(createTree([file("c", "i"), file("a"), file("b", "i")])), 20);
});

test("canonical JSON does not depend on the order of keys", () => {
  assert.equal(formatCanonicalJson({ b: [2, { d: 1, c: undefined }], a: 1 }), '{"a":1,"b":[2,{"d":1}]}');
});

test("the nearest names are offered, far ones are not", () => {
  const known = ["redis-server", "redis-tools", "redis", "nginx", "curl"];
  assert.deepEqual(nearestNames("redis-sever", known)[0], "redis-server");
  assert.equal(didYouMean("crul", known), 'Did you mean "curl"?');
  assert.equal(didYouMean("postgresql", known), undefined);
});

test("paths are walked as Linux does", () => {
  const links: Readonly<Record<string, string>> = {
    bin: "usr/bin",
    "usr/bin/sh": "dash",
    "etc/up": "../../usr/./bin/",
    "etc/abs": "/bin/sh",
    loop: "loop",
  };
  const present = new Set(["usr", "usr/bin", "usr/bin/dash", "etc"]);
  const entryAt = (path: string) => {
    const target = links[path];
    if (target !== undefined) return { type: "symlink", target };
    return present.has(path) ? { type: "file" } : undefined;
  };
  const walk = (path: string, followLast = true, throughMissing = false) => {
    const result = walkPath(path, entryAt, { followLast, throughMissing });
    return result.kind === "arrived" ? result.path : result;
  };
  assert.equal(walk("/bin/sh"), "usr/bin/dash");
  assert.equal(walk("bin/sh", false), "usr/bin/sh");
  assert.equal(walk("/etc/up/../bin/dash"), "usr/bin/dash");
  assert.equal(walk("etc/abs"), "usr/bin/dash");
  assert.equal(walk("../.."), "");
  assert.deepEqual(walk("/bin/none/a/b"), { kind: "missing", path: "usr/bin/none", rest: ["a", "b"] });
  assert.equal(walk("/bin/none/../sh", true, true), "usr/bin/dash");
  assert.deepEqual(walk("loop/x"), { kind: "circular" });
});

test("levels of compressions for people", () => {
  assert.equal(describeLevels("zstd"), "1 to 19 or 22");
  assert.equal(describeLevels("gzip"), "1 to 9");
  assert.equal(describeLevels("none"), "0");
});
