// An image as `docker load`, `podman load` and skopeo read it: one tar with uncompressed layers.

import { writeDockerArchive } from "../docker-stream.ts";
import type { Exporter } from "../exporter.ts";
import { deliverFile } from "../file-target.ts";

export const exporter: Exporter = {
  scheme: "docker-archive",
  summary: "a tar for docker load and podman load",
  deliver: (image, target, context) =>
    deliverFile("docker-archive", target, (output) => writeDockerArchive([image], output, context)),
  deliverSeveral: (images, target, context) =>
    deliverFile("docker-archive", target, (output) => writeDockerArchive(images, output, context)),
};
