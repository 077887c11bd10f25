import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { stripBeam } from "./beam-strip.ts";

function chunk(name: string, size: number): Buffer {
  const data = Buffer.alloc(size, name);
  const header = Buffer.alloc(8, name, "latin1");
  header.writeUInt32BE(size, 4);
  return Buffer.concat([header, data, Buffer.alloc((4 - (size % 4)) % 4)]);
}

function file(...names: string[]): Buffer {
  const body = Buffer.concat([Buffer.from("BEAM"), ...names.map((name, i) => chunk(name, 5 * i))]);
  const header = Buffer.from("FOR1\0\0\0\0");
  header.writeUInt32BE(body.length, 4);
  return Buffer.concat([header, body]);
}

/** Names and sizes as {@link file} was called, for what is left of a file. */
function names(bytes: Buffer): string[] {
  const found: string[] = [];
  for (let at = 12; at < bytes.length; ) {
    const size = bytes.readUInt32BE(at + 4);
    found.push(bytes.toString("latin1", at, at + 4));
    at += 8 + size + ((4 - (size % 4)) % 4);
  }
  return found;
}

const CHUNKS = [
  "AtU8",
  "Code",
  "StrT",
  "ImpT",
  "ExpT",
  "FunT",
  "LitT",
  "LocT",
  "Attr",
  "CInf",
  "Dbgi",
  "Docs",
];

test("what the loader does not need goes, in place and in order", () => {
  const stripped = stripBeam(file(...CHUNKS))!;
  assert.deepEqual(names(stripped), ["AtU8", "Code", "StrT", "ImpT", "ExpT", "FunT", "LitT", "Attr"]);
  assert.equal(stripped.readUInt32BE(4), stripped.length - 8);
  assert.equal(stripBeam(stripped), undefined, "there is nothing left to strip");
});

test("chunks can be kept by name", () => {
  const kept = stripBeam(file(...CHUNKS), ["Dbgi"])!;
  assert.ok(names(kept).includes("Dbgi"));
  assert.ok(!names(kept).includes("Docs"));
});

test("compressed modules come out plain, stripped or not", () => {
  const plain = file("AtU8", "Code");
  assert.deepEqual(stripBeam(gzipSync(plain)), plain);
  assert.deepEqual(stripBeam(gzipSync(file(...CHUNKS))), stripBeam(file(...CHUNKS)));
});

test("damaged files stay as they are", () => {
  const whole = file(...CHUNKS);
  const lying = Buffer.from(whole);
  lying.writeUInt32BE(0xffff_fff0, 16);
  const longer = Buffer.concat([whole, Buffer.alloc(4)]);
  for (const bytes of [whole.subarray(0, -1), lying, longer, Buffer.from("FOR1"), Buffer.alloc(0)]) {
    assert.equal(stripBeam(bytes), undefined);
    assert.equal(stripBeam(gzipSync(bytes)), undefined);
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(whole.length - 1), (noise, at) => {
      const bytes = Buffer.from(whole);
      bytes.set(noise.subarray(0, whole.length - at), at);
      const stripped = stripBeam(bytes);
      assert.ok(stripped === undefined || stripped.length < bytes.length);
    }),
  );
});
