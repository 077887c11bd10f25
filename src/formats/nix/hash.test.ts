import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { VectorBytes } from "../../../test/kit/nix.ts";
import { fileEntry, loadVectors, narOf, nixError, vectorBytes } from "../../../test/kit/nix.ts";
import { ROOT_PATH } from "../../model/bytes.ts";
import type { HashAlgorithm, HashEncoding } from "./hash.ts";
import {
  compressHash,
  computeHash,
  decodeBase64,
  decodeNix32,
  encodeNix32,
  equalHashes,
  formatHash,
  formatTypedHash,
  hashSize,
  isHashAlgorithm,
  nix32Length,
  parseHash,
} from "./hash.ts";

const ALGORITHMS: readonly HashAlgorithm[] = ["md5", "sha1", "sha256", "sha512"];

interface Conversion {
  readonly algo: HashAlgorithm;
  readonly base16: string;
  readonly base32: string;
  readonly base64: string;
  readonly sri: string;
}

describe("as nix hash converts", () => {
  for (const vector of loadVectors<{ cases: Conversion[] }>("hash/conversions.json").cases) {
    const { algo, base16, base32, base64, sri } = vector;
    test(`${algo} ${base16.slice(0, 16)}…`, () => {
      const hash = parseHash(base16, algo);
      assert.equal(formatHash(hash, "nix32"), base32);
      assert.equal(formatHash(hash, "base64"), base64);
      assert.equal(formatHash(hash, "sri"), sri);
      assert.equal(formatTypedHash(hash, "nix32"), `${algo}:${base32}`);
      for (const text of [
        base32,
        base64,
        sri,
        `${algo}:${base16}`,
        `${algo}:${base32}`,
        `${algo}:${base64}`,
      ]) {
        assert.ok(equalHashes(parseHash(text, algo), hash), text);
      }
      assert.equal(nix32Length(hashSize(algo)), base32.length);
    });
  }
});

interface Parsed {
  readonly id: string;
  readonly input: string;
  readonly typeOption: HashAlgorithm | null;
  readonly ok: boolean;
  readonly base16: string | null;
}

describe("accepts and refuses what nix hash does", () => {
  for (const { id, input, typeOption, ok, base16 } of loadVectors<{ cases: Parsed[] }>("hash/parse.json")
    .cases) {
    test(id, () => {
      const parse = () => parseHash(input, typeOption ?? undefined);
      if (ok) assert.equal(formatHash(parse(), "base16"), base16);
      else assert.throws(parse, nixError("HASH_INVALID", /Cannot read the hash/));
    });
  }
});

interface Hashed {
  readonly id: string;
  readonly data: VectorBytes;
  readonly flat: Record<HashAlgorithm, { base16: string; base32: string; sri: string }>;
  readonly nar: Record<
    HashAlgorithm,
    { base16: string; base32: string; truncatedBase32: string; sri: string }
  >;
}

describe("hashes data as nix-hash does", () => {
  for (const { id, data, flat, nar } of loadVectors<{ cases: Hashed[] }>("hash/data.json").cases) {
    test(id, () => {
      const bytes = vectorBytes(data);
      const narBytes = narOf({ entries: [fileEntry(ROOT_PATH, bytes)] });
      for (const algorithm of ALGORITHMS) {
        const flatHash = computeHash(algorithm, bytes);
        assert.equal(formatHash(flatHash, "base16"), flat[algorithm].base16);
        assert.equal(formatHash(flatHash, "sri"), flat[algorithm].sri);
        const narHash = computeHash(algorithm, narBytes);
        assert.equal(formatHash(narHash, "nix32"), nar[algorithm].base32);
        const truncated = narHash.bytes.length > 20 ? compressHash(narHash.bytes, 20) : narHash.bytes;
        assert.equal(encodeNix32(truncated), nar[algorithm].truncatedBase32);
      }
    });
  }
});

