import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { VectorBytes, VectorNode } from "../../../test/kit/nix.ts";
import { loadVectors, narOf, nixError, vectorBytes, vectorTree } from "../../../test/kit/nix.ts";
import type { StorePath } from "../../model/store-path.ts";
import { hashPart, nameOf, storePathProblem } from "../../model/store-path.ts";
import { parseDerivation } from "./aterm.ts";
import type { HashAlgorithm } from "./hash.ts";
import { computeHash, equalHashes, formatHash, parseHash } from "./hash.ts";
import { readNar } from "./nar-tree.ts";
import { HashModuloSelf } from "./rewrite.ts";
import type { ContentAddress } from "./store-path.ts";
import {
  computeContentAddressedPath,
  computeOutputPath,
  computeSourcePath,
  computeTextPath,
  formatContentAddress,
  outputPathName,
  parseContentAddress,
  parseStorePath,
} from "./store-path.ts";

interface TextCase {
  readonly id: string;
  readonly name: string;
  readonly contents: VectorBytes;
  readonly references: StorePath[];
  readonly path: string;
  readonly ca: string;
}

describe("texts, as builtins.toFile names them", () => {
  for (const { id, name, contents, references, path, ca } of loadVectors<{ cases: TextCase[] }>(
    "store-paths/text.json",
  ).cases) {
    test(id, () => {
      const bytes = vectorBytes(contents);
      assert.equal(computeTextPath(name, bytes, references), path);
      assert.equal(computeTextPath(name, bytes, [...references, ...references].reverse()), path);
      assert.equal(formatContentAddress({ method: "text", hash: computeHash("sha256", bytes) }), ca);
      assert.equal(computeContentAddressedPath(name, parseContentAddress(ca), { references }), path);
    });
  }
});

interface SourceCase {
  readonly id: string;
  readonly name: string;
  readonly tree?: VectorNode | null;
  readonly narBase64?: string;
  readonly narSha256Hex?: string;
  readonly narHash: string;
  readonly narSize: number;
  readonly ca: string;
  readonly references: StorePath[];
  readonly path: StorePath;
}

describe("trees and files, as nix-store --add and builtins.path name them", () => {
  for (const vector of loadVectors<{ cases: SourceCase[] }>("store-paths/source.json").cases) {
    test(vector.id, () => {
      const { name, path } = vector;
      const nar =
        vector.narBase64 === undefined
          ? narOf(vectorTree(vector.tree!))
          : Buffer.from(vector.narBase64, "base64");
      const narHash = computeHash("sha256", nar);
      assert.equal(formatHash(narHash, "sri"), vector.narHash);
      assert.equal(nar.length, vector.narSize);
      const ca = parseContentAddress(vector.ca);
      const others = vector.references.filter((reference) => reference !== path);
      const selfReference = others.length < vector.references.length;
      assert.equal(computeContentAddressedPath(name, ca, { references: others, selfReference }), path);
      assert.equal(formatContentAddress(ca), vector.ca);
      if (ca.method === "flat") {
        const [file] = readNar(nar).entries;
        assert.ok(file?.type === "file" && file.content.kind === "bytes");
        assert.ok(equalHashes(ca.hash, computeHash("sha256", file.content.bytes)));
        return;
      }
      const modulo = new HashModuloSelf("sha256", hashPart(path));
      modulo.update(nar);
      assert.ok(equalHashes(modulo.digest(), ca.hash));
      if (vector.references.length === 0) assert.equal(computeSourcePath(name, narHash), path);
    });
  }
});

interface FixedCase {
  readonly id: string;
  readonly name: string;
  readonly method: "flat" | "recursive";
  readonly hashAlgo: HashAlgorithm;
  readonly tree?: VectorNode;
  readonly hashHex?: string;
  readonly hashInput?: string;
  readonly ca?: string;
  readonly path: string;
}

describe("fixed outputs, as nix-store --add-fixed and --print-fixed-path name them", () => {
  for (const vector of loadVectors<{ cases: FixedCase[] }>("store-paths/fixed-output.json").cases) {
    test(vector.id, () => {
      const { name, method, hashAlgo, path } = vector;
      const hash = parseHash(vector.hashInput ?? vector.hashHex!, hashAlgo);
      assert.equal(computeContentAddressedPath(name, { method, hash }), path);
      if (vector.ca !== undefined) assert.equal(formatContentAddress({ method, hash }), vector.ca);
      if (vector.tree === undefined) return;
      const bytes =
        method === "flat" && vector.tree.type === "regular"
          ? vectorBytes(vector.tree.contents)
          : narOf(vectorTree(vector.tree));
      assert.ok(equalHashes(computeHash(hashAlgo, bytes), hash));
    });
  }
});

