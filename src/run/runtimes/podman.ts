// Starts an image with podman.

import { basename, join } from "node:path";
import { makePrivateDirectory, removeTree } from "../../platform/directories.ts";
import { fileSize, temporaryName } from "../../platform/disk.ts";
import { findProgram } from "../../platform/processes.ts";
import { runContainer } from "../engine.ts";
import { loadImage } from "../load.ts";
import type { Runtime } from "../options.ts";

export const runtime: Runtime = {
  order: 10,

  absence() {
    return findProgram("podman") === undefined ? "it is not installed" : undefined;
  },

  async start(request, context) {
    const program = findProgram("podman")!;
    const { engineId } = await loadImage(request.image, "podman", ["localhost/tare-run"], context);
    const directory = temporaryName(context.cache.path("tmp", "podman"));
    makePrivateDirectory(directory);
    try {
      const pidFile = join(directory, "pid");
      const engine = {
        name: "podman",
        program,
        // With an init, signals that the program does not catch end it, as they do outside.
        extraOptions: [`--pidfile=${pidFile}`, ...(hasInit() ? ["--init"] : [])],
        image: engineId,
        containerName: `tare${basename(directory)}`,
        wasStarted: async () => (fileSize(pidFile) ?? 0) > 0,
      };
      return await runContainer(engine, request, context);
    } finally {
      removeTree(directory);
    }
  },
};

/** Whether podman's init is installed: a package of its own in Debian. */
function hasInit(): boolean {
  const places = ["/usr/libexec/podman/catatonit", "/usr/lib/podman/catatonit"];
  return findProgram("catatonit") !== undefined || places.some((path) => fileSize(path) !== undefined);
}
