// The namespaces runtime, with real programs, as root and as an ordinary user.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  globSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type Persona, personas, Stage, until } from "../kit/personas.ts";
import {
  BUSYBOX,
  busyboxLayer,
  directory,
  file,
  type MemberOptions,
  makeImage,
  symlink,
} from "../kit/tiny-image.ts";

const platformSkip =
  process.platform !== "linux"
    ? "this is not Linux"
    : !existsSync(BUSYBOX) && "busybox-static is not installed";

interface Scene {
  readonly stage: Stage;
  readonly persona: Persona;
  image(config?: object, ...layers: MemberOptions[][]): ReturnType<typeof makeImage>;
}

/** One test for each persona. */
function scene(name: string, act: (scene: Scene, t: TestContext) => Promise<void>): void {
  for (const persona of personas()) {
    test(`${persona.name}: ${name}`, { skip: platformSkip || persona.skip }, async (t) => {
      const stage = new Stage(t, persona);
      const image = (config: object = {}, ...layers: MemberOptions[][]) =>
        makeImage(join(stage.directory, "blobs"), {
          layers: [busyboxLayer(), ...layers],
          config: { Cmd: ["sh"], ...config },
          compression: "zstd",
        });
      await act({ stage, persona, image }, t);
      assert.deepEqual(readdirSync(join(stage.cache, "tmp")), [], "nothing is left");
    });
  }
}

/** Whether a process of this machine has this command line. */
function isRunning(command: string): boolean {
  return globSync("/proc/[0-9]*/cmdline").some((path) => {
    try {
      return readFileSync(path, "utf8").split("\0").join(" ").trim() === command;
    } catch {
      return false;
    }
  });
}

const lines = (text: string) => text.trimEnd().split("\n");

scene("input, output, errors and status pass through", async ({ stage, image }) => {
  const ran = await stage.script(image(), "cat; echo out; echo err >&2; exit 42", {}, "in\n");
  assert.equal(ran.stdout, "in\nout\n");
  assert.equal(ran.stderr, "err\n");
  assert.deepEqual([ran.exitCode, ran.status, ran.runtime], [42, 42, "namespaces"]);
});