interface NameCase {
  readonly id: string;
  readonly expr?: string;
  readonly storePath?: string;
  readonly ok: boolean;
  readonly value: string | null;
}

/** Where Nix 2.8 and Nix since 2.20.2 differ, the newer rule is followed. */
const STRICTER = new Set(["toFile-dot", "toFile-dotdot", "toFile-dotdot-dash", "storePath-char33-not-dash"]);

describe("names and paths that Nix takes or refuses", () => {
  for (const vector of loadVectors<{ cases: NameCase[] }>("store-paths/names.json").cases) {
    test(vector.id, () => {
      const run = vector.id.startsWith("toFile-")
        ? () => toFile(vector.expr!)
        : () => parseStorePath(vector.storePath!);
      if (vector.ok && !STRICTER.has(vector.id)) assert.equal(run(), vector.value);
      else
        assert.throws(
          run,
          nixError(vector.id === "toFile-drv-suffix" ? "DERIVATION_INVALID" : "STORE_PATH_INVALID", /./),
        );
    });
  }
});

/** `builtins.toFile "name" "x"`: a name that ends in .drv must be that of a derivation. */
function toFile(expression: string): string {
  const name = JSON.parse(/toFile ("(?:[^"\\]|\\.)*")/s.exec(expression)![1]!) as string;
  if (name.endsWith(".drv")) parseDerivation(Buffer.from("x"));
  return computeTextPath(name, "x");
}

describe("refuses", () => {
  const path = computeTextPath("a", "a");
  const sha256 = computeHash("sha256", "x");
  const sha1 = computeHash("sha1", "x");
  const cases: readonly (readonly [
    string,
    ContentAddress,
    Parameters<typeof computeContentAddressedPath>[2],
    RegExp,
  ])[] = [
    ["a text of another hash", { method: "text", hash: sha1 }, {}, /sha1, sha256 was wanted/],
    ["a text that refers to itself", { method: "text", hash: sha256 }, { selfReference: true }, /itself/],
    ["a file with references", { method: "flat", hash: sha256 }, { references: [path] }, /has references/],
    [
      "a tree by sha1 with references",
      { method: "recursive", hash: sha1 },
      { references: [path] },
      /has references/,
    ],
    [
      "a tree by sha1 that refers to itself",
      { method: "recursive", hash: sha1 },
      { selfReference: true },
      /has references/,
    ],
  ];
  for (const [summary, ca, references, message] of cases) {
    test(summary, () =>
      assert.throws(
        () => computeContentAddressedPath("x", ca, references),
        nixError("STORE_PATH_INVALID", message),
      ),
    );
  }
  test("names that break a rule, derived ones too", () => {
    assert.throws(() => computeTextPath("a b", ""), nixError("STORE_PATH_INVALID", /named "a b": .* " "/));
    assert.throws(() => computeSourcePath("", sha256), nixError("STORE_PATH_INVALID", /empty/));
    assert.throws(
      () => computeOutputPath("n".repeat(205), "debug-symbols", sha256),
      nixError("STORE_PATH_INVALID", /219 characters/),
    );
    assert.equal(outputPathName("x", "dev"), "x-dev");
  });
  for (const text of [
    "",
    "fixed",
    "text:",
    "fixed:r:",
    "bogus:sha256:x",
    "fixed:git:sha1:00",
    "fixed:x:md5:0",
    "text:r:sha256:0",
  ]) {
    test(`the content address ${JSON.stringify(text)}`, () =>
      assert.throws(() => parseContentAddress(text), nixError("STORE_PATH_INVALID", /content address/)));
  }
  test("a content address with a bad hash, or a text by another hash", () => {
    assert.throws(() => parseContentAddress("fixed:sha256:0"), nixError("HASH_INVALID", /length/));
    assert.throws(
      () => parseContentAddress("text:md5:00000000000000000000000000000000"),
      nixError("HASH_INVALID", /md5/),
    );
  });
});

test("every computed path is one, and depends on all that it is computed from", () => {
  const name = fc.stringMatching(/^[0-9a-zA-Z+_?=][0-9a-zA-Z+\-._?=]{0,60}$/);
  fc.assert(
    fc.property(name, name, fc.string(), fc.string(), (a, b, x, y) => {
      const path = computeTextPath(a, x);
      assert.equal(storePathProblem(path), undefined);
      assert.equal(nameOf(path), a);
      assert.equal(path === computeTextPath(b, y), a === b && Buffer.from(x).equals(Buffer.from(y)));
      assert.notEqual(hashPart(path), hashPart(computeTextPath(a, x, [path])));
    }),
  );
});
