// What goes wrong is told with a code, a place and a hint, and leaves nothing behind.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { startTare } from "../kit/cli.ts";
import { imageWith, makeProject, PACKAGES, type Project } from "../kit/project.ts";

interface ErrorJson {
  readonly error: { readonly code: string; readonly message: string; readonly hint?: string };
}

/** Every file below a directory that looks unfinished. */
function unfinished(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true, encoding: "utf8" }).filter((path) =>
    path.endsWith(".tmp"),
  );
}

function assertClean(project: Project): void {
  assert.deepEqual(unfinished(project.directory), []);
  assert.deepEqual(unfinished(project.cacheHome), []);
}

/** Runs the CLI, expects it to fail with a code, in text and in JSON. */
function assertFails(project: Project, args: string[], code: string, message: RegExp, hint?: RegExp): void {
  const result = project.tare([...args, "--json"]);
  assert.equal(result.status, 1, `${result.stdout}${result.stderr}`);
  const { error } = JSON.parse(result.stdout) as ErrorJson;
  assert.equal(error.code, code, error.message);
  assert.match(error.message, message);
  assert.doesNotMatch(error.message, /\.$/);
  if (hint !== undefined) assert.match(error.hint ?? "", hint);
  assert.match(result.stderr, new RegExp(`error: .*\\[${code}\\]`, "s"));
  assertClean(project);
}

test("an unknown package is told with the nearest names, and no lock is written", async (t) => {
  const project = await makeProject(t, { image: imageWith("[packages.greter]") });
  assertFails(project, ["build"], "UNKNOWN_PACKAGE", /greter/, /"greeter"/);
  assert.equal(existsSync(join(project.directory, "tare.lock")), false);
});

test("an unknown suite is told with those that are known", async (t) => {
  const project = await makeProject(t, { image: imageWith("[debian('bokworm').packages.x]") });
  assertFails(project, ["build"], "UNKNOWN_SUITE", /bokworm/, /bookworm/);
});

test("an unsatisfiable dependency is told with its chain", async (t) => {
  const project = await makeProject(t, { image: imageWith("[packages.lonely]") });
  assertFails(project, ["build"], "UNSATISFIABLE", /nobody-provides-this/);
});

test("a conflict names both sides", async (t) => {
  const project = await makeProject(t, { image: imageWith("[packages.clash]") });
  assertFails(project, ["build"], "CONFLICT", /clash[\s\S]*libgreet1|libgreet1[\s\S]*clash/);
});

test("a wrong signature ends the lock", async (t) => {
  const project = await makeProject(t, {
    archive: { ...PACKAGES, editInRelease: (text) => text.replace("Version: 12.0", "Version: 12.1") },
  });
  assertFails(project, ["lock"], "BAD_SIGNATURE", /signature/i);
  assert.equal(existsSync(join(project.directory, "tare.lock")), false);
});

test("an archive that cannot be reached is named", async (t) => {
  const project = await makeProject(t);
  const nowhere = "http://127.0.0.1:9/debian";
  const result = project.tare(["lock", "--json"], {
    env: { TARE_DEBIAN_MIRROR: nowhere, TARE_DEBIAN_SECURITY_MIRROR: nowhere, TARE_DEBIAN_SNAPSHOT: nowhere },
  });
  assert.equal(result.status, 1);
  const { error } = JSON.parse(result.stdout) as ErrorJson;
  assert.equal(error.code, "UNREACHABLE");
  assert.match(error.message, /127\.0\.0\.1:9/);
});

function poolFile(project: Project, name: string): string {
  const pool = join(project.archive.directory, "debian/pool");
  return join(
    pool,
    readdirSync(pool, { recursive: true, encoding: "utf8" }).find((path) => path.includes(name))!,
  );
}

