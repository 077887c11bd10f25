import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { inferenceInput } from "../../test/kit/infer.ts";
import { makeElf } from "../../test/kit/make-elf.ts";
import { makePackage } from "../../test/kit/make-package.ts";
import { makeTree } from "../../test/kit/trees.ts";
import { type BytePath, toBytePath } from "../model/bytes.ts";
import type { Closure } from "../model/closure.ts";
import { computeTreeSize, type TreeEntry } from "../model/tree.ts";
import { traceClosure } from "./infer.ts";
import { measurePackages } from "./package-sizes.ts";
import { type Explanation, explain, explainObject, type TracedClosure, traceDeclarations } from "./why.ts";

/** A closure of objects that are ten bytes each, with edges as `a>b`. */
function closureOf(roots: readonly string[], edges: readonly string[]): Closure {
  const pairs = edges.map((edge) => edge.split(">") as [string, string]);
  const ids = [...new Set([...roots, ...pairs.flat()])];
  return {
    roots,
    edges: pairs.map(([from, to]) => ({ from, to, evidence: [] })),
    pruned: [],
    units: ids.map((id) => {
      const entries = [
        {
          path: toBytePath(id),
          type: "file" as const,
          mode: 0,
          uid: 0,
          gid: 0,
          size: 10,
          content: { kind: "bytes" as const, bytes: new Uint8Array(10), sha256: "" },
        },
      ];
      const object = {
        id,
        label: id,
        placement: { kind: "at-root" as const },
        tree: { entries },
        declaredReferences: [],
      };
      return { object, entries };
    }),
  };
}

function traced(roots: readonly string[], edges: readonly string[]): TracedClosure {
  return traceDeclarations(closureOf(roots, edges));
}

test("the shortest chain, and what each cut would take", () => {
  const closure = traced(
    ["app"],
    ["app>lib", "lib>libc", "app>tool", "tool>perl", "perl>libc", "perl>perl-base"],
  );
  const chain = explainObject(closure, "perl-base")!;
  assert.deepEqual(
    chain.map(({ from, to, cutObjects, cutSize }) => [from, to, cutObjects.join(" "), cutSize]),
    [
      ["app", "tool", "perl perl-base tool", 30],
      ["tool", "perl", "perl perl-base", 20],
      ["perl", "perl-base", "perl-base", 10],
    ],
  );
  // Two ways lead to libc: cutting one takes only what is behind it alone.
  assert.deepEqual(
    explainObject(closure, "libc")!.map(({ cutObjects }) => cutObjects),
    [["lib"], []],
  );
  assert.deepEqual(explainObject(closure, "app"), []);
  assert.equal(explainObject(closure, "gone"), undefined);
});

test("any graph: a chain leads from a root to the object, and cycles end", () => {
  const name = fc.constantFrom(..."abcdef");
  const edges = fc.array(fc.tuple(name, name).map(([from, to]) => `${from}>${to}`));
  fc.assert(
    fc.property(edges, name, (list, target) => {
      const closure = traced(["a"], list);
      const chain = explainObject(closure, target);
      if (chain === undefined || chain.length === 0) return;
      assert.equal(chain[0]!.from, "a");
      assert.equal(chain.at(-1)!.to, target);
      for (let i = 1; i < chain.length; i++) assert.equal(chain[i]!.from, chain[i - 1]!.to);
    }),
  );
});

const LOADER = "/lib64/ld-linux-x86-64.so.2";
const OBJECTS = [
  makePackage(
    "app",
    {
      "usr/bin/app": makeElf({ interpreter: LOADER, needed: ["libx.so.1"] }),
      "usr/bin/other": makeElf({ interpreter: LOADER, needed: ["libx.so.1", "libz.so.1"] }),
    },
    { depends: ["libx1", "libz1", "data"] },
  ),
  makePackage("libx1", {
    "usr/lib/libx.so.1": makeElf({ soname: "libx.so.1", strings: ["/usr/share/data/table"] }),
    "usr/lib/libx/plugin.so": makeElf({ soname: "plugin.so", needed: ["liby.so.1"] }),
  }),
  makePackage("liby1", { "usr/lib/liby.so.1": makeElf({ soname: "liby.so.1" }) }),
  makePackage("libz1", { "usr/lib/libz.so.1": makeElf({ soname: "libz.so.1" }) }),
  makePackage("data", { "usr/share/data/table": "x".repeat(1000), "usr/share/data/more": "y".repeat(500) }),
  makePackage("libc6", { "lib64/ld-linux-x86-64.so.2": makeElf({ soname: "ld-linux-x86-64.so.2" }) }),
];
const ROOT_FILE_SYSTEM = {
  merged: new Map<BytePath, TreeEntry>(
    makeTree({
      lib: { target: "usr/lib" },
      "etc/alternatives/app": { target: "/usr/bin/app" },
      "usr/lib/": {},
      "usr/share/data/table": "",
    }).entries.map((entry) => [entry.path, entry]),
  ),
  report: [
    {
      fix: "alternatives",
      action: "link" as const,
      path: toBytePath("etc/alternatives/app"),
      detail: "to /usr/bin/app",
      because: "deb/app",
    },
  ],
};

function explained(target: string): Explanation {
  return explain(traceClosure(inferenceInput(OBJECTS, ["app"])), target, ROOT_FILE_SYSTEM);
}