describe("refuses", () => {
  const SHA256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  for (const [text, algorithm, message] of [
    ["", undefined, /does not say its algorithm/],
    ["", "sha256", /length/],
    ["sha3:00", undefined, /"sha3" is unknown/],
    ["SHA256:00", undefined, /"SHA256" is unknown/],
    ["toString:00", undefined, /"toString" is unknown/],
    [`:${SHA256}`, "sha256", /"" is unknown/],
    [`md5:${SHA256}`, undefined, /length/],
    [`${SHA256}\n`, "sha256", /length/],
    [`sha256-${SHA256.slice(0, 43)}*`, undefined, /base64/],
    ["sha256-=", undefined, /0 bytes, sha256 has 32/],
  ] as const) {
    test(JSON.stringify(text), () =>
      assert.throws(() => parseHash(text, algorithm), nixError("HASH_INVALID", message)),
    );
  }
  test("nix32 of a length, a digit or bits that it cannot have", () => {
    assert.throws(() => decodeNix32("0"), nixError("HASH_INVALID", /length/));
    assert.throws(() => decodeNix32("0e"), nixError("HASH_INVALID", /no digit "e"/));
    assert.throws(() => decodeNix32("z0"), nixError("HASH_INVALID", /bits/));
    assert.throws(() => decodeNix32("0😀0"), nixError("HASH_INVALID", /HASH|length|digit/));
  });
});

const anyHash = fc
  .constantFrom(...ALGORITHMS)
  .chain((algorithm) =>
    fc
      .uint8Array({ minLength: hashSize(algorithm), maxLength: hashSize(algorithm) })
      .map((bytes) => ({ algorithm, bytes })),
  );

test("every written form reads back", () => {
  fc.assert(
    fc.property(
      anyHash,
      fc.constantFrom<HashEncoding>("base16", "nix32", "base64", "sri"),
      (hash, encoding) => {
        assert.ok(equalHashes(parseHash(formatHash(hash, encoding), hash.algorithm), hash));
        if (encoding !== "sri") assert.ok(equalHashes(parseHash(formatTypedHash(hash, encoding)), hash));
      },
    ),
  );
});

test("nix32 is the number in base 32, and is read in one way only", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
      const text = encodeNix32(bytes);
      let value = 0n;
      for (const byte of bytes.toReversed()) value = value * 256n + BigInt(byte);
      let expected = "";
      for (let i = 0; i < nix32Length(bytes.length); i++, value /= 32n) {
        expected = "0123456789abcdfghijklmnpqrsvwxyz"[Number(value % 32n)] + expected;
      }
      assert.equal(text, expected);
      assert.deepEqual(decodeNix32(text), bytes);
    }),
  );
});

test("base64 agrees with Node's where both are strict", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      const text = Buffer.from(bytes).toString("base64");
      assert.deepEqual(decodeBase64(text), bytes);
      assert.deepEqual(decodeBase64(text.replace(/=+$/, "")), bytes);
      assert.deepEqual(decodeBase64(text.replace(/(.{3})/g, "$1\n")), bytes);
    }),
  );
  assert.equal(decodeBase64("ab cd"), undefined);
});

test("folding a hash is XOR of its slices", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), (bytes) => {
      const expected = Array.from({ length: 20 }, (_, i) =>
        [i, i + 20, i + 40, i + 60].reduce((sum, at) => sum ^ (bytes[at] ?? 0), 0),
      );
      assert.deepEqual([...compressHash(bytes, 20)], expected);
    }),
  );
});

test("hashes of other bytes or algorithms are not equal", () => {
  const hash = computeHash("sha256", "a");
  assert.ok(!equalHashes(hash, computeHash("sha256", "b")));
  assert.ok(!equalHashes(hash, { ...hash, algorithm: "sha512" }));
  assert.ok(isHashAlgorithm("md5") && !isHashAlgorithm("constructor"));
});
