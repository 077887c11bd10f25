// Rules over what packages declare: whose scripts count, what a directory or a word means, which plugin was chosen.

import assert from "node:assert/strict";
import { test } from "node:test";
import { infer } from "../../test/kit/infer.ts";
import { makeElf } from "../../test/kit/make-elf.ts";
import { makePackage } from "../../test/kit/make-package.ts";
import type { StoreObject } from "../model/store-object.ts";

/** Paths of the files that are kept, links included. */
function kept(objects: readonly StoreObject[], root: string): string[] {
  return infer(objects, [root])
    .units.flatMap(({ entries }) => entries)
    .filter(({ type }) => type !== "directory")
    .map(({ path }) => path as string)
    .sort();
}

const source = (name: string, architecture = "amd64") => ({
  control: { Source: name, Architecture: architecture },
});
test("a directory of a program's own data means all of the data, that of another package its files alone", () => {
  const objects = (from: string) => [
    makePackage(
      "mail",
      { "usr/bin/mail": makeElf({ strings: ["/etc/mail/mail.conf"] }) },
      { depends: ["mail-base"], ...source("mail") },
    ),
    makePackage(
      "mail-base",
      { "usr/bin/mail-tool": makeElf({}) },
      { depends: ["mail-config"], ...source("mail") },
    ),
    makePackage(
      "mail-config",
      { "etc/mail/conf.d": "", "usr/share/x/make-mail-conf": "" },
      source(from, "all"),
    ),
  ];
  assert.deepEqual(kept(objects("mail"), "mail"), [
    "etc/mail/conf.d",
    "usr/bin/mail",
    "usr/share/x/make-mail-conf",
  ]);
  assert.deepEqual(kept(objects("other"), "mail"), ["etc/mail/conf.d", "usr/bin/mail"]);
});

test("a program's words mean what its own data declares to need, too", () => {
  const objects = (from: string) => [
    makePackage(
      "server",
      { "usr/bin/server": makeElf({ imports: ["popen"], strings: ['"%s%skeycomp" -w %d %s'] }) },
      { depends: ["server-common"], ...source("server") },
    ),
    makePackage("server-common", { "usr/lib/server/p": "" }, { depends: ["keys"], ...source(from, "all") }),
    makePackage("keys", { "usr/bin/keycomp": makeElf({}) }),
  ];
  assert.ok(kept(objects("server"), "server").includes("usr/bin/keycomp"));
  assert.ok(!kept(objects("other"), "server").includes("usr/bin/keycomp"));
});

test("of alternatives the one that was chosen is a plugin when it needs its host in turn", () => {
  const objects = (needs: readonly string[]) => [
    makePackage("app", { "usr/bin/app": makeElf({ needed: ["libloop.so.1"] }) }, { depends: ["libloop1"] }),
    makePackage(
      "libloop1",
      { "usr/lib/libloop.so.1": makeElf({ soname: "libloop.so.1", imports: ["dlopen"] }) },
      { depends: ["loop-ev"], control: { Depends: "libc6, loop-ev | loop-glib" } },
    ),
    makePackage(
      "loop-ev",
      { "usr/lib/libloop-ev.so.1": makeElf({ soname: "libloop-ev.so.1" }) },
      { depends: needs },
    ),
  ];
  assert.ok(kept(objects(["libloop1"]), "app").includes("usr/lib/libloop-ev.so.1"));
  assert.ok(!kept(objects([]), "app").includes("usr/lib/libloop-ev.so.1"));
});

test("a gem's modules are found where its specification says that they lie", () => {
  const gems = "usr/share/rubygems-integration/all";
  const objects = [
    makePackage("app", { "usr/bin/app.rb": "require 'concurrent/map'\n" }, { depends: ["ruby-concurrent"] }),
    makePackage("ruby-concurrent", {
      [`${gems}/gems/concurrent-ruby-1.1/lib/concurrent-ruby/concurrent/map.rb`]: "",
      [`${gems}/specifications/concurrent-ruby-1.1.gemspec`]:
        's.require_paths = ["lib/concurrent-ruby".freeze]\n',
    }),
  ];
  assert.equal(kept(objects, "app").length, 3);
});

test("modules that a program with Lua in it loads by name", () => {
  const objects = [
    makePackage(
      "module",
      { "usr/lib/server/lua.so": makeElf({ imports: ["lua_pcall"], strings: ["resty.core"] }) },
      { depends: ["lua-resty-core"] },
    ),
    makePackage("lua-resty-core", { "usr/share/lua/5.1/resty/core.lua": "" }),
  ];
  assert.equal(kept(objects, "module").length, 2);
});
