// `npm run demo`: builds examples/redis, explains it, starts it, talks to it, and builds it again.
import { spawn, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";

const root = join(import.meta.dirname, "..");
const tare = join(root, "node_modules/.bin/tare");
const work = mkdtempSync(join(tmpdir(), "tare-demo-"));
const project = join(work, "redis");
cpSync(join(root, "examples/redis"), project, { recursive: true });

function show(...args) {
  console.log(`\n$ tare ${args.join(" ")}`);
  const { status } = spawnSync(tare, args, { cwd: project, stdio: "inherit" });
  if (status !== 0) throw new Error(`tare ${args.join(" ")} ended with ${status}`);
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Sends a command to the server in the image; waits until it is there. */
async function ask(port, command) {
  for (let tries = 0; tries < 100; tries++) {
    const answer = await new Promise((resolve) => {
      const socket = connect(port, "127.0.0.1", () => socket.write(`${command}\r\n`));
      socket.once("data", (data) => {
        socket.destroy();
        resolve(data.toString().trim());
      });
      socket.once("error", () => resolve(undefined));
    });
    if (answer !== undefined) return answer;
    await setTimeout(100);
  }
  throw new Error("the server in the image did not answer");
}

let server;
try {
  console.log("$ cat image.ts");
  spawnSync("cat", ["image.ts"], { cwd: project, stdio: "inherit" });
  show("build");
  show("plan");
  const port = await freePort();
  const command = ["redis-server", "--port", String(port), "--save", ""];
  console.log(`\n$ tare run oci:redis.oci -- ${command.join(" ").replace('""', "")}`);
  server = spawn(tare, ["run", "oci:redis.oci", "--", ...command], {
    cwd: project,
    stdio: ["ignore", "ignore", "inherit"],
  });
  for (const line of ["SET what 'nothing but what the program needs'", "GET what"]) {
    console.log(`> ${line}\n${await ask(port, line)}`);
  }
  const ended = new Promise((resolve) => server.once("close", resolve));
  server.kill("SIGTERM");
  await ended;
  show("build");
} finally {
  server?.kill("SIGKILL");
  rmSync(work, { recursive: true, force: true });
}
