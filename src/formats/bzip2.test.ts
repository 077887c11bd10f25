import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { cut } from "../../test/kit/nix.ts";
import { Bzip2Decoder } from "./bzip2.ts";
import { FormatError } from "./errors.ts";

/** What bzip2 1.0.8 made with -9 of {@link TEXT}, and of nothing. */
const PACKED = Buffer.from(
  "QlpoOTFBWSZTWe4uTqcAAHlBAAQQOAAgAFBmgClU/U1MJ4ThMKuEwTwq4TgmCYT8XckU4UJDuLk6nA==",
  "base64",
);
const EMPTY = Buffer.from("QlpoORdyRThQkAAAAAA=", "base64");
const TEXT = "aaaaaaaabbbbbbbbcabcabc\n".repeat(40);

function decode(chunks: readonly Uint8Array[]): string {
  const decoder = new Bzip2Decoder("data");
  const out = chunks.flatMap((chunk) => [...decoder.write(chunk)]);
  return Buffer.concat([...out, ...decoder.end()]).toString("latin1");
}

const fails = (code: "BAD_BZIP2" | "TRUNCATED_BZIP2", message: RegExp) => (error: unknown) =>
  error instanceof FormatError && error.code === code && message.test(error.message);

test("decodes a stream, several, and one of nothing, however they are cut", () => {
  assert.equal(decode([PACKED]), TEXT);
  assert.equal(decode([EMPTY]), "");
  fc.assert(
    fc.property(fc.array(fc.nat(), { maxLength: 6 }), (places) => {
      assert.equal(decode(cut(Buffer.concat([PACKED, EMPTY, PACKED]), places)), TEXT + TEXT);
    }),
    { numRuns: 50 },
  );
});

test("what is cut short anywhere is said to be", () => {
  for (let end = 0; end < PACKED.length; end++)
    assert.throws(() => decode([PACKED.subarray(0, end)]), fails("TRUNCATED_BZIP2", /data: it ends early/));
});

test("every flipped bit is found", () => {
  for (let bit = 0; bit < 8 * PACKED.length; bit++) {
    const damaged = Buffer.from(PACKED);
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    let text: string;
    try {
      text = decode([damaged]);
    } catch (error) {
      assert.ok(error instanceof FormatError, String(error));
      continue;
    }
    // The padding behind the last bit, and a larger limit for blocks, say nothing of the data.
    assert.equal(text, TEXT);
  }
});

test("refuses what is no bzip2, or follows it", () => {
  assert.throws(() => decode([Buffer.from("PK..")]), fails("BAD_BZIP2", /no bzip2 data/));
  assert.throws(() => decode([Buffer.from("BZh0")]), fails("BAD_BZIP2", /no bzip2 data/));
  assert.throws(() => decode([PACKED, Buffer.from("tail")]), fails("BAD_BZIP2", /something else follows/));
});

test("survives any bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (tail) => {
      try {
        decode([Buffer.from("425a6839314159265359", "hex"), tail]);
      } catch (error) {
        assert.ok(error instanceof FormatError, String(error));
      }
    }),
  );
});
