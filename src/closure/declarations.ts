// What units declare to need: directly, through metapackages, and in all.

import { reachDeclared } from "./declared.ts";
import type { IndexedUnits } from "./indexed-units.ts";
import { isDataOf, isTransparent } from "./relations.ts";
import { getOrMake, type UnitView } from "./token-index.ts";

/** Units by their numbers. */
export class Declarations {
  readonly #units: readonly UnitView[];
  readonly #numbers: ReadonlyMap<string, number>;
  readonly #direct = new Map<number, ReadonlySet<number>>();
  readonly #needed = new Map<number, ReadonlySet<number>>();

  constructor({ index, numbers }: Pick<IndexedUnits, "index" | "numbers">) {
    this.#units = index.units;
    this.#numbers = numbers;
  }

  /** What a unit itself declares to need, as far as it is among the units. */
  of(unit: UnitView): number[] {
    return unit.object.declaredReferences.flatMap((id) => this.#numbers.get(id) ?? []);
  }

  /** What a unit declares to need, seen through metapackages and through data of its own that is packaged apart. */
  directOf(number: number): ReadonlySet<number> {
    return getOrMake(this.#direct, number, () => {
      const direct = new Set<number>();
      const stack = [number];
      const seen = new Set(stack);
      for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
        for (const reference of this.of(this.#units[at]!)) {
          direct.add(reference);
          const other = this.#units[reference]!;
          if (seen.has(reference) || !(isTransparent(other) || isDataOf(other, this.#units[number]!)))
            continue;
          seen.add(reference);
          stack.push(reference);
        }
      }
      return direct;
    });
  }

  /** A unit, all that it declares to need, and what that does. */
  allOf(number: number): ReadonlySet<number> {
    return getOrMake(this.#needed, number, () => {
      const reached = new Set([number]);
      for (const at of reached) {
        for (const other of this.of(this.#units[at]!)) reached.add(other);
      }
      return reached;
    });
  }

  /** All units, references before referrers, the same for every order of the input. */
  order(): number[] {
    const names = this.#units.map(({ object }) => object.id);
    return reachDeclared(names, (id) => {
      const number = this.#numbers.get(id);
      if (number === undefined) return undefined;
      return { references: this.of(this.#units[number]!).map((reference) => names[reference]!) };
    }).map((id) => this.#numbers.get(id)!);
  }
}
