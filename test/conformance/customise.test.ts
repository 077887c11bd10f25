// Commands of image.ts in the sandbox, over a root file system of busybox.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import type { BytePath } from "../../src/model/bytes.ts";
import type { ImageCommands } from "../../src/model/image-spec.ts";
import type { RootFileSystem } from "../../src/model/root-file-system.ts";
import { ContentReader } from "../../src/platform/content.ts";
import { customiseRoot } from "../../src/rootfs/customise.ts";
import type { RootFsError } from "../../src/rootfs/errors.ts";
import { temporaryDirectory, testContext } from "../kit/context.ts";
import { compose, idOf, show } from "../kit/packages.ts";
import { personas } from "../kit/personas.ts";
import { BUSYBOX } from "../kit/tiny-image.ts";

const skip =
  process.platform !== "linux"
    ? "this is not Linux"
    : !existsSync(BUSYBOX)
      ? "busybox-static is not installed"
      : personas().find(({ uid }) => uid === process.getuid?.())!.skip;

/** The tools of commands: bash with its libraries, and busybox under some names. */
function makeTools(t: TestContext): string {
  const root = join(temporaryDirectory(t), "tools");
  for (const path of ["usr/bin", "bin", "build/root"]) mkdirSync(join(root, path), { recursive: true });
  copyFileSync(BUSYBOX, join(root, "usr/bin/busybox"));
  for (const name of ["mkdir", "chown", "chmod", "ln", "rm", "mv", "touch"]) {
    symlinkSync("busybox", join(root, "usr/bin", name));
  }
  const libraries = execFileSync("ldd", ["/bin/bash"], { encoding: "utf8" }).match(/\/\S+/g) ?? [];
  for (const path of ["/bin/bash", ...libraries]) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    copyFileSync(path, join(root, path));
  }
  return root;
}

const NONE = {
  runAsRoot: "",
  extraCommands: "",
  fakeRootCommands: "",
  enableFakechroot: false,
  requests: [],
  inputs: [],
};

const PACKAGE = {
  name: "a",
  tree: {
    "etc/kept": "kept\n",
    "etc/changed": "before\n",
    "srv/dir/one": "1\n",
    "srv/dir/two": "2\n",
    "srv/link": { target: "dir" },
    "tmp/": { mode: 0o1777 },
    "srv/note": "of the image\n",
  },
} as const;

function customise(t: TestContext, commands: Partial<ImageCommands>) {
  const context = testContext(t);
  const root = makeTools(t);
  return async (): Promise<{ root: RootFileSystem; lines: readonly string[] }> => ({
    root: await customiseRoot(
      await compose([PACKAGE]),
      { ...NONE, ...commands },
      { root, key: "tools", storePaths: [] },
      context,
    ),
    lines: context.progress.lines,
  });
}

function readText(root: RootFileSystem, path: string): string {
  const entry = root.merged.get(path as BytePath);
  using reader = new ContentReader();
  return entry?.type === "file" ? Buffer.from(reader.read(entry)).toString() : `no file, ${entry?.type}`;
}

/** Every path of the image, of units and additions, each once. */
function listPaths(root: RootFileSystem): string[] {
  const entries = [...root.units.flatMap((unit) => unit.entries), ...root.additions];
  const files = entries.filter(({ type }) => type !== "directory").map(({ path }) => path as string);
  assert.equal(new Set(files).size, files.length, "a path is in two layers");
  return files;
}

test("what commands change is the image's own, what they remove is nowhere, the rest stays", {
  skip,
}, async (t) => {
  const run = customise(t, {
    runAsRoot: "cat /srv/note > /root-note; echo after > /etc/changed; rm -r /srv/dir; echo file > /srv/dir",
    extraCommands: "mkdir -p opt; echo $PWD > opt/extra; touch etc/kept; rm srv/link",
    fakeRootCommands: "chmod 0750 opt; test -d opt",
  });
  const { root, lines } = await run();
  const unit = root.units.find(({ id }) => id === idOf("a"))!.entries.map(({ path }) => path as string);
  assert.ok(unit.includes("etc/kept") && unit.includes("srv/note"));
  for (const gone of ["etc/changed", "srv/dir", "srv/dir/one", "srv/link"])
    assert.ok(!unit.includes(gone), gone);
  assert.equal(readText(root, "etc/changed"), "after\n");
  assert.equal(readText(root, "root-note"), "of the image\n");
  assert.equal(readText(root, "srv/dir"), "file\n");
  assert.equal(readText(root, "opt/extra"), "/build/root\n");
  assert.match(show(root, "opt")!, /^d 0750 0:0/);
  assert.deepEqual(
    listPaths(root).filter((path) => /tare|srv\/link|srv\/dir\//.test(path)),
    [],
  );
  assert.ok(lines.some((line) => /^running commands: \d+ files changed, \d+ removed$/.test(line)));
  assert.ok(root.report.some(({ fix, action }) => fix === "commands" && action === "remove"));
  const again = await run();
  assert.deepEqual(again.root.additions, root.additions);
  assert.equal(again.lines.filter((line) => line.startsWith("running commands")).length, 1);
});

test("commands that fail end the build with COMMANDS_FAILED and what they said", { skip }, async (t) => {
  for (const [commands, problem, hint] of [
    [
      { runAsRoot: "echo one; echo two >&2; exit 3" },
      /runAsRoot: .*exit code 3.*\n {2}│ one\n {2}│ two/,
      /in the image/,
    ],
    [{ extraCommands: "false; echo not reached" }, /extraCommands: .*exit code 1/, /write \.\/etc/],
    [{ fakeRootCommands: "false | true" }, /fakeRootCommands/, /write \.\/etc/],
    [
      { runAsRoot: "mkfifo /pipe" },
      /\/pipe is a fifo; files, directories and links/,
      /when the container starts/,
    ],
  ] as const) {
    await assert.rejects(customise(t, commands)(), (error: RootFsError) => {
      assert.equal(error.code, "COMMANDS_FAILED");
      assert.match(error.message, problem);
      assert.match(error.hint!, hint);
      return true;
    });
  }
});

test("commands see nothing of this machine and no network", { skip }, async (t) => {
  const { root } = await customise(t, {
    runAsRoot: `for i in ${process.cwd()} /etc/hostname /home/*; do test ! -e $i || echo $i; done > /seen; ls /sys/class/net >> /seen 2>&1 || true; busybox wget -T 1 -O - http://1.1.1.1/ >> /seen 2>/dev/null && exit 9 || true`,
  })();
  assert.doesNotMatch(readText(root, "seen"), /hostname|home|eth/);
});
