// The sandbox against programs that try to get out of it: as root, as an ordinary user, and as one with a range of ids.

import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type Persona, personas, until } from "../kit/personas.ts";
import type { SandboxJob, SandboxReport, SandboxRunReport } from "../kit/run-sandbox.ts";
import { BUSYBOX } from "../kit/tiny-image.ts";

const PROGRAM = fileURLToPath(new URL("../kit/run-sandbox.ts", import.meta.url));
const isRoot = process.getuid?.() === 0;
const platformSkip =
  process.platform !== "linux"
    ? "this is not Linux"
    : !existsSync(BUSYBOX) && "busybox-static is not installed";

/** An ordinary user to whom /etc/subuid, in a mount namespace of the test's own, gives ids. */
function withSubordinateIds(): Omit<Persona, "name"> & { readonly name: string } {
  const user = "nobody";
  const uid = Number(/^nobody:[^:]*:(\d+):/m.exec(readFileSync("/etc/passwd", "utf8"))?.[1] ?? 65534);
  const script = `f=$(mktemp) && echo ${user}:300000:65536 >$f && chmod 644 $f && mount --bind $f /etc/subuid && mount --bind $f /etc/subgid && rm $f; exec setpriv --reuid=${uid} --regid=${uid} --clear-groups "$@"`;
  const skip = !isRoot
    ? "this user is not root"
    : spawnSync("sh", ["-c", "command -v newuidmap && test -e /etc/subuid"]).status !== 0
      ? "newuidmap is not installed"
      : personas()[1]!.skip;
  return {
    name: "an ordinary user with ids",
    uid,
    prefix: ["unshare", "--mount", "sh", "-c", script, "sh"],
    skip,
  };
}

type AnyPersona = Omit<Persona, "name"> & { readonly name: string };
const everybody: readonly AnyPersona[] =
  platformSkip === false ? [...personas(), withSubordinateIds()] : personas();

type JobRun = Partial<SandboxJob["runs"][number]>;

/** A place where one persona runs sandboxes. */
class Place {
  readonly persona: AnyPersona;
  readonly directory: string;
  readonly cache: string;
  #jobs = 0;

  constructor(t: TestContext, persona: AnyPersona) {
    this.persona = persona;
    this.directory = mkdtempSync(join(tmpdir(), "tare-sandbox-"));
    t.after(() => rmSync(this.directory, { recursive: true, force: true }));
    chmodSync(this.directory, 0o755);
    this.cache = this.makeDirectory("cache");
  }

  makeDirectory(name: string): string {
    const path = join(this.directory, name);
    mkdirSync(path);
    if (isRoot) chownSync(path, this.persona.uid, this.persona.uid);
    return path;
  }

  start(
    runs: readonly JobRun[],
    {
      tree = {},
      wrap = [],
      abortAfterMs,
    }: { tree?: SandboxJob["tree"]; wrap?: readonly string[]; abortAfterMs?: number } = {},
  ): { readonly child: ChildProcess; readonly report: string; readonly finished: Promise<SandboxReport> } {
    const folder = this.makeDirectory(`job-${this.#jobs++}`);
    const [file, report] = [join(folder, "job.json"), join(folder, "report.json")];
    const defaults = { access: "writable", environment: { PATH: "/bin" } } as const;
    const job: SandboxJob = {
      cache: this.cache,
      report,
      tree,
      runs: runs.map((run) => ({ ...defaults, argv: ["/bin/sh", "-c", "true"], ...run })),
      ...(abortAfterMs === undefined ? {} : { abortAfterMs }),
    };
    writeFileSync(file, JSON.stringify(job));
    const command = [...this.persona.prefix, ...wrap, realpathSync(process.execPath), PROGRAM, file];
    const child = spawn(command[0]!, command.slice(1), {
      stdio: ["ignore", "inherit", "inherit"],
      cwd: "/",
      env: { ...process.env, HOME: this.directory, TARE_CANARY: "of the machine" },
    });
    const finished = once(child, "close").then(() =>
      existsSync(report)
        ? (JSON.parse(readFileSync(report, "utf8")) as SandboxReport)
        : { runs: [], notes: [] },
    );
    return { child, report, finished };
  }

  async run(run: JobRun, options: Parameters<Place["start"]>[1] = {}): Promise<SandboxRunReport> {
    const report = await this.start([run], options).finished;
    assert.equal(report.error, undefined, `${report.error?.code}: ${report.error?.message}`);
    return report.runs[0]!;
  }

