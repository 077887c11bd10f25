import assert from "node:assert/strict";
import { test } from "node:test";
import { RecordedProgress } from "../../../test/kit/context.ts";
import { makeTree, type TreeDescription } from "../../../test/kit/trees.ts";
import type { BytePath } from "../../model/bytes.ts";
import { SILENT_PROGRESS } from "../../model/progress.ts";
import type { StoreObject } from "../../model/store-object.ts";
import { viewEntries } from "../root-view.ts";
import type { RootProblem } from "./problem.ts";
import { createPromises } from "./promises.ts";
import { parseSubject, type RootSubject } from "./subject.ts";
import { listChecks, type VerifyRootOptions, verifyRoot } from "./verify-root.ts";

type Config = RootSubject["config"];

/** A static program: an ELF header of an executable without program headers. */
function staticProgram(machine = 62): Buffer {
  const bytes = Buffer.alloc(64);
  bytes.write("\x7fELF\x02\x01\x01", 0, "latin1");
  bytes.writeUInt16LE(2, 16);
  bytes.writeUInt16LE(machine, 18);
  return bytes;
}

const BASE: TreeDescription = {
  bin: { target: "usr/bin" },
  "usr/bin/app": { text: staticProgram(), mode: 0o755 },
  "usr/bin/sh": { text: staticProgram(), mode: 0o755 },
  "usr/bin/env": { text: staticProgram(), mode: 0o755 },
  "etc/passwd": "root:x:0:0::/:/bin/sh\nredis:x:101:102::/:/bin/sh\n1000:x:7:7::/:/bin/sh\n",
  "etc/group": "root:x:0:\nredis:x:102:\nssl:x:104:redis\n",
  "srv/": {},
};

async function verify(
  files: TreeDescription,
  config: Config = {},
  options: VerifyRootOptions = {},
): Promise<RootProblem[]> {
  using view = viewEntries(makeTree({ ...BASE, ...files }).entries);
  const context = { progress: SILENT_PROGRESS, signal: new AbortController().signal };
  return verifyRoot(view, { architecture: "amd64", config }, options, context);
}

function format({ severity, code, message }: RootProblem): string {
  return `${severity} ${code} ${message}`;
}

interface Case {
  readonly summary: string;
  readonly files?: TreeDescription;
  readonly config?: Config;
  /** The problems, as `severity CODE message`. */
  readonly expected?: readonly string[];
  readonly hint?: string;
}

const NOT_ABSOLUTE = 'error WORKING_DIRECTORY_INVALID WorkingDir is "srv", an absolute path was wanted';

