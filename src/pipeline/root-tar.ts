// The root file system of an image → one tar.

import type { Delivered } from "../deliver/exporter.ts";
import type { Context } from "../model/context.ts";
import type { Image } from "../model/image.ts";
import type { ByteOutput } from "../platform/output.ts";
import { DEFAULT_TIMESTAMP } from "./pack.ts";

/** Writes the root file system of an image as one tar. */
export async function writeRoot(image: Image, file: string, context: Context): Promise<Delivered> {
  const write = await prepareRootTar(image, context);
  const { deliverFile } = await import("../deliver/file-target.ts");
  return deliverFile("rootfs", file, write);
}

/** Reads what a container of an image sees; the function that is returned writes it and gives its size in bytes. */
export async function prepareRootTar(
  image: Image,
  context: Context,
): Promise<(output: ByteOutput) => Promise<number>> {
  const [{ readBaseTree }, { writeTreeTar }] = await Promise.all([
    import("./base.ts"),
    import("../pack/export-tree.ts"),
  ]);
  const tree = await readBaseTree(image, context);
  return (output) => writeTreeTar(tree, DEFAULT_TIMESTAMP, output, context.signal);
}
