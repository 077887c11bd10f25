// Node applications: the example over its socket, workspaces of npm and pnpm, addons, and what is refused.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type CliResult, tare, tareJson } from "../kit/cli.ts";
import { makeElf } from "../kit/make-elf.ts";
import { integrityOf, packPackage } from "../kit/npm-registry.ts";
import { type BuiltImage, checkService, makeDirectory, ownStore, skipWithoutNpm } from "../kit/services.ts";

const RUN = ["run", "--runtime", "namespaces"];

function imageWith(options: string, more = ""): string {
  return `import { buildLayeredImage, nodeApp, path } from "tare";
const app = nodeApp({ src: path("."), ${options} });
export default buildLayeredImage({ name: "app", config: { Entrypoint: app.entrypoint }, ${more} });
`;
}

/** A project that depends on one package, whose tarball lies beside it. */
function projectWith(
  t: TestContext,
  name: string,
  tarball: Buffer,
  files: Readonly<Record<string, string>>,
): string {
  const dependencies = { [name]: `file:${name}.tgz` };
  const entry = {
    version: "1.0.0",
    resolved: `file:${name}.tgz`,
    integrity: integrityOf(tarball),
    hasInstallScript: true,
  };
  return makeDirectory(t, {
    "package.json": JSON.stringify({ name: "app", version: "1.0.0", dependencies }),
    "package-lock.json": JSON.stringify({
      name: "app",
      lockfileVersion: 3,
      packages: { "": { dependencies }, [`node_modules/${name}`]: entry },
    }),
    [`${name}.tgz`]: tarball,
    "image.ts": imageWith(""),
    ...files,
  });
}

function refused(cwd: string, env: Readonly<Record<string, string>>, code: string): CliResult {
  const result = tare(["build"], { cwd, env });
  assert.equal(result.status, 1, result.stdout);
  assert.ok(result.stderr.includes(`[${code}]`), result.stderr);
  return result;
}

test("a service with a native addon answers; a changed file changes one layer", async (t) => {
  if (await skipWithoutNpm(t)) return;
  await checkService(t, "node-service", {
    question: "/",
    answer: /^node 2\d\.\d+\.\d+\n$/,
    changed: "src/server.ts",
    line: "\nexport {};\n",
  });
});

test("workspaces of npm: links among them, and dependencies of their own", async (t) => {
  if (await skipWithoutNpm(t)) return;
  const one = packPackage({ name: "one", version: "1.0.0", main: "i.js" }, [
    { name: "i.js", content: "module.exports = 'one'" },
  ]);
  const two = packPackage({ name: "one", version: "2.0.0", main: "i.js" }, [
    { name: "i.js", content: "module.exports = 'two'" },
  ]);
  const entry = (version: string, file: string, bytes: Buffer) => ({
    version,
    resolved: `file:${file}`,
    integrity: integrityOf(bytes),
  });
  const cwd = makeDirectory(t, {
    "package.json": JSON.stringify({
      name: "all",
      workspaces: ["ws/*"],
      dependencies: { one: "file:one.tgz" },
      scripts: { start: "GREETING=hi node ws/api/main.js now", build: "npm run make -w @ws/lib" },
    }),
    "package-lock.json": JSON.stringify({
      lockfileVersion: 3,
      packages: {
        "": { workspaces: ["ws/*"], dependencies: { one: "file:one.tgz" } },
        "node_modules/one": entry("1.0.0", "one.tgz", one),
        "node_modules/@ws/api": { resolved: "ws/api", link: true },
        "node_modules/@ws/lib": { resolved: "ws/lib", link: true },
        "ws/api": { name: "@ws/api", dependencies: { "@ws/lib": "*" } },
        "ws/lib": { name: "@ws/lib", version: "1.0.0", dependencies: { one: "file:../../two.tgz" } },
        "ws/lib/node_modules/one": entry("2.0.0", "two.tgz", two),
      },
    }),
    "one.tgz": one,
    "two.tgz": two,
    "ws/api/package.json": '{"name":"@ws/api","dependencies":{"@ws/lib":"*"},"bin":{"tell":"main.js"}}',
    "ws/api/main.js":
      "console.log(process.env.GREETING, process.argv[2], require('one'), require('@ws/lib'), require.main === module)",
    "ws/lib/package.json":
      '{"name":"@ws/lib","version":"1.0.0","dependencies":{"one":"file:../../two.tgz"},"main":"made.js","scripts":{"make":"node make.js"}}',
    "ws/lib/make.js": "require('fs').writeFileSync('made.js', 'module.exports = require(\"one\")')",
    ".gitignore": "made.js\n",
    "image.ts": imageWith(""),
  });
  const result = tare(RUN, { cwd, env: ownStore(t) });
  assert.equal(result.stdout, "hi now one two true\n", result.stderr);
});

