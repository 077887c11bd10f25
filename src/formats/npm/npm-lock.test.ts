import assert from "node:assert/strict";
import { test } from "node:test";
import { checkFreshness } from "./freshness.ts";
import { formatIntegrity, parseIntegrity } from "./integrity.ts";
import { normalizeBin, parseManifest, readManifest } from "./manifest.ts";
import { isPackageName } from "./names.ts";
import { parseNpmrc } from "./npmrc.ts";
import { type NpmLock, parsePackageLock } from "./package-lock.ts";
import { planNpm } from "./plan-npm.ts";
import { engineProblem, platformOf, platformProblem } from "./platform.ts";

const SHA512 = `sha512-${Buffer.alloc(64, 1).toString("base64")}`;
const SHA1 = `sha1-${Buffer.alloc(20, 2).toString("base64")}`;
const PLATFORM = platformOf("amd64", "24.21.0");

type Entries = Readonly<Record<string, object>>;

function lockOf(packages: Entries, version: unknown = 3): NpmLock {
  return parsePackageLock(JSON.stringify({ lockfileVersion: version, packages }), "package-lock.json");
}

/** An entry of a registry's package. */
const at = (version: string, more: object = {}) => ({ version, integrity: SHA512, ...more });

function pathsOf(packages: Entries, omit?: ("dev" | "optional" | "peer")[]): string[] {
  const plan = planNpm(lockOf(packages), { platform: PLATFORM, omit });
  return [...plan.packages, ...plan.links].map(({ path }) => path);
}

test("of an integrity string the strongest algorithm counts, with all its hashes", () => {
  const other = `sha512-${Buffer.alloc(64, 3).toString("base64")}`;
  assert.deepEqual(parseIntegrity(`${SHA1} ${SHA512}?foo ${other}\n`, "a"), {
    algorithm: "sha512",
    digests: ["01".repeat(64), "03".repeat(64)],
  });
  assert.equal(parseIntegrity(SHA1, "a").algorithm, "sha1");
  assert.equal(formatIntegrity("sha1", "02".repeat(20)), SHA1);
});

for (const text of ["", "md5-1B2M2Y8AsgTpgAmY7PhCfg==", "sha512-AAAA", "sha512", "sha512-!"]) {
  test(`no integrity: ${JSON.stringify(text)}`, () =>
    assert.throws(() => parseIntegrity(text, "a 1.0.0"), {
      code: "BAD_INTEGRITY",
      message: /^Cannot check a 1.0.0/,
    }));
}

const platforms: [constraint: object, problem: RegExp | undefined][] = [
  [{}, undefined],
  [{ os: "linux", cpu: ["x64", "arm64"] }, undefined],
  [{ os: ["!win32"], cpu: ["any"] }, undefined],
  [{ os: ["!linux"] }, /os !linux/],
  [{ os: ["darwin", "!linux"] }, /os/],
  [{ cpu: ["arm64"] }, /it is for cpu arm64, the image has x64/],
  [{ libc: ["musl"] }, /libc musl/],
  [{ libc: ["glibc"] }, undefined],
];
for (const [constraint, problem] of platforms) {
  test(`platform of ${JSON.stringify(constraint)}`, () => {
    const actual = platformProblem(readManifest(constraint as Record<string, unknown>), PLATFORM);
    if (problem === undefined) assert.equal(actual, undefined);
    else assert.match(actual ?? "", problem);
  });
}

test("engines are ranges of Node's versions; what is no range says nothing", () => {
  assert.match(engineProblem({ nodeRange: "<20" }, PLATFORM) ?? "", /Node <20, the image has 24/);
  assert.equal(engineProblem({ nodeRange: ">=18" }, PLATFORM), undefined);
  assert.equal(engineProblem({ nodeRange: "new" }, PLATFORM), undefined);
  assert.equal(engineProblem({ nodeRange: "<20" }, platformOf("arm64")), undefined);
});

test("bin: a path for the package's own name, or paths by name; nothing leaves the package", () => {
  assert.deepEqual(normalizeBin("./cli.js", "@a/tool"), { tool: "cli.js" });
  assert.deepEqual(normalizeBin({ "../../x": "../../../etc/passwd", "a/b": "b\\c.js", n: 1 }, "p"), {
    x: "etc/passwd",
    b: "b/c.js",
  });
  assert.deepEqual(normalizeBin(["bin/a"], "p"), { a: "bin/a" });
  assert.deepEqual(normalizeBin("x", undefined), {});
  assert.deepEqual(normalizeBin({ "..": "a", ".": "b", c: "/" }, "p"), {});
});

