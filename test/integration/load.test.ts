// tare load into real engines: only what they lack is moved, and what is there afterwards is the image.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { startDocker } from "../kit/docker-daemon.ts";
import { makeProject, PACKAGES } from "../kit/project.ts";
import { run, skipWithout } from "../kit/tools.ts";
import { noise } from "../kit/trees.ts";

const NAME = `localhost/tare-test-load-${process.pid}`;

const IMAGE = `import { buildLayeredImage, debian, path, place } from "tare";

const { packages } = debian("bookworm", { architecture: "amd64" });

export default buildLayeredImage({
  name: "app",
  contents: [packages.greeter, place("/srv/app", path("./app"))],
  closure: "declared",
});
`;

interface Loaded {
  readonly engineId: string;
  readonly imageId: string;
  readonly method: string;
  readonly bytesMoved: number;
  readonly size: number;
  readonly names: readonly string[];
  readonly layers: readonly { readonly size: number }[];
}

async function makeScene(t: TestContext, env: Readonly<Record<string, string>> = {}) {
  const packages = PACKAGES.packages!.map((deb) =>
    deb.name === "greet-data"
      ? { ...deb, files: { ...deb.files, "usr/share/greet/noise": noise(3_000_000) } }
      : deb,
  );
  const project = await makeProject(t, { image: IMAGE, archive: { packages } });
  mkdirSync(join(project.directory, "app"));
  const edit = (text: string) => writeFileSync(join(project.directory, "app/main.py"), text);
  edit("one");
  const load = (...args: string[]): Loaded => {
    const { status, stdout, stderr } = project.tare(["load", "--json", ...args], { env });
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout) as Loaded;
  };
  return { project, edit, load };
}

test("podman gets an image once, then only what changed; other names cost nothing", async (t) => {
  if (skipWithout(t, "podman")) return;
  const { project, edit, load } = await makeScene(t, { HOME: process.env["HOME"] ?? "/" });
  const names = ["first", "second", "other"].map((tag) => `${NAME}:${tag}`) as [string, string, string];
  t.after(() => spawnSync("podman", ["image", "rm", "--force", ...names]));
  const options = (name: string) => ["--engine", "podman", "--name", name];
  const first = load(...options(names[0]));
  assert.equal(first.method, "registry");
  assert.ok(first.bytesMoved >= first.size, `${first.bytesMoved} of ${first.size}`);
  assert.equal(`sha256:${first.engineId}`, first.imageId);

  const again = load(...options(names[2]));
  assert.deepEqual([again.method, again.bytesMoved, again.engineId], ["present", 0, first.engineId]);

  edit("two");
  const second = load(...options(names[1]));
  assert.equal(second.method, "registry");
  assert.ok(second.bytesMoved < 100_000, `${second.bytesMoved} bytes for one changed line`);
  const inspect = (name: string) => JSON.parse(run("podman", ["image", "inspect", name]))[0];
  assert.equal(inspect(names[1]).Id, second.engineId);
  assert.equal(inspect(names[0]).Id, first.engineId);
  assert.deepEqual(inspect(names[0]).RepoTags.sort(), [names[0], names[2]].sort());
  // The layout of an earlier build is loaded just so.
  assert.equal(project.tare(["build", "-o", "oci:out"]).status, 0);
  assert.equal(load("oci:out", ...options(names[1])).method, "present");
});

test("docker pulls what it lacks from the loopback; what it cannot read it gets as an archive", async (t) => {
  const daemon = await startDocker(t);
  if (daemon === undefined) return;
  const { edit, load } = await makeScene(t, { DOCKER_HOST: daemon.host });
  const options = ["--engine", "docker", "--compression", "gzip", "--name", "app:test"];
  const first = load(...options);
  assert.equal(first.method, "registry");
  assert.equal(load(...options).method, "present");
  edit("two");
  const second = load(...options);
  assert.equal(second.method, "registry");
  assert.ok(second.bytesMoved < 100_000, `${second.bytesMoved} bytes for one changed line`);
  const docker = (...args: string[]) => run("docker", ["--host", daemon.host, ...args]).trim();
  assert.equal(
    docker("image", "inspect", "--format", "{{.Id}} {{.RepoTags}}", "app:test"),
    `${second.imageId} [app:test]`,
  );

  edit("three");
  // Whether docker knows zstd depends on its age; the image is there in any case.
  const zstd = load("--engine", "docker", "--name", "app:zstd");
  assert.ok(["registry", "archive"].includes(zstd.method));
  assert.equal(docker("image", "inspect", "--format", "{{.Id}}", "app:zstd"), zstd.imageId);
});

test("an engine that cannot reach this machine's loopback gets an archive", async (t) => {
  if (skipWithout(t, "podman", "unshare") || process.getuid?.() !== 0) return t.skip("it wants root");
  const { project } = await makeScene(t);
  const name = `${NAME}:archive`;
  t.after(() => spawnSync("podman", ["image", "rm", "--force", name]));
  // In a network namespace of its own, podman has another loopback.
  const bin = join(project.directory, "bin");
  mkdirSync(bin);
  const podman = run("sh", ["-c", "command -v podman"]).trim();
  writeFileSync(join(bin, "podman"), `#!/bin/sh\nexec unshare -n ${podman} "$@"\n`, { mode: 0o755 });
  const env = { PATH: `${bin}:${process.env["PATH"]}`, HOME: process.env["HOME"] ?? "/" };
  const { status, stdout, stderr } = project.tare(["load", "--json", "--engine", "podman", "--name", name], {
    env,
  });
  assert.equal(status, 0, stderr);
  assert.match(stderr, /podman cannot pull from this machine/);
  const loaded = JSON.parse(stdout) as Loaded;
  assert.equal(loaded.method, "archive");
  assert.equal(JSON.parse(run("podman", ["image", "inspect", name]))[0].Id, loaded.engineId);
});

test("a docker that does not answer is told before anything is built", async (t) => {
  if (skipWithout(t, "docker")) return;
  const { project } = await makeScene(t);
  const env = { DOCKER_HOST: `unix://${join(project.directory, "no-socket")}` };
  const { status, stderr } = project.tare(["load", "--engine", "docker"], { env });
  assert.equal(status, 1);
  assert.match(stderr, /^error: Cannot load the image into docker: .*daemon.* \[RUNTIME_FAILED\]$/m);
  assert.doesNotMatch(stderr, /composing/);
});
