import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { makeElf } from "../../test/kit/make-elf.ts";
import { makePackage } from "../../test/kit/make-package.ts";
import type { Context } from "../model/context.ts";
import type { TreeEntry } from "../model/tree.ts";
import { Cache } from "../platform/cache.ts";
import { decodeFacts, encodeFacts, isOpaque, TRAITS } from "./facts.ts";
import { scanObjects } from "./facts-cache.ts";
import { factsVersion } from "./kinds.ts";

const token = fc.string({ unit: fc.constantFrom(..."abc/.\xe9"), minLength: 1, maxLength: 8 });
const tokens = fc.dictionary(
  fc.constantFrom("path", "perl", "dlopen"),
  fc.uniqueArray(token, { minLength: 1 }),
);

test("facts are decoded as they were encoded", () => {
  const file = fc.record({ traits: fc.nat(255), uses: tokens, offers: tokens });
  fc.assert(
    fc.property(fc.array(file, { minLength: 1, maxLength: 5 }), (files) => {
      const bytes = encodeFacts(
        files.map(({ traits, uses, offers }) => ({
          traits,
          uses: new Map(Object.entries(uses)),
          offers: new Map(Object.entries(offers)),
        })),
      );
      const facts = decodeFacts(bytes)!;
      assert.equal(facts.count, files.length);
      for (const [i, { traits, uses, offers }] of files.entries()) {
        assert.equal(facts.traits(i), traits);
        assert.deepEqual(Object.fromEntries(facts.uses(i).map(({ kind, tokens }) => [kind, tokens])), {
          ...uses,
        });
        assert.deepEqual(Object.fromEntries(facts.offers(i).map(({ kind, tokens }) => [kind, tokens])), {
          ...offers,
        });
      }
    }),
    { seed: 1 },
  );
});

test("damaged facts are undefined, wherever the damage is", () => {
  const bytes = encodeFacts([{ traits: 1, uses: new Map([["path", ["a", "b"]]]), offers: new Map() }]);
  for (let at = 0; at < bytes.length; at++) {
    const damaged = Uint8Array.from(bytes);
    damaged[at] = damaged[at]! ^ 0x40;
    assert.equal(decodeFacts(damaged), undefined);
    assert.equal(decodeFacts(bytes.subarray(0, at)), undefined);
  }
});

test("facts of no file", () => {
  assert.equal(decodeFacts(encodeFacts([]))?.count, 0);
});

test("images and compressed data are not read", () => {
  assert.ok(isOpaque("usr/share/a.png") && isOpaque("usr/share/man/x.1.gz"));
  assert.ok(!isOpaque("usr/lib/libpng.so") && !isOpaque("usr/bin/gzip"));
});

test("texts for people and rules for make are not read, programs of such names are", () => {
  for (const path of [
    "etc/a/README",
    "usr/share/a/README.md",
    "usr/lib/a/INSTALL",
    "usr/lib/a/b/LICENSE.txt",
  ])
    assert.ok(isOpaque(path), path);
  for (const path of [
    "usr/lib/a/src/Makefile.global",
    "usr/share/a/rules.mk",
    "usr/share/a/makefile",
    "nix/store/0-app/node_modules/debug/Makefile",
    "nix/store/0-app/node_modules/@a/b/test/run.sh",
    "nix/store/0-app/node_modules/a/node_modules/b/__tests__/c.js",
    "nix/store/0-env/lib/python3.11/site-packages/numpy/core/tests/test_x.py",
    "usr/lib/python3.11/_sysconfigdata__x86_64-linux-gnu.py",
    "usr/lib/python3/dist-packages/scipy/__config__.py",
    "usr/lib/x86_64-linux-gnu/perl/5.36.0/Config_heavy.pl",
    "usr/lib/x86_64-linux-gnu/perl-base/Config_heavy.pl",
  ])
    assert.ok(isOpaque(path), path);
  for (const path of [
    "usr/bin/install",
    "usr/lib/a/INSTALL.sh",
    "usr/lib/a/license.py",
    "var/yp/Makefile",
    "nix/store/0-app/app/Makefile",
    "nix/store/0-app/node_modules/test/index.js",
    "nix/store/0-app/node_modules/@a/test/index.js",
    "nix/store/0-app/node_modules/a/lib/test/index.js",
    "nix/store/0-env/lib/python3.11/site-packages/django/test/client.py",
    "nix/store/0-app/app/tests/a.py",
    "etc/a.mk",
  ])
    assert.ok(!isOpaque(path), path);
});

function contextIn(root: string): Context {
  const signal = new AbortController().signal;
  return { cache: new Cache(root), progress: undefined as never, signal, offline: true, jobs: 2 };
}

test("objects are scanned on threads once, then read from the cache; damage there is scanned again", async () => {
  const root = mkdtempSync(join(tmpdir(), "tare-facts-"));
  try {
    const objects = [
      makePackage("a", {
        "usr/bin/a": makeElf({ needed: ["libb.so.1"], imports: ["system"] }),
        "usr/lib/x": { target: "y" },
      }),
      makePackage("b", { "etc/b.conf": "/usr/share/b\n" }),
    ];
    const first = await scanObjects(objects, contextIn(root));
    assert.deepEqual(first.get("deb/a")!.uses(0), [
      { kind: "elf-needed", tokens: ["62.64/libb.so.1"] },
      { kind: "library-function", tokens: ["shell"] },
    ]);
    assert.ok((first.get("deb/a")!.traits(0) & TRAITS.runsShell) !== 0);
    assert.deepEqual(first.get("deb/b")!.uses(0), [{ kind: "path", tokens: ["usr/share/b"] }]);
    const folder = join(root, "facts");
    const names = readdirSync(folder);
    assert.equal(names.length, 2);
    const stored = names.map((name) => readFileSync(join(folder, name)));
    for (const name of names) writeFileSync(join(folder, name), "damaged");
    const again = await scanObjects(objects, contextIn(root));
    assert.deepEqual(again.get("deb/a")!.uses(0), first.get("deb/a")!.uses(0));
    assert.deepEqual(
      names.map((name) => readFileSync(join(folder, name))),
      stored,
    );
  } finally {
    rmSync(root, { recursive: true });
  }
});

test("a damaged archive in the cache is named", async () => {
  const root = mkdtempSync(join(tmpdir(), "tare-facts-"));
  try {
    const file = join(root, "archive.tar");
    writeFileSync(file, "other bytes");
    const object = makePackage("a", { "etc/a": "some" });
    const entries = object.tree.entries.map((entry) => ({
      ...entry,
      size: 4,
      content: { kind: "range", file, offset: 0, crc32: 1, sha256: "0".repeat(64) },
    })) as unknown as TreeEntry[];
    await assert.rejects(scanObjects([{ ...object, tree: { entries } }], contextIn(root)), {
      name: "ContentError",
      code: "CACHE_DAMAGED",
      file,
    });
  } finally {
    rmSync(root, { recursive: true });
  }
});

test("the version of facts is stable within one version of the code", () => {
  assert.match(factsVersion(), /^[0-9a-f]{16}$/);
  assert.equal(factsVersion(), factsVersion());
});
