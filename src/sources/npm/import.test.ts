import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { temporaryDirectory, testContext } from "../../../test/kit/context.ts";
import { integrityOf, packPackage, packTarball } from "../../../test/kit/npm-registry.ts";
import { source } from "./index.ts";

const OPTIONS = { architecture: "amd64", omit: ["dev"], scripts: {}, tell: true } as const;

/** A project whose packages are tarballs of its own. */
function makeProject(
  t: TestContext,
  packages: Record<string, Buffer>,
  change: Record<string, string> = {},
): string {
  const directory = temporaryDirectory(t);
  const dependencies = Object.fromEntries(Object.keys(packages).map((name) => [name, `file:${name}.tgz`]));
  const locked = Object.entries(packages).map(([name, tarball]) => [
    `node_modules/${name}`,
    {
      version: "1.0.0",
      resolved: `file:${name}.tgz`,
      integrity: integrityOf(tarball),
      hasInstallScript: true,
    },
  ]);
  const files: Record<string, string | Buffer> = {
    "package.json": JSON.stringify({ name: "p", dependencies }),
    "package-lock.json": JSON.stringify({
      lockfileVersion: 3,
      packages: { "": { dependencies }, ...Object.fromEntries(locked) },
    }),
    ...Object.fromEntries(Object.entries(packages).map(([name, tarball]) => [`${name}.tgz`, tarball])),
    ...change,
  };
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), content);
  }
  return directory;
}

const PLAIN = packPackage({ name: "plain", version: "1.0.0" });
const SCRIPTED = packPackage({ name: "scripted", version: "1.0.0", scripts: { postinstall: "node say.js" } });
const ADDON = packPackage({ name: "addon", version: "1.0.0" }, [{ name: "binding.gyp", content: "{}" }]);
const PREBUILT = packPackage({ name: "prebuilt", version: "1.0.0", scripts: { install: "node-gyp-build" } }, [
  { name: "prebuilds/linux-x64/a.node", content: "x" },
]);

test("a project's lock becomes its node_modules, and what did not run is told", async (t) => {
  const directory = makeProject(t, { plain: PLAIN, scripted: SCRIPTED, prebuilt: PREBUILT });
  const context = testContext(t);
  const tree = await source.importTree!(directory, OPTIONS, context);
  assert.deepEqual(
    tree.entries.filter(({ type }) => type === "file").map(({ path }) => path),
    [
      "node_modules/plain/package.json",
      "node_modules/prebuilt/package.json",
      "node_modules/prebuilt/prebuilds/linux-x64/a.node",
      "node_modules/scripted/package.json",
    ],
  );
  const said =
    'warning: install scripts of prebuilt, scripted were not run; allowScripts: ["prebuilt", "scripted"] would run them in the sandbox';
  assert.deepEqual(
    context.progress.lines.filter((line) => line.startsWith("warning")),
    [said],
  );
  const quiet = testContext(t);
  await source.importTree!(directory, { ...OPTIONS, scripts: { scripted: true, prebuilt: false } }, quiet);
  assert.deepEqual(
    quiet.progress.lines.filter((line) => line.startsWith("warning")),
    [],
  );
});

test("what an import depends on is its lock, its manifests and its own tarballs", async (t) => {
  const context = testContext(t);
  const identify = (directory: string) => source.identifyImport!(directory, OPTIONS, context);
  const directory = makeProject(t, { plain: PLAIN });
  const before = await identify(directory);
  writeFileSync(join(directory, "server.js"), "1");
  assert.equal(await identify(directory), before);
  writeFileSync(join(directory, "plain.tgz"), packTarball([{ name: "x", content: "" }]));
  const other = await identify(directory);
  assert.notEqual(other, before);
  writeFileSync(join(directory, ".npmrc"), "node-linker=hoisted");
  assert.notEqual(await identify(directory), other);
});

test("an addon that must be compiled, and may not, is refused with INSTALL_SCRIPT_NOT_ALLOWED", async (t) => {
  const directory = makeProject(t, { addon: ADDON });
  await assert.rejects(source.importTree!(directory, OPTIONS, testContext(t)), {
    code: "INSTALL_SCRIPT_NOT_ALLOWED",
    message: /addon 1\.0\.0.*node-gyp rebuild/,
    hint: /allowScripts: \["addon"\].*\{ "addon": false \}/,
  });
  for (const scripts of [{ addon: true }, { addon: false }]) {
    const tree = await source.importTree!(directory, { ...OPTIONS, scripts }, testContext(t));
    assert.ok(tree.entries.some(({ path }) => path === "node_modules/addon/binding.gyp"));
  }
});

test("an allowed name that means nothing is refused with INSTALL_SCRIPT_UNKNOWN", async (t) => {
  const directory = makeProject(t, { plain: PLAIN, scripted: SCRIPTED });
  const refuse = (name: string) =>
    source.importTree!(directory, { ...OPTIONS, scripts: { [name]: true } }, testContext(t));
  await assert.rejects(refuse("plain"), { code: "INSTALL_SCRIPT_UNKNOWN", message: /it has none/ });
  await assert.rejects(refuse("scriptd"), { code: "INSTALL_SCRIPT_UNKNOWN", hint: /"scripted"/ });
});

test("a lock that is out of date, or bytes that are not its own, end an import", async (t) => {
  const stale = makeProject(t, { plain: PLAIN }, { "package.json": '{"dependencies":{"plain":"2"}}' });
  await assert.rejects(source.identifyImport!(stale, OPTIONS, testContext(t)), { code: "LOCK_OUT_OF_DATE" });
  const wrong = makeProject(t, { plain: PLAIN });
  writeFileSync(join(wrong, "plain.tgz"), SCRIPTED);
  await assert.rejects(source.importTree!(wrong, OPTIONS, testContext(t)), { code: "INTEGRITY_MISMATCH" });
});
