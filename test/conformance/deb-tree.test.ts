// Real packages of the machine's own archive, compared with what dpkg-deb and GNU tar make of them.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { test } from "node:test";
import { formatStanza } from "../../src/formats/deb822.ts";
import { TareError } from "../../src/model/errors.ts";
import type { Pin } from "../../src/model/lock.ts";
import type { StoreObject } from "../../src/model/store-object.ts";
import type { FileEntry } from "../../src/model/tree.ts";
import { ContentReader } from "../../src/platform/content.ts";
import { openPackage, readCachedPackage } from "../../src/sources/debian/package-tree.ts";
import { temporaryDirectory, testContext } from "../kit/context.ts";

const PACKAGES = ["bash", "sudo", "git", "coreutils", "perl-base", "hostname"];

function run(command: string, args: readonly string[], cwd?: string): Buffer {
  return execFileSync(command, args, {
    cwd,
    maxBuffer: 1 << 30,
    stdio: ["ignore", "pipe", "ignore"],
    env: { ...process.env, LC_ALL: "C.UTF-8", TZ: "UTC" },
  });
}

/** The packages as files, or undefined when this machine cannot get them (then the test is marked so). */
function download(t: TestContext): string[] | undefined {
  for (const tool of ["apt-get", "dpkg-deb", "tar"]) {
    if (spawnSync(tool, ["--version"]).error !== undefined) {
      t.skip(`${tool} is not installed`);
      return undefined;
    }
  }
  const directory = temporaryDirectory(t);
  try {
    run("apt-get", ["download", ...PACKAGES], directory);
  } catch {
    t.skip(`apt-get cannot download ${PACKAGES.join(", ")}`);
    return undefined;
  }
  return readdirSync(directory)
    .filter((name) => name.endsWith(".deb"))
    .map((name) => join(directory, name));
}

function pinOfFile(file: string): Pin {
  const bytes = readFileSync(file);
  const format = ["Package", "Version", "Architecture"].map((field) => `\${${field}}`).join("\\n");
  const [name, version, architecture] = run("dpkg-deb", ["-W", `--showformat=${format}`, file])
    .toString()
    .split("\n");
  return {
    name: name!,
    version: version!,
    architecture: architecture!,
    release: "debian/bookworm",
    path: `pool/${file.slice(file.lastIndexOf("/") + 1)}`,
    size: bytes.length,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    dependencies: [],
  };
}

/** What `tar -tv` says of a .deb: one line a member, without times, sorted. */
function listWithTar(file: string): string[] {
  const tar = execFileSync("dpkg-deb", ["--fsys-tarfile", file], { maxBuffer: 1 << 30 });
  const listing = execFileSync("tar", ["-tv", "--numeric-owner", "--quoting-style=literal"], {
    input: tar,
    maxBuffer: 1 << 28,
    env: { ...process.env, LC_ALL: "C", TZ: "UTC" },
  });
  return listing
    .toString("latin1")
    .trimEnd()
    .split("\n")
    .map((line) => line.replace(/^(\S+ \S+) +(\d+) \S+ \S+ \.\/(.*)$/, "$1 $2 $3"))
    .map((line) => line.replace(/^h(.*) link to \.\/(.*)$/, "h$1 link to $2"))
    .sort();
}

/** The tree in the same words; the first name of a hard link in the archive is the one that its inode says. */
function listTree(object: StoreObject): string[] {
  return object.tree.entries
    .map((entry) => {
      const { path, uid, gid } = entry;
      const mode = formatMode(entry.mode);
      if (entry.type === "directory") return `d${mode} ${uid}/${gid} 0 ${path === "" ? "" : `${path}/`}`;
      if (entry.type === "symlink") return `l${mode} ${uid}/${gid} 0 ${path} -> ${entry.target}`;
      const first = entry.inode?.slice(entry.inode.indexOf(":") + 1) ?? path;
      if (first !== path) return `h${mode} ${uid}/${gid} 0 ${path} link to ${first}`;
      return `-${mode} ${uid}/${gid} ${entry.size} ${path}`;
    })
    .sort();
}

function formatMode(mode: number): string {
  const bits = [..."rwxrwxrwx"].map((letter, i) => ((mode >> (8 - i)) & 1 ? letter : "-"));
  for (const [bit, place, letter] of [
    [0o4000, 2, "s"],
    [0o2000, 5, "s"],
    [0o1000, 8, "t"],
  ] as const) {
    if (mode & bit) bits[place] = bits[place] === "x" ? letter : letter.toUpperCase();
  }
  return bits.join("");
}

