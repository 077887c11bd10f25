// The image that another starts from: opened where it lies or built first, its files as one tree, its configuration
// merged with that of the image.

import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { mergeConfigs, parseBaseConfig } from "../formats/base-config.ts";
import type { Context } from "../model/context.ts";
import type { Image } from "../model/image.ts";
import type { BaseImage, ImageSpec } from "../model/image-spec.ts";
import type { StoreObject } from "../model/store-object.ts";
import type { Tree, TreeEntry } from "../model/tree.ts";
import { readCachedTree, TreeCacheWriter } from "../platform/tree-cache.ts";

/** The id of a base image among objects. */
export const BASE_ID = "base";

/** A base image as the stages use it. */
export interface OpenBase {
  readonly image: Image;
  /** What a container of it sees. */
  readonly object: StoreObject;
}

/**
 * Opens a base image.
 *
 * @param build Builds the base that is an image of Tare.
 */
export async function openBase(
  base: BaseImage,
  build: (spec: ImageSpec) => Promise<Image>,
  context: Context,
): Promise<OpenBase> {
  const image =
    base.kind === "image"
      ? await build(base.spec)
      : await (await import("../sources/oci/open.ts")).openImage(base.reference, context, {
          architecture: base.architecture,
        });
  return {
    image,
    object: {
      id: BASE_ID,
      label: `the base image ${image.name}:${image.tag}`,
      placement: { kind: "at-root" },
      tree: await readBaseTree(image, context),
      declaredReferences: [],
    },
  };
}

/** Configures an image as its base has it, and as it says itself. */
export function inheritConfig(spec: ImageSpec, { image }: OpenBase): ImageSpec {
  const inherited = parseBaseConfig(image.config, `${image.name}:${image.tag}`);
  return { ...spec, config: mergeConfigs(inherited, spec.config, spec.base?.inherit ?? "all") };
}

/** The root file system of an image as a tree of the cache; devices, fifos and sockets are left out. */
export async function readBaseTree(image: Image, context: Context): Promise<Tree> {
  const layers = image.layers.map(({ diffId }) => diffId).join("\n");
  const key = createHash("sha256").update(`base image\n${layers}`).digest("hex");
  const cached = readCachedTree(context.cache, key);
  if (cached !== undefined) return cached.tree;
  const { openImageRoot } = await import("../inspect/image-root.ts");
  using root = await openImageRoot(image, context);
  using writer = new TreeCacheWriter(context.cache, key);
  const entries = new Map<string, TreeEntry>();
  let offset = 0;
  for (const file of root.filesByStorage()) {
    context.signal.throwIfAborted();
    const bytes = Buffer.allocUnsafe(file.size);
    root.readInto(file, 0, bytes);
    writer.write(bytes);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const content = { kind: "range", file: writer.file, offset, crc32: crc32(bytes), sha256 } as const;
    entries.set(file.path, { ...file, content });
    offset += file.size;
  }
  const sorted = [...root.entries.values()].flatMap((entry): TreeEntry[] => {
    if (entry.type === "special") return [];
    return [entry.type === "file" ? entries.get(entry.path)! : entry];
  });
  return writer.commit(sorted, null).tree;
}
