// An image to standard output, as a docker archive: `tare build -o - | docker load`.

import type { Context } from "../../model/context.ts";
import type { Image } from "../../model/image.ts";
import { isStdoutTerminal, StandardOutput } from "../../platform/output.ts";
import { writeDockerArchive } from "../docker-stream.ts";
import { DeliverError } from "../errors.ts";
import type { Delivered, Exporter } from "../exporter.ts";

export const exporter: Exporter = {
  scheme: "stdout",
  summary: "a docker archive to standard output",
  deliver: (image, _target, context) => write([image], context),
  deliverSeveral: (images, _target, context) => write(images, context),
};

async function write(images: readonly Image[], context: Context): Promise<Delivered> {
  if (isStdoutTerminal()) {
    throw new DeliverError(
      "OUTPUT_IS_TERMINAL",
      "Cannot write the image to standard output: it is a terminal, a pipe or a file was wanted",
      { hint: "Write tare build -o - | docker load, or name a file: -o docker-archive:FILE" },
    );
  }
  using output = new StandardOutput();
  const bytesWritten = await writeDockerArchive(images, output, context);
  return { output: "-", bytesWritten, bytesReused: 0, unchanged: false, files: [] };
}
