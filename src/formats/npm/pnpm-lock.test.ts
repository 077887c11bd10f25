import assert from "node:assert/strict";
import { test } from "node:test";
import { checkFreshness } from "./freshness.ts";
import { readManifest } from "./manifest.ts";
import { planPnpm } from "./plan-pnpm.ts";
import { platformOf } from "./platform.ts";
import { pnpmDirectoryName } from "./pnpm-directory.ts";
import { parsePnpmLock } from "./pnpm-lock.ts";

const SHA512 = `sha512-${Buffer.alloc(64, 1).toString("base64")}`;
const PLATFORM = platformOf("amd64");

const V9 = `
lockfileVersion: '9.0'
importers:
  .:
    dependencies:
      a: { specifier: ^1.0.0, version: 1.0.0(peer@2.0.0) }
      tool: { specifier: 'workspace:*', version: 'link:packages/tool' }
      other: { specifier: 'npm:real@1.0.0', version: real@1.0.0 }
    devDependencies:
      dev: { specifier: '1', version: 1.0.0 }
  packages/tool:
    dependencies:
      peer: { specifier: '2', version: 2.0.0 }
packages:
  a@1.0.0: { resolution: { integrity: ${SHA512} }, peerDependencies: { peer: '*' } }
  dev@1.0.0: { resolution: { integrity: ${SHA512} } }
  mac@1.0.0: { resolution: { integrity: ${SHA512} }, os: [darwin] }
  peer@2.0.0: { resolution: { integrity: ${SHA512} }, hasBin: true }
  real@1.0.0: { resolution: { integrity: ${SHA512} } }
snapshots:
  a@1.0.0(peer@2.0.0):
    dependencies: { peer: 2.0.0 }
    optionalDependencies: { mac: 1.0.0 }
  dev@1.0.0: {}
  mac@1.0.0: { optional: true }
  peer@2.0.0: {}
  real@1.0.0: {}
`;

const V6 = `
lockfileVersion: '6.0'
dependencies:
  a: { specifier: ^1.0.0, version: 1.0.0(peer@2.0.0) }
  other: { specifier: 'npm:real@1.0.0', version: /real@1.0.0 }
devDependencies:
  dev: { specifier: '1', version: 1.0.0 }
packages:
  /a@1.0.0(peer@2.0.0):
    resolution: { integrity: ${SHA512} }
    dependencies: { peer: 2.0.0 }
    dev: false
  /peer@2.0.0: { resolution: { integrity: ${SHA512} }, dev: false }
  /real@1.0.0: { resolution: { integrity: ${SHA512} }, dev: false }
  /dev@1.0.0: { resolution: { integrity: ${SHA512} }, dev: true }
`;

const parse = (text: string) => parsePnpmLock(text, "pnpm-lock.yaml");

test("version 9: packages beside links to what they need, hoisted, workspaces linked", () => {
  const plan = planPnpm(parse(V9), {
    platform: PLATFORM,
    projectNames: new Map([["packages/tool", "tool"]]),
  });
  const store = "node_modules/.pnpm";
  assert.deepEqual(
    plan.packages.map(({ path }) => path),
    [
      `${store}/a@1.0.0_peer@2.0.0/node_modules/a`,
      `${store}/peer@2.0.0/node_modules/peer`,
      `${store}/real@1.0.0/node_modules/real`,
    ],
  );
  assert.deepEqual(
    plan.links.map(({ path, target }) => `${path} -> ${target}`),
    [
      `${store}/a@1.0.0_peer@2.0.0/node_modules/peer -> ../../peer@2.0.0/node_modules/peer`,
      `${store}/node_modules/peer -> ../peer@2.0.0/node_modules/peer`,
      "node_modules/a -> .pnpm/a@1.0.0_peer@2.0.0/node_modules/a",
      "node_modules/other -> .pnpm/real@1.0.0/node_modules/real",
      "node_modules/tool -> ../packages/tool",
      "packages/tool/node_modules/peer -> ../../../node_modules/.pnpm/peer@2.0.0/node_modules/peer",
    ],
  );
  assert.deepEqual(
    plan.commands.map(({ directory }) => directory),
    [
      `${store}/a@1.0.0_peer@2.0.0/node_modules/a/node_modules/.bin`,
      "packages/tool/node_modules/.bin",
      `${store}/node_modules/.bin`,
    ],
  );
});

test("version 6 says the same in other words", () => {
  const plan = planPnpm(parse(V6), { platform: PLATFORM, omit: [] });
  assert.deepEqual(
    plan.packages.map(({ name, version }) => `${name} ${version}`),
    ["a 1.0.0", "dev 1.0.0", "peer 2.0.0", "real 1.0.0"],
  );
  assert.ok(
    plan.links.some(({ path, target }) => path === "node_modules/other" && target.includes("real@1.0.0")),
  );
});

test("a document before the lock's own is passed over", () => {
  assert.equal(parse(`lockfileVersion: '9.0'\npackageManagerDependencies: {}\n---${V9}`).importers.size, 2);
});