for (const [summary, damage, code] of [
  [
    "with other bytes",
    (file: string) => writeFileSync(file, readFileSync(file).fill(1, 100, 110)),
    "HASH_MISMATCH",
  ],
  ["cut short", (file: string) => truncateSync(file, statSync(file).size - 7), "SIZE_MISMATCH"],
  [
    "too long",
    (file: string) => writeFileSync(file, Buffer.concat([readFileSync(file), Buffer.from("more")])),
    "SIZE_MISMATCH",
  ],
  ["gone", (file: string) => rmSync(file), "NOT_FOUND"],
] as const) {
  test(`a package ${summary} is refused, and built from once it is right`, async (t) => {
    const project = await makeProject(t);
    assert.equal(project.tare(["lock"]).status, 0);
    const file = poolFile(project, "libgreet1_");
    const right = readFileSync(file);
    damage(file);
    assertFails(project, ["build"], code, /libgreet1/);
    assert.equal(existsSync(join(project.directory, "greeter.oci")), false);
    writeFileSync(file, right);
    assert.equal(project.tare(["build"]).status, 0);
  });
}

const hostile: { summary: string; member: Record<string, string | number>; message: RegExp }[] = [
  { summary: "..", member: { name: "./../escape", content: "x" }, message: /\.\./ },
  { summary: "an absolute name", member: { name: "/etc/escape", content: "x" }, message: /absolute/ },
  { summary: "a device", member: { name: "./dev/null", type: "3" }, message: /device/ },
];
for (const { summary, member, message } of hostile) {
  test(`a package with ${summary} is refused`, async (t) => {
    const project = await makeProject(t, {
      image: imageWith("[packages.evil]"),
      archive: { packages: [{ name: "evil", files: { "usr/share/evil": "x" }, members: [member as never] }] },
    });
    assertFails(project, ["build"], "DEB_UNSAFE", message);
    assert.equal(existsSync(join(project.directory, "evil.oci")), false);
  });
}

test("a package whose file lies below its own symbolic link is refused", async (t) => {
  const project = await makeProject(t, {
    image: imageWith("[packages.evil]"),
    archive: {
      packages: [
        {
          name: "evil",
          members: [
            { name: "./usr/link", type: "2", link: "/etc" },
            { name: "./usr/link/passwd", content: "x" },
          ],
        },
      ],
    },
  });
  assertFails(project, ["build"], "DEB_UNSAFE", /link/);
});

test("--frozen needs a lock that covers image.ts, and says what is missing", async (t) => {
  const project = await makeProject(t);
  assertFails(project, ["build", "--frozen"], "LOCK_MISSING", /tare\.lock/, /tare lock/);
  assert.equal(project.tare(["lock"]).status, 0);
  assert.equal(project.tare(["build", "--frozen"]).status, 0);
  writeFileSync(
    join(project.directory, "image.ts"),
    imageWith('[packages.greeter, packages["greet-data-big"]]'),
  );
  assertFails(project, ["build", "--frozen"], "LOCK_INCOMPLETE", /greet-data-big/, /tare lock/);
  const inCi = project.tare(["build", "--json"], { env: { CI: "true" } });
  assert.equal((JSON.parse(inCi.stdout) as ErrorJson).error.code, "LOCK_INCOMPLETE");
  assert.equal(project.tare(["build", "--no-frozen"], { env: { CI: "true" } }).status, 0);
});