scene("what a program of an image finds", async ({ stage, image, persona }) => {
  const config = {
    User: "app",
    WorkingDir: "/made/for/it",
    Env: ['A=it\'s \\ "$HOME"\n2', "LD_PRELOAD=/nothing.so"],
  };
  const script = [
    'id -u; id -g; pwd; echo $HOME; echo $PATH; echo "$A"; echo $LD_PRELOAD; hostname; cat /etc/hostname',
    "grep -c $(hostname) /etc/hosts; umask; ls /; echo $UID",
    "echo to-stdout >/dev/stdout; echo to-stderr >/dev/stderr; echo x >/dev/null; head -c 3 /dev/zero | wc -c",
    "ls -d /dev/pts/ptmx /dev/shm /dev/fd /proc/self /sys/kernel; ls /proc/self/fd | wc -l; ls /dev | wc -l",
  ].join("; ");
  const ran = await stage.script(image(config), script, {
    hostname: "my-host",
    env: { UID: "7" },
  });
  assert.deepEqual(lines(ran.stdout), [
    ...[
      "1000",
      "1000",
      "/made/for/it",
      "/home/app",
      "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ],
    ...['it\'s \\ "$HOME"', "2", "/nothing.so", "my-host", "my-host", "1", "0022"],
    ...["bin", "dev", "etc", "home", "made", "proc", "root", "sys", "tmp"],
    ...[
      "7",
      "to-stdout",
      "3",
      "/dev/fd",
      "/dev/pts/ptmx",
      "/dev/shm",
      "/proc/self",
      "/sys/kernel",
      "4",
      "14",
    ],
  ]);
  assert.equal(ran.stderr, "to-stderr\n");
  assert.equal(ran.exitCode, 0, persona.name);
  const odd = await stage.run(image(), { command: ["env"], env: { "a.b": "1" } });
  assert.ok(lines(odd.stdout).includes("a.b=1"), "a name that no shell can export");
});

scene("the user and its rights are those of the image", async ({ stage, image, persona }) => {
  const status = "grep -E '^(Uid|Gid|CapEff|CapBnd|NoNewPrivs)' /proc/self/status | tr -s '\\t' ' '";
  const root = lines((await stage.script(image(), status)).stdout);
  const docker = "00000000a80425fb";
  assert.deepEqual(root, [
    "Uid: 0 0 0 0",
    "Gid: 0 0 0 0",
    `CapEff: ${docker}`,
    `CapBnd: ${docker}`,
    "NoNewPrivs: 0",
  ]);
  const app = lines((await stage.script(image(), status, { user: "1000:44" })).stdout);
  assert.deepEqual(
    app.filter((line) => !line.startsWith("CapBnd")),
    ["Uid: 1000 1000 1000 1000", "Gid: 44 44 44 44", "CapEff: 0000000000000000", "NoNewPrivs: 1"],
  );
  if (persona.uid !== 0) return;
  const groups = await stage.script(
    image({ User: "app" }),
    "id -G; stat -c %u:%g /home/app /root; touch /home/app/mine",
  );
  assert.deepEqual([lines(groups.stdout), groups.exitCode], [["1000 2000 2001", "1000:1000", "0:0"], 0]);
});

scene("what a program cannot do", async ({ stage, image, persona }) => {
  const script = [
    "cat /proc/1/environ >/dev/null 2>&1 && echo environ; ls /proc/1/root/ /proc/1/cwd/ >/dev/null 2>&1 && echo root",
    "mount -t tmpfs x /tmp 2>/dev/null && echo mount; umount /proc 2>/dev/null && echo umount",
    "mknod /tmp/sda b 8 0 2>/dev/null && head -c 1 /tmp/sda >/dev/null 2>&1 && echo device",
    "{ echo x >/proc/sys/kernel/hostname; } 2>/dev/null && echo sysctl; { echo x >/proc/sysrq-trigger; } 2>/dev/null && echo sysrq",
    "kill -KILL 1; cut -d' ' -f5 /proc/self/mountinfo | grep -v -E '^/(proc|sys|dev)(/|$)'; echo end",
  ].join("; ");
  for (const user of ["0", "1000"]) {
    const { stdout, stderr } = await stage.script(image(), script, { user });
    assert.deepEqual(lines(stdout), ["/", "end"], `${persona.name} as ${user}: ${stderr}`);
  }
});

scene("descriptors and directories of whoever starts Tare are not inherited", async ({ stage, image }) => {
  const outside = openSync("/etc", "r");
  const extra = { stdio: [outside, "pipe", "pipe", ...Array<number>(12).fill(outside)] };
  const ran = await stage.run(
    image(),
    {
      command: ["sh", "-c", "readlink /proc/self/fd/0; ls /proc/self/fd | wc -l"],
    },
    "",
    extra,
  );
  assert.deepEqual(lines(ran.stdout), ["/dev/null", "4"]);
});

scene("a program that is not there is 127, one that cannot be executed 126", async ({ stage, image }) => {
  const cases = { nosuch: 127, "/no/such": 127, "/etc/passwd": 126, "/etc": 126 };
  for (const [program, status] of Object.entries(cases)) {
    const ran = await stage.run(image(), { command: [program] });
    assert.equal(ran.exitCode, status, program);
    assert.match(ran.stderr, new RegExp(`tare: cannot run ${program}: `));
  }
  const elf = file("bin/dynamic", elfWithInterpreter("/lib/missing.so"), { mode: 0o755 });
  const ran = await stage.run(image({}, [elf]), { command: ["dynamic"] });
  assert.equal(ran.exitCode, 127);
  assert.match(ran.stderr, /cannot run dynamic: it or the interpreter that it names cannot be executed/);
});

/** A program that wants an interpreter: the machine's own `true`, changed. */
function elfWithInterpreter(interpreter: string): Buffer {
  const bytes = readFileSync("/bin/true");
  const at = bytes.indexOf("/lib");
  bytes.fill(0, at, bytes.indexOf(0, at));
  bytes.write(interpreter, at, "latin1");
  return bytes;
}

scene("a dynamic program with its libraries", async ({ stage, image }) => {
  const paths = [...execFileSync("ldd", ["/bin/cat"], { encoding: "utf8" }).matchAll(/(\/\S+) \(0x/g)].map(
    (match) => match[1]!,
  );
  const members = paths.map((path) => file(path.slice(1), readFileSync(path), { mode: 0o755 }));
  const ran = await stage.run(
    image({}, [...members, file("bin/realcat", readFileSync("/bin/cat"), { mode: 0o755 })]),
    {
      command: ["realcat", "-"],
    },
    "through libc",
  );
  assert.equal(ran.stdout, "through libc");
});

scene("signals reach the program, which has their default action", async ({ stage, image }) => {
  const cases = [
    {
      script: "trap 'echo caught; exit 7' TERM; echo up; while :; do sleep 0.05; done",
      signal: "SIGTERM",
      status: 7,
      said: "up\ncaught\n",
    },
    { script: "echo up; exec sleep 60", signal: "SIGINT", status: 130, said: "up\n" },
    { script: "echo up; exec sleep 60", signal: "SIGTERM", status: 143, said: "up\n" },
  ] as const;
  for (const { script, signal, status, said } of cases) {
    const { child, finished } = stage.start(image(), { command: ["sh", "-c", script] });
    child.stdout!.once("data", () => child.kill(signal));
    const ran = await finished;
    assert.deepEqual([ran.stdout, ran.exitCode], [said, status], signal);
  }
  const self = await stage.script(image(), "kill -KILL $$");
  assert.equal(self.exitCode, 137);
});

scene("an abort stops the program with the image's stop signal", async ({ stage, image }) => {
  const command = ["sh", "-c", "trap 'echo quit; exit 5' QUIT; while :; do sleep 0.05; done"];
  const ran = await stage.run(image({ StopSignal: "SIGQUIT" }), { command }, "", { abortAfterMs: 1500 });
  assert.deepEqual([ran.stdout, ran.exitCode], ["quit\n", 5]);
});

scene("orphans are reaped, and end with the program", async ({ stage, image }) => {
  const script =
    "(sleep 0.1 & sleep 0.1 &) ; sleep 0.6; grep -l '^State:.Z' /proc/[0-9]*/status | wc -l; sleep 61 & echo done";
  const ran = await stage.script(image(), script);
  assert.deepEqual(lines(ran.stdout), ["0", "done"]);
  assert.ok(!isRunning("sleep 61"), "what the program left behind is gone");
});

scene("mounts, volumes and a read-only root", async ({ stage, image }) => {
  const writable = stage.makeDirectory("rw");
  const readOnly = stage.makeDirectory("ro");
  writeFileSync(join(readOnly, "f"), "content\n");
  const mounts = [
    { source: writable, target: "/data/rw", readOnly: false },
    { source: readOnly, target: "/link/ro", readOnly: true },
    { source: join(readOnly, "f"), target: "/etc/made/file", readOnly: true },
  ];
  const script = [
    "cat /link/ro/f /etc/made/file; echo written >/data/rw/f",
    "for f in /link/ro/x /link/ro/f /etc/made/file /x /vol/x; do { echo y >$f; } 2>/dev/null && echo wrote $f; done; ls /somewhere",
  ].join("; ");
  const img = image({ Volumes: { "/vol": {} } }, [symlink("link", "/somewhere")]);
  const open = await stage.script(img, script, { mounts });
  assert.deepEqual(lines(open.stdout), ["content", "content", "wrote /x", "wrote /vol/x", "ro"]);
  assert.equal(readFileSync(join(writable, "f"), "utf8"), "written\n");
  const closed = await stage.script(img, script, { mounts, readOnly: true });
  assert.deepEqual(lines(closed.stdout), ["content", "content", "wrote /vol/x", "ro"]);
  assert.equal(readFileSync(join(readOnly, "f"), "utf8"), "content\n");
  const cases = [
    { source: join(stage.directory, "missing"), target: "/x" },
    { source: readOnly, target: "/etc/passwd" },
    { source: join(readOnly, "f"), target: "/etc" },
    { source: readOnly, target: "relative" },
    { source: readOnly, target: "/" },
  ];
  for (const mount of cases) {
    const ran = await stage.script(img, "true", { mounts: [{ ...mount, readOnly: false }] });
    assert.equal(ran.error?.code, "BAD_MOUNT", mount.target);
  }
});

scene("a hostile image changes nothing outside", async ({ stage, image }) => {
  const before = statSync("/etc").mtimeMs;
  const hostile = [
    symlink("a", "/etc"),
    file("a/tare-was-here", "x"),
    ...["proc", "sys", "dev", "made"].map((name) => symlink(name, "/..//../etc")),
    { name: "disk", flag: "4" },
    directory("etc/hosts"),
    symlink("etc/resolv.conf", "/etc/passwd"),
  ];
  const ran = await stage.script(
    image({ WorkingDir: "/made/work" }, hostile),
    "pwd; ls -d /disk /a/tare-was-here; cat /etc/hostname | wc -l",
  );
  assert.equal(ran.error, undefined, ran.error?.message);
  assert.equal(statSync("/etc").mtimeMs, before);
  assert.ok(ran.notes.some((note) => /1 devices/.test(note)));
  const bad = await stage.script(image({}, [file("../../escape", "x")]), "true");
  assert.equal(bad.error?.code, "BAD_IMAGE");
  assert.deepEqual(readdirSync(join(stage.cache, "tmp")), []);
});

scene("what cannot be is said before anything is started", async ({ stage, image }) => {
  const code = async (options: object, config: object = {}) =>
    (await stage.script(image(config), "true", options)).error?.code;
  assert.equal(await code({ user: "nobody-there" }), "UNKNOWN_USER");
  assert.equal(await code({ user: "app:nothing" }), "UNKNOWN_GROUP");
  assert.equal(await code({ network: "bridge" }), "BAD_OPTION");
  assert.equal(await code({ hostname: "a b" }), "BAD_OPTION");
  const other = makeImage(join(stage.directory, "other"), {
    layers: [],
    architecture: "s390x",
    config: { Cmd: ["x"] },
  });
  assert.equal((await stage.run(other, {})).error?.code, "WRONG_ARCHITECTURE");
});

scene("ports of this machine's network are as they are", async ({ stage, image }) => {
  const moved = await stage.script(image(), "true", { publish: ["8080:80"] });
  const same = await stage.script(image(), "true", { publish: ["8080:8080"] });
  if (same.notes.some((note) => /no network/.test(note))) assert.equal(moved.exitCode, 0);
  else {
    assert.equal(moved.error?.code, "BAD_PORT");
    assert.ok(
      same.notes.some((note) => /8080\/tcp is reached as it is/.test(note)),
      same.notes.join("\n"),
    );
  }
  assert.equal(same.exitCode, 0);
});

scene("the network none has nothing but itself", async ({ stage, image }) => {
  const ran = await stage.script(image(), "cat /proc/net/dev | tail -n +3 | cut -d: -f1 | tr -d ' '", {
    network: "none",
  });
  assert.deepEqual(lines(ran.stdout), ["lo"]);
});

scene("nothing outlives a Tare that is killed", async ({ stage, image }) => {
  const { child, finished } = stage.start(image(), {
    command: ["sh", "-c", "chmod 0 /tmp; echo up; exec sleep 62"],
  });
  await new Promise((resolve) => child.stdout!.once("data", resolve));
  assert.equal(readdirSync(join(stage.cache, "tmp")).length, 1);
  child.kill("SIGKILL");
  await finished;
  await until(() => !isRunning("sleep 62"));
  await until(() => readdirSync(join(stage.cache, "tmp")).length === 0);
});

scene("what dead processes left is removed by the next run", async ({ stage, image }) => {
  const { pid } = spawnSync("/bin/true");
  const stale = join(stage.cache, `tmp/.run.${pid}.0123456789ab.tmp`);
  const [file, ...args] = [...stage.persona.prefix, "mkdir", "-p", join(stale, "root/closed/inside")];
  execFileSync(file!, args);
  chmodSync(join(stale, "root/closed"), 0);
  assert.equal((await stage.script(image(), "true")).exitCode, 0);
  assert.equal(existsSync(stale), false);
});

scene("a terminal of its own", async ({ stage, image }, t) => {
  if (spawnSync("script", ["--version"]).status !== 0) return t.skip("script is not installed");
  const script = "test -t 0 && test -t 1 && test -t 2 && tty; echo $TERM; exit 6";
  const ran = await stage.run(image({ User: "app" }), { command: ["sh", "-c", script] }, "", {
    wrap: ["sh", "-c", 'exec script -qec "$(printf "%s " "$@")" /dev/null', "sh"],
  });
  assert.deepEqual(lines(ran.stdout.replace(/^[^/]*/, "").replaceAll("\r", "")), ["/dev/console", "xterm"]);
  assert.equal(ran.exitCode, 6);
});

test("root: a cache on a disk without programs", { skip: platformSkip || personas()[0]!.skip }, async (t) => {
  const stage = new Stage(t, personas()[0]!);
  const image = makeImage(join(stage.directory, "blobs"), {
    layers: [busyboxLayer()],
    config: { Cmd: ["sh"] },
  });
  execFileSync("mount", ["-t", "tmpfs", "-o", "noexec", "tmpfs", stage.cache]);
  try {
    const { error } = await stage.run(image, {});
    assert.equal(error?.code, "RUNTIME_FAILED");
    assert.match(error.message, /noexec/);
  } finally {
    execFileSync("umount", [stage.cache]);
  }
});
