// `npm run test:smoke`: builds every case of test/fixtures/smoke with an inferred closure from the live archive, runs its functional
// test in the image, and prints a table. `-- --write` puts it into docs/measurements.md; `-- NAME…` runs only those.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT, SHARED_CACHE, tare } from "../kit/cli.ts";
import { makeHarness, runSmokeCase, type SmokeCase } from "../kit/smoke.ts";

const MARKS = ["<!-- smoke -->", "<!-- /smoke -->"] as const;
const FIXTURE = join(ROOT, "test/fixtures/smoke/cases.json");

interface Row {
  readonly name: string;
  readonly ok: boolean;
  readonly packages: number;
  readonly uncompressed: number;
  readonly zstd: number;
  readonly seconds: number;
}

interface BuildJson {
  readonly size: number;
  readonly uncompressedSize: number;
  readonly layers: readonly { readonly comment: string }[];
}

const { cases } = JSON.parse(readFileSync(FIXTURE, "utf8")) as { cases: SmokeCase[] };
const wanted = process.argv.slice(2).filter((arg) => !arg.startsWith("-"));
const chosen = wanted.length > 0 ? cases.filter(({ name }) => wanted.includes(name)) : cases;

function imageFile(packages: readonly string[]): string {
  const contents = packages.map((name) => `packages[${JSON.stringify(name)}]`).join(", ");
  return `import { buildLayeredImage, debian } from "tare";
const { packages } = debian("bookworm", { architecture: "amd64" });
export default buildLayeredImage({ name: "smoke", contents: [${contents}] });
`;
}

const rows: Row[] = [];
const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);

await test("smoke tests of inferred images", async (t) => {
  const harness = makeHarness(t);
  for (const smokeCase of chosen) {
    await t.test(smokeCase.name, async () => {
      const directory = mkdtempSync(join(tmpdir(), "tare-smoke-"));
      try {
        mkdirSync(directory, { recursive: true });
        writeFileSync(join(directory, "image.ts"), imageFile(smokeCase.packages));
        const start = performance.now();
        const built = tare(["build", "--json", "--no-frozen", "-o", "oci:out"], { cwd: directory });
        const seconds = (performance.now() - start) / 1000;
        if (built.status !== 0) throw new Error(built.stderr);
        const image = JSON.parse(built.stdout) as BuildJson;
        const env = { ...process.env, XDG_CACHE_HOME: SHARED_CACHE };
        const { ok, output } = await runSmokeCase(smokeCase, join(directory, "out"), harness, env);
        const labels = image.layers.flatMap(({ comment }) => comment.split(", "));
        rows.push({
          name: smokeCase.name,
          ok,
          packages: labels.filter((label) => label !== "root file system").length,
          uncompressed: image.uncompressedSize,
          zstd: image.size,
          seconds,
        });
        if (!ok) throw new Error(`it did not print "${smokeCase.expect}" but:\n${output.slice(-1500)}`);
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    });
  }
});

const total = (part: readonly Row[]) => megabytes(part.reduce((sum, row) => sum + row.uncompressed, 0));
const first = rows.filter(({ name }) => cases.findIndex((item) => item.name === name) < 40);
const table = [
  `${rows.filter(({ ok }) => ok).length} of ${chosen.length} do their work. The first 40 cases together are ${total(first)} MB.`,
  "",
  "| case | works | packages | image MB | zstd-3 MB | build s |",
  "|---|---|---|---|---|---|",
  ...rows.map(
    (row) =>
      `| ${row.name} | ${row.ok ? "yes" : "no"} | ${row.packages} | ${megabytes(row.uncompressed)} | ${megabytes(row.zstd)} | ${row.seconds.toFixed(1)} |`,
  ),
].join("\n");
console.log(table);

if (process.argv.includes("--write")) {
  const file = join(ROOT, "docs/measurements.md");
  const text = readFileSync(file, "utf8");
  const [start, end] = MARKS.map((mark) => text.indexOf(mark)) as [number, number];
  if (start < 0 || end < start) throw new Error(`${file} has no ${MARKS.join(" … ")}`);
  writeFileSync(file, `${text.slice(0, start + MARKS[0].length)}\n${table}\n${text.slice(end)}`);
}
