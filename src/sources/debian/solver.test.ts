import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Clause, type Need, Solver } from "./solver.ts";

/** Rules by variable: what each needs (lists of options), and what each forbids. */
interface Instance {
  readonly needs: Readonly<Record<number, readonly (readonly number[])[]>>;
  readonly forbids: Readonly<Record<number, readonly number[]>>;
}

function solverOf({ needs, forbids }: Instance): Solver<string> {
  return new Solver<string>({
    *expand(variable): Generator<Need<string> | Clause<string>> {
      for (const options of needs[variable] ?? [])
        yield { options, tag: `${variable} needs ${options.join("|")}` };
      for (const other of forbids[variable] ?? [])
        yield { literals: [-variable, -other], tag: `${variable} forbids ${other}` };
    },
  });
}

function solve(instance: Instance, roots: readonly number[]) {
  const solver = solverOf(instance);
  const core = solver.require(roots.map((variable) => ({ variable, tag: `${variable} is wanted` })));
  return core === undefined
    ? { chosen: solver.trueVariables().sort((a, b) => a - b) }
    : { core: core.sort() };
}

const TABLE: readonly {
  summary: string;
  instance: Partial<Instance>;
  roots: number[];
  chosen?: number[];
  core?: string[];
}[] = [
  { summary: "nothing is wanted", instance: {}, roots: [], chosen: [] },
  { summary: "a chain", instance: { needs: { 1: [[2]], 2: [[3]] } }, roots: [1], chosen: [1, 2, 3] },
  { summary: "a cycle", instance: { needs: { 1: [[2]], 2: [[1]] } }, roots: [1], chosen: [1, 2] },
  { summary: "the first alternative", instance: { needs: { 1: [[2, 3]] } }, roots: [1], chosen: [1, 2] },
  {
    summary: "a chosen alternative wins",
    instance: { needs: { 1: [[2, 3]] } },
    roots: [1, 3],
    chosen: [1, 3],
  },
  {
    summary: "what is forced later still wins over the first alternative",
    instance: { needs: { 1: [[2, 3], [4]], 4: [[5]], 5: [[3]] } },
    roots: [1],
    chosen: [1, 3, 4, 5],
  },
  {
    summary: "an alternative that cannot be is passed over",
    instance: { needs: { 1: [[2, 3]], 2: [[4]], 4: [[]] } },
    roots: [1],
    chosen: [1, 3],
  },
  {
    summary: "an alternative deep below is changed when it conflicts",
    instance: {
      needs: {
        1: [
          [2, 3],
          [4, 5],
        ],
        4: [[6]],
      },
      forbids: { 6: [2] },
    },
    roots: [1],
    chosen: [1, 2, 5],
  },
  {
    summary: "a need without options",
    instance: { needs: { 1: [[2]], 2: [[]] } },
    roots: [1],
    core: ["1 is wanted", "1 needs 2", "2 needs "],
  },
  {
    summary: "a conflict, told without what has nothing to do with it",
    instance: { needs: { 1: [[2], [7]], 3: [[4]] }, forbids: { 4: [2] } },
    roots: [1, 3],
    core: ["1 is wanted", "1 needs 2", "3 is wanted", "3 needs 4", "4 forbids 2"],
  },
  {
    summary: "both alternatives fail",
    instance: { needs: { 1: [[2, 3]], 3: [[]] }, forbids: { 1: [2] } },
    roots: [1],
    core: ["1 forbids 2", "1 is wanted", "1 needs 2|3", "3 needs "],
  },
];

for (const { summary, instance, roots, chosen, core } of TABLE) {
  test(summary, () => {
    const result = solve({ needs: {}, forbids: {}, ...instance }, roots);
    assert.deepEqual(result, core === undefined ? { chosen } : { core });
  });
}