test("what has the wrong type in a package.json is passed over", () => {
  const manifest = parseManifest(
    '\ufeff{"name":1,"bin":7,"dependencies":[],"os":[2],"engines":"x","scripts":{"a":1}}',
    "p",
  );
  assert.deepEqual(
    [manifest.name, manifest.bin, manifest.dependencies, manifest.os],
    [undefined, {}, {}, undefined],
  );
  assert.throws(() => parseManifest("{", "package.json"), { code: "MANIFEST_INVALID" });
  assert.throws(() => parseManifest("[]", "package.json"), { code: "MANIFEST_INVALID" });
});

test("names of packages neither hide nor climb", () => {
  for (const name of ["a", "@a/b", "JSONStream", "a.b_c~d"]) assert.ok(isPackageName(name), name);
  for (const name of [
    "",
    ".",
    "..",
    ".bin",
    "@a",
    "@a/..",
    "@../a",
    "a/b",
    "a\\b",
    "@a/b/c",
    "node_modules",
    "a b",
    "a%2f",
  ]) {
    assert.ok(!isPackageName(name), name);
  }
});

test(".npmrc: comments, quotes, and the environment", () => {
  // A variable as .npmrc writes it.
  const variable = (name: string) => `$\{${name}}`.replace("\\", "");
  const text = [
    "; c\n# c\nregistry = https://x/ ; y",
    `"@a:registry"="https://${variable("HOST")}/"\r`,
    `//x/:_authToken=${variable("TOKEN")}`,
    "[s]\nk\nlist[]=1",
    `m=${variable("NONE")}`,
    `e=${variable("NONE?")}`,
  ].join("\n");
  assert.deepEqual(
    [...parseNpmrc(text, (name) => ({ HOST: "h", TOKEN: "t" })[name])],
    [
      ["registry", "https://x/"],
      ["@a:registry", "https://h/"],
      ["//x/:_authToken", "t"],
      ["m", variable("NONE")],
      ["e", ""],
    ],
  );
});

const unsupported: [version: unknown, message: RegExp, hint: RegExp][] = [
  [1, /version 1, version 2 or 3/, /npm install --package-lock-only --lockfile-version 3/],
  [undefined, /version 1/, /npm 7/],
  [4, /version 4, this Tare knows/, /newer Tare/],
];
for (const [version, message, hint] of unsupported) {
  test(`lockfileVersion ${version} is refused with LOCK_VERSION_UNSUPPORTED`, () => {
    const text = JSON.stringify({ lockfileVersion: version, packages: { "": {} } });
    assert.throws(() => parsePackageLock(text, "package-lock.json"), {
      code: "LOCK_VERSION_UNSUPPORTED",
      message,
      hint,
    });
  });
}

const invalid: [summary: string, text: string][] = [
  ["no JSON", "{"],
  ["no object", "[]"],
  ["no packages", '{"lockfileVersion":3}'],
  ["no project", '{"lockfileVersion":3,"packages":{}}'],
  ["a path that climbs", '{"lockfileVersion":3,"packages":{"":{},"node_modules/../../etc":{}}}'],
  ["an absolute path", '{"lockfileVersion":3,"packages":{"":{},"/etc/node_modules/a":{}}}'],
  ["a hidden place", '{"lockfileVersion":3,"packages":{"":{},"node_modules/.bin":{}}}'],
  ["a wrong type", '{"lockfileVersion":3,"packages":{"":{},"node_modules/a":{"version":1}}}'],
  ["an alias that climbs", '{"lockfileVersion":3,"packages":{"":{},"node_modules/a":{"name":"../b"}}}'],
  ["a link to nowhere", '{"lockfileVersion":3,"packages":{"":{},"node_modules/a":{"link":true}}}'],
  [
    "a package below a link",
    '{"lockfileVersion":3,"packages":{"":{},"node_modules/a":{"link":true,"resolved":"b"},"node_modules/a/node_modules/c":{}}}',
  ],
];
for (const [summary, text] of invalid) {
  test(`a lock with ${summary} is refused with NODE_LOCK_INVALID`, () =>
    assert.throws(() => parsePackageLock(text, "package-lock.json"), {
      code: "NODE_LOCK_INVALID",
      hint: /npm install/,
    }));
}

