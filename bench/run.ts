// `npm run bench`: every measurement side by side in one run, as a Markdown table with the machine's description.
// `npm run bench -- --write` also puts it into docs/measurements.md.

import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { benchBuild } from "./build.ts";
import { benchPack } from "./pack.ts";

const MARKS = ["<!-- bench -->", "<!-- /bench -->"] as const;

function machine(): string {
  const cpu = cpus()[0]?.model.trim() ?? "unknown processor";
  const memory = Math.round(totalmem() / 2 ** 30);
  const system = spawnSync("uname", ["-sr"], { encoding: "utf8" }).stdout.trim();
  return `${cpus().length} × ${cpu}, ${memory} GiB, ${system}, Node ${process.versions.node}, zstd ${process.versions["zstd"]}`;
}

/** Seconds with three digits that matter. */
const seconds = (value: number) => `${value.toPrecision(3)} s`;

const packed = await benchPack();
const [reference] = packed;
const lines = [
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
];
const table = lines.join("\n");
console.log(table);

if (process.argv.includes("--write")) {
  const file = join(import.meta.dirname, "../docs/measurements.md");
  const text = readFileSync(file, "utf8");
  const [start, end] = MARKS.map((mark) => text.indexOf(mark)) as [number, number];
  if (start < 0 || end < start) throw new Error(`${file} has no ${MARKS.join(" … ")}`);
  writeFileSync(file, `${text.slice(0, start + MARKS[0].length)}\n${table}\n${text.slice(end)}`);
}