const names: [depPath: string, md5: string, sha256: string][] = [
  [
    "@babel/core@7.0.0(a@1.0.0)(@b/c@2.0.0)",
    "@babel+core@7.0.0_a@1.0.0_@b+c@2.0.0",
    "@babel+core@7.0.0_a@1.0.0_@b+c@2.0.0",
  ],
  [
    "a@1.0.0(b@1.0.0(c@1.0.0))(d@1.0.0)",
    "a@1.0.0_b@1.0.0_c@1.0.0__d@1.0.0",
    "a@1.0.0_b@1.0.0_c@1.0.0__d@1.0.0",
  ],
  [
    "JSONStream@1.3.5",
    "JSONStream@1.3.5_r3os6ifnv5rfzwtsmjig3b325i",
    "JSONStream@1.3.5_fb8f73c374dcf7070ffed90b688edabd",
  ],
];
for (const [depPath, md5, sha256] of names) {
  test(`the directory of ${depPath}`, () => {
    assert.equal(pnpmDirectoryName(depPath, "md5"), md5);
    assert.equal(pnpmDirectoryName(depPath, "sha256"), sha256);
  });
}

test("long directory names are cut to 120 characters", () => {
  const long = `a@1.0.0(${"b".repeat(200)}@1.0.0)`;
  assert.equal(pnpmDirectoryName(long, "md5").length, 120);
  assert.match(pnpmDirectoryName(long, "sha256"), /^a@1\.0\.0_b{79}_[0-9a-f]{32}$/);
});

const unsupported: [version: string, hint: RegExp][] = [
  ["5.4", /pnpm 9/],
  ["10.0", /newer Tare/],
];
for (const [version, hint] of unsupported) {
  test(`lockfileVersion ${version} is refused with LOCK_VERSION_UNSUPPORTED`, () =>
    assert.throws(() => parse(`lockfileVersion: '${version}'`), { code: "LOCK_VERSION_UNSUPPORTED", hint }));
}

const invalid: [summary: string, text: string][] = [
  ["no YAML", "a: [\n"],
  ["nothing", ""],
  ["no version", "importers: {}"],
  ["an alias", "lockfileVersion: '9.0'\nimporters: &a {}\npackages: *a"],
  ["a wrong type", "lockfileVersion: '9.0'\nimporters: []"],
  ["a reference to nothing", V9.replace("peer@2.0.0: {}\n", "")],
  ["a package without its data", V9.replace(/ {2}real@1.0.0: \{ res.*\n/, "")],
  ["a name that climbs", V9.replaceAll("other:", "'../other':")],
];
for (const [summary, text] of invalid) {
  test(`a lock with ${summary} is refused with NODE_LOCK_INVALID`, () =>
    assert.throws(() => parse(text), { code: "NODE_LOCK_INVALID" }));
}

const refused: [summary: string, from: string | RegExp, to: string, code: string][] = [
  ["a needed package for another platform", "hasBin: true", "cpu: [arm64]", "PLATFORM_MISMATCH"],
  [
    "no integrity",
    /real@1.0.0: \{ resolution: \{ integrity: \S+ \}/,
    "real@1.0.0: { resolution: { tarball: https://x/a.tgz }",
    "INTEGRITY_MISSING",
  ],
  [
    "git",
    /real@1.0.0: \{ resolution: \{ integrity: \S+ \}/,
    "real@1.0.0: { resolution: { type: git, repo: x, commit: y }",
    "DEPENDENCY_UNSUPPORTED",
  ],
  [
    "a packed directory",
    /real@1.0.0: \{ resolution: \{ integrity: \S+ \}/,
    "real@1.0.0: { resolution: { type: directory, directory: x }",
    "DEPENDENCY_UNSUPPORTED",
  ],
  ["a link outside", "link:packages/tool", "link:../tool", "DEPENDENCY_UNSUPPORTED"],
];
for (const [summary, from, to, code] of refused) {
  test(`${summary}: ${code}`, () => {
    const lock = parse(V9.replace(from, to));
    assert.throws(() => planPnpm(lock, { platform: PLATFORM }), { code });
  });
}

const ROOT = {
  dependencies: { a: "^1.0.0", tool: "workspace:*", other: "npm:real@1.0.0" },
  devDependencies: { dev: "1" },
};
const TOOL = { dependencies: { peer: "2" } };
const stale: [summary: string, manifests: Record<string, object>, message: RegExp | undefined][] = [
  ["the same", { "": ROOT, "packages/tool": TOOL }, undefined],
  ["a project without dependencies", { "": ROOT, "packages/tool": TOOL, "packages/new": {} }, undefined],
  [
    "another specifier",
    { "": { ...ROOT, devDependencies: { dev: "^1" } }, "packages/tool": TOOL },
    /wants dev \^1, the lock was made for 1/,
  ],
  [
    "a new project",
    { "": ROOT, "packages/tool": TOOL, n: { dependencies: { a: "1" } } },
    /the project n\/package.json/,
  ],
  ["a project that is gone", { "": ROOT }, /the project packages\/tool/],
];
for (const [summary, manifests, message] of stale) {
  test(`manifests with ${summary} ${message === undefined ? "fit" : "are LOCK_OUT_OF_DATE"}`, () => {
    const read = new Map(
      Object.entries(manifests).map(([path, value]) => [
        path,
        readManifest(value as Record<string, unknown>),
      ]),
    );
    const check = () => checkFreshness(parse(V9), read);
    if (message === undefined) check();
    else
      assert.throws(check, { code: "LOCK_OUT_OF_DATE", message, hint: /^Run pnpm install --lockfile-only/ });
  });
}
