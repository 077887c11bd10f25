import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../../../test/kit/context.ts";
import { checkRun } from "./check-run.ts";
import type { SandboxRun } from "./options.ts";
import { type PlannedMount, placeMounts } from "./places.ts";
import { unsupported, whySandboxIsAbsent } from "./sandbox.ts";

test("other systems and machines without the programs are told what can be done", () => {
  const found = () => "/bin/x";
  assert.equal(whySandboxIsAbsent({ isLinux: true, findProgram: found }), undefined);
  const without = whySandboxIsAbsent({
    isLinux: true,
    findProgram: (name) => (name === "unshare" ? undefined : "/bin/x"),
  });
  assert.match(without!, /^unshare of util-linux/);
  const error = unsupported(whySandboxIsAbsent({ isLinux: false, findProgram: found })!);
  assert.equal(error.code, "SANDBOX_UNSUPPORTED");
  assert.match(error.hint!, /Linux/);
  assert.match(unsupported(without!).hint!, /Install util-linux/);
});

const bad: readonly (readonly [string, Partial<SandboxRun>])[] = [
  ["no program", { argv: [] }],
  ["a NUL byte", { argv: ["a\0b"] }],
  ["a relative root", { root: "r" }],
  ["a relative working directory", { workingDirectory: "w" }],
  ["a host name with a space", { hostname: "a b" }],
  ["a umask of four digits", { umask: 0o1777 }],
  ["a variable with =", { environment: { "A=B": "" } }],
  ["a negative uid", { user: { uid: -1, gid: 0 } }],
  ["half a process", { limits: { processes: 0.5 } }],
];
for (const [summary, options] of bad) {
  test(`refused: ${summary}`, () => {
    const run = { root: "/r", access: "read-only", argv: ["/x"], environment: {}, ...options } as const;
    assert.throws(() => checkRun(run), { code: "SANDBOX_BAD_OPTION" });
  });
}

const tmpfs = (target: string): PlannedMount => ({
  target,
  type: "directory",
  source: undefined,
  isWritable: true,
});

test("mounts find their places through links, other mounts and what is made for them", (t) => {
  const folder = temporaryDirectory(t);
  const [root, source] = [join(folder, "root"), join(folder, "source")];
  mkdirSync(join(root, "usr/lib"), { recursive: true });
  mkdirSync(join(source, "inside"), { recursive: true });
  symlinkSync("usr/lib", join(root, "lib"));
  symlinkSync("/../../../lib/../made", join(root, "out"));
  symlinkSync("/usr/lib", join(source, "back"));
  const bind = (target: string, isWritable: boolean): PlannedMount => ({
    ...{ target, type: "directory", source, isWritable },
  });
  const { places, made } = placeMounts(root, [
    tmpfs("/lib/x"),
    tmpfs("/out/y"),
    bind("/src", false),
    tmpfs("/src/inside"),
    tmpfs("/src/back/z"),
    tmpfs("/lib/x/new/deep"),
    { ...bind("/lib/x/new/file", false), type: "file" },
    bind("/lib/x/again", true),
    tmpfs("/lib/x/again/made"),
  ]);
  const shown = places.map(({ place, make }) => [place.slice(root.length), make]);
  assert.deepEqual(shown, [
    ["/usr/lib/x", undefined],
    ["/usr/made/y", undefined],
    ["/src", undefined],
    ["/src/inside", undefined],
    ["/usr/lib/z", undefined],
    ["/usr/lib/x/new/deep", "directory"],
    ["/usr/lib/x/new/file", "file"],
    ["/usr/lib/x/again", "directory"],
    ["/usr/lib/x/again/made", undefined],
  ]);
  assert.deepEqual(made, ["usr/lib/x", "usr/made", "usr/made/y", "src", "usr/lib/z"]);
  assert.deepEqual(readdirSync(source).sort(), ["back", "inside", "made"]);
});

test("places that cannot be are refused, and nothing outside is touched", (t) => {
  const folder = temporaryDirectory(t);
  const root = join(folder, "root");
  mkdirSync(root);
  writeFileSync(join(root, "file"), "");
  symlinkSync("loop", join(root, "loop"));
  symlinkSync(`../../..${folder}/outside`, join(root, "link"));
  for (const target of ["relative", "/file", "/file/x", "/loop/x"]) {
    assert.throws(() => placeMounts(root, [tmpfs(target)]), { code: "SANDBOX_BAD_MOUNT" }, target);
  }
  const readOnly = { target: "/ro", type: "directory", source: root, isWritable: false } as const;
  assert.throws(() => placeMounts(root, [readOnly, tmpfs("/ro/missing")]), { code: "SANDBOX_BAD_MOUNT" });
  placeMounts(root, [tmpfs("/link/x")]);
  assert.equal(existsSync(join(folder, "outside")), false);
  assert.equal(readFileSync(join(root, "file"), "utf8"), "");
});
