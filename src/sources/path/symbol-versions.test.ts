import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { temporaryDirectory, testContext } from "../../../test/kit/context.ts";
import { type ElfParts, makeElf } from "../../../test/kit/make-elf.ts";
import { makePackage } from "../../../test/kit/make-package.ts";
import { defaultArchive } from "../../model/default-archive.ts";
import type { StoreObject } from "../../model/store-object.ts";
import { file } from "./file.ts";
import { readLocalFiles } from "./local-files.ts";
import { checkSymbolVersions } from "./symbol-versions.ts";

const LIBC = {
  "lib/x86_64-linux-gnu/libc.so.6": { target: "libc-2.36.so" },
  "lib/x86_64-linux-gnu/libc-2.36.so": {
    text: makeElf({
      soname: "libc.so.6",
      versionDefinitions: ["GLIBC_2.2.5", "GLIBC_2.4", "GLIBC_2.36", "GLIBC_PRIVATE"],
    }),
  },
  "lib/x86_64-linux-gnu/deep/libc.so.6": "another",
};

async function check(
  t: TestContext,
  versions: NonNullable<ElfParts["versionNeeds"]>[number]["versions"],
  provider: StoreObject = makePackage("libc6", LIBC),
  newer: string | null = 'debian("trixie")',
): Promise<void> {
  const path = join(temporaryDirectory(t), "server");
  writeFileSync(
    path,
    makeElf({
      type: "executable",
      needed: ["libc.so.6"],
      versionNeeds: [{ library: "libc.so.6", versions }],
    }),
  );
  const [local] = await readLocalFiles(
    { files: [file(path, "/usr/bin/server")], architecture: "amd64", archive: defaultArchive("amd64") },
    testContext(t),
  );
  checkSymbolVersions(local!, [provider], newer ?? undefined);
}

test("versions that the library has, and weak ones that it has not, are right", async (t) => {
  await check(t, [{ name: "GLIBC_2.4" }, { name: "GLIBC_2.36" }, { name: "GLIBC_2.99", weak: true }]);
});

test("a version that the library does not have is told with SYMBOL_VERSION_TOO_NEW, and what to use", async (t) => {
  const versions = [{ name: "GLIBC_2.4" }, { name: "GLIBC_2.38" }, { name: "GLIBC_2.37" }];
  await assert.rejects(check(t, versions), {
    code: "SYMBOL_VERSION_TOO_NEW",
    message: /server in the image: it needs GLIBC_2\.38 of libc\.so\.6, bookworm has GLIBC_2\.36$/,
    hint: /^Use debian\("trixie"\) as the archive/,
  });
  await assert.rejects(check(t, versions, makePackage("libc6", LIBC), null), {
    hint: /^Build the program where/,
  });
});

test("a kind of version that the library has none of", async (t) => {
  await assert.rejects(check(t, [{ name: "OTHER_1" }]), {
    message: /OTHER_1 of libc\.so\.6, bookworm has none/,
  });
});

test("a library without versions, or that leads out of its package, is not judged here", async (t) => {
  const versions = [{ name: "GLIBC_2.38" }];
  await check(
    t,
    versions,
    makePackage("libc6", { "lib/libc.so.6": { text: makeElf({ soname: "libc.so.6" }) } }),
  );
  await check(t, versions, makePackage("libc6", { "lib/libc.so.6": { target: "/elsewhere" } }));
  await check(t, versions, makePackage("libc6", { "lib/libc.so.6": { target: "libc.so.6" } }));
  await check(t, versions, makePackage("libc6", {}));
});
