import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { temporaryDirectory, testContext } from "../../../test/kit/context.ts";
import { source } from "./index.ts";
import { formatCrateUrl, readDownloadTemplate } from "./registry.ts";

const CRATE = Buffer.from("not really a tarball, but bytes");
const SHA256 = createHash("sha256").update(CRATE).digest("hex");

/** A registry of this machine, and Cargo's settings that name it. */
async function serveRegistry(t: TestContext, config: object | string = {}): Promise<string[]> {
  const requests: string[] = [];
  let url = "";
  const server = createServer((request, response) => {
    requests.push(request.url!);
    if (request.url === "/config.json") {
      response.end(typeof config === "string" ? config : JSON.stringify({ dl: `${url}/crates`, ...config }));
    } else response.end(CRATE);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  setHome(t, `[source.crates-io]\nreplace-with = "mirror"\n[source.mirror]\nregistry = "sparse+${url}/"\n`);
  return requests;
}

function setHome(t: TestContext, settings: string | undefined): void {
  const home = join(temporaryDirectory(t), "cargo");
  mkdirSync(home);
  if (settings !== undefined) writeFileSync(join(home, "config.toml"), settings);
  const before = process.env["CARGO_HOME"];
  process.env["CARGO_HOME"] = home;
  t.after(() => {
    if (before === undefined) delete process.env["CARGO_HOME"];
    else process.env["CARGO_HOME"] = before;
  });
}

function makeProject(t: TestContext, sha256 = SHA256): string {
  const directory = temporaryDirectory(t);
  writeFileSync(
    join(directory, "Cargo.lock"),
    `version = 4\n[[package]]\nname = "itoa"\nversion = "1.0.11"\nsource = "registry+https://github.com/rust-lang/crates.io-index"\nchecksum = "${sha256}"\n`,
  );
  return directory;
}

test("the crates of a lock become a tree, from the registry that stands for crates.io", async (t) => {
  const requests = await serveRegistry(t);
  const context = testContext(t);
  const directory = makeProject(t);
  const tree = await source.importTree!(directory, {}, context);
  assert.deepEqual(
    tree.entries.map(({ path }) => path),
    ["itoa-1.0.11.crate"],
  );
  assert.deepEqual(requests, ["/config.json", "/crates/itoa/1.0.11/download"]);
  assert.equal(
    await source.identifyImport!(directory, {}, context),
    JSON.stringify([`itoa 1.0.11 ${SHA256}`]),
  );
});

test("a crate that is not what the lock says is refused with HASH_MISMATCH", async (t) => {
  await serveRegistry(t);
  await assert.rejects(source.importTree!(makeProject(t, "ab".repeat(32)), {}, testContext(t)), {
    code: "HASH_MISMATCH",
    message: /itoa 1\.0\.11/,
  });
});

test("a project without a lock is refused with CARGO_LOCK_MISSING", async (t) => {
  await assert.rejects(source.importTree!(temporaryDirectory(t), {}, testContext(t)), {
    code: "CARGO_LOCK_MISSING",
    hint: /cargo generate-lockfile/,
  });
});

test("settings that name no registry that can be asked are refused with CARGO_REGISTRY_UNUSABLE", async (t) => {
  const refused = { code: "CARGO_REGISTRY_UNUSABLE" };
  await serveRegistry(t, "[]");
  await assert.rejects(readDownloadTemplate(testContext(t)), refused);
  setHome(t, "[source.crates-io");
  await assert.rejects(readDownloadTemplate(testContext(t)), refused);
  setHome(t, '[source.crates-io]\nreplace-with = "m"\n[source.m]\nregistry = "https://example.com/git"\n');
  await assert.rejects(readDownloadTemplate(testContext(t)), refused);
  setHome(t, undefined);
  assert.match(await readDownloadTemplate(testContext(t)), /crates\.io/);
});

test("URLs are made by the registry's template", () => {
  const url = (template: string, name: string) => formatCrateUrl(template, name, "1.0.0+a", "ff");
  assert.equal(url("https://r/{prefix}/{crate}-{version}", "Itoa"), "https://r/It/oa/Itoa-1.0.0%2Ba");
  assert.equal(url("https://r/{lowerprefix}/{sha256-checksum}/{other}", "Abc"), "https://r/3/a/ff/{other}");
  assert.equal(url("{prefix}", "ab"), "2");
});