const CASES: readonly Case[] = [
  // Entrypoint and Cmd
  { summary: "nothing is started" },
  { summary: "a path", config: { Entrypoint: ["/bin/app", "x"] } },
  { summary: "a name in the default PATH", config: { Cmd: ["app"] } },
  {
    summary: "Cmd is arguments when there is an Entrypoint",
    config: { Entrypoint: ["app"], Cmd: ["nothing"] },
  },
  { summary: "a path from the working directory", config: { Cmd: ["bin/app"], WorkingDir: "/usr" } },
  {
    summary: "a name that no directory of PATH has",
    config: { Cmd: ["aps"], Env: ["PATH=/usr/bin:/srv"] },
    expected: ['error COMMAND_MISSING Cmd starts "aps", which is in no directory of PATH (/usr/bin:/srv)'],
    hint: 'Did you mean "app"?',
  },
  {
    summary: "PATH of the image that leaves it out",
    config: { Entrypoint: ["app"], Env: ["PATH=/usr/bin", "PATH=/srv"] },
    expected: ['error COMMAND_MISSING Entrypoint starts "app", which is in no directory of PATH (/srv)'],
  },
  {
    summary: "a path that is not there",
    config: { Entrypoint: ["/usr/bin/apq"] },
    expected: ['error COMMAND_MISSING Entrypoint starts "/usr/bin/apq", which is not in the image'],
    hint: 'Did you mean "app"?',
  },
  {
    summary: "an empty word",
    config: { Cmd: [""] },
    expected: [
      'error COMMAND_MISSING Cmd starts "", which is in no directory of PATH (/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)',
    ],
  },
  {
    summary: "a file that cannot be executed is passed over in PATH",
    files: { "usr/local/bin/app": "text" },
    config: { Cmd: ["app"] },
  },
  {
    summary: "a program that only its owner may run",
    files: { "usr/bin/app": { text: staticProgram(), mode: 0o700 } },
    config: { Cmd: ["app"], User: "redis" },
    expected: [
      'error COMMAND_NOT_EXECUTABLE Cmd starts "app": /usr/bin/app may not be executed by the user "redis"',
    ],
  },
  {
    summary: "a program that a group of the user may run",
    files: { "usr/bin/app": { text: staticProgram(), mode: 0o750, gid: 104 } },
    config: { Cmd: ["app"], User: "redis" },
  },
  {
    summary: "a program of the user's own",
    files: { "usr/bin/app": { text: staticProgram(), mode: 0o700, uid: 101 } },
    config: { Cmd: ["app"], User: "101:5" },
  },
  {
    summary: "a program for another processor in a private directory",
    files: { "opt/app": { text: staticProgram(183), mode: 0o755 } },
    config: { Cmd: ["/opt/app"] },
    expected: ["error FOREIGN_ARCHITECTURE /opt/app is for arm64, the image for amd64"],
  },
  {
    summary: "the same program as data",
    files: { "opt/app": { text: staticProgram(183), mode: 0o755 } },
  },
  {
    summary: "an older sibling's static program among commands",
    files: {
      "usr/bin/old": { text: Buffer.from(staticProgram(3).fill(1, 4, 5)), mode: 0o755 },
    },
  },
  // User
  { summary: "a user by name", config: { User: "redis" } },
  { summary: "a user and a group by name", config: { User: "redis:ssl" } },
  { summary: "numbers need no entry", config: { User: "4711:4712" } },
  { summary: "a group alone", config: { User: ":ssl" } },
  {
    summary: "an unknown user",
    config: { User: "rediz" },
    expected: ['error USER_UNKNOWN User names the user "rediz", which /etc/passwd does not have'],
    hint: 'Did you mean "redis"?',
  },
  {
    summary: "an unknown group",
    config: { User: "redis:nobody-knows" },
    expected: ['error GROUP_UNKNOWN User names the group "nobody-knows", which /etc/group does not have'],
    hint: "Give a number, or add the group to the image",
  },
  {
    summary: "a number too large to be an id",
    config: { User: "4294967295" },
    expected: ['error USER_UNKNOWN User names the user "4294967295", which /etc/passwd does not have'],
  },
  // WorkingDir
  { summary: "a working directory", config: { WorkingDir: "/srv" } },
  {
    summary: "one behind a link",
    files: { "var/www": { target: "../srv" } },
    config: { WorkingDir: "/var/www" },
  },
  {
    summary: "one that the runtime will make",
    config: { WorkingDir: "/srv/app" },
    expected: [
      'warning WORKING_DIRECTORY_MISSING WorkingDir is "/srv/app", which is not in the image: the runtime makes it, and root owns it',
    ],
  },
  {
    summary: "a file",
    config: { WorkingDir: "/etc/passwd" },
    expected: [
      'error WORKING_DIRECTORY_INVALID WorkingDir is "/etc/passwd", and /etc/passwd is no directory',
    ],
  },
  {
    summary: "something below a file",
    config: { WorkingDir: "/etc/passwd/x" },
    expected: [
      'error WORKING_DIRECTORY_INVALID WorkingDir is "/etc/passwd/x", and /etc/passwd is no directory',
    ],
  },
  { summary: "a relative one", config: { WorkingDir: "srv" }, expected: [NOT_ABSOLUTE] },
  // Scripts
  {
    summary: "scripts whose interpreters are there",
    files: {
      "usr/bin/a": { text: "#!/bin/sh -e\n", mode: 0o755 },
      "usr/bin/b": { text: "#! /usr/bin/env app\n", mode: 0o755 },
      "usr/bin/c": { text: "#!/usr/bin/env -S FOO=1 -u BAR app --flag\n", mode: 0o755 },
      "usr/bin/d": { text: "#!/bin/env -i /usr/bin/app\n", mode: 0o755 },
      "usr/bin/e": { text: "#!/usr/bin/env\n", mode: 0o755 },
      "usr/bin/not-executable": "#!/none\n",
      "usr/bin/nothing": { text: "#!\n", mode: 0o755 },
    },
  },
  {
    summary: "a script for a name that is in no directory of PATH",
    files: { "usr/bin/a": { text: "#!/usr/bin/env python3\n", mode: 0o755 } },
    expected: [
      "error SCRIPT_INTERPRETER_MISSING /usr/bin/a is a script for python3, which is in no directory of PATH",
    ],
  },
  {
    summary: "a private script is a warning, unless the image starts it",
    files: {
      "usr/share/app/run": { text: "#!/usr/bin/perl\n", mode: 0o755 },
      "opt/start": { text: "#!/usr/bin/perl\n", mode: 0o755 },
    },
    config: { Entrypoint: ["/opt/start"] },
    expected: [
      "error SCRIPT_INTERPRETER_MISSING /opt/start is a script for /usr/bin/perl, which is not in the image",
      "warning SCRIPT_INTERPRETER_MISSING /usr/share/app/run is a script for /usr/bin/perl, which is not in the image",
    ],
  },
  {
    summary: "an interpreter that cannot be executed",
    files: { "usr/bin/a": { text: "#!/etc/passwd\n", mode: 0o755 } },
    expected: [
      "error SCRIPT_INTERPRETER_NOT_EXECUTABLE /usr/bin/a is a script for /etc/passwd, which is no program that can be run",
    ],
  },
  // Links
  {
    summary: "links that may lead nowhere",
    files: {
      "etc/mtab": { target: "../proc/self/mounts" },
      "var/run": { target: "/run" },
      "usr/bin/socket": { target: "/var/run/app/socket" },
      "etc/systemd/masked.service": { target: "/dev/null" },
      "etc/alternatives/app.1.gz": { target: "/usr/share/man/man1/app.1.gz" },
      "usr/share/doc/app": { target: "../../lib/none" },
    },
  },
  {
    summary: "links that may not",
    files: {
      "usr/bin/x": { target: "y" },
      "usr/lib/libx.so.1": { target: "libx.so.1.2" },
      "etc/alternatives/editor": { target: "/usr/bin/vi" },
      "usr/share/app/fonts": { target: "../fonts/x.ttf" },
      "usr/bin/round": { target: "round" },
    },
    expected: [
      "error LINK_DANGLING the link /etc/alternatives/editor leads to /usr/bin/vi, which is not in the image",
      "error LINK_CIRCULAR the link /usr/bin/round to round leads round in a circle",
      "error LINK_DANGLING the link /usr/bin/x leads to y: /usr/bin/y is not in the image",
      "error LINK_DANGLING the link /usr/lib/libx.so.1 leads to libx.so.1.2: /usr/lib/libx.so.1.2 is not in the image",
      "warning LINK_DANGLING the link /usr/share/app/fonts leads to ../fonts/x.ttf: /usr/share/fonts/x.ttf is not in the image",
    ],
  },
  // Preload
  {
    summary: "libraries to be preloaded that are nowhere",
    files: { "etc/ld.so.preload": "# none\n/usr/lib/libnone.so\n" },
    config: { Env: ["LD_PRELOAD=libjemalloc.so.2"] },
    expected: [
      "warning PRELOAD_MISSING /etc/ld.so.preload names /usr/lib/libnone.so, which no program finds",
      "warning PRELOAD_MISSING LD_PRELOAD names libjemalloc.so.2, which no program finds",
    ],
  },
  {
    summary: "names that are not ASCII, and control characters",
    files: { "usr/bin/grüß\n": { target: "nöne" } },
    expected: [
      "error LINK_DANGLING the link /usr/bin/grüß\\x0a leads to nöne: /usr/bin/nöne is not in the image",
    ],
  },
];

