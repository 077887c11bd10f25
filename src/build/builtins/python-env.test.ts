import assert from "node:assert/strict";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { pathToFileURL } from "node:url";
import { TestBuilds } from "../../../test/kit/builds.ts";
import { temporaryDirectory } from "../../../test/kit/context.ts";
import { type Derivation, derivation, type Output } from "../../evaluate/derivation.ts";
import { path } from "../../evaluate/source-path.ts";

const SITE = "lib/python3.11/site-packages";
const SETTINGS = {
  python: "3.11",
  interpreter: "/usr/bin/python3.11",
  systemSitePackages: false,
  parts: [] as string[],
  scripts: [] as object[],
};

function tree(t: TestContext, name: string, files: Readonly<Record<string, string>>): Output {
  const directory = join(temporaryDirectory(t), name);
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(join(directory, file, ".."), { recursive: true });
    writeFileSync(join(directory, file), text, { mode: file.startsWith("bin/") ? 0o755 : 0o644 });
  }
  return path(pathToFileURL(directory));
}

function environment(settings: object, name = "env"): Derivation {
  const text = JSON.stringify({ ...SETTINGS, ...settings });
  return derivation({ name, system: "builtin", builder: "builtin:python-env", env: { environment: text } });
}

test("parts are merged, and scripts start with the Python of the environment", async (t) => {
  const builds = new TestBuilds(t);
  const one = tree(t, "one", {
    "bin/demo": "#!/python-environment/bin/python\nimport demo\n",
    "bin/other": "#!/bin/sh\n",
    [`${SITE}/demo.py`]: "one",
    [`${SITE}/both.py`]: "first",
    [`${SITE}/data/#!x`]: "#!/python-environment/bin/python\n",
  });
  const two = tree(t, "two", { [`${SITE}/both.py`]: "second", [`${SITE}/data/two.txt`]: "two" });
  const env = environment({
    parts: [`${one}`, `${two}`],
    scripts: [{ name: "serve", module: "demo.web", attribute: "run" }],
  });
  const [storePath] = await builds.build(env);
  const place = builds.store.physicalPath(storePath!);
  const text = (file: string) => readFileSync(join(place, file), "utf8");
  assert.deepEqual(readdirSync(place), ["bin", "lib", "pyvenv.cfg"]);
  assert.deepEqual(readdirSync(join(place, "bin")), [
    "demo",
    "other",
    "python",
    "python3",
    "python3.11",
    "serve",
  ]);
  assert.equal(readlinkSync(join(place, "bin/python")), "/usr/bin/python3.11");
  assert.equal(text("bin/demo"), `#!${storePath}/bin/python\nimport demo\n`);
  assert.match(
    text("bin/serve"),
    /^#!\/nix\/store\/.*-env\/bin\/python\nimport sys\nfrom demo\.web import run\n/,
  );
  assert.equal(text("bin/other"), "#!/bin/sh\n");
  assert.equal(text(`${SITE}/both.py`), "first");
  assert.equal(text(`${SITE}/data/#!x`), "#!/python-environment/bin/python\n");
  assert.equal(lstatSync(join(place, "bin/demo")).mode & 0o777, 0o555);
  assert.equal(lstatSync(join(place, SITE, "demo.py")).mode & 0o777, 0o444);
  assert.deepEqual(builds.store.query(storePath!).references, [storePath]);
});

test("an application has the modules and programs of its base", async (t) => {
  const builds = new TestBuilds(t);
  const part = tree(t, "part", { "bin/tool": "#!/python-environment/bin/python\n", "bin/native": "\x7fELF" });
  const base = environment({ parts: [`${part}`] }, "base");
  const source = tree(t, "source", { "app.py": "", "bin/run": "#!/python-environment/bin/python\n" });
  const app = environment({ base: `${base}`, source: `${source}` }, "app");
  const [basePath, appPath] = await builds.build(base, app);
  const place = builds.store.physicalPath(appPath!);
  const text = (file: string) => readFileSync(join(place, file), "utf8");
  assert.equal(text("bin/tool"), `#!${appPath}/bin/python\n`);
  assert.equal(readlinkSync(join(place, "bin/native")), `${basePath}/bin/native`);
  assert.equal(
    text(`${SITE}/environment.pth`),
    `../../../app\nimport site; site.addsitedir("${basePath}/${SITE}")\n`,
  );
  // What is the application's own stays as it is.
  assert.equal(text("app/bin/run"), "#!/python-environment/bin/python\n");
  assert.ok(existsSync(join(place, "app/app.py")));
  assert.deepEqual(builds.store.query(appPath!).references, [appPath, basePath].sort());
});

for (const [summary, settings, message] of [
  ["unknown settings", { pyton: 1 }, /Cannot build env: its variable "environment" is wrong: /],
  ["a part that is no input", { parts: ["/etc"] }, /Cannot build env: \/etc is not among its inputs/],
] as const) {
  test(`settings are refused: ${summary}`, async (t) => {
    const builds = new TestBuilds(t);
    await assert.rejects(builds.build(environment(settings)), { code: "BUILTIN_INVALID", message });
  });
}

test("a file of one part cannot be a directory of another", async (t) => {
  const builds = new TestBuilds(t);
  const one = tree(t, "one", { [`${SITE}/x`]: "" });
  const two = tree(t, "two", { [`${SITE}/x/y`]: "" });
  await assert.rejects(builds.build(environment({ parts: [`${one}`, `${two}`] })), {
    code: "BUILTIN_INVALID",
    message: `Cannot build env: ${SITE}/x is a file of one of its parts and a directory of another`,
  });
});
