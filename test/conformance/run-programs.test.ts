// Programs of an image that make files of it: run in a sandbox, twice, and kept.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { CacheDirectory } from "../../src/model/context.ts";
import type { FileEntry } from "../../src/model/tree.ts";
import { Cache } from "../../src/platform/cache.ts";
import { ContentReader } from "../../src/platform/content.ts";
import { machineArchitecture } from "../../src/platform/machine.ts";
import { temporaryDirectory } from "../kit/context.ts";
import { compose, makePackage, type PackageDescription, reportsOf, withPostinst } from "../kit/packages.ts";
import { personas } from "../kit/personas.ts";
import { BUSYBOX } from "../kit/tiny-image.ts";
import type { TreeDescription } from "../kit/trees.ts";

const skip =
  process.platform !== "linux"
    ? "this is not Linux"
    : !existsSync(BUSYBOX)
      ? "busybox-static is not installed"
      : personas().find(({ uid }) => uid === process.getuid?.())!.skip;

/** A package whose postinst runs scripts of its own; the scripts are for busybox. */
function withPrograms(
  postinst: string,
  programs: Readonly<Record<string, string>>,
  tree: TreeDescription = {},
  more: Partial<PackageDescription> = {},
): PackageDescription {
  const scripts = Object.entries(programs).map(([name, text]) => [
    `usr/bin/${name}`,
    { text: `#!/bin/sh\n${text}\n`, mode: 0o755 },
  ]);
  return withPostinst(postinst, {
    tree: {
      "bin/busybox": { text: readFileSync(BUSYBOX), mode: 0o755 },
      "bin/sh": { target: "busybox" },
      ...Object.fromEntries(scripts),
      ...tree,
    },
    ...more,
  });
}

function makeCache(t: TestContext): CacheDirectory & { readonly folders: Set<string> } {
  const cache = new Cache(join(temporaryDirectory(t), "cache"));
  const folders = new Set<string>();
  return {
    root: cache.root,
    folders,
    path(folder, name) {
      folders.add(folder);
      return cache.path(folder, name);
    },
    tidy: () => cache.tidy(),
  };
}

const run = (t: TestContext, description: PackageDescription, cache: CacheDirectory = makeCache(t)) =>
  compose([description], { architecture: machineArchitecture(), programCache: cache });

type Composed = Awaited<ReturnType<typeof run>>;

/** What was added below a directory, as `mode path: text`. */
function added(root: Composed, directory: string): string[] {
  using reader = new ContentReader();
  return root.additions
    .filter((entry): entry is FileEntry => entry.type === "file" && entry.path.startsWith(`${directory}/`))
    .map((entry) => `${entry.mode.toString(8)} ${entry.path}: ${Buffer.from(reader.read(entry))}`);
}

test("what a program writes is in the image, and is not made again", { skip }, async (t) => {
  const cache = makeCache(t);
  const description = withPrograms(
    "make-cache /usr/share/x; list /usr/share/x/* >/usr/share/x.list; show-list",
    {
      "make-cache":
        "umask 022; echo $# $1 $SOURCE_DATE_EPOCH $HOME >$1/cache; chmod 4755 $1/cache; mkdir /var/cache/d; busybox ln -s cache $1/link",
      list: 'for f; do echo "<$f>"; done; echo nothing >&2',
      "show-list": "busybox wc -l </usr/share/x.list >/usr/share/x.count",
    },
    { "usr/share/x/a": "1", "usr/share/x/b": "2" },
  );
  const root = await run(t, description, cache);
  assert.deepEqual(added(root, "usr/share"), [
    "755 usr/share/x/cache: 1 /usr/share/x 1 /root\n",
    "644 usr/share/x.count: 2\n",
    "644 usr/share/x.list: </usr/share/x/a>\n</usr/share/x/b>\n",
  ]);
  assert.deepEqual(reportsOf(root, "program-caches"), [
    "run /usr/share/x/cache: /usr/bin/make-cache /usr/share/x wrote 2 files",
    "write /usr/share/x/cache: by /usr/bin/make-cache /usr/share/x",
    "write /usr/share/x/link: by /usr/bin/make-cache /usr/share/x",
    "run /usr/share/x.list: /usr/bin/list /usr/share/x/a /usr/share/x/b wrote 1 file",
    "write /usr/share/x.list: by /usr/bin/list /usr/share/x/a /usr/share/x/b",
    "run /usr/share/x.count: /usr/bin/show-list wrote 1 file",
    "write /usr/share/x.count: by /usr/bin/show-list",
  ]);
  assert.ok(cache.folders.has("tmp"));
  cache.folders.clear();
  const again = await run(t, description, cache);
  assert.deepEqual(again.additions, root.additions);
  assert.deepEqual(again.report, root.report);
  assert.ok(!cache.folders.has("tmp"), "no sandbox was opened");
});

test("files of packages stay, and what belongs to no image is left out", { skip }, async (t) => {
  const writes = [
    "/usr/share/own",
    "/var/log/log",
    "/root/.rc",
    "/tmp/t",
    "/srv/s",
    "/var/lib/dpkg/status-x",
    "/etc/new",
  ];
  const root = await run(
    t,
    withPrograms(
      "change",
      {
        change: `for f in ${writes.join(" ")}; do busybox mkdir -p \${f%/*}; echo x >$f; done; busybox rm /usr/share/other; busybox chmod 777 /usr/share`,
      },
      { "usr/share/own": "as shipped", "usr/share/other": "too", "usr/share/man/": {} },
    ),
  );
  const written = root.report.flatMap(({ fix, action, path }) =>
    fix === "program-caches" && action === "write" ? [path] : [],
  );
  assert.deepEqual(written, ["etc/new"]);
  for (const path of ["usr/share/own", "usr/share/other"])
    assert.ok(root.units[0]!.entries.some((entry) => entry.path === path));
  assert.equal(root.directories.get("usr/share" as never)!.mode, 0o755);
  assert.equal(added(root, "var/log").length + added(root, "tmp").length + added(root, "srv").length, 0);
});

