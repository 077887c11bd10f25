// Laws of inference that hold for every kind of token, on the example files of all kinds and on files of this machine.

import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { infer, inferenceInput } from "../../test/kit/infer.ts";
import { makeElf } from "../../test/kit/make-elf.ts";
import { makePackage } from "../../test/kit/make-package.ts";
import { TOKEN_SAMPLES, type TokenSample } from "../../test/kit/token-samples.ts";
import type { TreeDescription } from "../../test/kit/trees.ts";
import type { Closure } from "../model/closure.ts";
import type { StoreObject } from "../model/store-object.ts";
import { computeTreeSize } from "../model/tree.ts";
import { computeFacts, languagesOf } from "./facts.ts";
import { traceClosure } from "./infer.ts";
import { loadTokenKinds } from "./kinds.ts";
import { measurePackages } from "./package-sizes.ts";
import { findFileChain } from "./why.ts";

const KINDS = await loadTokenKinds();
const LANGUAGES = languagesOf(KINDS);
const LARGEST = 4 << 20;

/** Programs, libraries and scripts of many languages, where this machine has them. */
const REAL_FILES = [
  "/bin/sh",
  "/usr/bin/ls",
  "/usr/bin/ldd",
  "/usr/bin/python3",
  "/usr/bin/perl",
  "/usr/bin/c_rehash",
  "/usr/bin/xzgrep",
  "/usr/lib/x86_64-linux-gnu/libc.so.6",
  "/usr/lib/x86_64-linux-gnu/libm.so.6",
  "/usr/share/perl/5.36.0/Carp.pm",
  "/usr/lib/python3.11/subprocess.py",
  "/etc/nsswitch.conf",
].filter((path) => existsSync(path) && statSync(path).size <= LARGEST);

const files: readonly { readonly path: string; readonly bytes: Buffer }[] = [
  ...TOKEN_SAMPLES.filter(({ target }) => target === undefined).map(({ path, content = "" }) => ({
    path,
    bytes: typeof content === "string" ? Buffer.from(content, "latin1") : content,
  })),
  ...REAL_FILES.map((path) => ({ path: path.slice(1), bytes: readFileSync(path) })),
];

test("what a file names does not depend on how its bytes came together", () => {
  for (const { path, bytes } of files) {
    const whole = computeFacts(path, bytes, undefined, KINDS, LANGUAGES);
    const cuts = fc.array(fc.nat(bytes.length), { maxLength: 5 });
    fc.assert(
      fc.property(cuts, fc.nat(15), fc.nat(15), (places, before, after) => {
        const sorted = [0, ...places.toSorted((a, b) => a - b), bytes.length];
        const chunks = sorted.slice(1).map((end, i) => bytes.subarray(sorted[i], end));
        // Between other bytes that would be tokens.
        const around = Buffer.concat([
          Buffer.from("/usr/bin/before".slice(0, before)),
          ...chunks,
          Buffer.from("/usr/bin/behind".slice(0, after)),
        ]);
        const again = around.subarray(before, before + bytes.length);
        assert.deepEqual(computeFacts(path, again, undefined, KINDS, LANGUAGES), whole, path);
      }),
      { seed: 7, numRuns: bytes.length > 100_000 ? 1 : 5 },
    );
  }
});

const NAMES = ["a", "b", "c", "d", "e", "f"];

/** Packages that have the example files of all kinds among them, at random. */
const packages = fc.record({
  owners: fc.array(fc.nat(NAMES.length - 1), {
    minLength: TOKEN_SAMPLES.length,
    maxLength: TOKEN_SAMPLES.length,
  }),
  depends: fc.array(fc.subarray(NAMES), { minLength: NAMES.length, maxLength: NAMES.length }),
});

function describeFile({ content = "", target }: TokenSample): TreeDescription[string] {
  if (target !== undefined) return { target };
  return { text: typeof content === "string" ? Buffer.from(content, "latin1") : content, mode: 0o755 };
}

function makePackages(
  { owners, depends }: { owners: readonly number[]; depends: readonly (readonly string[])[] },
  more: Readonly<Record<string, TreeDescription>> = {},
): StoreObject[] {
  return NAMES.map((name, number) => {
    const own = TOKEN_SAMPLES.filter((_, i) => owners[i] === number);
    const tree = {
      ...Object.fromEntries(own.map((sample) => [sample.path, describeFile(sample)])),
      ...more[name],
    };
    return makePackage(name, tree, { depends: depends[number]! });
  });
}

