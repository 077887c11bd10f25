import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { ELF_MACHINES, type Elf, parseElf, parseElfLinkage } from "./elf.ts";

const READELF = existsSync("/usr/bin/readelf");

/** Up to `count` ELF files of this machine, of every kind that its directories hold. */
function sampleFiles(count: number): string[] {
  const found = new Set<string>();
  for (const directory of [
    "/usr/bin",
    "/usr/sbin",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
  ]) {
    if (!existsSync(directory)) continue;
    const names = readdirSync(directory).sort();
    const step = Math.max(1, Math.floor(names.length / (count / 2)));
    for (let i = 0; i < names.length; i += step) {
      const path = realpathSync.native(`${directory}/${names[i]!}`, "utf8");
      if (!statSync(path).isFile() || statSync(path).size > 8e6) continue;
      if (readFileSync(path).subarray(0, 4).toString("latin1") === "\x7fELF") found.add(path);
    }
  }
  return [...found].slice(0, count);
}

interface Read {
  needed: string[];
  soname: string | undefined;
  paths: string[];
  interpreter: string | undefined;
  type: string;
  needs: string[];
  definitions: string[];
  imported: string[];
  exported: string[];
}

/** What binutils says of a file, in the terms of {@link Elf}. */
function readWithReadelf(path: string): Read {
  const text = execFileSync("readelf", ["-W", "-h", "-l", "-d", "-V", "--dyn-syms", path], {
    encoding: "latin1",
    maxBuffer: 1 << 28,
    env: { ...process.env, LC_ALL: "C" },
    stdio: ["ignore", "pipe", "ignore"],
  });
  const all = (pattern: RegExp) => [...text.matchAll(pattern)].map((match) => match[1]!);
  const needs: string[] = [];
  let library = "";
  const versionNeeds = text.slice(Math.max(0, text.indexOf("Version needs section")));
  if (text.includes("Version needs section")) {
    for (const match of versionNeeds.matchAll(/ File: (\S+) {2}Cnt|Name: (\S+) {2}Flags: (\S+)/g)) {
      if (match[1] !== undefined) library = match[1];
      else needs.push(`${library} ${match[2]} ${match[3] === "WEAK" ? "weak" : "strong"}`);
    }
  }
  const definitions = text.includes("Version definition section")
    ? [
        ...text
          .slice(text.indexOf("Version definition section"))
          .split(/Version (?:needs|symbols) section/)[0]!
          .matchAll(/Flags: (\S+)\s+Index: \d+\s+Cnt: \d+\s+Name: (\S+)/g),
      ]
        .filter((match) => match[1] !== "BASE")
        .map((match) => match[2]!)
    : [];
  const imported = new Set<string>();
  const exported = new Set<string>();
  const symbol = /^\s+\d+: [0-9a-f]+\s+\S+ \S+\s+(\S+)\s+\S+(?:\s+\[[^\]]*\])?\s+(\S+) (\S+)/gm;
  for (const [, binding, section, name] of text.matchAll(symbol)) {
    if (binding === "LOCAL") continue;
    (section === "UND" ? imported : exported).add(name!.replace(/@.*/, ""));
  }
  return {
    needed: all(/\(NEEDED\)\s+Shared library: \[(.*)\]/g),
    soname: all(/\(SONAME\)\s+Library soname: \[(.*)\]/g)[0],
    paths: all(/Library (?:rpath|runpath): \[(.*)\]/g).flatMap((value) =>
      value.split(":").filter((x) => x !== ""),
    ),
    interpreter: all(/Requesting program interpreter: (.*)\]/g)[0],
    type: all(/^\s+Type:\s+(\w+)/gm)[0]!,
    needs,
    definitions,
    imported: [...imported].sort(),
    exported: [...exported].sort(),
  };
}

