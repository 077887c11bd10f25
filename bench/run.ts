// `npm run bench`: every measurement side by side in one run, as a Markdown table with the machine's description.
// `npm run bench -- --write` also puts it into docs/measurements.md; `npm run bench -- layers` measures layers alone.
// `--long` adds what takes many minutes: the smoke tests of images with ELF edges alone.

import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg, totalmem } from "node:os";
import { join } from "node:path";
import { benchBuild } from "./build.ts";
import { formatAblationTable, formatClosureTable } from "./closure.ts";
import { benchLayers, formatLayerTable } from "./layers.ts";
import { benchPack } from "./pack.ts";
import { benchLoad, benchPush } from "./push.ts";
import { benchReleases, formatReleaseTable } from "./releases.ts";
import { formatStoreTable } from "./store.ts";
import { benchStream, formatStreamTable } from "./stream-conf.ts";

function machine(): string {
  const cpu = cpus()[0]?.model.trim() ?? "unknown processor";
  const memory = Math.round(totalmem() / 2 ** 30);
  const system = spawnSync("uname", ["-sr"], { encoding: "utf8" }).stdout.trim();
  return `${cpus().length} × ${cpu}, ${memory} GiB, ${system}, Node ${process.versions.node}, zstd ${process.versions["zstd"]}`;
}

/** Seconds with three digits that matter. */
const seconds = (value: number) => `${value.toPrecision(3)} s`;

async function formatSpeedTable(): Promise<string> {
  const packed = await benchPack();
  const [reference] = packed;
  return [
    `Measured on ${machine()}. Best of three runs each, taken in turn in one run; the page cache is warm.`,
    "",
    `**Packing** a tree of files from /usr/share and /usr/lib.`,
    "",
    "| what | time | MB/s | ratio |",
    "|---|---|---|---|",
    ...packed.map(
      (row) =>
        `| ${row.what.replaceAll("|", "\\|")} | ${seconds(row.seconds)} | ${((row.bytesPerSecond ?? 0) / 1e6).toFixed(0)} | ${(row.seconds / reference!.seconds).toFixed(2)} |`,
    ),
    "",
    "**Building** an image of nginx-light from bookworm. Ratios are to the line that they name.",
    "",
    "| what | time | ratio |",
    "|---|---|---|",
    ...benchBuild().map((row) => `| ${row.what} | ${seconds(row.seconds)} | ${row.ratio} |`),
  ].join("\n");
}

async function formatPushTable(): Promise<string> {
  const pushes = await benchPush();
  const loads = await benchLoad();
  const own = pushes[0]!.seconds!;
  const time = (value: number | undefined) => (value === undefined ? "–" : seconds(value));
  const ratio = (value: number | undefined) => (value === undefined ? "–" : (value / own).toFixed(1));
  return [
    `Measured on ${machine()}, load average ${loadavg()[0]!.toFixed(0)}. Medians of seven edits, taken in turn in one run, with fastest and slowest.`,
    "",
    "| one line of the application changes: from the command to the pushed image | time | fastest – slowest | × tare push | moved |",
    "|---|---|---|---|---|",
    ...pushes.map(
      (row) =>
        `| ${row.what} | ${time(row.seconds)} | ${time(row.fastest)} – ${time(row.slowest)} | ${ratio(row.seconds)} | ${row.moved} |`,
    ),
    "",
    ...(loads === undefined
      ? ["podman is not installed: loading was not measured."]
      : [
          `| tare load of an image of ${(loads.imageBytes / 1e6).toFixed(0)} MB into podman | time | moved |`,
          "|---|---|---|",
          ...loads.rows.map(
            (row) => `| ${row.what} | ${seconds(row.seconds)} | ${(row.bytesMoved / 1e6).toFixed(3)} MB |`,
          ),
        ]),
  ].join("\n");
}

/** Puts a table between its marks in docs/measurements.md. */
function writeTable(mark: string, table: string): void {
  const file = join(import.meta.dirname, "../docs/measurements.md");
  const text = readFileSync(file, "utf8");
  const marks = [`<!-- ${mark} -->`, `<!-- /${mark} -->`] as const;
  const [start, end] = marks.map((one) => text.indexOf(one)) as [number, number];
  if (start < 0 || end < start) throw new Error(`${file} has no ${marks.join(" … ")}`);
  writeFileSync(file, `${text.slice(0, start + marks[0].length)}\n${table}\n${text.slice(end)}`);
}

const options = process.argv.slice(2);
const isLong = options.includes("--long");

/** What is measured, by its mark in docs/measurements.md. */
const TABLES: Readonly<Record<string, () => Promise<string>>> = {
  bench: formatSpeedTable,
  push: formatPushTable,
  layers: async () => formatLayerTable(await benchLayers(100), await benchLayers(40)),
  stream: async () =>
    `Measured on ${machine()}. Best of three runs each.\n\n${formatStreamTable(benchStream())}`,
  closure: async () => `Measured on ${machine()}.\n\n${await formatClosureTable()}`,
  store: async () => `Measured on ${machine()}. Best of three runs each.\n\n${await formatStoreTable()}`,
  releases: async () => formatReleaseTable(benchReleases()),
  ablation: () => formatAblationTable(isLong),
};
/** What is measured when it is asked for, or everything. */
const LONG = ["ablation", "releases"];

const asked = options.filter((option) => !option.startsWith("--"));
const all = Object.keys(TABLES).filter((mark) => isLong || !LONG.includes(mark));
for (const mark of asked.length > 0 ? asked : all) {
  const make = TABLES[mark];
  if (make === undefined)
    throw new Error(`there is no measurement "${mark}", only ${Object.keys(TABLES).join(", ")}`);
  const table = await make();
  console.log(`${table}\n`);
  if (options.includes("--write")) writeTable(mark, table);
}
