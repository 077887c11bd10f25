import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { temporaryDirectory } from "../../../test/kit/context.ts";
import type { BuildNode, DerivationNode } from "../../model/derivation.ts";
import { collectGraph, findNode } from "../../model/mentions.ts";
import { debian } from "../../sources/debian/request.ts";
import { isOutput, type Output } from "../derivation.ts";
import { withImageDirectory } from "../image-directory.ts";
import { type PythonAppOptions, pythonApp } from "./python-app.ts";
import { type PythonEnvOptions, pythonEnv } from "./python-env.ts";

const { packages } = debian("trixie", { architecture: "amd64" });
const PYTHON = packages["python3"]!;

interface Import {
  readonly what: string;
  readonly groups: readonly string[];
  readonly tools: unknown;
  readonly platform: object;
}

function describe(output: Output) {
  const graph = collectGraph([output]);
  const nodes: BuildNode[] = Object.values(graph);
  const derivations = nodes.filter((node) => node.kind === "derivation");
  const node = findNode(output) as DerivationNode;
  return {
    node,
    settings: JSON.parse(node.env["environment"]!) as Record<string, unknown>,
    imports: nodes.flatMap((one) =>
      one.kind === "import" ? [{ ...one, options: one.options as unknown as Import }] : [],
    ),
    derivations,
    built: derivations.filter(({ builder }) => !builder.startsWith("builtin:")),
  };
}

async function app(
  t: TestContext,
  files: Readonly<Record<string, string>>,
  options: Partial<PythonAppOptions> = {},
) {
  const directory = temporaryDirectory(t);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(directory, name, ".."), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
  return withImageDirectory(directory, async () => pythonApp({ src: ".", python: PYTHON, ...options }));
}

const PACKAGE = `[project]
name = "shop"
version = "1"
[project.scripts]
shop = "shop.web:main"
[build-system]
requires = ["hatchling", "hatch-vcs"]
build-backend = "hatchling.build"
`;

test("an environment of wheels is made without running anything", () => {
  const { node, settings, imports, built } = describe(
    pythonEnv({ lock: "uv.lock", groups: ["web"], python: PYTHON }),
  );
  assert.equal(node.builder, "builtin:python-env");
  assert.deepEqual([settings["python"], settings["interpreter"]], ["3.13", "/usr/bin/python3.13"]);
  assert.deepEqual(built, []);
  assert.deepEqual(
    imports.map(({ source, path, options }) => [source, path, options.what, options.groups, options.tools]),
    [["pypi", "uv.lock", "wheels", ["web"], null]],
  );
  assert.deepEqual(imports[0]!.options.platform, { architecture: "amd64", python: "3.13.5", glibc: "2.41" });
  assert.deepEqual(
    node.requests.map(({ name }) => name),
    ["libgcc-s1", "libstdc++6", "python3"],
  );
});

test("source distributions are built with what image.ts names", () => {
  const inputs = [packages["python3-setuptools"]!];
  const { imports, built } = describe(
    pythonEnv({ lock: "uv.lock", buildInputs: inputs, buildGroups: ["build"], python: PYTHON }),
  );
  assert.deepEqual(
    imports.map(({ options }) => [options.what, options.groups, options.tools]).sort(),
    [
      ["sources", [], { packages: ["python3-setuptools"], hasOthers: true }],
      ["wheels", ["build"], { packages: [], hasOthers: true }],
      ["wheels", [], { packages: ["python3-setuptools"], hasOthers: true }],
    ].sort(),
  );
  assert.deepEqual(
    built.map(({ name, builder, requests }) => [name, builder, requests.map((request) => request.name)]),
    [["python-sources", "/usr/bin/python3.13", ["python3", "python3-setuptools"]]],
  );
});

test("bytecode is a part of its own", () => {
  const { settings, built } = describe(pythonEnv({ lock: ".", bytecode: true, python: PYTHON }));
  assert.equal((settings["parts"] as string[]).length, 2);
  assert.deepEqual(
    built.map(({ name }) => name),
    ["python-bytecode"],
  );
});