function asRead(elf: Elf): Read {
  const { imported, exported } = elf.readSymbols();
  return {
    needed: [...elf.needed],
    soname: elf.soname,
    paths: [...elf.rpath, ...elf.runpath],
    interpreter: elf.interpreter,
    type: { relocatable: "REL", executable: "EXEC", shared: "DYN", core: "CORE", other: "NONE" }[elf.type],
    needs: elf.versionNeeds.flatMap(({ library, versions }) =>
      versions.map(({ name, weak }) => `${library} ${name} ${weak ? "weak" : "strong"}`),
    ),
    definitions: [...elf.versionDefinitions],
    imported: [...imported].sort(),
    exported: [...exported].sort(),
  };
}

/** Sets the section header fields of the file header to zero, as sstrip does. */
function stripSections(bytes: Uint8Array): Uint8Array {
  const stripped = new Uint8Array(bytes);
  stripped.fill(0, 40, 48);
  stripped.fill(0, 58, 64);
  return stripped;
}

test("real files read as readelf reads them", (t) => {
  if (!READELF) return t.skip("readelf is not installed");
  const files = sampleFiles(60);
  assert.ok(files.length > 10);
  for (const path of files) {
    const elf = parseElf(readFileSync(path))!;
    assert.equal(elf.problem, undefined, path);
    assert.deepEqual(asRead(elf), readWithReadelf(path), path);
    assert.ok(Object.hasOwn(ELF_MACHINES, elf.machine));
  }
});

test("without section headers the program headers tell the same, symbols included", () => {
  for (const path of sampleFiles(60)) {
    const bytes = readFileSync(path);
    const whole = parseElf(bytes)!;
    if (whole.class !== 64) continue;
    const stripped = parseElf(stripSections(bytes))!;
    assert.equal(stripped.sections, undefined, path);
    assert.equal(stripped.problem, undefined, path);
    assert.deepEqual(asRead(stripped), asRead(whole), path);
    const covered = (offset: number, size: number) =>
      stripped.dataRanges.some(
        (range) => range.offset <= offset && offset + size <= range.offset + range.size,
      );
    for (const section of whole.sections!) {
      if (section.name === ".rodata") assert.ok(covered(section.offset, section.size), path);
    }
  }
});

test("data ranges hold the literals and not the symbol names", () => {
  const path = existsSync("/usr/bin/env") ? "/usr/bin/env" : process.execPath;
  const bytes = readFileSync(path);
  const elf = parseElf(bytes)!;
  const data = elf.dataRanges
    .map(({ offset, size }) => bytes.subarray(offset, offset + size).toString("latin1"))
    .join("\0\0");
  assert.match(data, /Usage: %s/);
  assert.ok(!data.includes("__libc_start_main"));
  assert.ok(elf.readSymbols().imported.has("__libc_start_main"));
});

/** A minimal static program: header and one loadable segment. */
function makeElf(wide: boolean, little: boolean, type: number): Uint8Array {
  const bytes = new Uint8Array(wide ? 64 + 56 + 8 : 52 + 32 + 8);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, little ? 1 : 2, 1]);
  view.setUint16(16, type, little);
  view.setUint16(18, wide ? 62 : 8, little);
  const header = wide ? 64 : 52;
  view.setUint32(wide ? 32 + (little ? 0 : 4) : 28, header, little);
  view.setUint16(wide ? 54 : 42, wide ? 56 : 32, little);
  view.setUint16(wide ? 56 : 44, 1, little);
  view.setUint32(header, 1, little);
  const low = little ? 0 : 4;
  if (wide) {
    view.setUint32(header + 4, 4, little);
    view.setUint32(header + 8 + low, header + 56, little);
    view.setUint32(header + 32 + low, 8, little);
  } else {
    view.setUint32(header + 24, 4, little);
    view.setUint32(header + 4, header + 32, little);
    view.setUint32(header + 16, 8, little);
  }
  return bytes;
}

