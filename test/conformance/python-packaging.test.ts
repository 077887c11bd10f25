// Versions, specifiers, markers, requirements, tags and file names against Python's `packaging`, which pip is made of.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { parseWheelFileName } from "../../src/formats/python/file-name.ts";
import { createMarkerEnvironment, evaluateMarker, parseMarker } from "../../src/formats/python/marker.ts";
import { normalizeName } from "../../src/formats/python/names.ts";
import { parseRequirement } from "../../src/formats/python/requirement.ts";
import { matchesSpecifiers, parseSpecifiers } from "../../src/formats/python/specifier.ts";
import { listSupportedTags } from "../../src/formats/python/tags.ts";
import { compareVersions, formatVersion, tryParseVersion } from "../../src/formats/python/version.ts";
import { makePip, skipWithoutIndex } from "../kit/python.ts";
import { run, skipWithout } from "../kit/tools.ts";

/** Sends cases to Python and gets an answer for each; undefined when the test was skipped. */
async function askPackaging(t: TestContext, script: string, cases: unknown): Promise<unknown[] | undefined> {
  if (skipWithout(t, "python3")) return undefined;
  const newest = "import packaging; assert int(packaging.__version__.split('.')[0]) >= 26";
  let [python, name] = ["python3", "packaging"];
  if (spawnSync(python, ["-c", newest]).status !== 0) {
    if (await skipWithoutIndex(t)) return undefined;
    const pip = makePip(t);
    if (pip === undefined) return undefined;
    [python, name] = [join(pip, "../python"), "pip._vendor.packaging"];
  }
  const program = `import json, sys, importlib
for part in ("version", "specifiers", "markers", "requirements", "tags", "utils"):
    globals()[part] = importlib.import_module("${name}." + part)
def attempt(action):
    try: return action()
    except Exception as error: return "error"
cases = json.load(sys.stdin)
${script}`;
  return JSON.parse(run(python, ["-c", program], Buffer.from(JSON.stringify(cases))));
}

const VERSIONS =
  `1 1.0 1.0.0 1.0.1 1.1 1.10 1.2 0.9 2 2.0.dev1 2.0a0 2.0a1 2.0alpha2 2.0.b1 2.0-rc.3 2.0c4 2.0pre5 2.0
 2.0.post0 2.0-1 2.0.rev3 2.0r4 2.0.post1.dev2 2.0a1.dev3 2.0a1.post2 1!1.0 1!0.5.dev0 2.0+abc 2.0+abc.5 2.0+5 2.0+5.abc
 2.0+ubuntu-1 v3.0 2024.10.22 20240101123456789012 1.0.dev0 1.0.0a 1.0.post 0.0 1.0_beta_2
 bad 1..0 1.0- 1.0+ 1.0-foo 1.a.0 1.0.dev.post - 1.0+-1`.split(/\s+/);

test("versions are read, written and ordered as packaging does", async (t) => {
  const answers = await askPackaging(
    t,
    `
parsed = [attempt(lambda: version.Version(text)) for text in cases]
order = lambda a, b: (a > b) - (a < b)
print(json.dumps([[str(v) for v in parsed]] + [[order(a, b) for b in parsed if a != "error" and b != "error"] for a in parsed]))`,
    VERSIONS,
  );
  if (answers === undefined) return;
  const parsed = VERSIONS.map(tryParseVersion);
  const written = parsed.map((version) => (version === undefined ? "error" : formatVersion(version)));
  assert.deepEqual(written, answers[0]);
  const valid = parsed.filter((version) => version !== undefined);
  const orders = parsed.map((a) =>
    a === undefined ? [] : valid.map((b) => Math.sign(compareVersions(a, b))),
  );
  assert.deepEqual(orders, answers.slice(1));
});

const SPECIFIERS =
  `==1.0 ==1.0.* !=1.0 !=1.0.* >=1.0 <=1.0 >1.0 <1.0 ~=1.0 ~=1.0.1 ~=2.0a1 ==2.0 ==2.0+abc !=2.0+abc >2.0 <2.0 >=2.0
 <=2.0 <2.0a1 >2.0.post0 >=2.0a1 ===2.0 ===1.0.0 ==1!1.* >=1!0.5 <2.0.post1 >2.0a1 ==2.* ~=1 ==1.0a1.* >=1.0.* >=1.0+abc =>1 1.0
 >=1,<2 >=1.0,!=1.1,<=2.0 ==v1.0 ~=1!1.0 <2.0.dev1 >2.0.dev1 >2.0.post1.dev2 >2.0a1.post2 >=2.0.dev0`.split(
    /\s+/,
  );

