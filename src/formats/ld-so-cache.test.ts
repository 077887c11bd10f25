import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { CachedLibrary } from "./ld-so-cache.ts";
import { compareLibraryNames, formatLibraryCache, libraryFlags, parseLibraryCache } from "./ld-so-cache.ts";
import { parseLdSoConf } from "./ld-so-conf.ts";

const generator = "ldconfig (Debian GLIBC 2.36-9+deb12u10) stable release version 2.36";
const flags = libraryFlags(62);

function library(name: string, hwcap?: string): CachedLibrary {
  const folder =
    hwcap === undefined ? "/lib/x86_64-linux-gnu" : `/lib/x86_64-linux-gnu/glibc-hwcaps/${hwcap}`;
  return { name, path: `${folder}/${name}`, flags, ...(hwcap === undefined ? {} : { hwcap }) };
}

test("flags are those of the processor", () => {
  assert.equal(libraryFlags(62), 0x303);
  assert.equal(libraryFlags(183), 0xa03);
});

test("orders names with their numbers as numbers", () => {
  const names = ["libz.so.10", "libz.so.9", "liba.so.1", "libz.so", "libz3.so.4", "libz-a.so"];
  assert.deepEqual(names.sort(compareLibraryNames), [
    "liba.so.1",
    "libz-a.so",
    "libz.so",
    "libz.so.9",
    "libz.so.10",
    "libz3.so.4",
  ]);
});

test("writes names descending, libraries for better processors before the common one", () => {
  const libraries = [library("liba.so.1", "x86-64-v3"), library("liba.so.1"), library("libb.so.2")];
  const cache = parseLibraryCache(formatLibraryCache({ libraries, generator }))!;
  assert.equal(cache.generator, generator);
  assert.deepEqual(
    cache.libraries.map(({ path }) => path),
    [
      "/lib/x86_64-linux-gnu/libb.so.2",
      "/lib/x86_64-linux-gnu/glibc-hwcaps/x86-64-v3/liba.so.1",
      "/lib/x86_64-linux-gnu/liba.so.1",
    ],
  );
  assert.equal(cache.libraries[1]?.hwcap, "x86-64-v3");
});

test("a name shares the bytes of the path that ends with it", () => {
  const bytes = formatLibraryCache({ libraries: [library("liba.so.1")], generator: "" });
  assert.equal(bytes.toString("latin1").split("liba.so.1").length - 1, 1);
});

test("reads what it wrote, whatever the libraries are", () => {
  const name = fc.stringMatching(/^lib[a-z0-9+._-]{1,12}\.so\.[0-9]{1,3}$/);
  fc.assert(
    fc.property(fc.uniqueArray(name, { maxLength: 20 }), (names) => {
      const libraries = names.map((one) => library(one));
      const read = parseLibraryCache(formatLibraryCache({ libraries, generator }))!;
      const byName = (a: CachedLibrary, b: CachedLibrary) => (a.name < b.name ? -1 : 1);
      assert.deepEqual([...read.libraries].sort(byName), libraries.sort(byName));
      // Writing what was read changes nothing: the order is a fixed point.
      assert.ok(formatLibraryCache(read).equals(formatLibraryCache({ libraries, generator })));
    }),
  );
});

test("refuses bytes that are no cache, and never throws", () => {
  const bytes = formatLibraryCache({ libraries: [library("liba.so.1"), library("libb.so.1")], generator });
  assert.equal(parseLibraryCache(Buffer.from("x")), undefined);
  for (let length = 0; length < bytes.length; length++) parseLibraryCache(bytes.subarray(0, length));
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 0, max: 255 }), (at, value) => {
      const damaged = Buffer.from(bytes);
      damaged[at] = value;
      parseLibraryCache(damaged);
    }),
  );
});

test("parses ld.so.conf", () => {
  const text =
    "# comment\ninclude /etc/ld.so.conf.d/*.conf\n/usr/local/lib/ # here\n/x=libc6\nhwcap 1 y\nrelative\ninclude a b\n";
  assert.deepEqual(parseLdSoConf(text), [
    { kind: "include", pattern: "/etc/ld.so.conf.d/*.conf" },
    { kind: "directory", path: "/usr/local/lib" },
    { kind: "directory", path: "/x" },
    { kind: "include", pattern: "a" },
    { kind: "include", pattern: "b" },
  ]);
});
