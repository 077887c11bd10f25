// An image to standard output, as a docker archive: `tare build -o - | docker load`.

import { isStdoutTerminal, StandardOutput } from "../../platform/output.ts";
import { writeDockerArchive } from "../docker-stream.ts";
import { DeliverError } from "../errors.ts";
import type { Exporter } from "../exporter.ts";

export const exporter: Exporter = {
  scheme: "stdout",
  summary: "a docker archive to standard output",
  async deliver(image, _target, context) {
    if (isStdoutTerminal()) {
      throw new DeliverError(
        "OUTPUT_IS_TERMINAL",
        "Cannot write the image to standard output: it is a terminal, a pipe or a file was wanted",
        { hint: "Write tare build -o - | docker load, or name a file: -o docker-archive:FILE" },
      );
    }
    using output = new StandardOutput();
    const bytesWritten = await writeDockerArchive(image, output, context);
    return { output: "-", bytesWritten, bytesReused: 0, unchanged: false, files: [] };
  },
};