test("packages for development stay out, and with more groups omitted more of them", () => {
  const packages = {
    "": { dependencies: { a: "1", o: "1" }, devDependencies: { d: "1" } },
    "node_modules/a": at("1.0.0"),
    "node_modules/d": at("1.0.0", { dev: true }),
    "node_modules/o": at("1.0.0", { optional: true }),
    "node_modules/p": at("1.0.0", { peer: true }),
    "node_modules/do": at("1.0.0", { devOptional: true }),
    "node_modules/x": at("1.0.0", { extraneous: true }),
  };
  const names = (omit?: ("dev" | "optional" | "peer")[]) =>
    pathsOf(packages, omit)
      .map((path) => path.slice("node_modules/".length))
      .join(" ");
  assert.equal(names(), "a do o p");
  assert.equal(names([]), "a d do o p");
  assert.equal(names(["dev", "optional"]), "a p");
  assert.equal(names(["peer"]), "a d do o");
});

test("an optional package for another platform goes, and with it what needs it and what only that needs", () => {
  const optional = { optional: true };
  const packages = {
    "": { dependencies: { a: "1" }, optionalDependencies: { top: "1" } },
    "node_modules/a": at("1.0.0", { dependencies: { shared: "1" } }),
    "node_modules/shared": at("1.0.0"),
    "node_modules/top": at("1.0.0", { ...optional, dependencies: { mid: "1" } }),
    "node_modules/mid": at("1.0.0", { ...optional, dependencies: { mac: "1", only: "1", shared: "1" } }),
    "node_modules/mac": at("1.0.0", { ...optional, os: ["darwin"] }),
    "node_modules/only": at("1.0.0", optional),
  };
  assert.deepEqual(pathsOf(packages), ["node_modules/a", "node_modules/shared"]);
});

const refused: [summary: string, entry: object, code: string, message: RegExp][] = [
  [
    "a needed package for another platform",
    at("1.0.0", { cpu: ["arm64"] }),
    "PLATFORM_MISMATCH",
    /a 1.0.0: it is for cpu arm64/,
  ],
  ["no integrity", { version: "1.0.0" }, "INTEGRITY_MISSING", /a 1.0.0: package-lock.json has no integrity/],
  [
    "no integrity of a URL",
    { version: "1.0.0", resolved: "https://x/a.tgz" },
    "INTEGRITY_MISSING",
    /unchecked/,
  ],
  ["a weird integrity", at("1.0.0", { integrity: "md5-a" }), "BAD_INTEGRITY", /holds no hash/],
  [
    "git",
    at("1.0.0", { resolved: "git+ssh://u:secret@x/a.git#1" }),
    "DEPENDENCY_UNSUPPORTED",
    /git repository git\+ssh:\/\/\*\*\*@x/,
  ],
  [
    "a packed directory",
    at("1.0.0", { resolved: "file:libs/a" }),
    "DEPENDENCY_UNSUPPORTED",
    /directory libs\/a/,
  ],
  [
    "a file outside",
    at("1.0.0", { resolved: "file:../a.tgz" }),
    "DEPENDENCY_UNSUPPORTED",
    /outside of the project/,
  ],
  ["a link outside", { resolved: "../a", link: true }, "DEPENDENCY_UNSUPPORTED", /outside/],
  ["neither version nor place", { integrity: SHA512 }, "NODE_LOCK_INVALID", /neither a version nor a place/],
  ["a link to what is not there", { resolved: "libs/a", link: true }, "NODE_LOCK_INVALID", /not in the lock/],
];
for (const [summary, entry, code, message] of refused) {
  test(`${summary}: ${code}`, () => {
    const packages = { "": { dependencies: { a: "1" } }, "node_modules/a": entry };
    assert.throws(() => pathsOf(packages), { code, message });
    // What is not installed is not asked for.
    assert.deepEqual(pathsOf({ ...packages, "node_modules/a": { ...entry, dev: true } }), []);
  });
}

