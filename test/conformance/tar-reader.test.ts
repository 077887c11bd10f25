// Archives that GNU tar and git write, in every format that they know.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { linkSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { test } from "node:test";
import { FormatError } from "../../src/formats/errors.ts";
import type { TarHeader } from "../../src/formats/tar-reader.ts";
import { TarReader } from "../../src/formats/tar-reader.ts";
import { temporaryDirectory } from "../kit/context.ts";

function read(archive: Buffer): Map<string, TarHeader & { readonly text: string }> {
  const members = new Map<string, TarHeader & { readonly text: string }>();
  let open: TarHeader;
  const reader = new TarReader({
    member: (header) => {
      open = header;
    },
    content() {},
    memberEnd() {
      const { contentOffset, size, path } = open;
      members.set(path, { ...open, text: archive.toString("latin1", contentOffset, contentOffset + size) });
    },
  });
  reader.write(archive);
  reader.end();
  return members;
}

function isMissing(t: TestContext, tool: string): boolean {
  if (spawnSync(tool, ["--version"]).error === undefined) return false;
  t.skip(`${tool} is not installed`);
  return true;
}

function tar(directory: string, ...options: string[]): Buffer {
  return execFileSync("tar", ["-c", "--sort=name", "--mtime=@1700000000.5", ...options, "."], {
    cwd: directory,
    maxBuffer: 1 << 28,
    stdio: ["ignore", "pipe", "ignore"],
  });
}

for (const format of ["v7", "oldgnu", "gnu", "ustar", "posix"]) {
  test(`GNU tar, format ${format}`, (t) => {
    if (isMissing(t, "tar")) return;
    const directory = temporaryDirectory(t);
    const long = format === "v7" ? "d".repeat(60) : `${"d".repeat(60)}/${"d".repeat(60)}/${"e".repeat(60)}`;
    const link = format === "v7" || format === "ustar" ? "l".repeat(100) : "l".repeat(300);
    mkdirSync(join(directory, long), { recursive: true });
    writeFileSync(join(directory, long, "f"), "content\n", { mode: 0o640 });
    writeFileSync(join(directory, "short"), "");
    // Old formats have 100 bytes for the name that a link links to.
    const linked = format === "v7" || format === "ustar" ? "short" : `${long}/f`;
    linkSync(join(directory, linked), join(directory, "z"));
    symlinkSync(link, join(directory, "link"));
    writeFileSync(join(directory, "empty"), "");
    const owner = format === "v7" || format === "ustar" ? 2_000_000 : 3_000_000_000;
    const members = read(
      tar(directory, `--format=${format}`, `--owner=somebody:${owner}`, "--group=staff:50"),
    );

    const path = `./${long}/f`;
    const file = members.get(path)!;
    assert.deepEqual(
      [file.type, file.mode, file.uid, file.gid, file.text, file.mtimeSeconds],
      ["file", 0o640, owner, 50, "content\n", 1_700_000_000],
    );
    assert.deepEqual([file.uname, file.gname], format === "v7" ? ["", ""] : ["somebody", "staff"]);
    assert.equal(members.get("./")!.type, "directory");
    assert.equal(members.get("./z")!.type, "hardlink");
    assert.equal(members.get("./z")!.linkTarget, `./${linked}`);
    assert.equal(members.get("./link")!.linkTarget, link);
    assert.equal(members.get("./empty")!.size, 0);
  });
}

test("GNU tar's sparse files, in every format, are refused", (t) => {
  if (isMissing(t, "tar")) return;
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, "sparse"), "");
  truncateSync(join(directory, "sparse"), 1 << 20);
  for (const format of [
    ["--format=gnu"],
    ["--format=posix", "--sparse-version=0.0"],
    ["--format=posix", "--sparse-version=0.1"],
    ["--format=posix", "--sparse-version=1.0"],
  ]) {
    assert.throws(
      () => read(tar(directory, "--sparse", ...format)),
      (error) =>
        error instanceof FormatError && error.code === "UNSUPPORTED_TAR" && /sparse/.test(error.message),
      format.join(" "),
    );
  }
});

test("git archive, with its global header", (t) => {
  if (isMissing(t, "git")) return;
  const directory = temporaryDirectory(t);
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=n", "-c", "user.email=e@example.org", ...args], {
      cwd: directory,
      stdio: ["ignore", "pipe", "ignore"],
    });
  git("init", "-q");
  const name = `${"long".repeat(30)}.txt`;
  writeFileSync(join(directory, name), "tracked\n");
  git("add", ".");
  git("commit", "-q", "-m", "m");
  assert.equal(read(git("archive", "HEAD")).get(name)?.text, "tracked\n");
});
