import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { PythonLock } from "./lock.ts";
import { checkLockFitsProject } from "./lock-check.ts";
import { type LockSelection, selectPackages } from "./lock-selection.ts";
import { parseProject } from "./project.ts";
import { parsePylock } from "./pylock.ts";
import { parseRequirementsLock } from "./requirements-file.ts";
import type { PythonPlatform } from "./tags.ts";
import { parseUvLock } from "./uv-lock.ts";

const FIXTURES = join(import.meta.dirname, "../../../test/fixtures/python");
const read = (path: string) => readFileSync(join(FIXTURES, path), "utf8");
const BOOKWORM: PythonPlatform = { architecture: "amd64", python: "3.11.2", glibc: "2.36" };
const TRIXIE: PythonPlatform = { architecture: "arm64", python: "3.13.5", glibc: "2.41" };
const NO_HOST = { read: () => undefined, variable: () => undefined };

function names(lock: PythonLock, selection: Partial<LockSelection> = {}): string[] {
  return selectPackages(lock, { platform: BOOKWORM, extras: [], groups: [], ...selection }).map(
    ({ name, version }) => `${name} ${version ?? ""}`.trim(),
  );
}

const SERVICE = parseUvLock(read("service/uv.lock"));
const WORKSPACE = parseUvLock(read("workspace/uv.lock"));
const RUNTIME = [
  "blinker",
  "click",
  "flask",
  "gunicorn",
  "itsdangerous",
  "jinja2",
  "markupsafe",
  "packaging",
  "pyyaml",
  "werkzeug",
];

test("uv.lock: what runs, for the platform; extras and groups when they are asked for", () => {
  const bare = (list: string[]) => list.map((one) => one.split(" ")[0]);
  assert.deepEqual(bare(names(SERVICE)), [...RUNTIME, "shop"].sort());
  const redis = bare(names(SERVICE, { extras: ["Redis"] }));
  assert.deepEqual(
    redis.filter((name) => !RUNTIME.includes(name!)),
    ["async-timeout", "redis", "shop"],
  );
  assert.ok(!bare(names(SERVICE, { extras: ["redis"], platform: TRIXIE })).includes("async-timeout"));
  const tls = bare(names(SERVICE, { extras: ["tls"] }));
  assert.ok(tls.includes("cryptography") && tls.includes("bcrypt"), "the extra of a dependency is followed");
  assert.ok(bare(names(SERVICE, { groups: ["test"] })).includes("pytest"));
  assert.ok(bare(names(SERVICE, { groups: ["dev"] })).includes("ruff"));
});

test("uv.lock: files with their hashes, and the project as a directory", () => {
  const packages = selectPackages(SERVICE, { platform: BOOKWORM, extras: [], groups: [] });
  const flask = packages.find(({ name }) => name === "flask")!;
  assert.deepEqual(flask.source, { kind: "registry", index: "https://pypi.org/simple" });
  assert.deepEqual(flask.files[0], {
    name: "flask-3.1.3-py3-none-any.whl",
    url: "https://files.pythonhosted.org/packages/7f/9c/34f6962f9b9e9c71f6e5ed806e0d0ff03c9d1b0b2340088a0cf4bce09b18/flask-3.1.3-py3-none-any.whl",
    path: undefined,
    size: 103424,
    sha256: "f4bcbefc124291925f1a26446da31a5178f9483862233b23c0c96a20701f670c",
  });
  const shop = packages.find(({ name }) => name === "shop")!;
  assert.deepEqual(shop.source, { kind: "directory", path: ".", install: "editable" });
});

test("uv.lock of a workspace: the project that is named, and one of two extras that exclude each other", () => {
  assert.ok(names(WORKSPACE, { extras: ["old"] }).includes("click 7.1.2"));
  assert.ok(names(WORKSPACE, { extras: ["new"] }).includes("click 8.5.1"));
  assert.ok(!names(WORKSPACE).some((name) => name.startsWith("click")));
  assert.ok(names(WORKSPACE, { project: "depot-cli" }).includes("itsdangerous 2.2.0"));
  assert.ok(names(WORKSPACE).includes("depot-local 0.2"));
  assert.throws(() => names(WORKSPACE, { project: "depot-clo" }), {
    code: "LOCK_INVALID",
    hint: /depot-cli/,
  });
  assert.throws(() => names(WORKSPACE, { extras: ["old", "new"] }), {
    code: "LOCK_INVALID",
    message: /click 7\.1\.2 and 8\.5\.1|click 8\.5\.1 and 7\.1\.2/,
  });
});