for (const { summary, files = {}, config = {}, expected = [], hint } of CASES) {
  test(summary, async () => {
    const problems = await verify(files, config);
    assert.deepEqual(problems.map(format), expected);
    if (hint !== undefined) assert.equal(problems[0]?.hint, hint);
  });
}

test("each problem says what is missing in terms of the archive", async () => {
  const files = {
    "usr/bin/a": { text: "#!/usr/bin/perl\n", mode: 0o755 },
    "usr/bin/b": { text: "#!/usr/bin/env ruby\n", mode: 0o755 },
    "usr/bin/c": { target: "../lib/c" },
  };
  const problems = await verify(files, { User: "nobody", Cmd: ["redis"] });
  assert.deepEqual(
    problems.map(({ missing }) => missing),
    [
      { kind: "program", name: "redis" },
      { kind: "user", name: "nobody" },
      { kind: "interpreter", name: "/usr/bin/perl" },
      { kind: "program", name: "ruby" },
      { kind: "file", name: "/usr/lib/c" },
    ],
  );
});

test("an unknown architecture judges no file by its processor", async () => {
  using view = viewEntries(makeTree({ "usr/bin/x": { text: staticProgram(999), mode: 0o755 } }).entries);
  const context = { progress: new RecordedProgress(), signal: new AbortController().signal };
  const subject = { architecture: "vax", config: { Cmd: ["x"] } };
  assert.deepEqual(await verifyRoot(view, subject, {}, context), []);
  assert.deepEqual(context.progress.lines, ["verifying files: 1 ELF files, 0 scripts: all resolves"]);
});

