// containerd of this machine with state of its own in a temporary directory, ended by its pid with the test.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { temporaryDirectory } from "./context.ts";
import { start } from "./processes.ts";
import { hasTool } from "./tools.ts";

const START_TIMEOUT_MS = 20_000;

export interface Containerd {
  /** Runs `ctr`; what it printed. Fails with what it said otherwise. */
  ctr(...args: readonly string[]): Promise<string>;
}

/** Why containerd cannot run here, or undefined. */
export function containerdProblem(): string | undefined {
  for (const name of ["containerd", "ctr"]) if (!hasTool(name)) return `${name} is not installed`;
  return process.getuid?.() === 0 ? undefined : "only root can start containerd";
}

/** Starts containerd with the snapshotters that need nothing of the machine. */
export async function startContainerd(t: TestContext): Promise<Containerd> {
  const folder = temporaryDirectory(t);
  const socket = join(folder, "containerd.sock");
  const config = join(folder, "config.toml");
  writeFileSync(config, configuration(folder, socket));
  const child = spawn("containerd", ["--config", config, "--log-level", "error"], { stdio: "pipe" });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  child.stdout.resume();
  t.after(async () => {
    if (child.exitCode === null && child.kill("SIGTERM")) await once(child, "exit");
    rmSync(folder, { recursive: true, force: true });
  });
  const ctr = async (...args: readonly string[]) => {
    const { status, stdout, stderr } = await start("ctr", ["--address", socket, ...args], {
      env: process.env,
    });
    if (status !== 0) throw new Error(`ctr ${args.join(" ")}: ${stderr}`);
    return stdout;
  };
  const end = Date.now() + START_TIMEOUT_MS;
  while (!existsSync(socket)) {
    if (child.exitCode !== null || Date.now() > end) throw new Error(`containerd does not start: ${said}`);
    await sleep(50);
  }
  await ctr("version");
  return { ctr };
}

function configuration(folder: string, socket: string): string {
  const disabled = [
    "io.containerd.grpc.v1.cri",
    ...["aufs", "btrfs", "devmapper", "overlayfs", "zfs"].map(
      (name) => `io.containerd.snapshotter.v1.${name}`,
    ),
    "io.containerd.internal.v1.opt",
    "io.containerd.internal.v1.tracing",
    "io.containerd.tracing.processor.v1.otlp",
  ];
  return `version = 2
root = "${join(folder, "root")}"
state = "${join(folder, "state")}"
disabled_plugins = ${JSON.stringify(disabled)}
[grpc]
  address = "${socket}"
[ttrpc]
  address = "${socket}.ttrpc"
# Snapshots that a test makes have no lease: the collector, which a pull starts when it ends, would take them.
[plugins."io.containerd.gc.v1.scheduler"]
  startup_delay = "1h"
  schedule_delay = "1h"
`;
}
