// The same lock gives the same digests, whatever surrounds the build.

import assert from "node:assert/strict";
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, type TestContext, test } from "node:test";
import { missingProgram } from "../kit/cli.ts";
import { temporaryDirectory } from "../kit/context.ts";
import { makeProject, type Project } from "../kit/project.ts";

interface BuildJson {
  readonly digest: string;
  readonly unchanged: boolean;
  readonly layers: readonly { readonly digest: string }[];
}

function digestOf(
  project: Project,
  args: string[] = [],
  options: Parameters<Project["tare"]>[1] = {},
): string {
  const result = project.tare(["build", "--json", ...args], options);
  assert.equal(result.status, 0, result.stderr);
  return (JSON.parse(result.stdout) as BuildJson).digest;
}

/** Every byte below a directory, by path. */
function contents(directory: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((path) => [path.slice(directory.length), readFileSync(path).toString("base64")]),
  );
}

before(() => process.umask(0o022));

async function projectWithReference(t: TestContext): Promise<{ project: Project; digest: string }> {
  const project = await makeProject(t);
  return { project, digest: digestOf(project) };
}

test("a golden digest: the bytes that this image has had since it was first built", async (t) => {
  const { digest } = await projectWithReference(t);
  const golden = join(import.meta.dirname, "../golden/greeter.digest");
  if (process.env["UPDATE_GOLDEN"] === "1") {
    writeFileSync(golden, `${digest}\n`);
    return t.skip("the golden digest was written; look at the difference");
  }
  assert.equal(`${digest}\n`, readFileSync(golden, "utf8"));
});

test("another time zone, locale, umask, directory, number of jobs and a cold cache change nothing", async (t) => {
  const { project, digest } = await projectWithReference(t);
  const layout = contents(join(project.directory, "greeter.oci"));
  const elsewhere = join(temporaryDirectory(t), "elsewhere");
  mkdirSync(elsewhere);
  const variants: { summary: string; args?: string[]; options: Parameters<Project["tare"]>[1] }[] = [
    { summary: "TZ", options: { env: { TZ: "Asia/Kathmandu" } } },
    { summary: "LANG", options: { env: { LANG: "tr_TR.UTF-8", LC_ALL: "C" } } },
    { summary: "umask", options: { prefix: ["sh", "-c", 'umask 0077; exec "$@"', "-"] } },
    { summary: "jobs 1", args: ["--jobs", "1"], options: {} },
    { summary: "jobs 7", args: ["--jobs", "7"], options: {} },
    { summary: "cwd", args: [project.directory], options: { cwd: elsewhere } },
  ];
  for (const { summary, args = [], options } of variants) {
    // A cold cache each time: a warm one would only show that the cache is read.
    rmSync(project.cacheHome, { recursive: true });
    const target = join(temporaryDirectory(t), "out");
    assert.equal(digestOf(project, [...args, "-o", `oci:${target}`], options), digest, summary);
    assert.deepEqual(contents(target), layout, summary);
  }
});

test("an ordinary user builds what root builds", async (t) => {
  if (process.getuid?.() !== 0) return t.skip("only root can become another user");
  const missing = missingProgram("setpriv");
  if (missing !== undefined) return t.skip(missing);
  const { project, digest } = await projectWithReference(t);
  const home = temporaryDirectory(t);
  cpSync(project.directory, join(home, "project"), { recursive: true });
  const own = { prefix: ["setpriv", "--reuid=1234", "--regid=1234", "--clear-groups"] };
  const { spawnSync } = await import("node:child_process");
  spawnSync("chown", ["-R", "1234:1234", home]);
  chmodSync(project.archive.directory, 0o755);
  chmodSync(join(project.archive.directory, ".."), 0o755);
  const env = { XDG_CACHE_HOME: join(home, "cache"), HOME: home };
  assert.equal(digestOf(project, ["-o", "oci:by-user"], { ...own, cwd: join(home, "project"), env }), digest);
});

test("the order in which directories are read does not matter: a cache filled in another order gives the same", async (t) => {
  const { project, digest } = await projectWithReference(t);
  rmSync(join(project.cacheHome, "tare/layers"), { recursive: true });
  rmSync(join(project.cacheHome, "tare/builds"), { recursive: true });
  const trees = join(project.cacheHome, "tare/trees");
  const shuffled = `${trees}.new`;
  mkdirSync(shuffled);
  for (const name of readdirSync(trees).reverse()) cpSync(join(trees, name), join(shuffled, name));
  rmSync(trees, { recursive: true });
  cpSync(shuffled, trees, { recursive: true });
  assert.equal(digestOf(project, ["-o", "oci:other"]), digest);
});

test("every format and compression of the same image twice is the same bytes", async (t) => {
  const project = await makeProject(t);
  for (const compression of ["zstd", "zstd:19", "gzip", "gzip:9", "none"]) {
    for (const output of ["oci-archive", "docker-archive"]) {
      const bytes = [1, 2].map((round) => {
        const file = join(project.directory, `${output}-${round}.tar`);
        digestOf(project, ["--compression", compression, "-o", `${output}:${file}`]);
        rmSync(join(project.cacheHome, "tare/layers"), { recursive: true, force: true });
        rmSync(join(project.cacheHome, "tare/builds"), { recursive: true, force: true });
        return readFileSync(file);
      });
      assert.ok(bytes[0]!.equals(bytes[1]!), `${output} ${compression}`);
    }
  }
});

test("nothing changed: said so, and nothing is written again", async (t) => {
  const { project, digest } = await projectWithReference(t);
  const index = join(project.directory, "greeter.oci/index.json");
  const { mtimeMs } = (await import("node:fs")).statSync(index);
  const again = project.tare(["build", "--json"]);
  assert.deepEqual(
    {
      digest: (JSON.parse(again.stdout) as BuildJson).digest,
      unchanged: (JSON.parse(again.stdout) as BuildJson).unchanged,
    },
    { digest, unchanged: true },
  );
  assert.equal((await import("node:fs")).statSync(index).mtimeMs, mtimeMs);
  assert.match(project.tare(["build"]).stdout, /nothing changed/);
});

test("SOURCE_DATE_EPOCH is the image's date and no layer's", async (t) => {
  const { project, digest } = await projectWithReference(t);
  const plain = JSON.parse(project.tare(["build", "--json"]).stdout) as BuildJson;
  const dated = project.tare(["build", "--json", "-o", "oci:dated"], {
    env: { SOURCE_DATE_EPOCH: "1700000000" },
  });
  const image = JSON.parse(dated.stdout) as BuildJson;
  assert.notEqual(image.digest, digest);
  assert.deepEqual(
    image.layers.map((layer) => layer.digest),
    plain.layers.map((layer) => layer.digest),
  );
  const blobs = contents(join(project.directory, "dated/blobs/sha256"));
  const documents = Object.values(blobs).map((text) => Buffer.from(text, "base64").toString("latin1"));
  assert.ok(documents.some((text) => text.includes('"created":"2023-11-14T22:13:20Z"')));
  const wrong = project.tare(["build"], { env: { SOURCE_DATE_EPOCH: "yesterday" } });
  assert.equal(wrong.status, 1);
  assert.match(wrong.stderr, /BAD_SOURCE_DATE_EPOCH/);
});