test("a program that is different every time, fails, or takes files it may not", { skip }, async (t) => {
  const root = await run(
    t,
    withPrograms("stamp\nfail || true\nprint >/etc/id", {
      stamp: "echo const >/etc/const; busybox date +%s >/etc/stamp",
      fail: "echo half >/etc/half; echo the reason >&2; exit 3",
      print: "busybox head -c 8 /dev/urandom | busybox od",
    }),
  );
  assert.deepEqual(reportsOf(root, "program-caches"), [
    "needs-run /usr/bin/stamp: it writes something else into /etc/stamp every time",
    "needs-run /usr/bin/fail: it ended with status 3: the reason",
    "needs-run /etc/id: /usr/bin/print: it prints something else every time",
  ]);
  assert.deepEqual(
    added(root, "etc").filter((line) => /const|stamp|half|etc\/id/.test(line)),
    [],
  );
});

test("a comment that tells the time is left out of what a program writes", { skip }, async (t) => {
  const root = await run(
    t,
    withPrograms("generate", {
      generate:
        '{ echo "# made at $(busybox date +%s)"; echo value=1; } >/etc/generated.conf; busybox chmod 600 /etc/generated.conf',
    }),
  );
  assert.deepEqual(
    added(root, "etc").filter((line) => line.includes("generated")),
    ["600 etc/generated.conf: value=1\n"],
  );
});

test("programs that the image leaves out run beside it, and see only its plug-ins", { skip }, async (t) => {
  const root = await run(
    t,
    withPrograms(
      "query /usr/lib/x/plugins/*.so >/usr/lib/x/plugins.cache; scan; broken-beside",
      {
        query: 'for f; do test -e "$f" && echo "$f"; done',
        scan: "echo /usr/lib/x/plugins/* >/usr/lib/x/scanned",
        "broken-beside": "exit 9",
      },
      { "usr/lib/x/plugins/in.so": "1", "usr/lib/x/plugins/out.so": "2" },
      { leftOut: ["usr/bin/query", "usr/bin/scan", "usr/bin/broken-beside", "usr/lib/x/plugins/out.so"] },
    ),
  );
  assert.deepEqual(added(root, "usr/lib"), [
    "644 usr/lib/x/plugins.cache: /usr/lib/x/plugins/in.so\n",
    "644 usr/lib/x/scanned: /usr/lib/x/plugins/in.so\n",
  ]);
  assert.equal(
    reportsOf(root, "program-caches").at(-1),
    "skip /usr/bin/broken-beside, which is left out of the image, was not run: it ended with status 9",
  );
  assert.ok(!root.merged.has("usr/bin/query" as never));
});

test("an empty file that a package ships is a place for what is written when it is configured", {
  skip,
}, async (t) => {
  const root = await run(
    t,
    withPrograms(
      "make-hash",
      { "make-hash": "echo hash >/var/lib/d/en.rws; echo other >/var/lib/d/text" },
      { "var/lib/d/en.rws": "", "var/lib/d/text": "as shipped" },
    ),
  );
  assert.deepEqual(added(root, "var/lib/d"), ["644 var/lib/d/en.rws: hash\n"]);
});

test("a program finds modules and programs that its package declares to need, in the image or not", {
  skip,
}, async (t) => {
  const tool = makePackage({
    name: "tool",
    tree: {
      "usr/bin/tool": { text: "#!/bin/sh\nbusybox cat /usr/share/perl5/*/*.pm\n", mode: 0o755 },
      "usr/share/perl5/Demo/A.pm": "module",
    },
  });
  const other = makePackage({ name: "other", tree: { "usr/share/perl5/Other/B.pm": "not declared" } });
  const demo = withPrograms("tool >/etc/made", {}, {}, { needs: ["tool"] });
  const root = await compose([demo], {
    architecture: machineArchitecture(),
    programCache: makeCache(t),
    installable: [tool, other],
  });
  assert.deepEqual(
    added(root, "etc").filter((line) => line.includes("made")),
    ["644 etc/made: module"],
  );
});

test("an image for another machine runs nothing, and says so", { skip }, async (t) => {
  const other = machineArchitecture() === "amd64" ? "arm64" : "amd64";
  const root = await compose([withPrograms("p", { p: "echo x >/etc/x" })], {
    architecture: other,
    programCache: makeCache(t),
  });
  assert.deepEqual(reportsOf(root, "program-caches"), [
    `needs-run /usr/bin/p: the image is for ${other}, this machine is ${machineArchitecture()}`,
  ]);
});

test("a machine that can have no sandbox runs nothing, and says so", {
  skip: skip || (process.getuid?.() !== 0 && "this user is not root"),
}, async (t) => {
  const directory = join(temporaryDirectory(t), "noexec");
  mkdirSync(directory);
  execFileSync("mount", ["-t", "tmpfs", "-o", "noexec", "tmpfs", directory]);
  try {
    const root = await run(t, withPrograms("p", { p: "echo x >/etc/x" }), new Cache(directory));
    assert.match(
      reportsOf(root, "program-caches").join(),
      /needs-run \/usr\/bin\/p: .*noexec .*XDG_CACHE_HOME/,
    );
  } finally {
    execFileSync("umount", [directory]);
  }
});
