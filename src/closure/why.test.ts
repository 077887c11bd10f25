import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { toBytePath } from "../model/bytes.ts";
import type { Closure } from "../model/closure.ts";
import { explainObject } from "./why.ts";

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

test("the shortest chain, and what each cut would take", () => {
  const closure = closureOf(
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
      const closure = closureOf(["a"], list);
      const chain = explainObject(closure, target);
      if (chain === undefined || chain.length === 0) return;
      assert.equal(chain[0]!.from, "a");
      assert.equal(chain.at(-1)!.to, target);
      for (let i = 1; i < chain.length; i++) assert.equal(chain[i]!.from, chain[i - 1]!.to);
    }),
  );
});
