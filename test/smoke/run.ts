// `npm run test:smoke`: builds every case of test/fixtures/smoke with an inferred closure from the live archive, runs its functional
// test in the image, and prints a table. `-- --more`, `-- --fresh`: the cases of packages that the rules were never tried on when they
// were made; `-- --declared`: with all that is declared, to try the tests themselves; `-- NAME…`: only those; `-- --write`: measures
// sizes, too, and puts the table into docs/measurements.md.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT, SHARED_CACHE, tare } from "../kit/cli.ts";
import { type Inferable, loadInferable } from "../kit/inferable.ts";
import { makeHarness, runSmokeCase, type SmokeFile, smokeCases, smokeImageFile } from "../kit/smoke.ts";
import { measureLayers } from "./layer-sizes.ts";

/** Bytes: zstd -19 takes its time, and tells little of an image above this. */
const MAX_FOR_19 = 50e6;
/** Cases whose sum docs/measurements.md tells apart. */
const FIRST = 40;

interface Row {
  readonly name: string;
  readonly ok: boolean;
  readonly packages: number;
  readonly seconds: number;
  /** Bytes, as all that follow; layers as tar archives. */
  readonly image: number;
  readonly zstd: number;
  /** Files of the packages that the case declares to need, and of these with Essential ones. */
  readonly declared?: number;
  readonly withEssential?: number;
  readonly gzip?: number;
  readonly zstd19?: number;
}

interface BuildJson {
  readonly size: number;
  readonly uncompressedSize: number;
  readonly layers: readonly { readonly comment: string }[];
}

const options = process.argv.slice(2);
/** Cases of packages that were in no list. */
const list = ["more", "fresh"].find((name) => options.includes(`--${name}`));
const closure = options.includes("--declared") ? "declared" : "inferred";
/** Essential packages of bookworm with commands: what a script may take for granted on Debian. */
const ESSENTIAL =
  "base-files base-passwd bash bsdutils coreutils dash debianutils diffutils findutils grep gzip hostname libc-bin login ncurses-base ncurses-bin perl-base sed sysvinit-utils tar util-linux".split(
    " ",
  );
const isWritten = options.includes("--write");
const cases = smokeCases(list === undefined ? "cases.json" : (`${list}-cases.json` as SmokeFile));
const wanted = options.filter((option) => !option.startsWith("-"));
const chosen = wanted.length > 0 ? cases.filter(({ name }) => wanted.includes(name)) : cases;

function measureDeclared({ declaredSize, size }: Inferable): Pick<Row, "declared" | "withEssential"> {
  return { declared: declaredSize, withEssential: size };
}

const rows: Row[] = [];

await test("smoke tests of inferred images", async (t) => {
  const harness = makeHarness(t);
  for (const smokeCase of chosen) {
    await t.test(smokeCase.name, async () => {
      const directory = mkdtempSync(join(tmpdir(), "tare-smoke-"));
      try {
        const layout = join(directory, "out");
        const packages = [...smokeCase.packages, ...(closure === "declared" ? ESSENTIAL : [])];
        writeFileSync(join(directory, "image.ts"), smokeImageFile(packages, closure));
        const start = performance.now();
        const built = tare(["build", "--json", "--no-frozen", "-o", "oci:out"], { cwd: directory });
        const seconds = (performance.now() - start) / 1000;
        if (built.status !== 0) throw new Error(built.stderr);
        const image = JSON.parse(built.stdout) as BuildJson;
        const env = { ...process.env, XDG_CACHE_HOME: SHARED_CACHE };
        const { ok, output } = await runSmokeCase(smokeCase, layout, harness, env);
        const labels = image.layers.flatMap(({ comment }) => comment.split(", "));
        rows.push({
          name: smokeCase.name,
          ok,
          packages: labels.filter((label) => label !== "root file system").length,
          seconds,
          image: image.uncompressedSize,
          zstd: image.size,
          ...(isWritten && {
            ...measureDeclared(await loadInferable(smokeCase.packages)),
            gzip: measureLayers(layout, "gzip -6"),
            ...(image.uncompressedSize <= MAX_FOR_19 && { zstd19: measureLayers(layout, "zstd -19") }),
          }),
        });
        if (!ok) throw new Error(`it did not print "${smokeCase.expect}" but:\n${output.slice(-1500)}`);
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    });
  }
});

const megabytes = (bytes: number | undefined) => (bytes === undefined ? "" : (bytes / 1e6).toFixed(1));
type Size = "declared" | "withEssential" | "image" | "gzip" | "zstd";
const sum = (part: readonly Row[], of: Size) =>
  megabytes(part.reduce((total, row) => total + (row[of] ?? 0), 0));

function tellFirst(): string {
  const first = rows.filter(({ name }) => cases.findIndex((item) => item.name === name) < FIRST);
  if (list !== undefined) return `Together they are ${sum(rows, "image")} MB.`;
  if (!isWritten) return `The first ${FIRST} cases together are ${sum(first, "image")} MB.`;
  return `The first ${FIRST} cases together are ${sum(first, "image")} MB; what they declare is ${sum(first, "declared")} MB, and ${sum(first, "withEssential")} MB with the Essential packages.`;
}

const table = [
  `${rows.filter(({ ok }) => ok).length} of ${chosen.length} do their work. ${tellFirst()}`,
  "",
  "| case | works | declared | with Essential | image | gzip -6 | zstd -3 | zstd -19 | packages | build s |",
  "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|",
  ...rows.map(
    (row) =>
      `| ${row.name} | ${row.ok ? "yes" : "no"} | ${[row.declared, row.withEssential, row.image, row.gzip, row.zstd, row.zstd19].map(megabytes).join(" | ")} | ${row.packages} | ${row.seconds.toFixed(1)} |`,
  ),
  `| sum | | ${(["declared", "withEssential", "image", "gzip", "zstd"] as const).map((of) => (isWritten || of === "image" || of === "zstd" ? sum(rows, of) : "")).join(" | ")} | | | |`,
].join("\n");
console.log(table);

if (isWritten) {
  const name = list ?? "smoke";
  const marks = [`<!-- ${name} -->`, `<!-- /${name} -->`] as const;
  const file = join(ROOT, "docs/measurements.md");
  const text = readFileSync(file, "utf8");
  const [start, end] = marks.map((mark) => text.indexOf(mark)) as [number, number];
  if (start < 0 || end < start) throw new Error(`${file} has no ${marks.join(" … ")}`);
  writeFileSync(file, `${text.slice(0, start + marks[0].length)}\n${table}\n${text.slice(end)}`);
}
