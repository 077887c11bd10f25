import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import fc from "fast-check";
import { formatHolder, formatLauncher } from "./holder-script.ts";
import { formatInit, type InitSettings } from "./init-script.ts";
import { formatProgram } from "./program-script.ts";
import { quote } from "./shell.ts";

const settings = {
  path: "/bin",
  directory: "/d'x y",
  root: "/r",
  hasOwnNetwork: true,
  tty: false,
  script: undefined,
};

test("any text survives the shell", () => {
  const text = fc.string({ unit: "binary", maxLength: 40 }).filter((value) => !value.includes("\0"));
  const texts = fc.sample(text, 200);
  const script = texts.map((value) => `printf '%s\\0' ${quote(value)}`).join("\n");
  const { stdout } = spawnSync("/bin/sh", ["-c", script]);
  assert.deepEqual(
    stdout.toString().split("\0").slice(0, -1),
    texts.map((value) => Buffer.from(value).toString()),
  );
});

test("every script is one that sh can parse", () => {
  const init: InitSettings = {
    root: "/r o'o't",
    program: "/p'",
    sharedMemory: 64,
    proc: "/r/proc",
    sys: "/r/sys",
    dev: "/r/dev",
    isMachineRoot: true,
    hasTtyGroup: true,
    hasOwnNetwork: true,
    hostname: "h",
    mounts: [
      {
        kind: "bind",
        source: "/s",
        target: "/t",
        readOnly: [{ target: "/t", flags: ["nodev"] }],
        make: "file",
      },
      { kind: "tmpfs", target: "/u v", mode: 0o1777, size: 7, make: "directory" },
    ],
    readOnlyFlags: [],
    tty: true,
    outputOwner: 1,
    become: ["setpriv"],
  };
  const program = {
    argv: ["a b", "'"],
    environment: new Map([
      ["A", "'\n"],
      ["x.y", "1"],
    ]),
    workingDirectory: "/'",
  };
  const scripts = {
    holder: formatHolder(settings),
    "holder with a terminal": formatHolder({ ...settings, tty: true, script: "/usr/bin/script" }),
    "launcher real": formatLauncher("real", "/bin", [7]),
    "launcher single": formatLauncher("single", "/bin", []),
    "launcher subordinate": formatLauncher("subordinate", "/bin", []),
    init: formatInit(init),
    "init of a user": formatInit({
      ...init,
      isMachineRoot: false,
      sys: undefined,
      tty: false,
      hasOwnNetwork: false,
      readOnlyFlags: undefined,
    }),
    program: formatProgram(program),
    "program with plain variables": formatProgram({ ...program, environment: new Map() }),
  };
  for (const [name, script] of Object.entries(scripts)) {
    const { status, stderr } = spawnSync("/bin/sh", ["-n", "-c", script]);
    assert.equal(`${status} ${stderr}`, "0 ", name);
  }
});

test("read-only mounts keep the flags that a user namespace may not take off", () => {
  const script = formatInit({
    root: "/r",
    proc: "/r/proc",
    sys: "/r/sys",
    dev: "/r/dev",
    program: "/p",
    sharedMemory: undefined,
    isMachineRoot: false,
    hasTtyGroup: false,
    hasOwnNetwork: false,
    hostname: "h",
    mounts: [
      { kind: "bind", source: "/s", target: "/r/t", readOnly: [{ target: "/r/t", flags: ["nosuid", "ro"] }] },
    ],
    readOnlyFlags: ["nodev"],
    tty: false,
    outputOwner: undefined,
    become: ["setpriv"],
  });
  assert.match(script, /mount -o remount,bind,ro,nosuid '\/r\/t'/);
  assert.match(script, /mount -o remount,bind,ro,nodev '\/r'/);
});