/** What is in an image, and why. */
function dump(closure: Closure): unknown {
  const { reasons, units, ...rest } = closure;
  return {
    ...rest,
    units: units.map(({ object, entries }) => [
      object.id,
      entries.map((entry) => [entry.path, reasons!.of({ object: object.id, path: entry.path })]),
    ]),
  };
}

test("the order of packages does not matter, neither for what is kept nor for why", () => {
  fc.assert(
    fc.property(packages, fc.shuffledSubarray(NAMES, { minLength: NAMES.length }), (described, order) => {
      const objects = makePackages(described);
      const shuffled = order.map((name) => objects.find(({ id }) => id === `deb/${name}`)!);
      assert.deepEqual(dump(infer(shuffled, ["a"])), dump(infer(objects, ["a"])));
    }),
    { seed: 8, numRuns: 25 },
  );
});

test("adding a file that offers nothing never takes a file or a reference away", () => {
  const silent = TOKEN_SAMPLES.filter(({ path, content = "", target }) => {
    const bytes = typeof content === "string" ? Buffer.from(content, "latin1") : content;
    const facts = computeFacts(addedPath(path), bytes, target, KINDS, LANGUAGES);
    return target === undefined && facts.offers.size === 0 && facts.uses.size > 0;
  });
  assert.ok(silent.length > 10);
  fc.assert(
    fc.property(
      packages,
      fc.constantFrom(...NAMES),
      fc.constantFrom(...silent),
      (described, name, sample) => {
        const before = infer(makePackages(described), ["a"]);
        const added = { [name]: { [addedPath(sample.path)]: describeFile(sample) } };
        const after = infer(makePackages(described, added), ["a"]);
        const kept = new Set(
          after.units.flatMap(({ object, entries }) => entries.map(({ path }) => `${object.id} ${path}`)),
        );
        for (const { object, entries } of before.units) {
          for (const { path, type } of entries) {
            if (type !== "directory") assert.ok(kept.has(`${object.id} ${path}`), `${object.id} ${path}`);
          }
        }
        const edges = new Set(after.edges.map(({ from, to }) => `${from} ${to}`));
        for (const { from, to } of before.edges) assert.ok(edges.has(`${from} ${to}`), `${from} ${to}`);
      },
    ),
    { seed: 9, numRuns: 40 },
  );
});

/** A place that nobody names, with the name by which a file's language is known. */
function addedPath(path: string): string {
  return `srv/added/${path.slice(path.lastIndexOf("/") + 1)}`;
}

test("every file that is kept has a reason, and reasons lead to what the image asks for", () => {
  fc.assert(
    fc.property(packages, (described) => {
      const closure = infer(makePackages(described), ["a"]);
      for (const { object, entries } of closure.units) {
        for (const { path, type } of entries) {
          if (type === "directory") continue;
          const chain = findFileChain(closure, { object: object.id, path });
          assert.equal(chain.at(-1)?.file.path, path);
          assert.ok(["root", "metapackage"].includes(chain[0]!.reason.kind), chain[0]!.reason.kind);
          const seen = new Set(chain.map(({ file }) => `${file.object} ${file.path}`));
          assert.equal(seen.size, chain.length);
        }
      }
    }),
    { seed: 10, numRuns: 25 },
  );
});

test("what a package is said to add is what is gone when it is dropped", () => {
  const links = fc.array(fc.subarray(NAMES, { maxLength: 2 }), {
    minLength: NAMES.length,
    maxLength: NAMES.length,
  });
  fc.assert(
    fc.property(links, links, (programs, plugins) => {
      const objects = NAMES.map((name, i) => {
        const soname = (other: string) => `lib${other}.so.1`;
        return makePackage(
          name,
          {
            [`usr/lib/lib${name}.so.1`]: makeElf({
              soname: soname(name),
              needed: programs[i]!.filter((other) => other !== name).map(soname),
            }),
            [`usr/lib/${name}/plugin.so`]: makeElf({ soname: "plugin.so", needed: plugins[i]!.map(soname) }),
          },
          { depends: NAMES },
        );
      });
      const traced = traceClosure(inferenceInput(objects, ["a"]));
      const total = sizeOf(traced.closure);
      for (const { id, addedSize } of measurePackages(traced).packages.values()) {
        if (id === "deb/a") continue;
        const without = infer(objects, ["a"], { drop: [id.slice("deb/".length)] });
        assert.equal(addedSize, total - sizeOf(without), id);
      }
    }),
    { seed: 12, numRuns: 40 },
  );
});

function sizeOf({ units }: Closure): number {
  return units.reduce((size, { entries }) => size + computeTreeSize({ entries }), 0);
}