test("single checks can be asked for, and an aborted signal ends the work", async () => {
  assert.ok(listChecks().includes("user") && listChecks().includes("libraries"));
  const config = { User: "nobody", Cmd: ["none"] };
  assert.deepEqual(
    (await verify({}, config, { checks: ["user"] })).map(({ code }) => code),
    ["USER_UNKNOWN"],
  );
  using view = viewEntries([]);
  const context = { progress: SILENT_PROGRESS, signal: AbortSignal.abort(new Error("stop")) };
  await assert.rejects(verifyRoot(view, { architecture: "amd64", config: {} }, {}, context), /stop/);
});

function object(
  name: string,
  files: TreeDescription,
  references: readonly string[] = [],
  control: Readonly<Record<string, string>> = {},
): StoreObject {
  return {
    id: name,
    label: name,
    placement: { kind: "at-root" },
    tree: makeTree(files),
    declaredReferences: references,
    package: {
      type: "deb",
      name,
      version: "1",
      architecture: "amd64",
      control: new Map(Object.entries(control)),
      controlFiles: new Map(),
    },
  };
}

test("what a package does not ask for is a warning, unless the image starts what lacks it", async () => {
  const tool = object(
    "tool",
    {
      "usr/bin/optional": { text: "#!/usr/bin/python3\n", mode: 0o755 },
      "usr/bin/promised": { text: "#!/usr/bin/perl\n", mode: 0o755 },
      "usr/bin/essential": { text: "#!/usr/bin/env awk\n", mode: 0o755 },
    },
    ["perl"],
  );
  const objects = [
    tool,
    object("perl", {}, ["perl-base"]),
    object("perl-base", { "bin/perl": "" }),
    object("mawk", { "usr/bin/awk": "" }, [], { Essential: "yes" }),
    object("python", { "usr/bin/python3": "" }),
  ];
  const units = [{ id: "tool", entries: tool.tree.entries }];
  const dropped = { path: "usr/bin/perl" as BytePath };
  const isPromised = createPromises({ objects, units, droppedScripts: [dropped] });
  const files = {
    ...Object.fromEntries(
      ["optional", "promised", "essential"].map((name, i) => [
        `usr/bin/${name}`,
        { text: ["#!/usr/bin/python3\n", "#!/usr/bin/perl\n", "#!/usr/bin/env awk\n"][i]!, mode: 0o755 },
      ]),
    ),
    "usr/bin/own": { text: "#!/usr/bin/python3\n", mode: 0o755 },
  };
  const severities = async (config: Config) =>
    Object.fromEntries(
      (await verify(files, config, { isPromised })).map(({ path, severity }) => [path, severity]),
    );
  const expected = { "usr/bin/essential": "error", "usr/bin/own": "error", "usr/bin/promised": "error" };
  assert.deepEqual(await severities({}), { ...expected, "usr/bin/optional": "warning" });
  assert.deepEqual(await severities({ Cmd: ["optional"] }), { ...expected, "usr/bin/optional": "error" });
  const library = { kind: "library", name: "libx.so.1" } as const;
  const promised = "usr/bin/promised" as BytePath;
  assert.equal(isPromised(promised, library), false);
  assert.equal(isPromised(promised, { kind: "file", name: "/usr/bin/awk" }), true);
  assert.equal(isPromised(promised, { kind: "file", name: "/bin/perl" }), false, "it was dropped");
});