test("sources other than an index", () => {
  const lock = parseUvLock(`version = 1
[[package]]
name = "root"
source = { virtual = "." }
dependencies = [{ name = "g" }, { name = "u" }, { name = "p" }, { name = "f" }, { name = "c", marker = "extra == 'extra-4-root-x'" }]
[package.metadata]
provides-extras = ["x"]
[[package]]
name = "g"
version = "1"
source = { git = "https://git.example/g?rev=main&subdirectory=sub#0123456789abcdef0123456789abcdef01234567" }
[[package]]
name = "u"
version = "1"
source = { url = "https://host.example/u-1-py3-none-any.whl" }
wheels = [{ url = "https://host.example/u-1-py3-none-any.whl", hash = "sha256:${"a".repeat(64)}" }]
[[package]]
name = "p"
version = "1"
source = { path = "wheels/p-1-py3-none-any.whl" }
wheels = [{ filename = "p-1-py3-none-any.whl", hash = "sha256:${"b".repeat(64)}" }]
[[package]]
name = "f"
version = "1"
source = { registry = "flat" }
wheels = [{ path = "f-1-py3-none-any.whl", hash = "md5:1" }]
[[package]]
name = "c"
version = "1"
source = { registry = "https://i.example/simple" }
`);
  const [f, g, p, root, u] = selectPackages(lock, { platform: BOOKWORM, extras: [], groups: [] });
  assert.deepEqual(g!.source, {
    kind: "git",
    url: "https://git.example/g",
    commit: "0123456789abcdef0123456789abcdef01234567",
    subdirectory: "sub",
  });
  assert.deepEqual(
    [u!.files[0]!.url, u!.files[0]!.path],
    ["https://host.example/u-1-py3-none-any.whl", undefined],
  );
  assert.deepEqual(
    [p!.files[0]!.name, p!.files[0]!.path],
    ["p-1-py3-none-any.whl", "wheels/p-1-py3-none-any.whl"],
  );
  assert.deepEqual([f!.files[0]!.path, f!.files[0]!.sha256], ["flat/f-1-py3-none-any.whl", undefined]);
  assert.deepEqual(root!.source, { kind: "directory", path: ".", install: "none" });
  assert.ok(names(lock, { extras: ["x"] }).includes("c 1"));
});

test("pylock.toml of uv: the same packages", () => {
  const lock = parsePylock(read("service/pylock.toml"));
  assert.ok(names(lock).includes("flask 3.1.3"));
  assert.ok(!names(lock).some((name) => name.startsWith("colorama")));
});

const PYLOCK = `lock-version = "1.0"
environments = ["sys_platform == 'linux'"]
requires-python = ">=3.9"
extras = ["x"]
dependency-groups = ["test", "std"]
default-groups = ["std"]
created-by = "hand"
[[packages]]
name = "a"
version = "1"
wheels = [{ url = "https://h.example/a-1-py3-none-any.whl", size = 3, hashes = { sha256 = "${"A".repeat(64)}" } }]
[[packages]]
name = "b"
version = "1"
marker = "'x' in extras"
archive = { path = "b-1.tar.gz", hashes = { sha512 = "00" } }
[[packages]]
name = "c"
marker = "'test' in dependency_groups"
vcs = { type = "git", url = "https://g.example/c", commit-id = "abc" }
[[packages]]
name = "d"
marker = "'std' in dependency_groups"
directory = { path = "d", editable = true }
`;

test("pylock.toml: extras, groups and default groups by markers; kinds of source", () => {
  const lock = parsePylock(PYLOCK);
  assert.deepEqual(names(lock), ["a 1", "d"]);
  assert.deepEqual(names(lock, { extras: ["X"], groups: ["test"] }), ["a 1", "b 1", "c", "d"]);
  const [a, b, c, d] = selectPackages(lock, { platform: BOOKWORM, extras: ["x"], groups: ["test"] });
  assert.equal(a!.files[0]!.sha256, "a".repeat(64));
  assert.deepEqual([b!.files[0]!.name, b!.files[0]!.sha256], ["b-1.tar.gz", undefined]);
  assert.equal(c!.source.kind, "git");
  assert.deepEqual(d!.source, { kind: "directory", path: "d", install: "editable" });
});

