// Debian's dockerd with storage of its own on a socket of its own, in a mount namespace of its own where the machine's
// control groups are not what it wants.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { temporaryDirectory } from "./context.ts";
import { hasTool } from "./tools.ts";

const STARTED_WITHIN_MS = 30_000;

const START = `umount -R /sys/fs/cgroup 2>/dev/null; mount -t cgroup2 none /sys/fs/cgroup && exec "$@"`;

/** Starts dockerd; skips the test and returns undefined where there is none, or it does not start. */
export async function startDocker(t: TestContext): Promise<{ readonly host: string } | undefined> {
  const missing = ["docker", "dockerd", "containerd"].find((name) => !hasTool(name));
  if (missing !== undefined || process.getuid?.() !== 0) {
    t.skip(missing === undefined ? "dockerd wants root" : `${missing} is not installed`);
    return undefined;
  }
  const directory = temporaryDirectory(t);
  const host = `unix://${join(directory, "socket")}`;
  const places = ["data-root", "exec-root", "pidfile"].map((name) => `--${name}=${join(directory, name)}`);
  const network = ["--iptables=false", "--bridge=none", "--ip-forward=false", "--ip-masq=false"];
  const child = spawn(
    "unshare",
    ["-m", "sh", "-c", START, "sh", "dockerd", ...places, ...network, "-H", host],
    {
      stdio: "ignore",
    },
  );
  t.after(async () => {
    child.kill("SIGTERM");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  });
  const end = performance.now() + STARTED_WITHIN_MS;
  while (performance.now() < end && child.exitCode === null) {
    if (spawnSync("docker", ["--host", host, "version"], { stdio: "ignore" }).status === 0) return { host };
    await sleep(200);
  }
  t.skip("dockerd does not start here");
  return undefined;
}
