// Programs as they come from a compiler and from the archive, in images that hold what they need, started for real.

import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { liveArchiveProblem, missingProgram, tare, tareJson } from "../kit/cli.ts";
import { temporaryDirectory } from "../kit/context.ts";
import { run } from "../kit/tools.ts";

const SOURCE = `#include <math.h>
#include <stdio.h>
const char *zlibVersion(void);
int main(int argc, char **argv) {
  printf("%s %.3f %s\\n", argv[1], pow(argc, 0.5), ZLIB);
  return argc;
}
`;

/** Where gcc finds libraries of this machine for programs of it. */
const LIBZ = ["/usr/lib/x86_64-linux-gnu/libz.so.1", "/usr/lib/aarch64-linux-gnu/libz.so.1"].find(existsSync);

function compile(t: TestContext, ...options: string[]): string {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, "server.c"), SOURCE);
  run("gcc", [
    "-O1",
    "-fno-builtin",
    join(directory, "server.c"),
    "-o",
    join(directory, "server"),
    ...options,
  ]);
  return join(directory, "server");
}

/** Skips a test that needs what this machine does not have. */
function cannotRun(t: TestContext, ...programs: string[]): boolean {
  const problem =
    liveArchiveProblem() ??
    missingProgram(...programs) ??
    (process.platform === "linux" ? undefined : "this is no Linux");
  if (problem !== undefined) t.skip(problem);
  return problem !== undefined;
}

test("a dynamic program runs from an image of itself and its libraries", (t) => {
  if (cannotRun(t, "gcc")) return;
  const program =
    LIBZ === undefined ? compile(t, '-DZLIB="none"', "-lm") : compile(t, "-DZLIB=zlibVersion()", "-lm", LIBZ);
  const ran = tare(["run", "--runtime", "namespaces", program, "--", "word"]);
  assert.equal(ran.status, 2, ran.stderr);
  assert.match(ran.stdout, /^word 1\.414 (?:none|\d+\.\d+)/);
  const lock = JSON.parse(readFileSync(`${program}.tare.lock`, "utf8")) as {
    sections: { requests: Record<string, string> }[];
  };
  const { requests } = lock.sections[0]!;
  assert.equal(requests["lib:libm.so.6"], "libc6");
  assert.equal(requests["lib:libc.so.6"], "libc6");
  assert.equal(requests["lib:libz.so.1"], LIBZ === undefined ? undefined : "zlib1g");
});

test("a static program runs from an image of one file", (t) => {
  if (cannotRun(t, "gcc")) return;
  const program = compile(t, '-DZLIB="none"', "-static", "-lm");
  const ran = tare(["run", "--runtime", "namespaces", program, "--", "word"]);
  assert.equal(ran.status, 2, ran.stderr);
  assert.equal(ran.stdout, "word 1.414 none\n");
  assert.equal(existsSync(`${program}.tare.lock`), false);
});

test("an image of nothing but redis's entrypoint runs redis", (t) => {
  if (cannotRun(t)) return;
  const directory = temporaryDirectory(t);
  writeFileSync(
    join(directory, "image.ts"),
    `import { buildLayeredImage } from "tare";
export default buildLayeredImage({ name: "redis", config: { Entrypoint: ["/usr/bin/redis-server"] } });
`,
  );
  const { packages } = tareJson<{ packages: { id: string; root: boolean }[] }>(["plan", directory]);
  assert.deepEqual(
    packages.filter(({ root }) => root).map(({ id }) => id.split("/")[1]),
    ["redis-server"],
  );
  const ran = tare(["run", "--runtime", "namespaces", directory, "--", "--version"]);
  assert.equal(ran.status, 0, ran.stderr);
  assert.match(ran.stdout, /^Redis server v=/);
});