test("a tampered lock is refused; other line endings are not tampering", async (t) => {
  const project = await makeProject(t);
  const lock = join(project.directory, "tare.lock");
  assert.equal(project.tare(["build"]).status, 0);
  const text = readFileSync(lock, "utf8");
  writeFileSync(lock, text.replaceAll("\n", "\r\n"));
  assert.match(project.tare(["build"]).stdout, /nothing changed/);
  writeFileSync(lock, text.replace(/"path": "pool/g, '"path": "../pool'));
  assertFails(project, ["build"], "LOCK_INVALID", /tare\.lock: at sections\.0\.packages/);
  writeFileSync(lock, text.replace(/"version": "1\.2-1"/, '"version": "1.3-1"'));
  assertFails(project, ["build"], "DEB_WRONG_PACKAGE", /libgreet1/);
  rmSync(join(project.cacheHome), { recursive: true });
  writeFileSync(lock, text.replace(/"sha256": "[0-9a-f]{10}/g, '"sha256": "0123456789'));
  assertFails(project, ["build"], "HASH_MISMATCH", /sha256/);
});

test("offline: what the cache holds is enough, what it lacks is told", async (t) => {
  const project = await makeProject(t);
  const served = {
    TARE_DEBIAN_MIRROR: "http://127.0.0.1:9/debian",
    TARE_DEBIAN_SECURITY_MIRROR: "http://127.0.0.1:9/debian-security",
  };
  assert.equal(project.tare(["build"]).status, 0);
  assert.equal(project.tare(["build", "--offline", "-o", "oci:again"], { env: served }).status, 0);
  rmSync(project.cacheHome, { recursive: true });
  const result = project.tare(["build", "--offline", "--json"], {
    env: { ...served, TARE_DEBIAN_SNAPSHOT: "http://127.0.0.1:9" },
  });
  assert.equal((JSON.parse(result.stdout) as ErrorJson).error.code, "OFFLINE");
});

/** Changes one byte in the middle of every file of a folder of the cache. */
function damageFolder(project: Project, folder: string): void {
  const directory = join(project.cacheHome, "tare", folder);
  const names = readdirSync(directory);
  assert.ok(names.length > 0, `${folder} is empty`);
  for (const name of names) {
    const bytes = readFileSync(join(directory, name));
    const middle = bytes.length >> 1;
    bytes[middle] = bytes[middle]! ^ 0x15;
    writeFileSync(join(directory, name), bytes);
  }
}

for (const folders of [
  ["trees"],
  ["downloads", "trees"],
  ["blobs"],
  ["layers"],
  ["builds"],
  ["blobs", "layers", "builds", "trees", "downloads"],
]) {
  test(`damage in the cache is found and mended: ${folders.join(", ")}`, async (t) => {
    const project = await makeProject(t);
    const digest = (JSON.parse(project.tare(["build", "--json"]).stdout) as { digest: string }).digest;
    for (const folder of folders) damageFolder(project, folder);
    // What was built before must not hide the damage.
    if (!folders.includes("builds")) rmSync(join(project.cacheHome, "tare/builds"), { recursive: true });
    if (!folders.includes("blobs"))
      rmSync(join(project.cacheHome, "tare/layers"), { recursive: true, force: true });
    const again = project.tare(["build", "--json", "-o", "oci:again"]);
    assert.equal(again.status, 0, again.stderr);
    assert.equal((JSON.parse(again.stdout) as { digest: string }).digest, digest);
    const verified = project.tare(["verify", "oci:again"]);
    assert.equal(verified.status, 0, verified.stdout);
  });
}

/** A small file system of its own for the cache, as a full or read-only disk is. */
function mountTmpfs(t: TestContext, options: string): string | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const directory = mkdtempSync(join(tmpdir(), "tare-disk-"));
  const { status } = spawnSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", directory]);
  t.after(() => {
    if (status === 0) spawnSync("umount", ["-l", directory]);
    rmdirSync(directory);
  });
  return status === 0 ? directory : undefined;
}

test("a full disk is told, and leaves nothing unfinished", async (t) => {
  const disk = mountTmpfs(t, "size=16k");
  if (disk === undefined) return t.skip("mounting a tmpfs needs root");
  const project = await makeProject(t);
  assert.equal(project.tare(["lock"]).status, 0);
  const result = project.tare(["build", "--json"], { env: { XDG_CACHE_HOME: disk } });
  assert.equal(result.status, 1);
  const { error } = JSON.parse(result.stdout) as ErrorJson;
  assert.equal(error.code, "DISK_FULL");
  assert.match(error.hint ?? "", /XDG_CACHE_HOME/);
  assert.deepEqual(unfinished(disk), []);
});

test("a full disk at the output is told, and leaves nothing unfinished", async (t) => {
  const disk = mountTmpfs(t, "size=4k");
  if (disk === undefined) return t.skip("mounting a tmpfs needs root");
  const project = await makeProject(t);
  for (const output of [`oci:${disk}/out`, `oci-archive:${disk}/out.tar`, `docker-archive:${disk}/out.tar`]) {
    const result = project.tare(["build", "--json", "-o", output]);
    assert.equal(result.status, 1, output);
    assert.equal((JSON.parse(result.stdout) as ErrorJson).error.code, "DISK_FULL", output);
    assert.deepEqual(unfinished(disk), [], output);
    assert.equal(existsSync(join(disk, "out.tar")), false);
    assert.equal(existsSync(join(disk, "out/index.json")), false);
  }
});

test("a cache that cannot be written is told", async (t) => {
  const disk = mountTmpfs(t, "size=1m,ro");
  if (disk === undefined) return t.skip("mounting a tmpfs needs root");
  const project = await makeProject(t);
  const result = project.tare(["build", "--json"], { env: { XDG_CACHE_HOME: disk } });
  assert.equal((JSON.parse(result.stdout) as ErrorJson).error.code, "READ_ONLY");
});

test("an output that is no output is told with what there is", async (t) => {
  const project = await makeProject(t);
  assertFails(project, ["build", "-o", "docker:x"], "UNKNOWN_OUTPUT", /oci:PATH/);
});

test("the command line: unknown commands and options", async (t) => {
  const project = await makeProject(t);
  const command = project.tare(["biuld"]);
  assert.equal(command.status, 2);
  assert.match(command.stderr, /no command "biuld"[\s\S]*"build"/);
  const option = project.tare(["build", "--forzen"]);
  assert.equal(option.status, 2);
  assert.match(option.stderr, /unknown option '--forzen'/);
});

test("two builds at once on one cache, and kill -9 at any moment, leave a cache that builds the same", async (t) => {
  const project = await makeProject(t);
  const digest = (JSON.parse(project.tare(["build", "--json"]).stdout) as { digest: string }).digest;
  const options = { cwd: project.directory, env: project.environment };
  for (let afterMs = 60; afterMs <= 600; afterMs += 60) {
    rmSync(project.cacheHome, { recursive: true, force: true });
    const children = ["a", "b"].map((name) => startTare(t, ["build", "-o", `oci:${name}`], options));
    await setTimeout(afterMs);
    children[0]!.kill("SIGKILL");
    await Promise.all(children.map((child) => new Promise((resolve) => child.once("close", resolve))));
    assert.equal(children[1]!.exitCode, 0);
    for (const output of ["oci:a", "oci:b"]) {
      const again = project.tare(["build", "--json", "-o", output]);
      assert.equal(again.status, 0, again.stderr);
      assert.equal((JSON.parse(again.stdout) as { digest: string }).digest, digest);
      assert.equal(project.tare(["verify", output]).status, 0);
    }
    // Any command that has work to do clears what the dead process left.
    assert.equal(project.tare(["lock"]).status, 0);
    assertClean(project);
  }
});

test("Ctrl-C ends a build in order", async (t) => {
  const project = await makeProject(t);
  const child = startTare(t, ["build"], { cwd: project.directory, env: project.environment });
  // Before its first words it may not listen to signals yet.
  await once(child.stderr, "data");
  child.kill("SIGINT");
  const status = await new Promise((resolve) => child.once("close", resolve));
  assert.ok(status === 130 || status === 0, `${status}`);
  assertClean(project);
  mkdirSync(join(project.directory, "after"));
  assert.equal(project.tare(["build"]).status, 0);
});
