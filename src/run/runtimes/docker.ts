// Starts an image with docker.

import { basename } from "node:path";
import { nowMs } from "../../platform/clock.ts";
import { temporaryName } from "../../platform/disk.ts";
import { findProgram } from "../../platform/processes.ts";
import { callEngine, runContainer } from "../engine.ts";
import { loadImage } from "../load.ts";
import type { Runtime } from "../options.ts";

export const runtime: Runtime = {
  order: 20,

  absence() {
    return findProgram("docker") === undefined ? "it is not installed" : undefined;
  },

  async start(request, context) {
    const program = findProgram("docker")!;
    await callEngine("docker", program, ["version", "--format", "{{.Server.Version}}"], context);
    const { engineId } = await loadImage(request.image, "docker", ["tare-run"], context);
    const containerName = `tare${basename(temporaryName("/run"))}`;
    const begin = Math.floor(nowMs() / 1000);
    const wasStarted = async () => {
      const end = Math.ceil(nowMs() / 1000) + 1;
      const filters = [`container=${containerName}`, "event=start"].map((filter) => `--filter=${filter}`);
      const args = ["events", `--since=${begin}`, `--until=${end}`, ...filters];
      return (await callEngine("docker", program, args, { signal: new AbortController().signal })) !== "";
    };
    return await runContainer(
      { name: "docker", program, extraOptions: ["--init"], image: engineId, containerName, wasStarted },
      request,
      context,
    );
  },
};
