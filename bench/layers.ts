// Bytes that pushes move under each planner, for sequences of images: pure simulation on the sizes, references and update
// histories of bench/data/layers.json. Nothing is packed; sizes are uncompressed.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { countStableUpdates } from "../src/formats/debian-version.ts";
import { type ComparedLayer, computeTransfer } from "../src/layers/compare.ts";
import { planLayers } from "../src/layers/plan.ts";
import { type PlanUnit, ROOTFS_UNIT_ID } from "../src/model/layer-plan.ts";

/** Images by name, and what their source packages were when. */
interface LayerData {
  readonly cases: Readonly<
    Record<
      string,
      {
        /** Bytes of the root file system's own additions. */
        readonly rootfs: number;
        readonly units: readonly (readonly [
          name: string,
          source: string,
          size: number,
          references: readonly number[],
        ])[];
      }
    >
  >;
  /** By source: from which day on it had which version; the first is the one that was released. */
  readonly history: Readonly<Record<string, readonly (readonly [day: string, version: string])[]>>;
}

/** One state of an image: its units, and what tells whether one has changed. */
interface State {
  readonly units: readonly PlanUnit[];
  readonly contents: ReadonlyMap<string, string>;
}

export interface LayerRow {
  readonly what: string;
  readonly image: string;
  readonly units: number;
  /** Bytes that the pushes after the first move, by planner. */
  readonly pushed: Readonly<Record<string, number>>;
  /** Bytes that an engine fetches that knows layers by all that is below them. */
  readonly pulledByChain: Readonly<Record<string, number>>;
  /** Layers of the last image. */
  readonly layers: Readonly<Record<string, number>>;
  /** Bytes of what changed: what no planner can be below. */
  readonly least: number;
}

export const MEASURED_PLANNERS = ["bySizeAndChange", "autoLayer", "popularity"] as const;

/** A lock every four months from the release of bookworm on. */
const LOCK_DAYS = Array.from({ length: 11 }, (_, i) => {
  const month = 5 + i * 4;
  return `${2023 + Math.floor(month / 12)}-${String((month % 12) + 1).padStart(2, "0")}-10`;
});

/** Bytes of the application that is in the images whose versions follow each other. */
const APPLICATION_SIZE = 8_000_000;

/** Measures 10 lock updates and 10 versions of an application, on every image. */
export async function benchLayers(maxLayers = 100): Promise<LayerRow[]> {
  const file = join(import.meta.dirname, "data/layers.json");
  const data = JSON.parse(readFileSync(file, "utf8")) as LayerData;
  const rows: LayerRow[] = [];
  for (const image of Object.keys(data.cases)) {
    const locks = LOCK_DAYS.map((day) => stateAt(data, image, day));
    rows.push(await measure("10 lock updates", image, locks, maxLayers));
    const versions = LOCK_DAYS.slice(1).map((_, i) => withApplication(locks.at(-1)!, i));
    rows.push(await measure("10 versions", image, versions, maxLayers));
  }
  return rows;
}

/** The sums over rows of what is measured for each planner. */
export function sumRows(
  rows: readonly LayerRow[],
  what: (row: LayerRow) => Readonly<Record<string, number>>,
): Record<string, number> {
  return Object.fromEntries(
    MEASURED_PLANNERS.map((planner) => [planner, sum(rows.map((row) => what(row)[planner]!))]),
  );
}

/**
 * The measurements as Markdown; the same on every machine.
 *
 * @param rows With 100 layers.
 * @param few With 40.
 */
