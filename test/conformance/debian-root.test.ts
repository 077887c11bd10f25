// A root file system as dpkg installs it (by mmdebstrap, with every maintainer script run), compared entry by entry
// with the one that is composed of the same packages without running anything.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parseStanzas, readField } from "../../src/formats/deb822.ts";
import { parseGroup, parsePasswd } from "../../src/formats/passwd.ts";
import type { BytePath } from "../../src/model/bytes.ts";
import { SILENT_PROGRESS } from "../../src/model/progress.ts";
import type { TreeEntry } from "../../src/model/tree.ts";
import { Cache } from "../../src/platform/cache.ts";
import { ContentReader } from "../../src/platform/content.ts";
import { composeRootFileSystem } from "../../src/rootfs/compose.ts";
import { source } from "../../src/sources/debian/index.ts";
import { SHARED_CACHE } from "../kit/cli.ts";
import { temporaryDirectory } from "../kit/context.ts";
import { skipWithout } from "../kit/tools.ts";

const PACKAGES = [
  "redis-server",
  "nginx-light",
  "memcached",
  "ca-certificates",
  "fontconfig-config",
  "openssh-server",
];

/** What an image does not have, or has by intention otherwise. */
const APART: readonly (readonly [why: string, paths: RegExp])[] = [
  [
    "the books of dpkg, apt and debconf",
    /^var\/(?:lib\/(?:dpkg|apt)|cache\/(?:apt|debconf|ldconfig))(?:\/|$)/,
  ],
  [
    "the books of ucf, PAM, systemd and shells",
    /^(?:var\/lib\/(?:ucf|pam|systemd|shells\.state)|etc\/(?:rc.|systemd|runit|apt)(?:\.d)?)(?:\/|$)/,
  ],
  [
    "logs of the installation",
    /^var\/log\/(?:apt|dpkg\.log|alternatives\.log|bootstrap\.log|fontconfig\.log)/,
  ],
  ["backups and locks", /^etc\/(?:\.pwd\.lock|.*-)$/],
  [
    "what only one system has",
    /^(?:etc\/(?:machine-id|hostname|resolv\.conf|fstab|ssh\/ssh_host_.*)|var\/lib\/dbus.*)$/,
  ],
  ["the list of certificates that debconf writes", /^etc\/ca-certificates\.conf$/],
  ["what the kernel provides", /^(?:dev|proc|sys)\//],
  [
    "the bundle of certificates by the names of other systems",
    /^etc\/(?:pki(?:\/|$)|ssl\/certs\/ca-bundle\.crt$)/,
  ],
  ["byte code", /(?:^|\/)__pycache__(?:\/|$)/],
  ["dates of passwords", /^etc\/g?shadow$/],
  ["the host's own names, which container runtimes write anew", /^etc\/hosts$/],
  ["what services make when they start", /^run\//],
];

/** Files whose lines come in the order in which packages were configured. */
const UNORDERED = new Set(["etc/shells"]);

/** Accounts are compared by name: their numbers depend on the order in which apt configures. */
const ACCOUNTS = new Set(["etc/passwd", "etc/group"]);

interface Accounts {
  readonly users: ReadonlyMap<number, string>;
  readonly groups: ReadonlyMap<number, string>;
}

function accountsOf(passwd: string, group: string): Accounts {
  return {
    users: new Map(parsePasswd(passwd).map(({ uid, name }) => [uid, name])),
    groups: new Map(parseGroup(group).map(({ gid, name }) => [gid, name])),
  };
}

/** Paths below a directory, as bytes. */
function walk(directory: string, path = ""): string[] {
  const names = readdirSync(Buffer.from(join(directory, path), "latin1"), { encoding: "latin1" });
  return names.flatMap((name) => {
    const child = path === "" ? name : `${path}/${name}`;
    const status = lstatSync(Buffer.from(join(directory, child), "latin1"));
    return status.isDirectory() ? [child, ...walk(directory, child)] : [child];
  });
}

function describeReal(directory: string, path: string, { users, groups }: Accounts): string {
  const file = Buffer.from(join(directory, path), "latin1");
  const status = lstatSync(file);
  if (status.isSymbolicLink()) return `link to ${readlinkSync(file, "latin1")}`;
  const kind = status.isDirectory() ? "directory" : "file";
  return `${kind} 0${(status.mode & 0o7777).toString(8)} ${users.get(status.uid)}:${groups.get(status.gid)}`;
}

function describeOurs(entry: TreeEntry | undefined, { users, groups }: Accounts): string {
  if (entry === undefined) return "nothing";
  if (entry.type === "symlink") return `link to ${entry.target}`;
  return `${entry.type} 0${entry.mode.toString(8)} ${users.get(entry.uid)}:${groups.get(entry.gid)}`;
}

function sameContent(path: string, a: Buffer, b: Buffer): boolean {
  if (!UNORDERED.has(path)) return a.equals(b);
  const lines = (bytes: Buffer) => bytes.toString("latin1").split("\n").sort().join("\n");
  return lines(a) === lines(b);
}

test("the root file system is the one that dpkg makes", async (t) => {
  if (skipWithout(t, "mmdebstrap", "tar")) return;
  if (process.getuid?.() !== 0) return t.skip("mmdebstrap needs root to keep owners");
  const directory = temporaryDirectory(t);
  const real = join(directory, "root");
  const made = spawnSync(
    "mmdebstrap",
    [
      "--quiet",
      "--variant=essential",
      `--include=${PACKAGES.join(",")}`,
      "bookworm",
      join(directory, "root.tar"),
    ],
    { encoding: "utf8", env: { ...process.env, TMPDIR: directory } },
  );
  if (made.status !== 0)
    return t.skip(`mmdebstrap does not work here: ${made.stderr.trim().split("\n").at(-1)}`);
  mkdirSync(real);
  assert.equal(spawnSync("tar", ["-C", real, "-xpf", join(directory, "root.tar")]).status, 0);

  const installed = parseStanzas(readFileSync(join(real, "var/lib/dpkg/status"), "latin1"));
  const versions = new Map(installed.map((one) => [readField(one, "Package")!, readField(one, "Version")!]));
  const names = [...versions.keys()].sort();
  const context = {
    cache: new Cache(join(SHARED_CACHE, "tare")),
    progress: SILENT_PROGRESS,
    signal: new AbortController().signal,
    offline: false,
    jobs: 2,
  };
  const scope = {
    architecture: "amd64",
    suite: "bookworm",
    components: ["main"],
    recommends: false,
  } as const;
  const section = await source.lock(scope, names, [], context);
  const other = names.find((name) => section.packages[name]?.version !== versions.get(name));
  if (other !== undefined)
    return t.skip(`mmdebstrap installs ${other} ${versions.get(other)} from another archive`);
  const objects = await source.realise(section, names, [], context);
  const units = objects.map((object) => ({ object, entries: object.tree.entries }));
  const ours = await composeRootFileSystem(
    { roots: [], units, edges: [], pruned: [] },
    { architecture: "amd64" },
    context,
  );

  using reader = new ContentReader();
  const read = (path: string): Buffer => {
    const entry = ours.merged.get(path as BytePath);
    assert.ok(entry?.type === "file", path);
    return Buffer.from(reader.read(entry));
  };
  const realAccounts = accountsOf(
    readFileSync(join(real, "etc/passwd"), "utf8"),
    readFileSync(join(real, "etc/group"), "utf8"),
  );
  const ourAccounts = accountsOf(read("etc/passwd").toString(), read("etc/group").toString());
  assert.deepEqual([...ourAccounts.users.values()].sort(), [...realAccounts.users.values()].sort());
  assert.deepEqual([...ourAccounts.groups.values()].sort(), [...realAccounts.groups.values()].sort());

  const differences: string[] = [];
  const paths = walk(real).filter((path) => !APART.some(([, pattern]) => pattern.test(path)));
  for (const path of paths) {
    const entry = ours.merged.get(path as BytePath);
    const expected = describeReal(real, path, realAccounts);
    const actual = describeOurs(entry, ourAccounts);
    if (expected !== actual) differences.push(`/${path}: ${expected}, ours is ${actual}`);
    else if (entry?.type === "file" && !ACCOUNTS.has(path)) {
      const bytes = readFileSync(Buffer.from(join(real, path), "latin1"));
      if (!sameContent(path, read(path), bytes)) differences.push(`/${path}: other content`);
    }
  }
  const known = new Set(paths);
  for (const [path, entry] of ours.merged) {
    if (path === "" || known.has(path) || APART.some(([, pattern]) => pattern.test(path))) continue;
    if (!existsSync(join(real, path)))
      differences.push(`/${path}: nothing, ours is ${describeOurs(entry, ourAccounts)}`);
  }
  assert.deepEqual(differences, []);
  t.diagnostic(`${names.length} packages, ${paths.length} entries compared`);
});
