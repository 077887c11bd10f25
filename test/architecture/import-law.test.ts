// The import law: a folder imports only itself, model/, formats/ and platform/; pipeline.ts imports folders; cli/ all.

import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";

const SRC = join(import.meta.dirname, "../../src");
const OPEN_TO_ALL = ["model", "formats", "platform"];

/** Specifiers of static and dynamic imports, and of modules named by URL. */
function importsOf(text: string): string[] {
  return [...text.matchAll(/(?:\bfrom|\bimport|\bimport\(|new URL\()\s*"([^"]+)"/g)].map(
    (match) => match[1]!,
  );
}

function roomOf(path: string): string {
  return path.includes("/") ? path.slice(0, path.indexOf("/")) : path;
}

/** Why this file may not import that one, or undefined. */
function breach(from: string, to: string): string | undefined {
  const [room, target] = [roomOf(from), roomOf(to)];
  if (room === target || ["pipeline.ts", "pipeline", "cli", "index.ts"].includes(room)) return undefined;
  if (to === "index.ts" && from === "evaluate/image-file.ts") return undefined;
  if (room === "model") return "model/ imports nothing but itself";
  if (room === "formats" && target !== "model") return "formats/ is pure: it imports only model/";
  if (room === "platform" && target !== "model" && target !== "formats") return "platform/ knows no stage";
  return OPEN_TO_ALL.includes(target) ? undefined : "stages do not know each other";
}

const files = globSync("**/*.ts", { cwd: SRC })
  .filter((file) => !file.endsWith(".test.ts"))
  .sort();

test("the import law holds for every file", () => {
  assert.ok(files.length > 40, `${files.length} files were found`);
  const breaches = files.flatMap((file) =>
    importsOf(readFileSync(join(SRC, file), "utf8"))
      .filter((specifier) => specifier.startsWith("."))
      .map((specifier) => relative(SRC, join(SRC, dirname(file), specifier)))
      .flatMap((target) => {
        const reason = breach(file, target);
        return reason === undefined ? [] : [`${file} imports ${target}: ${reason}`];
      }),
  );
  assert.deepEqual(breaches, []);
});

test("the law itself refuses what it should", () => {
  assert.match(breach("pack/pack.ts", "layers/plan.ts") ?? "", /stages/);
  assert.match(breach("formats/tar-writer.ts", "platform/disk.ts") ?? "", /pure/);
  assert.match(breach("model/tree.ts", "formats/elf.ts") ?? "", /model/);
  assert.match(breach("platform/disk.ts", "run/run.ts") ?? "", /platform/);
  assert.equal(breach("pack/pack.ts", "platform/disk.ts"), undefined);
  assert.equal(breach("cli/main.ts", "pipeline.ts"), undefined);
});

test("only platform/ and cli/ touch disk, processes, threads, the network, the clock and chance", () => {
  const forbidden =
    /from "node:(?:fs|fs\/promises|child_process|worker_threads|net|http|https|os|timers\/promises)"|\bDate\.now\(|new Date\(\)|Math\.random\(|\brandomBytes\(/;
  const offenders = files.filter(
    (file) => !/^(?:platform|cli)\//.test(file) && forbidden.test(readFileSync(join(SRC, file), "utf8")),
  );
  assert.deepEqual(offenders, []);
});

test("sorting is by bytes or code units, never by locale", () => {
  const offenders = files.filter((file) =>
    /localeCompare|Intl\.Collator|toLocale/.test(readFileSync(join(SRC, file), "utf8")),
  );
  assert.deepEqual(offenders, []);
});

test("every error code has a test that names it", () => {
  const tests = globSync(["src/**/*.test.ts", "test/**/*.test.ts"], { cwd: join(SRC, "..") })
    .map((file) => readFileSync(join(SRC, "..", file), "utf8"))
    .join("\n");
  const untested = files.flatMap((file) => {
    const text = readFileSync(join(SRC, file), "utf8");
    return [...text.matchAll(/export type \w*ErrorCode =([\s\S]*?);/g)]
      .flatMap((union) => [...union[1]!.matchAll(/"([A-Z][A-Z0-9_]+)"/g)].map((code) => code[1]!))
      .filter((code) => !new RegExp(`"${code}"|'${code}'|\\b${code}\\b`).test(tests))
      .map((code) => `${file}: ${code}`);
  });
  assert.deepEqual(untested, []);
});