test("a lock for another platform is refused with LOCK_PLATFORM", () => {
  const windows = PYLOCK.replace("'linux'", "'win32'");
  assert.throws(() => names(parsePylock(windows)), {
    code: "LOCK_PLATFORM",
    message: /none of its environments/,
  });
  assert.throws(() => names(SERVICE, { platform: { ...BOOKWORM, python: "3.9.2" } }), {
    code: "LOCK_PLATFORM",
    message: /Python 3\.9\.2: it is made for Python >=3\.11/,
  });
  const own = `${PYLOCK}requires-python = ">=3.12"\n`;
  assert.throws(() => names(parsePylock(own)), { code: "LOCK_PLATFORM", message: /install d/ });
});

test("extras and groups that do not exist are refused with EXTRA_UNKNOWN and GROUP_UNKNOWN", () => {
  assert.throws(() => names(SERVICE, { extras: ["rediss"] }), {
    code: "EXTRA_UNKNOWN",
    message: /redis, tls/,
    hint: /"redis"/,
  });
  assert.throws(() => names(SERVICE, { groups: ["prod"] }), { code: "GROUP_UNKNOWN", message: /dev, test/ });
  assert.throws(() => names(parsePylock(PYLOCK), { extras: ["y"] }), { code: "EXTRA_UNKNOWN" });
  const requirements = parseRequirementsLock("a==1", "requirements.txt", NO_HOST);
  assert.throws(() => names(requirements, { groups: ["dev"] }), { code: "GROUP_UNKNOWN" });
});

const BAD_LOCKS: readonly [summary: string, read: () => unknown, code: string, message: RegExp][] = [
  ["no TOML", () => parseUvLock("version = "), "LOCK_INVALID", /uv\.lock: line 1 is no TOML/],
  ["no version", () => parseUvLock(""), "LOCK_INVALID", /version: it is missing/],
  ["a newer uv.lock", () => parseUvLock("version = 2"), "LOCK_UNSUPPORTED", /version 2/],
  [
    "no source",
    () => parseUvLock('version = 1\n[[package]]\nname = "a"'),
    "LOCK_INVALID",
    /package\[0\]\.source/,
  ],
  [
    "a bad marker",
    () => parsePylock(PYLOCK.replace("'x' in extras", "x")),
    "LOCK_INVALID",
    /packages\[1\]\.marker: Cannot read the marker "x"/,
  ],
  ["a newer pylock", () => parsePylock('lock-version = "2.0"'), "LOCK_UNSUPPORTED", /"2\.0"/],
  [
    "a number for a name",
    () => parsePylock('lock-version = "1.0"\n[[packages]]\nname = 7'),
    "LOCK_INVALID",
    /a text was expected/,
  ],
  [
    "no files",
    () => parsePylock('lock-version = "1.0"\n[[packages]]\nname = "a"'),
    "LOCK_INVALID",
    /neither wheels/,
  ],
  [
    "a hash that is none",
    () => parsePylock(PYLOCK.replace("A".repeat(64), "zz")),
    "LOCK_INVALID",
    /64 hex digits/,
  ],
  [
    "subversion",
    () => parsePylock(PYLOCK.replace('"git"', '"svn"')),
    "LOCK_INVALID",
    /"svn" is not supported/,
  ],
  [
    "an edge to nowhere",
    () =>
      names(
        parseUvLock(
          `version = 1\n[[package]]\nname = "a"\nsource = { virtual = "." }\ndependencies = [{ name = "b" }]`,
        ),
      ),
    "LOCK_INVALID",
    /a asks for b, and the lock does not have it/,
  ],
];
for (const [summary, action, code, message] of BAD_LOCKS) {
  test(`a lock with ${summary} is refused with ${code}`, () => assert.throws(action, { code, message }));
}

const PROJECT = read("service/pyproject.toml");
function check(project: string, lock: PythonLock = SERVICE): void {
  const parsed = parseProject(project);
  const selected =
    lock.kind === "uv" ? [] : selectPackages(lock, { platform: BOOKWORM, extras: [], groups: [] });
  checkLockFitsProject(lock, parsed, selected, BOOKWORM);
}