test("a project of pnpm finds what it declares, and nothing else", async (t) => {
  if (await skipWithoutNpm(t)) return;
  const inner = packPackage({ name: "inner", version: "1.0.0", main: "i.mjs" }, [
    { name: "i.mjs", content: "export default 'inner'" },
  ]);
  const outer = packPackage(
    { name: "outer", version: "1.0.0", main: "o.mjs", dependencies: { inner: "*" } },
    [{ name: "o.mjs", content: "import inner from 'inner'; export default 'outer of ' + inner" }],
  );
  const cwd = makeDirectory(t, {
    "package.json": JSON.stringify({
      name: "app",
      type: "module",
      packageManager: "pnpm@10.4.0",
      scripts: { start: "node main.js" },
      dependencies: { outer: "file:outer.tgz" },
    }),
    "pnpm-lock.yaml": `lockfileVersion: '9.0'
importers:
  .:
    dependencies:
      outer:
        specifier: file:outer.tgz
        version: file:outer.tgz
packages:
  inner@file:inner.tgz:
    resolution: {integrity: ${integrityOf(inner)}, tarball: file:inner.tgz}
    version: 1.0.0
  outer@file:outer.tgz:
    resolution: {integrity: ${integrityOf(outer)}, tarball: file:outer.tgz}
    version: 1.0.0
snapshots:
  inner@file:inner.tgz: {}
  outer@file:outer.tgz:
    dependencies:
      inner: file:inner.tgz
`,
    "inner.tgz": inner,
    "outer.tgz": outer,
    "main.js":
      "import outer from 'outer'; console.log(outer, await import('inner').then(() => 'found', (e) => e.code))",
    "image.ts": imageWith(""),
  });
  const result = tare(RUN, { cwd, env: ownStore(t) });
  assert.equal(result.stdout, "outer of inner ERR_MODULE_NOT_FOUND\n", result.stderr);
});

const ADDON = packPackage({ name: "addon", version: "1.0.0", main: "i.js" }, [
  { name: "i.js", content: "module.exports = require('./build/Release/hello.node')" },
  { name: "binding.gyp", content: '{"targets":[{"target_name":"hello","sources":["hello.cc"]}]}' },
  {
    name: "hello.cc",
    content: `#include <node_api.h>
#include <string>
NAPI_MODULE_INIT() {
  std::string text = "compiled for " + std::to_string(sizeof(void *) * 8) + " bits";
  napi_value value;
  napi_create_string_utf8(env, text.c_str(), text.size(), &value);
  return value;
}
`,
  },
]);

test("an addon is compiled in the sandbox where that is allowed, the same twice; forbid tells what is gone", async (t) => {
  if (await skipWithoutNpm(t)) return;
  const cwd = projectWith(t, "addon", ADDON, { "index.js": "console.log(require('addon'))" });
  const env = ownStore(t);
  const { stderr } = refused(cwd, env, "INSTALL_SCRIPT_NOT_ALLOWED");
  assert.match(stderr, /allowScripts: \["addon"\]/);
  writeFileSync(join(cwd, "image.ts"), imageWith('allowScripts: ["addno"]'));
  assert.match(refused(cwd, env, "INSTALL_SCRIPT_UNKNOWN").stderr, /"addon"/);
  writeFileSync(
    join(cwd, "image.ts"),
    imageWith('allowScripts: ["addon"]', 'forbid: ["libsystemd0", "g++*", "python3*"]'),
  );
  const { digest } = tareJson<BuiltImage>(["build"], { cwd, env });
  const result = tare(RUN, { cwd, env });
  assert.equal(result.stdout, "compiled for 64 bits\n", result.stderr);
  assert.equal(tareJson<BuiltImage>(["build"], { cwd, env: ownStore(t) }).digest, digest);
  writeFileSync(join(cwd, "image.ts"), imageWith('allowScripts: ["addon"]', 'forbid: ["libstdc++6"]'));
  const forbidden = refused(cwd, env, "FORBIDDEN");
  assert.match(forbidden.stderr, /libstdc\+\+6[\s\S]*(?:hello\.node|usr\/local\/bin\/node)/);
});

test("what cannot be built or run is refused with what to do", async (t) => {
  if (await skipWithoutNpm(t)) return;
  const env = ownStore(t);
  const foreign = packPackage({ name: "addon", version: "1.0.0", main: "a.node" }, [
    { name: "a.node", content: makeElf({ needed: ["libnowhere.so.7"] }) },
  ]);
  const addon = projectWith(t, "addon", foreign, { "index.js": "require('addon')" });
  assert.match(refused(addon, env, "ROOT_INCOMPLETE").stderr, /a\.node.*libnowhere\.so\.7/);

  const plain = packPackage({ name: "plain", version: "1.0.0" });
  const scripts = { build: "echo compiling; echo 'src/x.ts: no such thing' >&2; exit 3" };
  const broken = projectWith(t, "plain", plain, { "index.js": "" });
  const manifest = JSON.parse(readFileSync(join(broken, "package.json"), "utf8")) as object;
  writeFileSync(join(broken, "package.json"), JSON.stringify({ ...manifest, scripts }));
  assert.match(refused(broken, env, "BUILD_FAILED").stderr, /Cannot build app-build[\s\S]*no such thing/);

  const lock = readFileSync(join(broken, "package-lock.json"), "utf8");
  writeFileSync(join(broken, "image.ts"), imageWith("build: false"));
  writeFileSync(
    join(broken, "package-lock.json"),
    '{"lockfileVersion":3,"packages":{"":{"dependencies":{"plain":"1"}},"node_modules/plain":{"version":"1.0.0"}}}',
  );
  writeFileSync(
    join(broken, "package.json"),
    '{"name":"app","dependencies":{"plain":"1"},"main":"index.js"}',
  );
  refused(broken, env, "INTEGRITY_MISSING");
  writeFileSync(join(broken, "package.json"), JSON.stringify(manifest));
  writeFileSync(join(broken, "package-lock.json"), lock.replace(/sha512-..../, "sha512-AAAA"));
  refused(broken, env, "INTEGRITY_MISMATCH");
  writeFileSync(join(broken, "package-lock.json"), lock);
  writeFileSync(
    join(broken, "package.json"),
    '{"name":"app","dependencies":{"plain":"2"},"main":"index.js"}',
  );
  assert.match(refused(broken, env, "LOCK_OUT_OF_DATE").stderr, /npm install --package-lock-only/);
});
