// Stripping against binutils: programs and libraries that gcc made run as before, hold no debug sections, keep their
// symbols, and are as small as strip makes them.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { stripElf } from "../../src/formats/elf-strip.ts";
import { skipWithout } from "../kit/tools.ts";

const directory = mkdtempSync(join(tmpdir(), "tare-strip-"));
after(() => rmSync(directory, { recursive: true, force: true }));

const SOURCE = `
#include <stdio.h>
static __attribute__((noinline)) int hidden(int n) { return n * 2; }
int visible(int n) { return hidden(n) + 1; }
int main(void) { printf("%d\\n", visible(20)); return 0; }
`;

const TOOLS = ["gcc", "strip", "readelf", "nm"];

for (const flags of [[], ["-static"], ["-no-pie"], ["-g3", "-gz"], ["-Wl,--emit-relocs"]]) {
  for (const what of ["debug", "all"] as const) {
    test(`gcc -g ${flags.join(" ")}: stripped of ${what} it runs and is as small as strip's`, (t) => {
      if (skipWithout(t, ...TOOLS)) return;
      const [source, program, ours, theirs] = ["a.c", "program", "ours", "theirs"].map((name) =>
        join(directory, name),
      ) as [string, string, string, string];
      writeFileSync(source, SOURCE);
      execFileSync("gcc", ["-g", "-O1", ...flags, "-o", program, source]);
      const before = readFileSync(program);
      const stripped = stripElf(before, what);
      assert.ok(stripped !== undefined);
      writeFileSync(ours, stripped);
      chmodSync(ours, 0o755);
      execFileSync("strip", [what === "all" ? "--strip-all" : "--strip-debug", "-o", theirs, program]);
      assert.equal(execFileSync(ours, { encoding: "utf8" }), "41\n");
      const sections = execFileSync("readelf", ["-SW", ours], { encoding: "utf8" });
      assert.doesNotMatch(sections, /\.z?debug_/);
      assert.equal(
        execFileSync("readelf", ["-lW", "--dyn-syms", ours], { encoding: "utf8" }),
        execFileSync("readelf", ["-lW", "--dyn-syms", program], { encoding: "utf8" }),
      );
      if (what === "debug") {
        const names = (file: string) => execFileSync("nm", [file], { encoding: "utf8" });
        assert.match(names(ours), / t hidden\n/);
        assert.equal(names(ours), names(program));
        assert.ok(before.includes("a.c\0") && !stripped.includes("a.c\0"), "no name of a source file");
      } else assert.doesNotMatch(sections, /\.symtab/);
      assert.ok(
        statSync(ours).size <= statSync(theirs).size * 1.05 + 4096,
        `${statSync(ours).size}, strip ${statSync(theirs).size}`,
      );
      assert.equal(stripElf(stripped, what), undefined, "stripping again changes nothing");
    });
  }
}

test("names of source files alone are reason enough to strip", (t) => {
  if (skipWithout(t, ...TOOLS)) return;
  const [source, program] = ["0123456789-c.c", "plain"].map((name) => join(directory, name)) as [
    string,
    string,
  ];
  writeFileSync(source, SOURCE);
  execFileSync("gcc", ["-o", program, source]);
  const stripped = stripElf(readFileSync(program), "debug");
  assert.ok(stripped !== undefined && !stripped.includes("0123456789"));
  writeFileSync(program, stripped);
  assert.equal(execFileSync(program, { encoding: "utf8" }), "41\n");
  assert.equal(stripElf(stripped, "debug"), undefined);
});

test("damaged files are left alone, and never crash", (t) => {
  if (skipWithout(t, ...TOOLS)) return;
  const source = join(directory, "b.c");
  writeFileSync(source, SOURCE);
  execFileSync("gcc", ["-g", "-o", join(directory, "b"), source]);
  const bytes = readFileSync(join(directory, "b"));
  for (let size = 0; size < bytes.length; size += 97) stripElf(Buffer.from(bytes.subarray(0, size)), "debug");
  const headers = Number(bytes.readBigUInt64LE(40));
  for (let at = headers; at < bytes.length; at += 4) {
    const damaged = Buffer.from(bytes);
    damaged.writeUInt32LE(0xfffffff0, Math.min(at, bytes.length - 4));
    stripElf(damaged, "all");
  }
  assert.equal(stripElf(Buffer.from("#!/bin/sh\n"), "debug"), undefined);
});