test("a lock of this very project fits, however that writes it", () => {
  check(PROJECT);
  check(PROJECT.replace("flask>=3,<4", "Flask <4, >= 3"));
  check(PROJECT.replace("python_version < '3.11'", "python_version <= '3.10'"));
  check(
    PROJECT.replace(
      "platform_machine == 'x86_64' or platform_machine == 'aarch64'",
      "platform_machine in 'x86_64' or platform_machine == 'aarch64'",
    ).replace(" in 'x86_64'", " == 'x86_64'"),
  );
  check(PROJECT.replace('requires-python = ">=3.11"', 'requires-python = ">= 3.11.0"'));
  for (const member of [".", "packages/core", "packages/cli"])
    check(read(`workspace/${member}/pyproject.toml`), WORKSPACE);
});

const STALE: readonly [summary: string, from: string | RegExp, to: string, message: RegExp][] = [
  ["a new dependency", '"flask', '"httpx", "flask', /asks for "httpx", and the lock does not have it/],
  ["another version", ">=3,<4", ">=3,<5", /asks for "flask>=3,<5", and the lock was made for "flask<4,>=3"/],
  ["an extra of a dependency", '"flask>', '"flask[async]>', /"flask\[async\]/],
  ["another marker", "== 'win32'", "== 'darwin'", /"colorama>=0\.4/],
  [
    "a dependency that is gone",
    /.*gunicorn.*\n/,
    "",
    /made for "gunicorn~=23\.0", and pyproject\.toml does not ask/,
  ],
  ["an extra", "redis>=5", "redis>=6", /"redis>=6" in the extra "redis"/],
  ["a group", "ruff>=0.6", "ruff>=0.7", /"ruff>=0\.7" in the group "dev"/],
  ["an included group", "pytest>=8", "pytest>=9", /in the group/],
  ["another Python", ">=3.11", ">=3.12", /requires-python ">=3\.12"/],
  ["another source", /$/, '[tool.uv.sources]\nflask = { path = "flask" }\n', /"flask>=3,<4"/],
  ["another name", '"shop"', '"store"', /does not have the project "store"/],
];
for (const [summary, from, to, message] of STALE) {
  test(`${summary} in pyproject.toml makes uv.lock LOCK_OUT_OF_DATE`, () => {
    assert.throws(() => check(PROJECT.replace(from, to)), {
      code: "LOCK_OUT_OF_DATE",
      message,
      hint: "Run `uv lock`",
    });
  });
}

test("other locks are LOCK_OUT_OF_DATE when they lack a dependency", () => {
  const requirements = parseRequirementsLock(read("service/requirements.txt"), "requirements.txt", NO_HOST);
  const pylock = parsePylock(read("service/pylock.toml"));
  for (const lock of [requirements, pylock]) {
    check(PROJECT, lock);
    assert.throws(() => check(PROJECT.replace("flask>=3,<4", "flask>=4"), lock), {
      code: "LOCK_OUT_OF_DATE",
      message: /"flask>=4", and the lock has flask 3\.1\.3/,
    });
    assert.throws(() => check(PROJECT.replace('"flask', '"httpx", "flask'), lock), {
      code: "LOCK_OUT_OF_DATE",
      message: /"httpx"/,
    });
  }
});

test("pyproject.toml: groups with includes, legacy groups, scripts and the build system", () => {
  const project = parseProject(`${PROJECT}\n[tool.uv]\ndev-dependencies = ["black"]\n`);
  assert.deepEqual(
    project.groups.get("dev")!.map(({ name }) => name),
    ["pytest", "ruff", "black"],
  );
  assert.deepEqual([...project.scripts], [["shop", "shop.web:main"]]);
  assert.deepEqual([...project.guiScripts], [["shop-window", "shop.window:main"]]);
  assert.deepEqual(project.buildSystem, {
    requires: ["hatchling"],
    backend: "hatchling.build",
    backendPath: [],
  });
});

for (const [summary, text, message] of [
  ["no name", "[project]\n", /project\.name: it is missing/],
  [
    "a bad requirement",
    '[project]\nname = "a"\ndependencies = ["b c"]',
    /project\.dependencies: Cannot read the requirement "b c"/,
  ],
  [
    "a group that includes itself",
    '[dependency-groups]\na = [{ include-group = "b" }]\nb = [{ include-group = "a" }]',
    /includes itself/,
  ],
  ["a group that is not there", '[dependency-groups]\na = [{ include-group = "b" }]', /no group "b"/],
  ["a group twice", "[dependency-groups]\na-b = []\na_b = []", /defined twice/],
] as const) {
  test(`a pyproject.toml with ${summary} is refused with PROJECT_INVALID`, () => {
    assert.throws(() => parseProject(text), { code: "PROJECT_INVALID", message });
  });
}
