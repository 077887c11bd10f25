import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32, deflateRawSync } from "node:zlib";
import fc from "fast-check";
import { listZip, readZipEntry } from "./zip.ts";

/** Writes an archive as PKWARE's APPNOTE has it. */
function makeZip(files: readonly { name: string; data: Buffer; method: 0 | 8 }[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, data, method } of files) {
    const packed = method === 8 ? deflateRawSync(data) : data;
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(method, 8);
    local.writeUInt32LE(crc32(data), 14);
    local.writeUInt32LE(packed.length, 18);
    local.writeUInt32LE(data.length, 22);
    local.writeUInt16LE(name.length, 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(method, 10);
    entry.writeUInt32LE(packed.length, 20);
    entry.writeUInt32LE(data.length, 24);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE(offset, 42);
    parts.push(local, Buffer.from(name), packed);
    directory.push(entry, Buffer.from(name));
    offset += 30 + name.length + packed.length;
  }
  const size = Buffer.concat(directory).length;
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(size, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, ...directory, end]);
}

const FILES = [
  { name: "META-INF/MANIFEST.MF", data: Buffer.from("Class-Path: a.jar\r\n"), method: 8 as const },
  { name: "plain", data: Buffer.from("stored"), method: 0 as const },
  { name: "zeros", data: Buffer.alloc(1 << 20), method: 8 as const },
];

test("members are listed and read", () => {
  const bytes = makeZip(FILES);
  const entries = listZip(bytes)!;
  assert.deepEqual(
    entries.map(({ name, size }) => [name, size]),
    FILES.map(({ name, data }) => [name, data.length]),
  );
  for (const [i, entry] of entries.entries()) {
    assert.deepEqual(Buffer.from(readZipEntry(bytes, entry, 1 << 20)!), FILES[i]!.data);
  }
});

test("a comment at the end, and text before the beginning of the end record, are borne", () => {
  const bytes = makeZip(FILES);
  bytes.writeUInt16LE(5, bytes.length - 2);
  assert.equal(listZip(Buffer.concat([bytes, Buffer.from("hello")]))!.length, 3);
});

test("a member larger than allowed is not inflated, whatever its header says", () => {
  const bytes = makeZip(FILES);
  const entry = listZip(bytes)![2]!;
  assert.equal(readZipEntry(bytes, entry, 1000), undefined);
  assert.equal(readZipEntry(bytes, { ...entry, size: 10 }, 1000), undefined);
});

test("what is no archive is undefined, and damage never throws", () => {
  assert.equal(listZip(Buffer.from("PK")), undefined);
  const bytes = makeZip(FILES.slice(0, 2));
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, value) => {
      const damaged = Buffer.from(bytes);
      damaged[at] = value;
      for (const entry of listZip(damaged) ?? []) readZipEntry(damaged, entry, 1 << 16);
    }),
    { seed: 1, numRuns: 500 },
  );
});
