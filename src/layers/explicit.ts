// The layers that image.ts describes: which units are in each, before a planner divides the rest. Pure.

import { compareStrings } from "../model/bytes.ts";
import type { PlanUnit } from "../model/layer-plan.ts";

/** A layer by the ids of units. */
export interface UnitLayer {
  readonly members: readonly string[];
  /** What goes into a later layer, though something in this one refers to it. */
  readonly ignore: readonly string[];
}

/**
 * Assigns units to layers: each has its members and all that these refer to, but for what a layer before it has.
 *
 * @param units Of the image, those without files too, so that references lead through them.
 * @returns One for each layer, sorted by id; it may be empty.
 */
export function assignUnits(
  units: readonly Pick<PlanUnit, "id" | "references">[],
  layers: readonly UnitLayer[],
): string[][] {
  const byId = new Map(units.map((unit) => [unit.id, unit]));
  const taken = new Set<string>();
  return layers.map(({ members, ignore }) => {
    const ignored = new Set(ignore);
    const reached = new Set<string>();
    const pending = [...members];
    for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
      const unit = byId.get(id);
      if (unit === undefined || reached.has(id)) continue;
      reached.add(id);
      pending.push(...unit.references);
    }
    const own = [...reached].filter((id) => !taken.has(id) && !ignored.has(id));
    for (const id of own) taken.add(id);
    return own.sort(compareStrings);
  });
}