test("a project without a build system is taken as it is", async (t) => {
  const files = {
    "pyproject.toml": '[project]\nname = "shop"\n[project.scripts]\nadmin = "shop.admin:main"\n',
    "shop.py": "",
    "uv.lock": "",
    "__pycache__/shop.pyc": "",
    ".venv/x": "",
    "image.ts": "",
    "tests/__pycache__/y.pyc": "",
    "tests/test_shop.py": "",
  };
  const output = await app(t, files, { entry: { serve: "shop:run" } });
  const { node, settings, derivations, imports } = describe(output);
  assert.equal(node.name, "shop");
  assert.deepEqual(derivations.map(({ name }) => name).sort(), ["shop", "shop-env"]);
  assert.deepEqual(settings["scripts"], [
    { name: "admin", module: "shop.admin", attribute: "main" },
    { name: "serve", module: "shop", attribute: "run" },
  ]);
  assert.equal(imports.length, 1);
  const source = Object.values(collectGraph([output])).find(({ kind }) => kind === "source");
  assert.ok(source?.kind === "source");
  assert.deepEqual(source.include, ["pyproject.toml", "shop.py", "tests", "tests/test_shop.py"]);
  const develop = JSON.parse(node.env["develop"]!) as Record<string, string>;
  assert.match(develop["PATH"]!, /^\/tare-output-[0-9a-f]{64}\/bin:/);
  assert.match(develop["PYTHONPATH"]!, /^\/tare-output-[0-9a-f]{64}$/);
});

test("a package is built by its backend, which Debian has", async (t) => {
  const files = { "pyproject.toml": PACKAGE, "src/shop/__init__.py": "" };
  const { node, settings, built } = describe(await app(t, files, { name: "store" }));
  assert.equal(node.name, "store");
  assert.deepEqual(
    built.map(({ name, requests }) => [name, requests.map((request) => request.name)]),
    [["python-store", ["python3", "python3-hatch-vcs", "python3-hatchling"]]],
  );
  assert.equal(settings["source"], undefined);
  assert.match(JSON.parse(node.env["develop"]!).PYTHONPATH, /^\/tare-output-[0-9a-f]{64}\/src$/);
  const asFiles = describe(await app(t, files, { package: false }));
  assert.deepEqual(asFiles.built, []);
});

test("a package whose backend Debian does not have is refused, with what to do", async (t) => {
  const files = { "pyproject.toml": PACKAGE.replaceAll("hatchling", "maturin") };
  await assert.rejects(app(t, files), {
    code: "BACKEND_MISSING",
    message:
      "Cannot build the project shop: its build needs maturin, and nothing among buildInputs is known to be that",
    hint: /uv add --group build maturin/,
  });
  assert.ok(isOutput(await app(t, files, { buildGroups: ["build"] })));
});

test("an override that changes nothing says so", async (t) => {
  const one = await app(t, { "app.py": "" });
  assert.equal(one.name, "app");
  const env = pythonEnv({ lock: "uv.lock", python: PYTHON });
  assert.notEqual(env.override({ groups: ["web"] }).node, env.node);
  assert.throws(() => env.override({ indexes: [] }), { code: "OVERRIDE_WITHOUT_EFFECT" });
});

for (const [summary, options, message] of [
  [
    "no lock",
    {},
    /Cannot use undefined as pythonEnv\(\)'s "lock": the path of a lock file or of a project's directory/,
  ],
  [
    "a package that is no Python",
    { lock: ".", python: packages["perl"] },
    /"python": a package such as debian\("trixie"\)/,
  ],
  [
    "a Python that the suite has not",
    { lock: ".", python: packages["python3.11"] },
    /"python": python3, which is 3\.13 in trixie, was/,
  ],
  [
    "a suite that is not known",
    { lock: ".", python: debian("sid", { architecture: "amd64" }).packages["python3"] },
    /Cannot use "sid" as pythonEnv\(\)'s "python": Python of bookworm or trixie was expected/,
  ],
] as const) {
  test(`pythonEnv refuses ${summary}`, () => {
    assert.throws(() => pythonEnv(options as PythonEnvOptions), { code: "BAD_OPTION", message });
  });
}

test("pythonApp refuses entries that are no functions, and options of others", async (t) => {
  await assert.rejects(app(t, {}, { entry: { serve: "shop" } }), { code: "BAD_OPTION", message: /"entry"/ });
  await assert.rejects(app(t, {}, { lok: "x" } as Partial<PythonAppOptions>), { code: "UNKNOWN_OPTION" });
  await assert.rejects(app(t, {}, { src: "missing" }), { code: "PROJECT_MISSING" });
  await assert.rejects(app(t, { "pyproject.toml": "[project]\n" }), { code: "PROJECT_INVALID" });
});