test("an extension module of a wheel was promised its libraries, a plugin beside it was not", () => {
  const entries = ["fast.cpython-311-x86_64-linux-gnu.so", "slow.abi3.so", "libplugin.so"].map((name) => ({
    path: `nix/store/x-env/lib/python3.11/site-packages/${name}` as BytePath,
  }));
  const object: StoreObject = {
    id: "/nix/store/x-env",
    label: "env",
    placement: { kind: "in-store", storePath: "/nix/store/x-env" },
    tree: { entries: [] },
    declaredReferences: [],
  };
  const isPromised = createPromises({ objects: [object], units: [{ id: object.id, entries }] });
  assert.deepEqual(
    entries.map(({ path }) => isPromised(path, { kind: "library", name: "libGL.so.1" })),
    [true, true, false],
  );
  assert.equal(isPromised(entries[0]!.path, { kind: "program", name: "gcc" }), false);
});

test("an addon of Node was promised its libraries, one of several prebuilt files was not", () => {
  const paths = ["a/build/a.node", "b/prebuilds/linux-x64/b.node", "c/c.linux-x64-musl.node", "d/lib.so"];
  const entries = paths.map((path) => ({ path: `nix/store/x-modules/node_modules/${path}` as BytePath }));
  const object: StoreObject = {
    id: "/nix/store/x-modules",
    label: "modules",
    placement: { kind: "in-store", storePath: "/nix/store/x-modules" },
    tree: { entries: [] },
    declaredReferences: [],
  };
  const isPromised = createPromises({ objects: [object], units: [{ id: object.id, entries }] });
  assert.deepEqual(
    entries.map(({ path }) => isPromised(path, { kind: "library", name: "libvips.so.42" })),
    [true, false, false, false],
  );
  assert.equal(isPromised(entries[0]!.path, { kind: "library", name: "libc.musl-x86_64.so.1" }), false);
});

test("a configuration of another tool is read, and refused when it is none", () => {
  const config = (fields: object) =>
    Buffer.from(
      JSON.stringify({
        architecture: "arm64",
        os: "linux",
        rootfs: { type: "layers", diff_ids: [] },
        ...fields,
      }),
    );
  const empty = { Entrypoint: [], Cmd: [], Env: [], User: "", WorkingDir: "" };
  assert.deepEqual(parseSubject(config({})), { architecture: "arm64", config: empty });
  assert.deepEqual(parseSubject(config({ config: { Cmd: ["sh"], Entrypoint: null, User: "1" } })).config, {
    ...empty,
    Cmd: ["sh"],
    User: "1",
  });
  for (const fields of [{ config: [] }, { config: { Cmd: "sh" } }, { config: { User: 5 } }, { rootfs: 1 }]) {
    assert.throws(() => parseSubject(config(fields)), { code: "BAD_OCI_DOCUMENT" });
  }
});
