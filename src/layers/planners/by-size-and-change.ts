// Large packages alone, small ones with what changes when they do, what the user makes on top. Our own, the default.
//
//   origin     perl            gcc-12               tzdata  debconf  …         (the user's)
//            ┌───────────┬────────┬──────────────┬──────────────────────┐      ┌─────────┐
//            │ perl-base │ libgcc │ libstdc++    │ ·  ·  ·  ·  ·  ·  ·  │      │ server  │      rootfs
//            │           │        │ + gcc-12-base│                      │      │         │
//            └─────┬─────┴───┬────┴──────┬───────┴──────────┬───────────┘      └────┬────┘
//                layer     layer       layer        shared, ≤ 1 MiB each          layer
//
// Aim: an update of the packages, and a new version of the user's program, should move few bytes. Every decision about
// a unit is made from the unit itself and from those of its origin, so that nothing moves because something else
// changed, and no record of earlier plans is needed (docs/decisions: "Layers are stable without a memory").
//
// Algorithm:
// 1. What the user makes is the top layer, alone: it differs in every build.
// 2. Units of one origin (a Debian source package; outputs of one derivation) are updated together. A unit of 64 KiB or
//    more gets a layer of its own; the smaller ones go to the largest of their origin, or together when there is none.
// 3. Origins of less than 64 KiB in all share layers. Which of them are together is decided by the hash of the origin's
//    name: all begin in one layer, and a layer of more than 1 MiB is divided in two by the next bit. So an origin that
//    comes, goes or grows touches the one layer that it is in.
// 4. Where that is more layers than there may be: the layers of one origin become one, the smallest origins first;
//    then the smallest origins join the shared layers, one at a time, as many as it takes. One package more moves one
//    origin. If even that is not enough, shared layers may be 2 MiB, 4 MiB, and so on.
// 5. Order, bottom first: what has been updated least since its release, as its version tells, then by name. Engines
//    that pull by chains of layers fetch all that is above a change; and a layer's place moves only when it changes.
//    Versions of store paths tell nothing, but what refers to a changed path changes too: there it is the height in
//    the graph that counts.
//
// A worked example is in docs/layers.md.

import { createHash } from "node:crypto";
import { compareStrings } from "../../model/bytes.ts";
import type { PlannedLayer, PlanUnit } from "../../model/layer-plan.ts";
import { createGraph, findComponents, originOf } from "../graph.ts";
import type { Planner, PlanRequest } from "../planner.ts";

/** Bytes from which on a unit, or an origin, has a layer of its own: a layer costs a request wherever it goes. */
export const SMALLEST_OWN_LAYER = 64 * 1024;

/**
 * Doublings of size by which joining an origin's layers comes before sharing: it moves no more bytes when the origin is
 * updated, but other images have the single layers, and all of it moves when there is room again.
 */
const CHEAPER_JOIN = 4;

/** Bytes from which on a shared layer is divided. */
export const LARGEST_SHARED_LAYER = 1024 * 1024;

export const planner: Planner = {
  name: "bySizeAndChange",
  summary: "large packages alone, small ones with what changes when they do, your own on top",
  plan,
};

/** Units of one origin. */
interface Origin {
  readonly name: string;
  readonly units: readonly PlanUnit[];
  readonly size: number;
}

/** A layer to be, before it has a place. */
interface Draft {
  readonly units: readonly PlanUnit[];
  readonly reason: string;
}

function plan({ units, others, available }: PlanRequest): PlannedLayer[] {
  const rank = rankChanges([...units, ...others]);
  const mine = units.filter((unit) => unit.volatile === true);
  const rest = units.filter((unit) => unit.volatile !== true);
  const top: Draft[] =
    mine.length === 0 ? [] : [{ units: mine, reason: "your own: changes with every build" }];
  if (rest.length > 0 && available === 1) {
    return [toLayer({ units, reason: "all: there is one layer only" })];
  }
  const drafts = draftLayers(rest, available - top.length).map((draft) => ({
    draft,
    rank: Math.max(...draft.units.map((unit) => rank(unit))),
    name: draft.units.map(originOf).sort(compareStrings)[0]!,
  }));
  drafts.sort(
    (a, b) =>
      a.rank - b.rank ||
      compareStrings(a.name, b.name) ||
      compareStrings(a.draft.units[0]!.id, b.draft.units[0]!.id),
  );
  return [...drafts.map(({ draft }) => draft), ...top].map(toLayer);
}

function toLayer({ units, reason }: Draft): PlannedLayer {
  return { units: units.map(({ id }) => id), reason };
}

/** How likely a unit is to change, beside others: how often it did, or how much there is below its origin that may. */
function rankChanges(units: readonly PlanUnit[]): (unit: PlanUnit) => number {
  const originOfId = new Map(units.map((unit) => [unit.id, originOf(unit)]));
  const graph = createGraph(
    [...Map.groupBy(units, originOf)].map(([name, members]) => ({
      id: name,
      label: name,
      name,
      size: 0,
      references: members.flatMap(({ references }) => references.flatMap((id) => originOfId.get(id) ?? [])),
    })),
  );
  const heights = new Map<string, number>();
  for (const members of findComponents(graph)) {
    const below = members.flatMap((origin) =>
      graph.references.get(origin)!.map(({ id }) => heights.get(id) ?? -1),
    );
    const height = 1 + below.reduce((most, one) => Math.max(most, one), -1);
    for (const { id } of members) heights.set(id, height);
  }
  return (unit) => unit.updates ?? heights.get(originOf(unit))!;
}

