// What Tare pushes, pulled and unpacked by containerd: every kind of compression, names, modes, owners, links.

import assert from "node:assert/strict";
import { readFileSync, readlinkSync, statSync } from "node:fs";
import { test } from "node:test";
import { computeDigest } from "../../src/formats/oci.ts";
import { byteStringToBuffer } from "../../src/model/bytes.ts";
import type { Image } from "../../src/model/image.ts";
import { openRegistry } from "../../src/platform/registry/client.ts";
import { containerdProblem, startContainerd } from "../kit/containerd.ts";
import { testContext } from "../kit/context.ts";
import { packImage, sampleTrees } from "../kit/images.ts";
import { startRegistry } from "../kit/registry/registry.ts";
import { pushImage } from "../kit/registry/transfer.ts";
import { makeTree, noise } from "../kit/trees.ts";

/** The sample, and a layer of several zstd frames and many gzip members. */
function trees() {
  const big = Buffer.concat([noise(9 << 20), Buffer.alloc(9 << 20, "all work and no play\n")]);
  return [...sampleTrees(), makeTree({ "srv/": {}, "srv/big": big })];
}

/** The name of the snapshot of all layers: image specification, "Layer ChainID". */
function chainId({ layers: [lowest, ...others] }: Image): string {
  return others.reduce<string>(
    (chain, { diffId }) => computeDigest(Buffer.from(`${chain} ${diffId}`)),
    lowest!.diffId,
  );
}

for (const compression of ["zstd", "gzip", "none"] as const) {
  test(`containerd pulls and unpacks what was pushed: ${compression}`, async (t) => {
    const problem = containerdProblem();
    if (problem !== undefined) return t.skip(problem);
    const context = testContext(t);
    const image = await packImage(trees(), context, { compression });
    await using registry = await startRegistry();
    const reference = `${registry.host}/team/sample:v1`;
    await using client = openRegistry(reference, { access: "push" }, context);
    await pushImage(client, image);
    const { ctr } = await startContainerd(t);
    await ctr("images", "pull", "--plain-http", "--snapshotter", "native", reference);
    const listing = await ctr("images", "ls");
    assert.match(listing, new RegExp(`^${reference} .*${image.digest}`, "m"));
    assert.match(await ctr("images", "check", "--snapshotter", "native"), /complete .* true/);
    await ctr("snapshots", "--snapshotter", "native", "view", "check", chainId(image));
    const mounts = await ctr("snapshots", "--snapshotter", "native", "mounts", "/mnt", "check");
    const root = /^mount -t bind (\S+) \/mnt/.exec(mounts)?.[1];
    assert.ok(root !== undefined, mounts);
    for (const entry of trees().flatMap((tree) => tree.entries)) {
      const path = Buffer.concat([Buffer.from(`${root}/`), byteStringToBuffer(entry.path)]);
      if (entry.type === "symlink") {
        assert.equal(readlinkSync(path, "latin1"), entry.target, entry.path);
        continue;
      }
      const { mode, uid, gid, nlink } = statSync(path);
      assert.deepEqual([mode & 0o7777, uid, gid], [entry.mode, entry.uid, entry.gid], entry.path);
      if (entry.type !== "file" || entry.content.kind !== "bytes") continue;
      assert.equal(readFileSync(path).equals(entry.content.bytes), true, entry.path);
      if (entry.inode !== undefined) assert.equal(nlink, 2);
    }
  });
}