test("both classes and both byte orders", () => {
  for (const wide of [true, false]) {
    for (const little of [true, false]) {
      const elf = parseElf(makeElf(wide, little, 2))!;
      assert.equal(elf.problem, undefined);
      assert.equal(elf.class, wide ? 64 : 32);
      assert.equal(elf.endianness, little ? "little" : "big");
      assert.equal(elf.type, "executable");
      assert.equal(elf.machine, wide ? 62 : 8);
      assert.equal(elf.static, true);
      assert.deepEqual(elf.dataRanges, [{ offset: wide ? 120 : 84, size: 8 }]);
    }
  }
});

test("what is no ELF is undefined", () => {
  for (const text of [
    "",
    "#!/bin/sh\n",
    "\x7fELF",
    "\x7fELF\x03\x01\x01aaaaaaaaaaaaaa",
    "\x7fELF\x02\x07\x01aaaaaaaaaaaa",
  ]) {
    assert.equal(parseElf(Buffer.from(text, "latin1")), undefined);
  }
});

test("program kinds: dynamic PIE, library, libc with an interpreter", () => {
  const program = parseElf(readFileSync("/usr/bin/env"))!;
  assert.equal(program.pie, true);
  assert.equal(program.static, false);
  const libc = ["/usr/lib/x86_64-linux-gnu/libc.so.6", "/usr/lib/aarch64-linux-gnu/libc.so.6"].find(
    existsSync,
  )!;
  const library = parseElf(readFileSync(libc))!;
  assert.equal(library.pie, false);
  assert.equal(library.static, false);
  assert.equal(library.soname, "libc.so.6");
  assert.ok(library.versionDefinitions.includes("GLIBC_2.17"));
});

test("a cut file never throws, and says what is missing when headers are cut", () => {
  const bytes = readFileSync("/usr/bin/env");
  for (let size = 16; size < bytes.length; size += 997) {
    const elf = parseElf(bytes.subarray(0, size))!;
    elf.readSymbols();
    assert.notEqual(elf.problem, undefined);
    for (const range of elf.dataRanges) assert.ok(range.offset + range.size <= size);
  }
});

test("random damage never throws and never leaves the file", () => {
  const bytes = readFileSync("/usr/bin/env");
  const headers = 64 + 56 * 13;
  const sectionHeaders = bytes.length - 64 * 28;
  const position = fc.oneof(
    fc.integer({ min: 6, max: headers }),
    fc.integer({ min: Math.max(0, sectionHeaders), max: bytes.length - 1 }),
    fc.integer({ min: 0, max: bytes.length - 1 }),
  );
  fc.assert(
    fc.property(
      fc.array(fc.tuple(position, fc.integer({ min: 0, max: 255 })), { maxLength: 20 }),
      (edits) => {
        const damaged = new Uint8Array(bytes);
        for (const [at, value] of edits) damaged[at] = value;
        const elf = parseElf(damaged);
        if (elf === undefined) return;
        elf.readSymbols();
        let total = 0;
        for (const { offset, size } of elf.dataRanges) {
          assert.ok(offset >= 0 && offset + size <= bytes.length);
          total += size;
        }
        assert.ok(total <= bytes.length);
      },
    ),
    { numRuns: 300, seed: 7 },
  );
});

test("reading by pages tells of linkage what reading the whole file tells", () => {
  const files = sampleFiles(80);
  let size = 0;
  let read = 0;
  for (const path of files) {
    const bytes = readFileSync(path);
    size += bytes.length;
    const linkage = parseElfLinkage({
      size: bytes.length,
      readInto(position, target) {
        assert.ok(position >= 0 && position + target.length <= bytes.length);
        target.set(bytes.subarray(position, position + target.length));
        read += target.length;
      },
    });
    const whole = parseElf(bytes)!;
    const { sections, dataRanges, ...rest } = linkage as Elf;
    assert.equal(sections, undefined);
    assert.deepEqual(dataRanges, []);
    for (const [field, value] of Object.entries(rest)) {
      assert.deepEqual(value, whole[field as keyof Elf], `${field} of ${path}`);
    }
  }
  assert.ok(files.length === 0 || read < size / 2, `${read} of ${size} bytes were read`);
});
