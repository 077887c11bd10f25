import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import fc from "fast-check";
import { cut, loadVectors, nixError, readVector } from "../../../test/kit/nix.ts";
import type { StorePath } from "../../model/store-path.ts";
import { hashPart } from "../../model/store-path.ts";
import { NIX32_ALPHABET } from "./hash.ts";
import { HashPartSearch, ReferenceScanner } from "./references.ts";
import { HashModuloSelf, HashPartRewriter } from "./rewrite.ts";

interface Scanned {
  readonly id: string;
  readonly nar: string;
  readonly narSha256Hex: string;
  readonly candidates: StorePath[];
  readonly references: StorePath[];
}

function scan(chunks: Iterable<Uint8Array>, hashParts: Iterable<string>): string[] {
  const scanner = new ReferenceScanner(hashParts);
  for (const chunk of chunks) scanner.update(chunk);
  return [...scanner.found].sort();
}

/** Which hash parts occur, by looking everywhere. */
function naiveScan(bytes: Uint8Array, hashParts: readonly string[]): string[] {
  const text = Buffer.from(bytes).toString("latin1");
  return [...new Set(hashParts)].filter((part) => text.includes(part)).sort();
}

function naiveOccurrences(bytes: Uint8Array, hashParts: readonly string[]): [number, string][] {
  const text = Buffer.from(bytes).toString("latin1");
  const found: [number, string][] = [];
  for (let at = 0; at + 32 <= text.length; at++) {
    const window = text.slice(at, at + 32);
    if (hashParts.includes(window)) found.push([at, window]);
  }
  return found;
}

describe("finds what Nix registered", () => {
  const { cases } = loadVectors<{ cases: Scanned[] }>("references/cases.json");
  for (const { id, nar, narSha256Hex, candidates, references } of cases) {
    test(id, () => {
      const bytes = readVector(`references/nar/${nar}`);
      assert.equal(createHash("sha256").update(bytes).digest("hex"), narSha256Hex);
      const expected = references.map(hashPart).sort();
      const parts = candidates.map(hashPart);
      assert.deepEqual(scan([bytes], parts), expected);
      assert.deepEqual(naiveScan(bytes, parts), expected);
      if (bytes.length > 100_000) return;
      assert.deepEqual(
        scan(
          [...bytes].map((byte) => Uint8Array.of(byte)),
          parts,
        ),
        expected,
      );
    });
  }
});

const part = fc.stringMatching(new RegExp(`^[${NIX32_ALPHABET}]{32}$`));
/** Few different digits, so that windows overlap and nearly match. */
const alikePart = fc.stringMatching(/^[01]{31}[0-9a-d]$|^0{30}[01]{2}$/);
const parts = fc.array(fc.oneof(part, alikePart), { minLength: 1, maxLength: 6 });

/** Bytes made of the parts, pieces of them, and others. */
const haystack = parts.chain((wanted) =>
  fc.record({
    wanted: fc.constant(wanted),
    bytes: fc
      .array(
        fc.oneof(
          fc.constantFrom(...wanted),
          fc.tuple(fc.constantFrom(...wanted), fc.nat(32)).map(([text, end]) => text.slice(0, end)),
          fc.tuple(fc.constantFrom(...wanted), fc.nat(32)).map(([text, start]) => text.slice(start)),
          fc.constantFrom("/nix/store/", "-", "\0", "0", "1", "e", "\xff", "0".repeat(70)),
          alikePart,
        ),
        { maxLength: 12 },
      )
      .map((pieces) => Buffer.from(pieces.join(""), "latin1")),
    places: fc.array(fc.nat(), { maxLength: 8 }),
  }),
);

test("agrees with looking everywhere, wherever chunks are cut", () => {
  fc.assert(
    fc.property(haystack, ({ wanted, bytes, places }) => {
      const chunks = cut(bytes, places);
      assert.deepEqual(scan(chunks, wanted), naiveScan(bytes, wanted));
      const found: [number, string][] = [];
      const search = new HashPartSearch(wanted, (hash, offset) => found.push([offset, hash]));
      for (const chunk of chunks) search.update(chunk);
      assert.deepEqual(found, naiveOccurrences(bytes, wanted));
    }),
    { numRuns: 500 },
  );
});

test("nothing wanted, nothing found; all found, nothing left", () => {
  assert.deepEqual(scan([Buffer.from("0".repeat(100))], []), []);
  const search = new HashPartSearch(["0".repeat(32)], (hash) => search.drop(hash));
  assert.ok(!search.isDone);
  search.update(Buffer.from("0".repeat(100)));
  assert.ok(search.isDone);
});

for (const text of ["", "0".repeat(31), "0".repeat(33), "e".repeat(32), "/nix/store/i9pmrzmpshapij2kin22p"]) {
  test(`does not look for ${JSON.stringify(text)}`, () =>
    assert.throws(() => new ReferenceScanner([text]), nixError("STORE_PATH_INVALID", /hash part/)));
}

function rewrite(chunks: Iterable<Uint8Array>, replacements: ReadonlyMap<string, string>) {
  const written: Uint8Array[] = [];
  const rewriter = new HashPartRewriter(replacements, (bytes) => written.push(Buffer.from(bytes)));
  for (const chunk of chunks) rewriter.update(chunk);
  rewriter.end();
  return { text: Buffer.concat(written).toString("latin1"), offsets: rewriter.offsets };
}

test("replaces the first of overlapping occurrences, wherever chunks are cut", () => {
  fc.assert(
    fc.property(haystack, ({ wanted, bytes, places }) => {
      const replacements = new Map(wanted.map((text, i) => [text, String(i).repeat(32)]));
      const before = Buffer.from(bytes);
      const { text, offsets } = rewrite(cut(bytes, places), replacements);
      let expected = "";
      const expectedOffsets: number[] = [];
      const whole = bytes.toString("latin1");
      for (let at = 0; at < whole.length; ) {
        const replacement = replacements.get(whole.slice(at, at + 32));
        if (replacement !== undefined) expectedOffsets.push(at);
        expected += replacement ?? whole[at];
        at += replacement === undefined ? 1 : 32;
      }
      assert.equal(text, expected);
      assert.deepEqual(offsets, expectedOffsets);
      assert.deepEqual(bytes, before, "the caller's bytes were written to");
    }),
    { numRuns: 300 },
  );
});

test("a hash modulo self is that of the bytes with zeros, and the offsets", () => {
  const self = "i9pmrzmpshapij2kin22pff6fc2adavx";
  const text = `a ${self} b ${self}`;
  const modulo = new HashModuloSelf("sha256", self);
  for (const char of text) modulo.update(Buffer.from(char));
  const expected = createHash("sha256")
    .update(`${text.replaceAll(self, "\0".repeat(32))}|2|37`)
    .digest("hex");
  assert.equal(Buffer.from(modulo.digest().bytes).toString("hex"), expected);
});

test("a replacement has as many bytes as what it replaces", () => {
  const replacements = new Map([["0".repeat(32), "1"]]);
  assert.throws(
    () => new HashPartRewriter(replacements, () => {}),
    nixError("STORE_PATH_INVALID", /has 1 bytes/),
  );
});