test("real packages", async (t) => {
  const files = download(t);
  if (files === undefined) return;
  assert.equal(files.length, PACKAGES.length);
  const named = (name: string) => files.find((file) => file.includes(`/${name}_`))!;
  await t.test("trees are what dpkg-deb and tar say, to the byte", (t) => compareWithDpkg(t, files));
  await t.test("contents agree with the package's own md5sums", (t) =>
    compareWithMd5sums(t, named("coreutils")),
  );
  await t.test("damage never gives anything but a TareError, and leaves nothing", (t) =>
    damage(t, named("hostname")),
  );
});

async function compareWithDpkg(t: TestContext, files: readonly string[]): Promise<void> {
  const context = testContext(t);
  const features = { setuid: 0, hardlinks: 0, symlinks: 0 };
  for (const file of files) {
    const pin = pinOfFile(file);
    const object = await openPackage(pin, file, context);
    assert.deepEqual(listTree(object), listWithTar(file), pin.name);
    assert.deepEqual(readCachedPackage(pin, context), object, `${pin.name} from the cache`);

    const unpacked = temporaryDirectory(t);
    run("dpkg-deb", ["-x", file, unpacked]);
    using reader = new ContentReader();
    for (const entry of object.tree.entries) {
      if (entry.type === "symlink") features.symlinks++;
      if (entry.type !== "file") continue;
      if (entry.inode !== undefined) features.hardlinks++;
      if (entry.mode & 0o4000) features.setuid++;
      const expected = readFileSync(Buffer.from(`${unpacked}/${entry.path}`, "latin1"));
      assert.ok(Buffer.from(reader.read(entry)).equals(expected), `${pin.name}: ${entry.path}`);
      assert.equal(entry.content.sha256, createHash("sha256").update(expected).digest("hex"));
    }

    const scripts = temporaryDirectory(t);
    run("dpkg-deb", ["-e", file, scripts]);
    const { control, controlFiles } = object.package!;
    assert.deepEqual([...controlFiles.keys(), "control"].sort(), readdirSync(scripts).sort());
    for (const [name, text] of controlFiles) assert.equal(text, readFileSync(join(scripts, name), "latin1"));
    assert.equal(formatStanza(control), run("dpkg-deb", ["-f", file]).toString());
  }
  assert.ok(
    features.setuid >= 1 && features.hardlinks >= 2 && features.symlinks >= 1,
    JSON.stringify(features),
  );
}

async function compareWithMd5sums(t: TestContext, file: string): Promise<void> {
  const object = await openPackage(pinOfFile(file), file, testContext(t));
  const files = new Map(object.tree.entries.map((entry) => [entry.path as string, entry as FileEntry]));
  using reader = new ContentReader();
  const lines = object.package!.controlFiles.get("md5sums")!.trimEnd().split("\n");
  assert.ok(lines.length > 100);
  for (const line of lines) {
    const [md5, path] = line.split("  ") as [string, string];
    assert.equal(
      createHash("md5")
        .update(reader.read(files.get(path)!))
        .digest("hex"),
      md5,
      path,
    );
  }
}

async function damage(t: TestContext, file: string): Promise<void> {
  const context = testContext(t);
  const pin = pinOfFile(file);
  const whole = readFileSync(file);
  const damagedFile = join(temporaryDirectory(t), "damaged.deb");
  const trees = context.cache.path("trees", "x").slice(0, -2);
  let refused = 0;
  // A fixed sequence (Lehmer's generator): the same damage in every run.
  let state = 42;
  const next = (limit: number) => {
    state = (state * 48271) % 2147483647;
    return state % limit;
  };
  for (let round = 0; round < 150; round++) {
    const damaged = Buffer.from(round % 5 === 0 ? whole.subarray(0, next(whole.length)) : whole);
    for (let flips = 0; round % 5 !== 0 && flips <= round % 3; flips++)
      damaged[next(damaged.length)] = next(256);
    writeFileSync(damagedFile, damaged);
    // Half of the rounds pin the damaged bytes, so that the hash does not find it.
    const sha256 = createHash("sha256").update(damaged).digest("hex");
    const lying = round % 2 === 0 ? pin : { ...pin, size: damaged.length, sha256 };
    try {
      await openPackage(lying, damagedFile, context);
    } catch (error) {
      assert.ok(error instanceof TareError, String(error));
      assert.deepEqual(readdirSync(trees), []);
      refused++;
    }
    for (const name of readdirSync(trees)) rmSync(join(trees, name));
  }
  assert.ok(refused > 120, `${refused} of 150 were refused`);
}