test("adding one more keeps what was chosen, or changes nothing", () => {
  const solver = solverOf({ needs: { 1: [[2, 3]], 4: [[3]], 5: [[6]] }, forbids: { 6: [2] } });
  assert.equal(solver.require([{ variable: 1, tag: "" }]), undefined);
  assert.deepEqual(solver.trueVariables(), [1, 2]);
  assert.deepEqual(solver.tryAdd(5, "kept")?.sort(), ["5 needs 6", "6 forbids 2", "kept"]);
  assert.deepEqual(solver.trueVariables(), [1, 2]);
  assert.equal(solver.tryAdd(4, "kept"), undefined);
  assert.deepEqual(solver.trueVariables().sort(), [1, 2, 3, 4]);
});

const SIZE = 9;
const variable = fc.integer({ min: 1, max: SIZE });
const instance: fc.Arbitrary<Instance> = fc.record({
  needs: fc.dictionary(
    variable.map(String),
    fc.array(fc.uniqueArray(variable, { maxLength: 3 }), { maxLength: 3 }),
    { maxKeys: SIZE },
  ),
  forbids: fc.dictionary(variable.map(String), fc.uniqueArray(variable, { maxLength: 2 }), { maxKeys: SIZE }),
});

/** Whether a set of variables, as bits, keeps all rules. */
function isSolution({ needs, forbids }: Instance, bits: number): boolean {
  const has = (one: number): boolean => (bits & (1 << one)) !== 0;
  for (let one = 1; one <= SIZE; one++) {
    if (!has(one)) continue;
    if ((needs[one] ?? []).some((options) => !options.some(has))) return false;
    if ((forbids[one] ?? []).some(has)) return false;
  }
  return true;
}

function hasSolution(given: Instance, roots: number): boolean {
  for (let bits = 0; bits < 1 << (SIZE + 1); bits += 2) {
    if ((bits & roots) === roots && isSolution(given, bits)) return true;
  }
  return false;
}

test("it finds a solution exactly when there is one", () => {
  fc.assert(
    fc.property(instance, fc.uniqueArray(variable, { minLength: 1, maxLength: 3 }), (given, roots) => {
      const bits = roots.reduce((sum, one) => sum | (1 << one), 0);
      const result = solve(given, roots);
      if (result.chosen === undefined) {
        assert.equal(hasSolution(given, bits), false);
        // The rules that are blamed are enough to forbid it.
        const blamed = (tag: string): boolean => result.core!.includes(tag);
        const only: Instance = {
          needs: Object.fromEntries(
            Object.entries(given.needs).map(([one, lists]) => [
              one,
              lists.filter((options) => blamed(`${one} needs ${options.join("|")}`)),
            ]),
          ),
          forbids: Object.fromEntries(
            Object.entries(given.forbids).map(([one, others]) => [
              one,
              others.filter((other) => blamed(`${one} forbids ${other}`)),
            ]),
          ),
        };
        const wanted = roots.filter((one) => blamed(`${one} is wanted`));
        assert.equal(
          hasSolution(
            only,
            wanted.reduce((sum, one) => sum | (1 << one), 0),
          ),
          false,
        );
      } else {
        const chosen = result.chosen.reduce((sum, one) => sum | (1 << one), 0);
        assert.ok((chosen & bits) === bits && isSolution(given, chosen));
      }
    }),
    { numRuns: 1500 },
  );
});

test("adding works exactly when the present choices allow it", () => {
  fc.assert(
    fc.property(instance, variable, fc.array(variable, { maxLength: 4 }), (given, root, more) => {
      const solver = solverOf(given);
      if (solver.require([{ variable: root, tag: "" }]) !== undefined) return;
      for (const one of more) {
        const before = solver.trueVariables();
        const bits = before.reduce((sum, other) => sum | (1 << other), 0);
        const possible = hasSolution(given, bits | (1 << one));
        assert.equal(solver.tryAdd(one, "kept") === undefined, possible);
        const after = solver.trueVariables();
        if (!possible) assert.deepEqual([...after].sort(), [...before].sort());
        assert.ok(
          isSolution(
            given,
            after.reduce((sum, other) => sum | (1 << other), 0),
          ),
        );
      }
    }),
    { numRuns: 500 },
  );
});
