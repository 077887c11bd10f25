import assert from "node:assert/strict";
import { test } from "node:test";
import { deflateSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { parseBeam } from "./beam.ts";

function u32(...values: number[]): Buffer {
  const buffer = Buffer.alloc(4 * values.length);
  for (const [i, value] of values.entries()) buffer.writeInt32BE(value, 4 * i);
  return buffer;
}

function chunk(name: string, data: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from(name),
    u32(data.length),
    data,
    Buffer.alloc((4 - (data.length % 4)) % 4),
  ]);
}

function file(...chunks: Buffer[]): Buffer {
  const body = Buffer.concat([Buffer.from("BEAM"), ...chunks]);
  return Buffer.concat([Buffer.from("FOR1"), u32(body.length), body]);
}

const ATOMS = ["demo", "lists", "map", "gen_server", "call"];
const short = Buffer.concat([
  u32(ATOMS.length),
  ...ATOMS.map((atom) => Buffer.concat([Buffer.from([atom.length]), Buffer.from(atom)])),
]);
const IMPORTS = u32(2, 2, 3, 2, 4, 5, 2);
const literals = Buffer.from("...k\0\0/etc/demo.conf");

test("atoms, imports and literals of OTP 25", () => {
  const bytes = file(
    chunk("AtU8", short),
    chunk("ImpT", IMPORTS),
    chunk("StrT", Buffer.from("/usr/lib")),
    chunk("LitT", Buffer.concat([u32(literals.length), deflateSync(literals)])),
  );
  for (const written of [bytes, gzipSync(bytes)]) {
    const beam = parseBeam(written)!;
    assert.deepEqual(beam.atoms, ATOMS);
    assert.deepEqual([...beam.importedModules], ["lists", "gen_server"]);
    assert.deepEqual(
      beam.literals.map((bytes) => Buffer.from(bytes).toString("latin1")),
      ["/usr/lib", literals.toString("latin1")],
    );
  }
});

test("OTP 28: long atoms and plain literals", () => {
  const long = "a".repeat(300);
  const atoms = Buffer.concat([
    u32(-2),
    Buffer.from([4 << 4]),
    Buffer.from("demo"),
    Buffer.from([((long.length >> 8) << 5) | 0b01000, long.length & 255]),
    Buffer.from(long),
  ]);
  const beam = parseBeam(file(chunk("AtU8", atoms), chunk("LitT", Buffer.concat([u32(0), literals]))))!;
  assert.deepEqual(beam.atoms, ["demo", long]);
  assert.equal(Buffer.from(beam.literals[0]!).toString("latin1"), literals.toString("latin1"));
});

test("what is no BEAM file is undefined, and damage never throws", () => {
  assert.equal(parseBeam(Buffer.from("FOR1....AIFF")), undefined);
  assert.equal(parseBeam(Buffer.from([0x1f, 0x8b, 8, 0, 1])), undefined);
  const bytes = file(chunk("AtU8", short), chunk("ImpT", IMPORTS), chunk("LitT", u32(9, 9)));
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.nat(255), fc.nat(bytes.length), (at, value, size) => {
      const damaged = Buffer.from(bytes.subarray(0, size));
      if (at < size) damaged[at] = value;
      parseBeam(damaged);
    }),
    { seed: 1 },
  );
});
