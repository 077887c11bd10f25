import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import { brotliCompressSync, constants, gzipSync, zstdCompressSync } from "node:zlib";
import { xz } from "@napi-rs/lzma";
import fc from "fast-check";
import type { Compression } from "./decompress.ts";
import { DecompressError, decompress } from "./decompress.ts";

const text = Buffer.from(Array.from({ length: 5_000 }, (_, i) => `line ${i * 7919}\n`).join(""));
const noise = randomBytes(100_000);

const compressors: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  xz: (bytes) => xz.compressSync(bytes),
  gzip: (bytes) => gzipSync(bytes),
  zstd: (bytes) => zstdCompressSync(bytes, { params: { [constants.ZSTD_c_checksumFlag]: 1 } }),
};

function cut(bytes: Buffer, size: number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let i = 0; i < bytes.length; i += size) chunks.push(bytes.subarray(i, i + size));
  return chunks;
}

async function collect(
  compression: Compression,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  maxSize = 1e9,
): Promise<Buffer> {
  const output: Uint8Array[] = [];
  for await (const chunk of decompress(compression, chunks, { maxSize })) output.push(chunk);
  return Buffer.concat(output);
}

function fails(code: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof DecompressError, String(error));
    assert.equal(error.code, code, error.message);
    return true;
  };
}

for (const [kind, compress] of Object.entries(compressors)) {
  const compression = kind as Compression;
  describe(compression, () => {
    const packed = compress(text);

    test("gives back what was compressed", async () => {
      assert.ok((await collect(compression, [packed])).equals(text));
      assert.ok((await collect(compression, [compress(noise)])).equals(noise));
      assert.equal((await collect(compression, [compress(Buffer.alloc(0))])).length, 0);
    });

    test("does not depend on how the input is cut", async () => {
      const two = Buffer.concat([compress(text), compress(Buffer.alloc(0)), compress(noise)]);
      const expected = Buffer.concat([text, noise]);
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 1, max: two.length }), async (size) => {
          const actual = await collect(compression, [Buffer.alloc(0), ...cut(two, Math.max(size, 100))]);
          assert.ok(actual.equals(expected));
        }),
        { numRuns: 8 },
      );
      const small = Buffer.concat([compress(Buffer.from("a")), compress(Buffer.from("b"))]);
      assert.equal((await collect(compression, cut(small, 1))).toString(), "ab");
    });

    test("refuses input that ends early, in the first and in a later member", async () => {
      for (const kept of [0, 1, 5, 8, 20, packed.length >> 1, packed.length - 1]) {
        await assert.rejects(collect(compression, [packed.subarray(0, kept)]), fails("TRUNCATED"));
      }
      for (const kept of [1, 5, 8, 20, packed.length >> 1, packed.length - 1]) {
        const second = packed.subarray(0, kept);
        await assert.rejects(collect(compression, [packed, second]), fails("TRUNCATED"));
        await assert.rejects(collect(compression, [Buffer.concat([packed, second])]), fails("TRUNCATED"));
      }
    });

    test("refuses garbage behind the data", async () => {
      for (const garbage of ["garbage!", "\0garbage", "\0".repeat(513)]) {
        const tail = Buffer.from(garbage);
        await assert.rejects(collect(compression, [packed, tail]), fails("CORRUPT"), garbage);
        await assert.rejects(
          collect(compression, [Buffer.concat([packed, tail])]),
          fails("CORRUPT"),
          garbage,
        );
      }
    });

    test("finds every flipped bit in the middle of the data", async () => {
      const original = compress(noise);
      for (let i = 100; i < original.length - 100; i += 9973) {
        const damaged = Buffer.from(original);
        damaged[i]! ^= 1 << (i % 8);
        await assert.rejects(collect(compression, cut(damaged, 4096)), DecompressError);
      }
    });

    test("stops a compression bomb at maxSize, however much follows", async () => {
      const bomb = compress(Buffer.alloc(4 << 20));
      let given = 0;
      const endless = (function* () {
        for (;;) {
          given++;
          yield bomb;
        }
      })();
      await assert.rejects(collect(compression, endless, 6 << 20), fails("TOO_LARGE"));
      assert.ok(given < 100, `${given} members were read ahead`);
      assert.equal((await collect(compression, [bomb], 4 << 20)).length, 4 << 20);
    });

    test("passes an error of the input on as it is, and closes the input when the consumer stops", async () => {
      const failure = new RangeError("the disk is on fire");
      const failing = (async function* () {
        yield packed.subarray(0, 100);
        throw failure;
      })();
      await assert.rejects(collect(compression, failing), (error) => error === failure);

      let closed = false;
      const endless = (function* () {
        try {
          for (;;) yield packed;
        } finally {
          closed = true;
        }
      })();
      for await (const chunk of decompress(compression, endless, { maxSize: Infinity })) {
        assert.ok(chunk.length <= 64 * 1024);
        break;
      }
      assert.ok(closed);
    });
  });
}

describe("what is small is decoded in one call, as strictly", () => {
  const most = 1 << 20;
  for (const [compression, compress] of Object.entries({
    gzip: gzipSync,
    zstd: zstdCompressSync,
    br: brotliCompressSync,
  }))
    test(compression, async () => {
      const text = Buffer.from("small, and small again; ".repeat(40));
      const packed = compress(text);
      const unpack = (chunks: readonly Uint8Array[], maxSize = most) =>
        collect(compression as Compression, chunks, maxSize);
      assert.ok((await unpack([packed])).equals(text));
      assert.equal((await unpack([compress(Buffer.alloc(0))])).length, 0);
      assert.ok((await unpack([packed], text.length)).equals(text));
      await assert.rejects(unpack([packed], text.length - 1), fails("TOO_LARGE"));
      await assert.rejects(unpack([compress(Buffer.alloc(64 << 20))]), fails("TOO_LARGE"));
      for (let kept = 0; kept < packed.length; kept++)
        await assert.rejects(unpack([packed.subarray(0, kept)]), fails("TRUNCATED"), `${kept} bytes`);
      // A chunk behind the first: it goes the way of the long ones.
      assert.ok((await unpack([packed.subarray(0, 7), packed.subarray(7)])).equals(text));
      if (compression === "br") return;
      const twice = Buffer.concat([packed, packed]);
      assert.ok((await unpack([twice])).equals(Buffer.concat([text, text])));
      await assert.rejects(unpack([twice], text.length * 2 - 1), fails("TOO_LARGE"));
      await assert.rejects(unpack([twice.subarray(0, -1)]), fails("TRUNCATED"));
      for (const garbage of ["garbage!", "\0garbage", "\0".repeat(513)])
        await assert.rejects(
          unpack([Buffer.concat([packed, Buffer.from(garbage)])]),
          fails("CORRUPT"),
          garbage,
        );
    });
});

test("none passes chunks through, up to maxSize", async () => {
  assert.equal((await collect("none", [Buffer.from("ab"), Buffer.from("c")], 3)).toString(), "abc");
  await assert.rejects(collect("none", [Buffer.from("ab"), Buffer.from("cd")], 3), fails("TOO_LARGE"));
});

test("lzma and lz4 are refused by name", async () => {
  await assert.rejects(collect("lz4", [Buffer.from("x")]), fails("UNSUPPORTED"));
  await assert.rejects(
    decompress("lzma", [], { maxSize: 1, name: "data.tar.lzma" }).next(),
    /^DecompressError: Cannot decompress data\.tar\.lzma: lzma is not supported/,
  );
});