test("specifiers admit what packaging admits", async (t) => {
  const versions = VERSIONS.filter((text) => tryParseVersion(text) !== undefined);
  const answers = await askPackaging(
    t,
    `
print(json.dumps([attempt(lambda: [specifiers.SpecifierSet(text).contains(v, prereleases=True) for v in cases[1]]) for text in cases[0]]))`,
    [SPECIFIERS, versions],
  );
  if (answers === undefined) return;
  const ours = SPECIFIERS.map((text) => {
    try {
      const set = parseSpecifiers(text);
      return versions.map((version) => matchesSpecifiers(set, tryParseVersion(version)!));
    } catch {
      return "error";
    }
  });
  for (const [index, text] of SPECIFIERS.entries()) assert.deepEqual(ours[index], answers[index], text);
});

const MARKERS = [
  "python_version < '3.12'",
  "python_version >= '3.11' and python_version < '3.12'",
  "python_version == '3.11.*'",
  "python_version ~= '3.9'",
  "'3.9' <= python_version",
  "python_version in '3.10 3.11'",
  "python_version not in '3.10, 3.11'",
  "python_full_version < '3.11.3'",
  "python_full_version == '3.11.2'",
  "python_full_version != '3.11.*'",
  "python_full_version > '3.11.2rc1'",
  "implementation_version >= '3'",
  "sys_platform == 'linux'",
  "sys_platform != 'win32'",
  "'linux' in sys_platform",
  "sys_platform in 'linux darwin'",
  "sys_platform > 'a'",
  "sys_platform >= 'linux'",
  "os_name == 'posix' or os_name == 'nt' and sys_platform == 'x'",
  "(os_name == 'nt' or os_name == 'posix') and sys_platform == 'x'",
  "platform_machine == 'x86_64' or platform_machine == 'AMD64'",
  "platform_python_implementation == 'CPython'",
  "platform_python_implementation != 'PyPy'",
  "implementation_name == 'cpython'",
  "platform_system == 'Linux'",
  'platform_system=="Windows"',
  "platform_release >= '5.0'",
  "platform_release == ''",
  "platform_version == ''",
  "os.name == 'posix'",
  "sys.platform == 'linux'",
  "platform.machine == 'x86_64'",
  "python_implementation == 'CPython'",
  "extra == 'tls'",
  "extra == 'TLS'",
  "extra != 'tls'",
  "extra == 'other' or extra == 'tls'",
  "python_version == 'abc'",
  "python_version < 'abc'",
  "os_name",
  "os_name == ",
  "'a' == 'b'",
  "unknown == 'a'",
  "os_name == 'posix' and",
  "(os_name == 'posix'",
  "os_name == 'posix')",
  "os_name === 'posix'",
  "os_name ~= 'posix'",
  "os_name == posix",
  "",
  "'tls' in extras",
  "'T_L.S' in extras",
  "'dev' in dependency_groups",
  "'dev' not in dependency_groups or 'test' in extras",
];

test("markers hold where packaging says", async (t) => {
  const environment = createMarkerEnvironment({ architecture: "amd64", python: "3.11.2", glibc: "2.36" });
  const answers = await askPackaging(
    t,
    `
environment = {**cases[1], "extra": "tls", "extras": {"tls"}, "dependency_groups": {"dev"}}
# Comparisons that are undefined are found when they are made; an own grammar may refuse them before.
print(json.dumps([attempt(lambda: markers.Marker(text).evaluate(environment)) for text in cases[0]]))`,
    [MARKERS, environment.variables],
  );
  if (answers === undefined) return;
  const wanted = { ...environment, extras: new Set(["tls"]), groups: new Set(["dev"]) };
  const ours = MARKERS.map((text) => {
    try {
      return evaluateMarker(parseMarker(text), wanted);
    } catch {
      return "error";
    }
  });
  for (const [index, text] of MARKERS.entries()) assert.equal(ours[index], answers[index], text);
});