export function formatLayerTable(rows: readonly LayerRow[], few: readonly LayerRow[]): string {
  const cells = (values: Readonly<Record<string, number>>) =>
    MEASURED_PLANNERS.map((planner) => ` ${megabytes(values[planner]!)} |`).join("");
  const sumsOf = (name: string, some: readonly LayerRow[]) =>
    `| ${name} | ${sum(some.map(({ units }) => units))} |${cells(sumRows(some, ({ pushed }) => pushed))} ${megabytes(sum(some.map(({ least }) => least)))} |`;
  const tables = [...Map.groupBy(rows, ({ what }) => what)].flatMap(([what, some]) => {
    const crowded = some.filter(({ units }) => units > 100);
    const fewLayers = few.filter((row) => row.what === what);
    const chains = cells(sumRows(some, ({ pulledByChain }) => pulledByChain));
    return [
      `**${what}**, MB pushed after the first image.`,
      "",
      `| image | units |${MEASURED_PLANNERS.map((planner) => ` ${planner} |`).join("")} changed units alone |`,
      `|---|---|${MEASURED_PLANNERS.map(() => "---|").join("")}---|`,
      ...some.map(
        ({ image, units, pushed, least }) => `| ${image} | ${units} |${cells(pushed)} ${megabytes(least)} |`,
      ),
      sumsOf("all", some),
      sumsOf("those with more units than layers", crowded),
      sumsOf("all, with 40 layers", fewLayers),
      `| all, pulled by chains of layers | |${chains} |`,
      "",
    ];
  });
  const total = sumRows(rows, ({ pushed }) => pushed);
  const ratio = (total["bySizeAndChange"]! / total["popularity"]!).toFixed(2);
  return [...tables, `Both together, \`bySizeAndChange\` pushes ${ratio} of what \`popularity\` does.`].join(
    "\n",
  );
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

function stateAt({ cases, history }: LayerData, image: string, day: string): State {
  const { units, rootfs } = cases[image]!;
  const versionOf = (source: string) =>
    history[source]?.findLast(([since]) => since <= day)?.[1] ?? history[source]?.[0]?.[1] ?? "1";
  const packages = units.map(([name, origin, size, references]): PlanUnit => {
    return {
      id: `deb/${name}/${versionOf(origin)}/amd64`,
      label: name,
      size,
      references: references.map((i) => `deb/${units[i]![0]}/${versionOf(units[i]![1])}/amd64`),
      name,
      origin,
      updates: countStableUpdates(versionOf(origin)),
    };
  });
  // The versions of all packages are written into the root file system.
  const ids = packages.map(({ id }) => id);
  return {
    units: [...packages, { ...additions(), size: rootfs }],
    contents: new Map([...ids.map((id) => [id, id] as const), [ROOTFS_UNIT_ID, ids.join(" ")]]),
  };
}

/** An application beside what is in the image; from its sixth version on it does without one package. */
function withApplication({ units }: State, version: number): State {
  const needed = new Set(units.flatMap(({ references }) => references));
  const spare = units.find(({ id }) => id !== ROOTFS_UNIT_ID && !needed.has(id));
  const kept = units.filter((unit) => version < 5 || unit !== spare || units.length < 20);
  const application: PlanUnit = {
    id: `path/${version}/srv/application`,
    label: "/srv/application",
    size: APPLICATION_SIZE,
    references: kept.filter(({ id }) => !needed.has(id) && id !== ROOTFS_UNIT_ID).map(({ id }) => id),
    name: "/srv/application",
    origin: "/srv/application",
    volatile: true,
  };
  const ids = kept.map(({ id }) => id);
  return {
    units: [...kept, application],
    contents: new Map([
      ...ids.map((id) => [id, id] as const),
      [application.id, application.id],
      [ROOTFS_UNIT_ID, ids.join(" ")],
    ]),
  };
}

function additions(): PlanUnit {
  return { id: ROOTFS_UNIT_ID, label: "root file system", size: 0, references: [], name: ROOTFS_UNIT_ID };
}

async function measure(
  what: string,
  image: string,
  states: readonly State[],
  maxLayers: number,
): Promise<LayerRow> {
  const pushed: Record<string, number> = {};
  const pulledByChain: Record<string, number> = {};
  const layers: Record<string, number> = {};
  for (const planner of MEASURED_PLANNERS) {
    const images = await Promise.all(states.map((state) => simulate(state, planner, maxLayers)));
    const transfers = images
      .slice(1)
      .map((image, i) => computeTransfer(image, images.slice(0, i + 1).flat(), images[i]!));
    pushed[planner] = sum(transfers.map(({ push }) => push));
    pulledByChain[planner] = sum(transfers.map(({ pullByChain }) => pullByChain));
    layers[planner] = images.at(-1)!.length;
  }
  const seen = new Set(states[0]!.contents.values());
  let least = 0;
  for (const { units, contents } of states.slice(1)) {
    for (const { id, size } of units) {
      if (!seen.has(contents.get(id)!)) least += size;
      seen.add(contents.get(id)!);
    }
  }
  return { what, image, units: states[0]!.units.length, pushed, pulledByChain, layers, least };
}

/** Layers of a planned image: two are the same when they hold the same contents. */
async function simulate({ units, contents }: State, planner: string, maxLayers: number) {
  const sizes = new Map(units.map(({ id, size }) => [id, size]));
  const plan = await planLayers(units, { maxLayers, planner });
  return plan.layers.map(
    (layer): ComparedLayer => ({
      key: layer.units.map((id) => contents.get(id)!).join("\n"),
      size: sum(layer.units.map((id) => sizes.get(id)!)),
    }),
  );
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
