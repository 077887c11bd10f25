// Archives and layouts loaded by podman and skopeo: the image runs, and comes out again as it went in.

import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { test } from "node:test";
import { deliver, parseOutput } from "../../src/deliver/deliver.ts";
import { verifyImage } from "../../src/inspect/verify-image.ts";
import { openImage } from "../../src/sources/oci/open.ts";
import { temporaryDirectory, testContext } from "../kit/context.ts";
import { packImage, sampleTrees } from "../kit/images.ts";
import { run, skipWithout } from "../kit/tools.ts";
import { makeTree } from "../kit/trees.ts";

const COMPRESSIONS = ["zstd", "gzip", "none"] as const;
/** Undefined unless it is there and needs no other file. */
const BUSYBOX = ["/bin/busybox"]
  .filter(existsSync)
  .map((path) => readFileSync(path))
  .find((bytes) => !bytes.includes("/ld-"));

/**
 * podman with storage of its own. In a container of its own kind, as on build machines, the control groups are not
 * ours: it gets fresh ones in a mount namespace.
 */
function podman(root: string, ...args: string[]): string {
  const storage = ["--root", `${root}/root`, "--runroot", `${root}/run`, "--storage-driver", "vfs"];
  const script =
    'umount -R /sys/fs/cgroup 2>/dev/null; mount -t cgroup2 none /sys/fs/cgroup && exec podman "$@"';
  return run("unshare", ["-m", "sh", "-c", script, "sh", ...storage, ...args]).trim();
}

function skipWithoutPodman(t: TestContext): boolean {
  if (skipWithout(t, "podman", "unshare")) return true;
  const isRoot = process.getuid?.() === 0;
  if (!isRoot) t.skip("podman's own storage needs root here");
  return !isRoot;
}

async function makeImage(t: TestContext, compression: (typeof COMPRESSIONS)[number]) {
  const context = testContext(t);
  const base = makeTree({
    "bin/": {},
    "bin/hello": { text: "#!/bin/busybox sh\necho hello from $(id -un)\n", mode: 0o755 },
    "etc/": {},
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nredis:x:101:102::/:/bin/sh\n",
    ...(BUSYBOX === undefined ? {} : { "bin/busybox": { text: BUSYBOX, mode: 0o755 } }),
  });
  const image = await packImage([base, sampleTrees()[1]!], context, {
    compression,
    name: "localhost/sample",
    tag: "v1",
    config: { Cmd: ["/bin/hello"], User: "redis", Env: ["PATH=/bin"] },
  });
  return { context, directory: temporaryDirectory(t), image };
}

for (const compression of COMPRESSIONS) {
  for (const scheme of ["docker-archive", "oci-archive", "oci"] as const) {
    test(`${compression}: podman loads ${scheme}, runs it and saves it whole`, async (t) => {
      if (skipWithoutPodman(t)) return;
      const { context, directory, image } = await makeImage(t, compression);
      // podman calls what it pulls from a directory by its path, which must be in lower case then.
      const path = join(tmpdir(), `tare-podman-${process.pid}-${compression}-${scheme}`);
      t.after(() => rmSync(path, { recursive: true, force: true }));
      await deliver(image, parseOutput(`${scheme}:${path}`, "/"), context);
      const root = join(directory, "podman");
      const id = image.imageId.slice("sha256:".length);
      if (scheme === "oci") assert.equal(podman(root, "pull", "-q", `oci:${path}:v1`), id);
      else assert.equal(podman(root, "load", "-q", "-i", path), "Loaded image: localhost/sample:v1");
      const [inspected] = JSON.parse(podman(root, "image", "inspect", id));
      assert.deepEqual(
        inspected.RootFS.Layers,
        image.layers.map((layer) => layer.diffId),
      );
      assert.deepEqual(inspected.Config.Cmd, ["/bin/hello"]);
      assert.equal(inspected.User, "redis");
      // Releases of podman before 4.6 cannot make a docker archive of zstd layers.
      for (const format of compression === "zstd" ? ["oci-archive"] : ["oci-archive", "docker-archive"]) {
        const saved = join(directory, format);
        podman(root, "save", "-q", "--format", format, "-o", saved, id);
        const back = await openImage(saved, context);
        assert.deepEqual((await verifyImage(back, context)).problems, []);
        assert.equal(back.imageId, image.imageId);
      }
      if (BUSYBOX === undefined)
        return t.diagnostic("busybox-static is not installed: the image was not run");
      const limits = [
        "--network=none",
        "--cgroups=disabled",
        "--ulimit=nofile=1024:1024",
        "--ulimit=nproc=1024:1024",
      ];
      assert.equal(podman(root, "run", "--rm", ...limits, id), "hello from redis");
    });
  }
}

test("skopeo inspects docker archives and makes layouts of them", async (t) => {
  if (skipWithout(t, "skopeo")) return;
  for (const compression of COMPRESSIONS) {
    const { context, directory, image } = await makeImage(t, compression);
    const path = join(directory, "image.tar");
    await deliver(image, parseOutput(`docker-archive:${path}`, "/"), context);
    const inspected = JSON.parse(run("skopeo", ["inspect", "--config", `docker-archive:${path}`]));
    assert.deepEqual(
      inspected.rootfs.diff_ids,
      image.layers.map((layer) => layer.diffId),
    );
    run("skopeo", [
      "--insecure-policy",
      "copy",
      "-q",
      `docker-archive:${path}:localhost/sample:v1`,
      `oci:${directory}/out:v1`,
    ]);
    const back = await openImage(`oci:${directory}/out:v1`, context);
    assert.deepEqual((await verifyImage(back, context)).problems, []);
    assert.deepEqual(
      back.layers.map((layer) => layer.diffId),
      image.layers.map((layer) => layer.diffId),
    );
    run("skopeo", [
      "--insecure-policy",
      "copy",
      "-q",
      `oci:${directory}/out:v1`,
      `docker-archive:${directory}/copy.tar:a/b:c`,
    ]);
    assert.equal((await openImage(`${directory}/copy.tar`, context)).layers.length, image.layers.length);
  }
});