/** `path: kind token -size packages`. */
function steps({ files }: Explanation): string[] {
  return files.map(({ file, reason: { kind, token = "" }, cutSize, cutObjects }) =>
    `${file.path}: ${kind} ${token} -${cutSize} ${cutObjects.map((id) => id.slice(4)).join(" ")}`.trim(),
  );
}

const sizeOf = (path: string) => {
  const entries = OBJECTS.flatMap(({ tree }) => tree.entries);
  return computeTreeSize({ entries: entries.filter((entry) => entry.path === path) });
};

test("a file is explained by the files that lead to it, each step with what a cut would take", () => {
  const library = sizeOf("usr/lib/libx.so.1");
  const table = explained("/usr/share/data/table");
  assert.deepEqual(steps(table), [
    `usr/bin/app: root  -${sizeOf("usr/bin/app")}`,
    // The other program needs the library, too.
    "usr/lib/libx.so.1: elf-needed libx.so.1 -0",
    "usr/share/data/table: path usr/share/data/table -1500 data",
  ]);
  assert.deepEqual([table.kind, table.object, table.size, table.isRoot], ["file", "deb/data", 1000, false]);
  assert.deepEqual(
    table.chain.map(({ from, to, cutSize }) => [from, to, cutSize]),
    [
      [
        "deb/app",
        "deb/libx1",
        library + sizeOf("usr/lib/libx/plugin.so") + sizeOf("usr/lib/liby.so.1") + 1500,
      ],
      ["deb/libx1", "deb/data", 1500],
    ],
  );
});

test("a file that stays with its package, and what it brings", () => {
  assert.deepEqual(steps(explained("/lib/liby.so.1")).slice(2), [
    `usr/lib/libx/plugin.so: whole-package  -${sizeOf("usr/lib/libx/plugin.so") + sizeOf("usr/lib/liby.so.1")} liby1`,
    `usr/lib/liby.so.1: elf-needed liby.so.1 -${sizeOf("usr/lib/liby.so.1")} liby1`,
  ]);
});

test("a directory, by the file in it that is nearest to what the image asks for", () => {
  const data = explained("/usr/share/data/");
  assert.equal(data.kind, "directory");
  assert.deepEqual(data.holds, { files: 2, size: 1500, objects: ["deb/data"] });
  assert.equal(data.files.at(-1)?.file.path, "usr/share/data/table");
  assert.deepEqual(explained("/lib").holds?.objects, ["deb/libx1", "deb/liby1", "deb/libz1"]);
});

test("a file that a fix made: which one, and because of which package", () => {
  const { kind, object, isRoot, made, files } = explained("/etc/alternatives/app");
  assert.deepEqual([kind, object, isRoot, files], ["file", "deb/app", true, []]);
  assert.deepEqual(made, ROOT_FILE_SYSTEM.report);
});

test("a package, by the shortest chain to a file of it", () => {
  const { kind, size, files } = explained("libz1");
  assert.deepEqual([kind, size], ["package", sizeOf("usr/lib/libz.so.1")]);
  assert.deepEqual(
    files.map(({ file }) => file.path),
    ["usr/bin/other", "usr/lib/libz.so.1"],
  );
});

test("something built, by the name that tables show", () => {
  const { package: _, ...rest } = makePackage("demo", { "nix/store/0-demo/bin/demo": "" });
  const storePath = "/nix/store/0-demo";
  const demo = { ...rest, id: storePath, placement: { kind: "in-store", storePath } } as const;
  const traced = traceClosure(inferenceInput([demo], [storePath]));
  assert.equal(explain(traced, demo.label).object, storePath);
  assert.equal(explain(traced, storePath).object, storePath);
});

test("what is not in the image", () => {
  const fails = (target: string, hint: RegExp) =>
    assert.throws(() => explained(target), { code: "NOT_IN_IMAGE", hint });
  fails("libz", /Did you mean "libz1"/);
  fails("/usr/bin/none", /tare why --dropped/);
});

test("own, closure and added sizes of packages", () => {
  const { starts, packages } = measurePackages(traceClosure(inferenceInput(OBJECTS, ["app"])));
  assert.deepEqual(starts, ["deb/app"]);
  const app = packages.get("deb/app")!;
  const total = [...packages.values()].reduce((size, { ownSize }) => size + ownSize, 0);
  assert.deepEqual([app.isRoot, app.closureSize, app.addedSize], [true, total, total]);
  assert.deepEqual(
    app.references.map(({ to }) => to),
    ["deb/libc6", "deb/libx1", "deb/libz1"],
  );
  const libx = packages.get("deb/libx1")!;
  assert.equal(libx.closureSize, libx.ownSize + sizeOf("usr/lib/liby.so.1") + 1500);
  assert.equal(libx.addedSize, libx.closureSize);
});

test("a file that keep names begins a chain of its own", () => {
  const traced = traceClosure(
    inferenceInput([...OBJECTS, makePackage("tool", { "usr/bin/tool": "" })], ["app"], { keep: ["tool"] }),
  );
  assert.deepEqual(steps(explain(traced, "tool")), ["usr/bin/tool: keep tool -0 tool"]);
  assert.deepEqual(measurePackages(traced).starts, ["deb/app", "deb/tool"]);
});