const REQUIREMENTS = [
  "flask",
  "Flask.Async_x>=3,<4",
  "flask [async , dotenv] >= 3 , < 4 ; python_version > '3'",
  "flask(>=3)",
  "flask ()",
  "flask[]",
  "flask @ https://example.org/a.whl",
  "flask@https://example.org/a;b.whl",
  "flask @ https://example.org/a.whl ; os_name == 'posix'",
  "flask @ git+https://example.org/a.git@main#subdirectory=x",
  "flask==1.*",
  "flask===1.0",
  "flask!=1.0;os_name=='posix'",
  "flask >=1,",
  "-flask",
  "flask-",
  "flask >",
  "flask 1.0",
  "flask[a b]",
  "flask; os_name",
  "flask @",
  "",
  "a",
  "a.b-c_d",
];

test("requirements have the parts that packaging finds", async (t) => {
  const answers = await askPackaging(
    t,
    `
def parts(text):
    r = requirements.Requirement(text)
    return [r.name, sorted(r.extras), [r.specifier.contains(v, prereleases=True) for v in ("1.0", "2.0", "3.5")], r.url, r.marker is not None]
print(json.dumps([attempt(lambda: parts(text)) for text in cases]))`,
    REQUIREMENTS,
  );
  if (answers === undefined) return;
  for (const [index, text] of REQUIREMENTS.entries()) {
    const answer: unknown = answers[index];
    let ours: unknown = "error";
    try {
      const { name, extras, specifiers, url, marker } = parseRequirement(text);
      const admitted = ["1.0", "2.0", "3.5"].map((version) =>
        matchesSpecifiers(specifiers, tryParseVersion(version)!),
      );
      ours = [name, extras, admitted, url ?? null, marker !== undefined];
    } catch {}
    const theirs = Array.isArray(answer) ? [normalizeName(answer[0]), ...answer.slice(1)] : answer;
    assert.deepEqual(ours, theirs, text);
  }
});

test("tags are those of packaging, in its order", async (t) => {
  for (const [architecture, machine] of [
    ["amd64", "x86_64"],
    ["arm64", "aarch64"],
  ] as const) {
    for (const [python, glibc] of [
      ["3.11.2", "2.36"],
      ["3.13.5", "2.41"],
      ["3.9.1", "2.17"],
    ] as const) {
      const [major, minor] = python.split(".").map(Number) as [number, number];
      const answers = await askPackaging(
        t,
        `
manylinux = importlib.import_module(tags.__name__.rpartition(".")[0] + "._manylinux")
manylinux._get_glibc_version = lambda: tuple(cases["glibc"])
manylinux._is_compatible = lambda arch, version: version <= tuple(cases["glibc"])
platforms = list(manylinux.platform_tags([cases["machine"]])) + ["linux_" + cases["machine"]]
python = tuple(cases["python"])
own = "cp%d%d" % python
found = list(tags.cpython_tags(python, [own], platforms)) + list(tags.compatible_tags(python, own, platforms))
print(json.dumps([str(tag) for tag in found]))`,
        { machine, glibc: glibc.split(".").map(Number), python: [major, minor] },
      );
      if (answers === undefined) return;
      const ours = listSupportedTags({ architecture, python, glibc });
      assert.ok(ours.length > 50);
      assert.deepEqual(ours, answers, `${architecture} ${python} ${glibc}`);
    }
  }
});

const WHEELS =
  `flask-3.1.3-py3-none-any.whl PyYAML-6.0.2-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl
 a-1.0-1-py3-none-any.whl a-1.0-1abc-py2.py3-none-any.whl a-1.0-abc-py3-none-any.whl a-1.0-py3-none.whl a-x-py3-none-any.whl a.whl
 a-1.0-py3-none-any.zip a_b.c-1!2.0+local.1-cp39-abi3-linux_x86_64.whl`.split(/\s+/);

test("names of wheels mean what packaging says", async (t) => {
  const answers = await askPackaging(
    t,
    `
def parts(text):
    name, v, build, found = utils.parse_wheel_filename(text)
    return [name, str(v), list(build), sorted(str(tag) for tag in found)]
print(json.dumps([attempt(lambda: parts(text)) for text in cases]))`,
    WHEELS,
  );
  if (answers === undefined) return;
  for (const [index, text] of WHEELS.entries()) {
    let ours: unknown = "error";
    try {
      const { name, version, build, tags } = parseWheelFileName(text);
      ours = [name, formatVersion(version), build ?? [], [...tags].sort()];
    } catch {}
    assert.deepEqual(ours, answers[index], text);
  }
});
