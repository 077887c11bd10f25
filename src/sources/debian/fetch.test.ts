import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { temporaryDirectory, testContext } from "../../../test/kit/context.ts";
import { makeArchive, makeSigningKey, useEnvironment } from "../../../test/kit/debian-archive.ts";
import { NetworkError, type NetworkErrorCode } from "../../platform/network.ts";
import { DebianError } from "./errors.ts";
import { encodePath, fetchFromMirrors, MirrorSet } from "./fetch.ts";
import { fetchRelease } from "./release.ts";

const mirror = (base: string, named = false) => ({ base, named });

function failWith(codes: Readonly<Record<string, NetworkErrorCode>>, asked: string[]) {
  return async ({ base }: { base: string }): Promise<string> => {
    asked.push(base);
    const code = codes[base];
    if (code !== undefined) throw new NetworkError(code, `Cannot fetch it: ${base} said ${code}`);
    return base;
  };
}

test("mirrors are asked in order, and one that does not answer comes last from then on", async () => {
  const mirrors = new MirrorSet([mirror("a"), mirror("b"), mirror("c")]);
  const asked: string[] = [];
  const fetchFrom = failWith({ a: "UNREACHABLE", b: "NOT_FOUND" }, asked);
  assert.equal(await fetchFromMirrors("it", mirrors, fetchFrom), "c");
  assert.equal(await fetchFromMirrors("it", mirrors, fetchFrom), "c");
  assert.deepEqual(asked, ["a", "b", "c", "b", "c"]);
});

test("when all fail, the gravest error is told, with what each mirror said", async () => {
  const mirrors = new MirrorSet([mirror("a"), mirror("b"), mirror("c"), mirror("d")]);
  const codes = { a: "NOT_FOUND", b: "HASH_MISMATCH", c: "OFFLINE", d: "OFFLINE" } as const;
  await assert.rejects(fetchFromMirrors("it", mirrors, failWith(codes, [])), (error) => {
    assert.ok(error instanceof NetworkError);
    assert.equal(error.code, "HASH_MISMATCH");
    assert.equal(error.message, "Cannot fetch it: a said NOT_FOUND; b said HASH_MISMATCH; c said OFFLINE");
    return true;
  });
  await assert.rejects(
    fetchFromMirrors("it", new MirrorSet([]), failWith({}, [])),
    (error) => error instanceof NetworkError && error.code === "NOT_FOUND",
  );
});

test("other errors end the search, unless they are passed over", async () => {
  const mirrors = new MirrorSet([mirror("a"), mirror("b")]);
  const problem = new Error("a problem");
  const fetchFrom = async ({ base }: { base: string }): Promise<string> => {
    if (base === "a") throw problem;
    throw new NetworkError("NOT_FOUND", "Cannot fetch it: no");
  };
  await assert.rejects(fetchFromMirrors("it", mirrors, fetchFrom), (error) => error === problem);
  // What was passed over is thrown when nothing better comes.
  await assert.rejects(
    fetchFromMirrors("it", mirrors, fetchFrom, () => true),
    (error) => error === problem,
  );
});

test("paths are written so that every server reads them alike", () => {
  assert.equal(
    encodePath("pool/main/g/g++/g++_1%3a2~b_all.deb"),
    "pool/main/g/g%2B%2B/g%2B%2B_1%253a2~b_all.deb",
  );
});

test("a mirror that nobody named is passed over when its release file is not Debian's", async (t) => {
  const directory = temporaryDirectory(t);
  const at = (name: string): string => join(directory, name);
  mkdirSync(at("vendor"));
  mkdirSync(at("own"));
  await makeArchive(at("vendor"), { key: await makeSigningKey() });
  const own = await makeArchive(at("own"));
  useEnvironment(t, own.environment);
  const context = testContext(t, { offline: true });
  const suite = { archive: "debian", name: "bookworm" } as const;
  const vendor = pathToFileURL(at("vendor/debian")).href;
  const { pin } = await fetchRelease(
    suite,
    new MirrorSet([mirror(vendor), mirror(own.mirror)]),
    undefined,
    context,
  );
  assert.equal(pin.codename, "bookworm");
  assert.match(
    context.progress.lines.join("\n"),
    /^warning: file:.*vendor\/debian is passed over: Cannot trust/,
  );
  for (const named of [true, false]) {
    await assert.rejects(
      fetchRelease(suite, new MirrorSet([mirror(vendor, named)]), undefined, context),
      (error) => error instanceof DebianError && error.code === "UNTRUSTED_KEY",
    );
  }
});
