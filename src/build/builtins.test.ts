import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { buildError, busyboxSource, shell, TestBuilds } from "../../test/kit/builds.ts";
import { derivation } from "../evaluate/derivation.ts";
import {
  buildEnv,
  fetchUrl,
  symlinkJoin,
  writeScript,
  writeScriptBin,
  writeText,
  writeTextDir,
} from "../evaluate/trivial-builders.ts";

/** All paths below a directory, links with their targets. */
function list(root: string, below = ""): string[] {
  return readdirSync(join(root, below))
    .sort()
    .flatMap((name) => {
      const path = join(below, name);
      const stats = lstatSync(join(root, path));
      if (stats.isSymbolicLink()) return [`${path} -> ${readlinkSync(join(root, path))}`];
      return stats.isDirectory() ? [`${path}/`, ...list(root, path)] : [path];
    });
}

const tree = (instructions: unknown) =>
  derivation({
    name: "made",
    builder: "builtin:tree",
    system: "builtin",
    env: { tree: JSON.stringify(instructions) },
  });

describe("builtin:tree", () => {
  test("writes texts and scripts, with what they mention", async (t) => {
    const builds = new TestBuilds(t);
    const note = writeText("note", "ä note\n");
    const script = writeScript("script", `#!/bin/sh\ncat ${note}\n`);
    const bin = writeScriptBin("run", "#!/bin/sh\n");
    const directory = writeTextDir("etc/app/settings.conf", "x");
    const [notePath, scriptPath, binPath, directoryPath] = await builds.build(note, script, bin, directory);
    const at = (path: string | undefined) => builds.store.physicalPath(path as never);
    assert.equal(readFileSync(at(notePath), "utf8"), "ä note\n");
    assert.equal(statSync(at(notePath)).mode & 0o777, 0o444);
    assert.equal(statSync(at(scriptPath)).mode & 0o777, 0o555);
    assert.deepEqual(builds.store.query(scriptPath!).references, [notePath]);
    assert.deepEqual(list(at(binPath)), ["bin/", "bin/run"]);
    assert.deepEqual(list(at(directoryPath)), ["etc/", "etc/app/", "etc/app/settings.conf"]);
  });

  test("joins trees by links, of which the first counts", async (t) => {
    const builds = new TestBuilds(t);
    const [a, b] = [writeTextDir("bin/x", "a"), writeTextDir("bin/x", "b")];
    const c = writeTextDir("bin/sub/deep/y", "c");
    const joined = symlinkJoin({ name: "joined", paths: [a, b, c] });
    const [path, aPath, , cPath] = await builds.build(joined, a, b, c);
    assert.deepEqual(list(builds.store.physicalPath(path!)), [
      "bin/",
      "bin/sub/",
      "bin/sub/deep/",
      `bin/sub/deep/y -> ${cPath}/bin/sub/deep/y`,
      `bin/x -> ${aPath}/bin/x`,
    ]);
    assert.deepEqual(builds.store.query(path!).references, [aPath, cPath].sort());
  });

  test("makes environments: one link for a directory of one, parts of trees, a prefix; collisions are errors", async (t) => {
    const builds = new TestBuilds(t);
    const busybox = busyboxSource(t);
    const a = shell(
      busybox,
      "a",
      "mkdir -p $out/bin $out/share/doc/a $out/lib/only; touch $out/bin/a $out/share/doc/a/x $out/lib/only/z",
    );
    const b = shell(busybox, "b", "mkdir -p $out/bin $out/share/man; touch $out/bin/b $out/share/man/b.1");
    const env = buildEnv({
      name: "env",
      paths: [a, b],
      pathsToLink: ["/bin", "/share/doc", "/lib"],
      extraPrefix: "/usr",
    });
    const [path, aPath, bPath] = await builds.build(env, a, b);
    assert.deepEqual(list(builds.store.physicalPath(path!)), [
      "usr/",
      "usr/bin/",
      `usr/bin/a -> ${aPath}/bin/a`,
      `usr/bin/b -> ${bPath}/bin/b`,
      `usr/lib -> ${aPath}/lib`,
      "usr/share/",
      `usr/share/doc -> ${aPath}/share/doc`,
    ]);
    const clash = shell(busybox, "clash", "mkdir -p $out/bin; echo other > $out/bin/a");
    await assert.rejects(
      builds.build(buildEnv({ name: "env", paths: [a, clash] })),
      buildError(
        "BUILTIN_INVALID",
        /Cannot join \S+-clash\/bin\/a in env: \S+-a\/bin\/a has the same place, bin\/a$/,
      ),
    );
    const [ignored] = await builds.build(
      buildEnv({ name: "env", paths: [a, clash], ignoreCollisions: true }),
    );
    assert.equal(readlinkSync(join(builds.store.physicalPath(ignored!), "bin/a")), `${aPath}/bin/a`);
    // The same thing twice, or a link to the same, is no collision.
    await builds.build(buildEnv({ name: "env", paths: [a, a, symlinkJoin({ name: "j", paths: [a] })] }));
  });

  test("refuses instructions that are none, and files where trees are wanted", async (t) => {
    const builds = new TestBuilds(t);
    for (const wrong of [
      {},
      [{ type: "file", path: "../x", text: "" }],
      [{ type: "magic" }],
      [null],
      [{ type: "file", path: "/etc/../../x", text: "", executable: false }],
    ]) {
      await assert.rejects(
        builds.build(tree(wrong)),
        buildError("BUILTIN_INVALID", /is no list of instructions/),
      );
    }
    const foreign = [
      { type: "join", paths: ["/nix/store/00000000000000000000000000000000-x"], collisions: "first" },
    ];
    await assert.rejects(
      builds.build(tree(foreign)),
      buildError("BUILTIN_INVALID", /is not among its inputs/),
    );
    await assert.rejects(
      builds.build(symlinkJoin({ name: "j", paths: [writeText("file", "x")] })),
      buildError("BUILTIN_INVALID", /it is a file, a directory was expected/),
    );
  });
});