  script(
    script: string,
    run: JobRun = {},
    options: Parameters<Place["start"]>[1] = {},
  ): Promise<SandboxRunReport> {
    return this.run({ argv: ["/bin/sh", "-c", script], ...run }, options);
  }
}

function scene(
  name: string,
  act: (place: Place, t: TestContext) => Promise<void>,
  who: readonly AnyPersona[] = everybody,
): void {
  for (const persona of who) {
    test(`${persona.name}: ${name}`, { skip: platformSkip || persona.skip }, async (t) => {
      const place = new Place(t, persona);
      await act(place, t);
      const left = existsSync(join(place.cache, "tmp")) ? readdirSync(join(place.cache, "tmp")) : [];
      assert.deepEqual(left, [], "nothing is left");
    });
  }
}

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
const sha = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 8);
const NIX_USER = { uid: 1000, gid: 100 };

scene("what a program gets is exactly what it is given", async (place) => {
  const environment = { A: 'it\'s "$x"\n2', PATH: "/bin", EMPTY: "", LD_PRELOAD: "/nothing.so" };
  const bare = await place.run({ argv: ["/bin/busybox", "env", "-0"], environment });
  assert.deepEqual(bare.output.split("\0").sort(), [
    "",
    'A=it\'s "$x"\n2',
    "EMPTY=",
    "LD_PRELOAD=/nothing.so",
    "PATH=/bin",
  ]);
  const quoted = await place.script('printf "%s|" "$A" "$EMPTY" "$LD_PRELOAD"', { environment });
  assert.equal(quoted.output, 'it\'s "$x"\n2||/nothing.so|');
  const script = [
    "busybox id -u; busybox id -g; busybox pwd; umask; busybox hostname; busybox cat /proc/sys/kernel/domainname",
    "ulimit -c; ulimit -n; busybox readlink /proc/self/fd/0; busybox ls /proc/self/fd | busybox wc -l",
    "busybox grep NoNewPrivs /proc/self/status | busybox cut -f2",
    "busybox ls -A /tmp /dev/shm; busybox ls /dev; busybox test -e /sys || echo no sys",
  ].join("; ");
  const ran = await place.script(
    script,
    {
      user: NIX_USER,
      umask: 0o27,
      workingDirectory: "/w/d",
      hostname: "builder",
      limits: { openFiles: 333 },
    },
    { tree: { "w/d/": {} } },
  );
  const devices = [
    "fd",
    "full",
    "null",
    "ptmx",
    "pts",
    "random",
    "shm",
    "stderr",
    "stdin",
    "stdout",
    "tty",
    "urandom",
    "zero",
  ];
  assert.deepEqual(lines(ran.output), [
    ...["1000", "100", "/w/d", "0027", "builder", "(none)", "0", "333", "/dev/null", "4", "1"],
    ...["/dev/shm:", "", "/tmp:", ...devices, "no sys"],
  ]);
});

scene("output comes in order or apart, with status and signal", async (place) => {
  const script = "echo 1; echo 2 >&2; echo 3 >/dev/stdout; echo 4 >/dev/stderr; exit 42";
  const joined = await place.script(script);
  assert.deepEqual([joined.output, joined.errors, joined.result.exitCode], ["1\n2\n3\n4\n", "", 42]);
  const apart = await place.script(script, { splits: true, user: NIX_USER });
  assert.deepEqual([apart.output, apart.errors], ["1\n3\n", "2\n4\n"]);
  const killed = await place.script("kill -SEGV $$");
  assert.deepEqual([killed.result.exitCode, killed.result.signal], [139, "SIGSEGV"]);
  const missing = await place.run({ argv: ["/bin/nothing"] });
  assert.equal(missing.result.exitCode, 127);
  assert.match(missing.output, /cannot run \/bin\/nothing/);
});