function draftLayers(units: readonly PlanUnit[], available: number): Draft[] {
  const origins = [...Map.groupBy(units, originOf)].map(
    ([name, members]): Origin => ({ name, units: members, size: sumSizes(members) }),
  );
  const small = origins.filter(({ size }) => size < SMALLEST_OWN_LAYER);
  const large = origins.filter(({ size }) => size >= SMALLEST_OWN_LAYER);
  for (let limit = LARGEST_SHARED_LAYER; ; limit *= 2) {
    const drafts = fit(small, large, available, limit);
    if (drafts !== undefined) return drafts;
  }
}

/** Layers that are not too many, by as few steps as it takes; undefined when no number of steps is enough. */
function fit(
  small: readonly Origin[],
  large: readonly Origin[],
  available: number,
  limit: number,
): Draft[] | undefined {
  const own = new Map(large.map((origin) => [origin, divideOrigin(origin)]));
  const others = [...small];
  let count = [...own.values()].flat().length;
  // Shared layers are within the limit, or hold one origin: there cannot be fewer than this.
  let fewest = sum(small.map(({ size }) => Math.min(size, limit) / limit));
  for (const step of [undefined, ...listSteps(large)]) {
    if (step?.joins === true) {
      count -= own.get(step.origin)!.length - 1;
      own.set(step.origin, [joinOrigin(step.origin)]);
    } else if (step !== undefined) {
      count -= 1;
      own.delete(step.origin);
      others.push(step.origin);
      fewest += Math.min(step.origin.size, limit) / limit;
    }
    if (count + fewest > available) continue;
    const shared = share(others, limit);
    if (count + shared.length <= available) return [...own.values(), shared].flat();
  }
  return undefined;
}

/** Something that takes layers away: one origin's become one (`joins`), or an origin goes to the shared layers. */
interface Step {
  readonly origin: Origin;
  readonly joins: boolean;
  readonly cost: number;
}

/** What it may take to have fewer layers, what costs least first. */
function listSteps(origins: readonly Origin[]): Step[] {
  const steps = origins.flatMap((origin): Step[] => {
    const cost = sizeClass(origin.size);
    return [
      { origin, joins: true, cost: cost - CHEAPER_JOIN },
      { origin, joins: false, cost },
    ];
  });
  return steps.sort((a, b) => a.cost - b.cost || compareStrings(a.origin.name, b.origin.name));
}

/** A layer for each unit that is large enough, the others with the largest. */
function divideOrigin(origin: Origin): Draft[] {
  const own = origin.units.filter(({ size }) => size >= SMALLEST_OWN_LAYER);
  const largest = own.toSorted((a, b) => b.size - a.size || compareStrings(a.id, b.id))[0];
  if (own.length <= 1 || largest === undefined) return [joinOrigin(origin)];
  const smaller = origin.units.filter(({ size }) => size < SMALLEST_OWN_LAYER);
  return own.map((unit) => {
    const members =
      unit === largest ? origin.units.filter((one) => one === unit || smaller.includes(one)) : [unit];
    return { units: members, reason: describeOrigin(origin.name, members) };
  });
}

function joinOrigin({ name, units }: Origin): Draft {
  return { units, reason: describeOrigin(name, units) };
}

function describeOrigin(name: string, units: readonly PlanUnit[]): string {
  return units.length === 1 ? "large enough for a layer of its own" : `of ${name}: updated together`;
}

/** Divides origins into layers of at most `limit` bytes by the hashes of their names. */
function share(origins: readonly Origin[], limit: number): Draft[] {
  const hashed = origins.map((origin) => ({
    origin,
    bits: createHash("sha256").update(origin.name).digest(),
  }));
  const layers: Draft[] = [];
  // Depth first, by an explicit list: names may have long common beginnings of their hashes, if somebody looks for them.
  const open = [{ members: hashed, depth: 0 }];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const { members, depth } = at;
    if (members.length === 0) continue;
    const size = members.reduce((sum, { origin }) => sum + origin.size, 0);
    if (members.length > 1 && size > limit && depth < 256) {
      const halves = Map.groupBy(members, ({ bits }) => (bits[depth >> 3]! >> (7 - (depth & 7))) & 1);
      open.push(...[1, 0].map((bit) => ({ members: halves.get(bit) ?? [], depth: depth + 1 })));
      continue;
    }
    const units = members.flatMap(({ origin }) => origin.units);
    layers.push({
      units: units.toSorted((a, b) => compareStrings(a.id, b.id)),
      reason:
        members.length === 1
          ? describeOrigin(members[0]!.origin.name, units)
          : "small, together by the hashes of their names",
    });
  }
  return layers;
}

/** How many times a size can be halved: classes of a factor of two, so that few origins change places. */
function sizeClass(size: number): number {
  let doublings = 0;
  for (let rest = size; rest >= 2; rest /= 2) doublings++;
  return doublings;
}

function sumSizes(units: readonly PlanUnit[]): number {
  return sum(units.map(({ size }) => size));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