test("workspaces become links, their commands too, and bundled packages come with their bundler", () => {
  const plan = planNpm(
    lockOf({
      "": { workspaces: ["packages/*"] },
      "packages/tool": { version: "1.0.0", bin: { tool: "cli.js" } },
      "packages/tool/node_modules/b": at("2.0.0", { bin: "b.js" }),
      "node_modules/tool": { resolved: "packages/tool", link: true },
      "node_modules/@s/b": at("1.0.0", { name: "real", bundleDependencies: ["c"] }),
      "node_modules/@s/b/node_modules/c": { version: "1.0.0", inBundle: true },
      "node_modules/f": { version: "1.0.0", resolved: "file:vendor/f.tgz" },
    }),
    { platform: PLATFORM },
  );
  assert.deepEqual(plan.links, [{ path: "node_modules/tool", target: "../packages/tool" }]);
  assert.deepEqual(
    plan.packages.map(({ path, name, origin }) => [path, name, origin?.kind]),
    [
      ["node_modules/@s/b", "real", "tarball"],
      ["node_modules/@s/b/node_modules/c", "c", undefined],
      ["node_modules/f", "f", "file"],
      ["packages/tool/node_modules/b", "b", "tarball"],
    ],
  );
  assert.deepEqual(
    plan.commands.map(({ directory, via, path }) => [directory, via, path]),
    [
      ["packages/tool/node_modules/.bin", "packages/tool/node_modules/b", "packages/tool/node_modules/b"],
      ["node_modules/.bin", "node_modules/tool", "packages/tool"],
    ],
  );
});

test("a package that is not for this Node is told, not left out; an optional one is left out", () => {
  const packages = {
    "": { dependencies: { a: "1" } },
    "node_modules/a": at("1.0.0", { engines: { node: "<20" } }),
  };
  const plan = planNpm(lockOf(packages), { platform: PLATFORM });
  assert.deepEqual(
    [plan.packages.length, plan.warnings],
    [1, ["a 1.0.0: it is for Node <20, the image has 24.21.0"]],
  );
  const optional = { ...packages["node_modules/a"], optional: true };
  assert.deepEqual(pathsOf({ ...packages, "node_modules/a": optional }), []);
});

const LOCKED = {
  "": { dependencies: { a: "^1.0.0" }, devDependencies: { d: "1" }, workspaces: ["w"] },
  "node_modules/a": at("1.2.0"),
  "node_modules/d": at("1.0.0", { dev: true }),
  "node_modules/w": { resolved: "w", link: true },
  w: { dependencies: { x: "1" } },
  "node_modules/x": at("1.0.0"),
};
const RIGHT = {
  "": { dependencies: { a: "^1.0.0" }, devDependencies: { d: "1" } },
  w: { dependencies: { x: "1" } },
};
const stale: [summary: string, manifests: Entries, message: RegExp | undefined][] = [
  ["the same", RIGHT, undefined],
  [
    "a range that the locked version satisfies",
    { ...RIGHT, "": { ...RIGHT[""], dependencies: { a: "^1.1.0" } } },
    undefined,
  ],
  [
    "another range",
    { ...RIGHT, "": { ...RIGHT[""], dependencies: { a: "^2.0.0" } } },
    /package.json wants a \^2.0.0, the lock was made for \^1.0.0/,
  ],
  ["a tag", { ...RIGHT, "": { ...RIGHT[""], dependencies: { a: "next" } } }, /wants a next/],
  [
    "one more",
    { ...RIGHT, "": { dependencies: { a: "^1.0.0", b: "1" }, devDependencies: { d: "1" } } },
    /names b 1 in dependencies/,
  ],
  ["one less", { ...RIGHT, "": { dependencies: { a: "^1.0.0" } } }, /does not name d in devDependencies/],
  ["a new workspace", { ...RIGHT, v: {} }, /the workspace v is not in it/],
  ["a workspace's dependency", { ...RIGHT, w: { dependencies: { x: "2" } } }, /w\/package.json wants x 2/],
  ["a workspace that is gone", { "": RIGHT[""] }, /links w to w, where there is no package.json/],
];
for (const [summary, manifests, message] of stale) {
  test(`a manifest with ${summary} ${message === undefined ? "fits" : "is LOCK_OUT_OF_DATE"}`, () => {
    const read = new Map(
      Object.entries(manifests).map(([path, value]) => [
        path,
        readManifest(value as Record<string, unknown>),
      ]),
    );
    const check = () => checkFreshness(lockOf(LOCKED), read);
    if (message === undefined) check();
    else
      assert.throws(check, {
        code: "LOCK_OUT_OF_DATE",
        message,
        hint: /^Run npm install --package-lock-only/,
      });
  });
}
