// The podman runtime, with podman itself where the kernel lets it run containers.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { type TestContext, test } from "node:test";
import { personas, Stage } from "../kit/personas.ts";
import { BUSYBOX, busyboxLayer, makeImage } from "../kit/tiny-image.ts";

const root = personas()[0]!;

/** Why podman cannot be tested here, or false. */
function whySkip(): string | false {
  if (root.skip) return root.skip;
  if (!existsSync(BUSYBOX)) return "busybox-static is not installed";
  return spawnSync("podman", ["--version"]).status !== 0 && "podman is not installed";
}

/**
 * A `podman` for machines whose own containers it is not allowed: with cgroup v2 in a mount namespace of its own, no
 * cgroups, and no more open files and processes than this process may have.
 */
const WRAPPER = `#!/bin/sh
if test "$1" = run; then shift; set -- run --cgroups=disabled --network=host --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 "$@"; fi
exec unshare -m sh -c 'umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup && exec "$@"' sh ${quotePath()} "$@"
`;

function quotePath(): string {
  return `'${spawnSync("sh", ["-c", "command -v podman"], { encoding: "utf8" }).stdout.trim()}'`;
}

/** Puts the wrapper before podman on PATH. */
function usePodman(t: TestContext, stage: Stage): void {
  const bin = join(stage.directory, "bin");
  mkdirSync(bin);
  const wrapper = join(bin, "podman");
  writeFileSync(wrapper, WRAPPER);
  chmodSync(wrapper, 0o755);
  const previous = process.env["PATH"];
  process.env["PATH"] = `${bin}${delimiter}${previous}`;
  t.after(() => {
    process.env["PATH"] = previous;
  });
}

function makeScene(t: TestContext) {
  const stage = new Stage(t, root);
  usePodman(t, stage);
  const image = makeImage(join(stage.directory, "blobs"), {
    layers: [busyboxLayer()],
    config: { Entrypoint: ["sh", "-c"], Cmd: ["id -u; exit 3"], User: "app" },
    compression: "zstd",
  });
  t.after(() => spawnSync("podman", ["image", "rm", "--force", image.imageId]));
  return { stage, image };
}

/** Runs with podman; skips the test where no wrapper makes it work. */
async function runOrSkip(t: TestContext) {
  const { stage, image } = makeScene(t);
  const ran = await stage.run(image, { runtime: "podman" });
  if (ran.error?.code !== "RUNTIME_FAILED" && ran.exitCode !== 126) return { stage, image, ran };
  t.skip(`podman cannot start containers here: ${ran.stderr.trim() || ran.error?.message}`);
  return undefined;
}

test("podman runs an image of zstd layers, by its Entrypoint, Cmd and User", {
  skip: whySkip(),
}, async (t) => {
  const scene = await runOrSkip(t);
  if (scene === undefined) return;
  const { stage, image, ran } = scene;
  assert.deepEqual([ran.stdout, ran.exitCode, ran.runtime], ["1000\n", 3, "podman"]);
  assert.deepEqual(readdirSync(join(stage.cache, "tmp")), []);

  const shared = stage.makeDirectory('with "odd", name');
  writeFileSync(join(shared, "f"), "mounted\n");
  const options = {
    runtime: "podman",
    entrypoint: ["sh", "-c"],
    command: [
      'cat /data/f; echo "$A"; pwd; id -u; cat; { echo x >/data/f; } 2>/dev/null || echo read-only; exit 125',
    ],
    env: { A: "b c" },
    workdir: "/home",
    user: "0",
    mounts: [{ source: shared, target: "/data", readOnly: true }],
  };
  const other = await stage.run(image, options, "from stdin\n");
  assert.deepEqual(other.stdout.trimEnd().split("\n"), [
    "mounted",
    "b c",
    "/home",
    "0",
    "from stdin",
    "read-only",
  ]);
  assert.equal(other.exitCode, 125, "the program's own 125 is no failure of podman");

  const { child, finished } = stage.start(image, {
    runtime: "podman",
    command: ["trap 'echo caught; exit 9' TERM; echo up; while :; do sleep 0.1; done"],
  });
  child.stdout!.once("data", () => child.kill("SIGTERM"));
  const signalled = await finished;
  assert.deepEqual([signalled.stdout, signalled.exitCode], ["up\ncaught\n", 9]);
});

test("auto goes on to namespaces when podman fails, and says so", { skip: whySkip() }, async (t) => {
  const { stage, image } = makeScene(t);
  writeFileSync(join(stage.directory, "bin/podman"), "#!/bin/sh\necho 'no podman today' >&2\nexit 125\n");
  const ran = await stage.run(image, { runtime: "auto" });
  assert.deepEqual([ran.stdout, ran.exitCode, ran.runtime], ["1000\n", 3, "namespaces"]);
  assert.ok(
    ran.notes.some((note) => /podman: no podman today; trying/.test(note)),
    ran.notes.join("\n"),
  );
  const named = await stage.run(image, { runtime: "podman" });
  assert.equal(named.error?.code, "RUNTIME_FAILED");
});
