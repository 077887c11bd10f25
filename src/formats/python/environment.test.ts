import assert from "node:assert/strict";
import { test } from "node:test";
import {
  checkBuildTools,
  describeBuildTools,
  listBuildRequirements,
  listDebianPackages,
} from "./build-requirements.ts";
import { formatEnvironmentConfig, replaceScriptStart } from "./environment.ts";
import { type BuildSystem, LEGACY_BUILD_SYSTEM } from "./project.ts";
import type { PythonPlatform } from "./tags.ts";

const PLATFORM: PythonPlatform = { architecture: "amd64", python: "3.11.2", glibc: "2.36" };
const system = (backend: string, ...requires: string[]): BuildSystem => ({
  backend,
  requires,
  backendPath: [],
});

test("pyvenv.cfg says where the image's Python is", () => {
  assert.equal(
    formatEnvironmentConfig({ python: "3.11", interpreter: "/usr/bin/python3.11" }),
    "home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.11\nexecutable = /usr/bin/python3.11\n",
  );
});

for (const [summary, bytes, expected] of [
  ["a script of the environment", "#!/a/bin/python\nx", "#!/b/bin/python\nx"],
  ["a script of another Python", "#!/a/bin/python3\nx", undefined],
  ["a shell script", "#!/bin/sh\n", undefined],
  ["an empty file", "", undefined],
] as const) {
  test(`first lines: ${summary}`, () => {
    assert.equal(replaceScriptStart(Buffer.from(bytes), "/a", "/b")?.toString(), expected);
  });
}

test("what Debian calls the requirements of builds", () => {
  const requirements = system(
    "x",
    "flit_core>=3",
    "Cython",
    "tomli; python_version < '3.11'",
    "wheel",
    "wheel",
  );
  assert.deepEqual(listBuildRequirements(requirements, PLATFORM), ["flit-core", "cython", "wheel"]);
  assert.deepEqual(listDebianPackages(requirements, PLATFORM), ["flit", "cython3", "python3-wheel"]);
  assert.deepEqual(listDebianPackages(LEGACY_BUILD_SYSTEM, PLATFORM), [
    "python3-setuptools",
    "python3-wheel",
  ]);
});

test("builds without their tools are refused with what to add", () => {
  const none = { packages: [], hasOthers: false };
  const maturin = system("maturin", "maturin>=1");
  assert.throws(() => checkBuildTools("fast 1", maturin, none, PLATFORM), {
    code: "BACKEND_MISSING",
    message:
      "Cannot build fast 1: its build needs maturin, and nothing among buildInputs is known to be that",
    hint: 'Debian is not known to have maturin: lock what the build needs as a dependency group (uv add --group build maturin), and write buildGroups: ["build"]',
  });
  checkBuildTools("fast 1", maturin, { packages: [], hasOthers: true }, PLATFORM);
  checkBuildTools("ours 1", system("uv_build", "uv_build>=0.9,<1"), none, PLATFORM);
  checkBuildTools(
    "old 1",
    LEGACY_BUILD_SYSTEM,
    { packages: ["python3-setuptools=66"], hasOthers: false },
    PLATFORM,
  );
  // A package of a name that nobody told us is taken for what it is called.
  checkBuildTools("odd 1", system("odd", "odd"), { packages: ["python3-odd"], hasOthers: false }, PLATFORM);
  assert.match(
    describeBuildTools(system("x", "maturin", "cffi"), PLATFORM),
    /buildInputs: \[packages\["python3-cffi"\]\]$/,
  );
});