scene("no file of the machine can be read", async (place) => {
  const canary = join(place.directory, "canary");
  writeFileSync(canary, "secret of the machine");
  const script = [
    `busybox cat ${canary} /etc/shadow /etc/passwd /proc/1/root${canary} /proc/self/root/..${canary}`,
    "busybox cat /proc/1/environ /proc/*/environ | busybox tr '\\0' '\\n' | busybox grep CANARY",
    `for d in /proc/*/cwd /proc/*/fd/*; do busybox cat $d/..${canary} $d${canary}; done`,
    `cd /..; busybox cat ../../..${canary}; busybox ls -a /`,
  ].join("; ");
  for (const user of ["root", NIX_USER] as const) {
    const { output, errors } = await place.script(`{ ${script}; } 2>/dev/null`, {
      user,
      access: "read-only",
    });
    assert.doesNotMatch(output + errors, /secret|of the machine|root:/);
    assert.deepEqual(lines(output), [".", "..", "bin", "dev", "proc", "tmp"]);
  }
});

scene("neither this machine's loopback nor a network can be reached", async (place) => {
  const server = createServer((socket) => socket.end("reached\n"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const script = `busybox nc -w 2 127.0.0.1 ${port} </dev/null; busybox tail -n +3 /proc/net/dev | busybox cut -d: -f1`;
  try {
    const none = await place.script(script, { user: NIX_USER });
    assert.doesNotMatch(none.output, /reached/);
    assert.equal(lines(none.output).at(-1)?.trim(), "lo");
    const host = await place.script(script, { network: "host" });
    assert.match(host.output, /^reached\n/, "the network of the machine, when it is asked for");
  } finally {
    server.close();
  }
});

scene("no process of the machine can be seen or signalled", async (place) => {
  const other = spawn("sleep", ["71"], {
    stdio: "ignore",
    uid: isRoot ? place.persona.uid : process.getuid!(),
  });
  try {
    const script = `kill -9 ${other.pid}; kill -9 -1; busybox ls /proc | busybox grep -c '^[0-9]'; busybox ps | busybox grep -c 'sleep 71'`;
    const { output } = await place.script(`{ ${script}; } 2>/dev/null`);
    // INIT, the shell, ls and grep; grep finds itself.
    assert.ok(Number(lines(output)[0]) <= 4, output);
    assert.equal(other.exitCode, null);
    assert.equal(other.signalCode, null);
  } finally {
    other.kill();
  }
});

scene("nothing can be written but what is writable", async (place) => {
  const [writable, readOnly] = [place.makeDirectory("rw"), place.makeDirectory("ro")];
  writeFileSync(join(readOnly, "f"), "as it was");
  const mounts = [
    { kind: "tmpfs", target: "/nix/store" },
    { kind: "bind", source: readOnly, target: "/nix/store/in", access: "read-only" },
    { kind: "bind", source: join(readOnly, "f"), target: "/nix/store/dir/file", access: "read-only" },
    { kind: "bind", source: writable, target: "/build", access: "writable" },
  ] as const;
  const attempts = [
    "for f in /x /bin/x /etc/x /nix/store/in/f /nix/store/in/x /nix/store/dir/file /proc/sys/kernel/hostname /proc/sysrq-trigger; do { echo y >$f; } 2>/dev/null && echo wrote $f; done",
    "busybox rm -f /bin/busybox 2>/dev/null && echo removed",
    "for o in rw,remount rw,remount,bind; do for d in / /nix/store/in; do busybox mount -o $o $d 2>/dev/null && echo remounted $d; done; done",
    "busybox umount /nix/store/in 2>/dev/null && echo unmounted; busybox mount -t tmpfs x /bin 2>/dev/null && echo mounted",
    "busybox mknod /tmp/d b 8 0 2>/dev/null && echo device; busybox chroot / /bin/sh -c 'cd ../../..; busybox ls /canary' 2>/dev/null && echo out",
    "echo built >/build/out; echo t >/tmp/t; echo s >/dev/shm/s; busybox cat /nix/store/in/f",
  ].join("\n");
  for (const user of ["root", NIX_USER] as const) {
    const { output, changed } = await place.script(attempts, { user, access: "read-only", mounts });
    assert.equal(output, "as it was");
    assert.deepEqual(changed, []);
    assert.equal(readFileSync(join(writable, "out"), "utf8"), "built\n");
    assert.equal(
      statSync(join(writable, "out")).uid,
      place.persona.uid,
      "what is written belongs to who runs Tare",
    );
    assert.deepEqual(readdirSync(readOnly), ["f"]);
    rmSync(join(writable, "out"));
  }
  assert.equal(readFileSync(join(readOnly, "f"), "utf8"), "as it was");
});

scene("what a program changed is read back", async (place) => {
  const tree = {
    gone: "1",
    "dir/a": "1",
    "dir/b": "2",
    kept: { text: "k", mode: 0o640, uid: 33, gid: 44 },
    "locked/": { mode: 0o700, uid: 5 },
    "locked/in": { text: "i", mode: 0, uid: 6 },
  };
  const script = [
    "busybox rm /gone; busybox rm -r /dir; echo file >/dir; echo new >/new; busybox ln /new /newer; busybox ln -s ../../etc /l",
    "busybox chmod 4755 /new; busybox mkdir -p /d/e; busybox mkfifo /d/fifo; busybox chown 7:8 /d/e 2>/dev/null; busybox stat -c '%u:%g %a' /kept /locked/in",
  ].join("; ");
  const { output, changed, removed, special } = await place.script(script, {}, { tree });
  const single = place.persona.uid !== 0 && place.persona.name !== "an ordinary user with ids";
  assert.deepEqual(lines(output), single ? ["0:0 640", "0:0 0"] : ["33:44 640", "6:0 0"]);
  assert.deepEqual(changed, [
    "directory 755 0:0 d",
    `directory 755 ${single ? "0:0" : "7:8"} d/e`,
    `file 644 0:0 dir ${sha("file\n")}`,
    "symlink 777 0:0 l ../../etc",
    `file 4755 0:0 new ${sha("new\n")} linked`,
    `file 4755 0:0 newer ${sha("new\n")} linked`,
  ]);
  assert.deepEqual(removed, ["dir", "dir/a", "dir/b", "gone"]);
  assert.deepEqual(special, ["fifo d/fifo"]);
});

scene("a change that hides its times is seen, and one of nothing is not", async (place) => {
  const tree = { f: "1", g: "1" };
  const { changed } = await place.script(
    "busybox cp -p /f /tmp/f; echo -n 2 >/f; busybox touch -r /tmp/f /f; busybox cat /g >/dev/null; echo x >/g; busybox rm /g; echo -n 1 >/g",
    {},
    { tree },
  );
  assert.deepEqual(changed, [`file 644 0:0 f ${sha("2")}`, `file 644 0:0 g ${sha("1")}`]);
});

scene("links of a root file system lead nowhere outside", async (place) => {
  const outside = place.makeDirectory("outside");
  writeFileSync(join(outside, "f"), "untouched");
  const tree = {
    proc: { target: outside },
    dev: { target: "../../../../../../../../etc" },
    a: { target: outside },
    b: { target: `${outside}/f` },
  };
  const mounts = [{ kind: "bind", source: "/bin", target: "/a/mounted", access: "read-only" }] as const;
  const first = await place.script(
    `echo evil >/b; busybox ls ${outside}; busybox ls -d /etc/null`,
    { mounts },
    { tree },
  );
  assert.deepEqual(readdirSync(outside), ["f"]);
  assert.equal(readFileSync(join(outside, "f"), "utf8"), "untouched");
  assert.match(first.output, /mounted/);
  const swapped = await place.script(
    `busybox rm -r /d; busybox ln -s ${outside} /d; busybox ln -s ${outside}/f /link`,
    {},
    { tree: { "d/f": "mine" } },
  );
  assert.deepEqual(swapped.changed, [`symlink 777 0:0 d ${outside}`, `symlink 777 0:0 link ${outside}/f`]);
});

scene("daemons and forks die at the end, and at the limits", async (place) => {
  const daemons =
    "busybox setsid busybox sleep 72 & (busybox sleep 72 &) ; i=0; while test $i -lt 60; do busybox sleep 72 & i=$((i+1)); done; echo up";
  const ended = await place.script(`${daemons}; exit 3`);
  assert.deepEqual([ended.result.exitCode, ended.output], [3, "up\n"]);
  assert.ok(!isRunning("busybox sleep 72"));
  const late = await place.script(`${daemons}; while :; do busybox setsid busybox sleep 0.1; done`, {
    timeoutMs: 1500,
    user: NIX_USER,
  });
  assert.deepEqual([late.result.exceeded, late.output], ["time", "up\n"]);
  const silent = await place.script(`${daemons}; trap '' TERM INT HUP; busybox sleep 72`, {
    silenceMs: 1000,
  });
  assert.equal(silent.result.exceeded, "silence");
  const loud = await place.script("busybox yes", { mostOutput: 100_000 });
  assert.deepEqual([loud.result.exceeded, loud.output.length], ["output", 100_000]);
  assert.ok(!isRunning("busybox sleep 72"));
});

scene(
  "a fork bomb meets the limit of processes",
  async (place) => {
    const script = "i=0; while test $i -lt 300; do busybox sleep 3 & i=$((i+1)); done; echo made all";
    const { output } = await place.script(script, { limits: { processes: 100 } });
    assert.doesNotMatch(output, /made all/);
    assert.match(output, /fork/i);
  },
  everybody.filter(({ uid }) => uid !== 0),
);

scene("nothing outlives a Tare that is killed", async (place) => {
  const { child, report } = place.start([
    { argv: ["/bin/sh", "-c", "busybox setsid busybox sleep 73 & echo up; exec busybox sleep 73"] },
  ]);
  await until(() => existsSync(`${report}.started`));
  assert.ok(isRunning("busybox sleep 73"));
  child.kill("SIGKILL");
  await until(() => !isRunning("busybox sleep 73"));
  const tmp = join(place.cache, "tmp");
  // As root there is no process that could clear the directory; the next sandbox does.
  if (place.persona.uid === 0) await place.script("true");
  await until(() => readdirSync(tmp).length === 0);
});

scene("an abort ends everything", async (place) => {
  const { finished } = place.start([{ argv: ["/bin/sh", "-c", "echo up; exec busybox sleep 74"] }], {
    abortAfterMs: 1500,
  });
  assert.equal((await finished).error?.code, "ABORTED");
  assert.ok(!isRunning("busybox sleep 74"));
});

scene("what cannot be is said", async (place) => {
  const file = join(place.directory, "file");
  writeFileSync(file, "");
  const code = async (run: JobRun, tree: SandboxJob["tree"] = {}) =>
    (await place.start([run], { tree }).finished).error?.code;
  const bind = (source: string, target: string) =>
    ({ mounts: [{ kind: "bind", source, target, access: "read-only" }] }) as const;
  assert.equal(await code({ hostname: "a b" }), "SANDBOX_BAD_OPTION");
  assert.equal(await code({ root: file }), "SANDBOX_BAD_OPTION");
  assert.equal(await code(bind("/no/such", "/x")), "SANDBOX_BAD_MOUNT");
  assert.equal(await code(bind("/etc", "/x"), { x: "a file" }), "SANDBOX_BAD_MOUNT");
  const deep =
    "i=0; while test $i -lt 30; do d=$(busybox printf '%0200d' 0); busybox mkdir $d && cd $d || exit 9; i=$((i+1)); done";
  assert.equal(await code({ argv: ["/bin/sh", "-c", deep] }), "SANDBOX_BAD_TREE");
});

scene("a holder that is killed takes the program along", async (place) => {
  const { report, finished } = place.start([{ argv: ["/bin/sh", "-c", "echo up; exec busybox sleep 75"] }]);
  await until(() => existsSync(`${report}.started`));
  for (const path of globSync("/proc/[0-9]*/cmdline")) {
    const text = existsSync(path) ? readFileSync(path, "utf8") : "";
    if (text.includes("obey()") && text.includes(place.cache))
      process.kill(Number(path.split("/")[2]), "SIGKILL");
  }
  assert.equal((await finished).error?.code, "SANDBOX_FAILED");
  await until(() => !isRunning("busybox sleep 75"));
});

scene(
  "where no user namespace may be made",
  async (place) => {
    const wrap = [
      "unshare",
      "--user",
      "--map-root-user",
      "sh",
      "-c",
      'echo 0 >/proc/sys/user/max_user_namespaces; exec setpriv --bounding-set=-all --inh-caps=-all "$@"',
      "sh",
    ];
    const { error } = await place.start([{}], { wrap }).finished;
    assert.equal(error?.code, "SANDBOX_FORBIDDEN");
    assert.match(error?.hint ?? "", /max_user_namespaces/);
  },
  everybody.slice(1, 2),
);

scene(
  "a cache on a disk without programs",
  async (place) => {
    execFileSync("mount", ["-t", "tmpfs", "-o", "noexec", "tmpfs", place.cache]);
    try {
      const { error } = await place.start([{}]).finished;
      assert.equal(error?.code, "SANDBOX_NOEXEC");
    } finally {
      execFileSync("umount", [place.cache]);
    }
  },
  everybody.slice(0, 1),
);
