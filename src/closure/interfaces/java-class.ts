// Java classes: the packages of the classes that a class file's constant pool names, against those in other archives.
// Specification: Java Virtual Machine Specification, chapter 4.

import { readZipEntry } from "../../formats/zip.ts";
import type { TokenKind } from "../token-kind.ts";

const MAX_CLASS = 1 << 22;
const MAGIC = 0xcafebabe;
/** Bytes of a constant by its tag; of tag 1 (UTF-8) the length follows. */
const SIZES: Readonly<Record<number, number>> = {
  3: 4,
  4: 4,
  5: 8,
  6: 8,
  7: 2,
  8: 2,
  9: 4,
  10: 4,
  11: 4,
  12: 4,
  15: 3,
  16: 2,
  17: 4,
  18: 4,
  19: 2,
  20: 2,
};

/** The package of an internal class name: `org/foo/Bar` and `[Lorg/foo/Bar;` → `org/foo`. */
function packageOf(name: string): string | undefined {
  const plain = name.replace(/^\[+L?/, "");
  const slash = plain.lastIndexOf("/");
  return slash < 0 ? undefined : plain.slice(0, slash);
}

function* classNames(bytes: Uint8Array): Generator<string> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < 10 || buffer.readUInt32BE(0) !== MAGIC) return;
  const count = buffer.readUInt16BE(8);
  const texts = new Map<number, string>();
  const classes: number[] = [];
  for (let i = 1, at = 10; i < count && at + 3 <= buffer.length; i++) {
    const tag = buffer[at]!;
    if (tag === 1) {
      const size = buffer.readUInt16BE(at + 1);
      texts.set(i, buffer.toString("latin1", at + 3, at + 3 + size));
      at += 3 + size;
      continue;
    }
    const size = SIZES[tag];
    if (size === undefined) return;
    if (tag === 7) classes.push(buffer.readUInt16BE(at + 1));
    // Longs and doubles take two places.
    if (tag === 5 || tag === 6) i++;
    at += 1 + size;
  }
  for (const index of classes) {
    const name = texts.get(index);
    if (name !== undefined) yield name;
  }
}

export const tokenKind: TokenKind = {
  name: "java-class",
  strength: "strong",
  scope: "declared",
  sharedDirectories: /^usr\/share\/(?:java|maven-repo)$/,
  *uses(file) {
    const own = new Set<string>();
    const named = new Set<string>();
    for (const entry of file.zipEntries ?? []) {
      if (!entry.name.endsWith(".class")) continue;
      own.add(packageOf(entry.name) ?? "");
      const bytes = readZipEntry(file.bytes, entry, MAX_CLASS);
      if (bytes === undefined) continue;
      for (const name of classNames(bytes)) named.add(packageOf(name) ?? "");
    }
    for (const name of named) {
      if (!own.has(name)) yield name;
    }
  },
  *offers(file) {
    for (const { name } of file.zipEntries ?? []) {
      const held = name.endsWith(".class") ? packageOf(name) : undefined;
      if (held !== undefined && !held.startsWith("META-INF")) yield held;
    }
  },
};