describe("builtin:fetchurl", () => {
  const content = "fetched\n";
  const hash = `sha256:${createHash("sha256").update(content).digest("hex")}`;

  async function serve(t: TestContext): Promise<string> {
    const server = createServer((request, response) => {
      if (request.url === "/good") response.end(content);
      else response.writeHead(404).end("nothing");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    t.after(() => server.close());
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  test("fetches, from the first place that has it", async (t) => {
    const url = await serve(t);
    const builds = new TestBuilds(t);
    const fetched = fetchUrl({ urls: [`${url}/missing`, `${url}/good`], name: "file", hash });
    assert.equal(await builds.text(fetched), content);
    const [path] = await builds.build(fetched);
    assert.match(builds.store.query(path!).ca ?? "", /^fixed:sha256:/);
  });

  test("makes programs", async (t) => {
    const url = await serve(t);
    const builds = new TestBuilds(t);
    const program = (found: string) => fetchUrl({ url: `${url}/good`, hash: found, executable: true });
    const wrong = `sha256-${Buffer.alloc(32).toString("base64")}`;
    const error = await builds.build(program(wrong)).then(
      () => undefined,
      (error: Error) => error,
    );
    const found = /its hash is (sha256-\S+=),/.exec(error?.message ?? "")?.[1];
    assert.ok(found, error?.message);
    assert.equal(statSync(await builds.place(program(found))).mode & 0o777, 0o555);
  });

  test("refuses other bytes, and what has no hash", async (t) => {
    const url = await serve(t);
    const builds = new TestBuilds(t);
    const wrong = fetchUrl({ url: `${url}/good`, hash: `sha256:${"0".repeat(64)}` });
    await assert.rejects(builds.build(wrong), /hash|sha256/i);
    const unhashed = derivation({
      name: "x",
      builder: "builtin:fetchurl",
      system: "builtin",
      env: { url: `${url}/good` },
    });
    await assert.rejects(builds.build(unhashed), buildError("BUILTIN_INVALID", /needs a URL and the hash/));
  });
});
