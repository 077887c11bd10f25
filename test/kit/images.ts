// Small images for tests, packed by Tare from trees.

import type { Context } from "../../src/model/context.ts";
import type { Image } from "../../src/model/image.ts";
import type { Architecture, CompressionName, NormalizedImageConfig } from "../../src/model/image-spec.ts";
import type { LayerContents } from "../../src/model/layer-plan.ts";
import type { Tree } from "../../src/model/tree.ts";
import { assembleImage } from "../../src/pack/assemble-image.ts";
import { packLayers } from "../../src/pack/pack-layers.ts";
import { makeTree, noise } from "./trees.ts";

export interface ImageOptions {
  readonly name?: string;
  readonly tag?: string;
  readonly architecture?: Architecture;
  readonly compression?: CompressionName;
  readonly level?: number;
  readonly config?: NormalizedImageConfig;
  readonly createdSeconds?: number;
}

/** One layer for each tree, bottom first. */
export async function packImage(
  trees: readonly Tree[],
  context: Context,
  options: ImageOptions = {},
): Promise<Image> {
  const { name = "sample", tag = "latest", architecture = "amd64", compression = "zstd" } = options;
  const layers = await packLayers(
    trees.map(layerContents),
    { compression, level: options.level, mtimeSeconds: 1 },
    context,
  );
  const { config = { Cmd: ["/bin/hello"] }, createdSeconds = 1 } = options;
  return assembleImage({ name, tag, architecture, config, createdSeconds }, layers);
}

/** The contents of a layer, as a plan would have them. */
export function layerContents(tree: Tree, i = 0): LayerContents {
  return { comment: `package-${i} 1.0-${i}`, units: [`package-${i}`], reason: "test", entries: tree.entries };
}

/** Two layers with everything that a tar of ours can hold: long, non-ASCII and non-UTF-8 names, links, modes, owners. */
export function sampleTrees(): Tree[] {
  const long = "long-directory-name/".repeat(7);
  return [
    makeTree({
      "bin/": {},
      "bin/hello": { text: "#!/bin/sh\necho hello\n", mode: 0o755 },
      "bin/hi": { target: "hello" },
      "etc/": {},
      "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nredis:x:101:102::/var/lib/redis:/usr/sbin/nologin\n",
      "etc/shadow": { text: "root:*:1::::::\n", mode: 0o640, gid: 42 },
      "tmp/": { mode: 0o1777 },
      "usr/": {},
      "usr/bin/": {},
      "usr/bin/su": { text: "su", mode: 0o4755 },
      "usr/bin/wall": { text: "wall", mode: 0o2755, gid: 5 },
      "usr/bin/perl": { text: "perl", mode: 0o755, inode: "perl" },
      "usr/bin/perl5.36.0": { text: "perl", mode: 0o755, inode: "perl" },
      "usr/empty": "",
    }),
    makeTree({
      "srv/": {},
      "srv/Grüße-世界.txt": "non-ASCII",
      "srv/link": { target: `/srv/${long}target` },
      ...Object.fromEntries(
        long
          .split("/")
          .slice(0, -1)
          .map((_, i, parts) => [`srv/${parts.slice(0, i + 1).join("/")}/`, {}]),
      ),
      [`srv/${long}file`]: "at the end of a long path\n",
      "srv/noise": noise(300_000),
      "srv/text": "all work and no play\n".repeat(20_000),
      "var/": {},
      "var/lib/": {},
      "var/lib/redis/": { mode: 0o750, uid: 101, gid: 102 },
    }),
  ];
}
