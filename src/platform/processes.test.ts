import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../../test/kit/context.ts";
import { captureProcess, exitStatus, findProgram, startProcess } from "./processes.ts";

const SH = "/bin/sh";
const signal = new AbortController().signal;

test("output, status and input of a program", async () => {
  const captured = await captureProcess(SH, ["-c", "cat; echo err >&2; exit 3"], {
    signal,
    stdin: [Buffer.from("in")],
  });
  assert.deepEqual(captured, { exitCode: 3, stdout: "in", stderr: "err\n" });
});

test("a program that a signal ends has 128 and its number", async () => {
  const { exitCode } = await captureProcess(SH, ["-c", "kill -TERM $$"], { signal });
  assert.equal(exitCode, 143);
  assert.equal(exitStatus({ kind: "killed", signal: "SIGKILL" }), 137);
});

test("a program that does not read its input ends well", async () => {
  const chunks = Array.from({ length: 50 }, () => Buffer.alloc(1 << 16));
  const { exitCode } = await captureProcess(SH, ["-c", "exit 4"], { signal, stdin: chunks });
  assert.equal(exitCode, 4);
});

test("only the environment and directory that are given", async (t) => {
  const workingDirectory = temporaryDirectory(t);
  const { stdout } = await captureProcess("/usr/bin/env", [], { signal, environment: { A: "b" } });
  assert.equal(stdout, "A=b\n");
  assert.equal(
    (await captureProcess(SH, ["-c", "pwd"], { signal, workingDirectory })).stdout,
    `${workingDirectory}\n`,
  );
});

test("more output than is kept is dropped, and does not block", async () => {
  const { stdout } = await captureProcess(SH, ["-c", "head -c 5000000 /dev/zero"], { signal });
  assert.equal(stdout.length, 1 << 20);
});

test("a file that is no program", async (t) => {
  const missing = join(temporaryDirectory(t), "missing");
  await assert.rejects(captureProcess(missing, [], { signal }), { code: "CANNOT_START" });
});

test("an abort kills the program and is thrown", async () => {
  const abort = new AbortController();
  const running = captureProcess(SH, ["-c", "sleep 60"], { signal: abort.signal });
  setTimeout(() => abort.abort(new Error("enough")), 50);
  await assert.rejects(running, /enough/);
});

test("channels carry bytes both ways", async () => {
  const running = await startProcess(SH, ["-c", 'read -r line <&3; echo "got $line" >&4'], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
    channels: 2,
  });
  running.channel(0).write("hello\n");
  const [chunk] = (await once(running.channel(1), "data")) as [Buffer];
  assert.equal(chunk.toString(), "got hello\n");
  assert.deepEqual(await running.exited, { kind: "exited", exitCode: 0 });
});

test("signals to this process are passed on while that is wanted", async () => {
  const script = `
    import { forwardSignals, startProcess } from ${JSON.stringify(new URL("./processes.ts", import.meta.url).href)};
    const running = await startProcess("/bin/sh", ["-c", "trap 'echo caught; exit 9' TERM; echo ready; while :; do sleep 0.05; done"],
      { stdin: "ignore", stdout: "inherit", stderr: "inherit", ownSession: true });
    using _ = forwardSignals((signal) => running.kill(signal));
    const exit = await running.exited;
    process.exitCode = exit.exitCode;`;
  const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", script]);
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
    if (output === "ready\n") child.kill("SIGTERM");
  });
  const [code] = (await once(child, "close")) as [number];
  assert.equal(output, "ready\ncaught\n");
  assert.equal(code, 9);
});

test("programs are found on PATH and where the system has its own", () => {
  assert.equal(findProgram("no-such-program-at-all"), undefined);
  assert.match(findProgram("sh") ?? "", /^\/.*\/sh$/);
});

test("a program is run when this process exits, unless that was called off", async (t) => {
  const folder = temporaryDirectory(t);
  const script = `
    import { runAtExit } from ${JSON.stringify(new URL("./processes.ts", import.meta.url).href)};
    runAtExit("/bin/mkdir", [${JSON.stringify(join(folder, "made"))}]);
    runAtExit("/bin/mkdir", [${JSON.stringify(join(folder, "called-off"))}])[Symbol.dispose]();`;
  await captureProcess(process.execPath, ["--input-type=module-typescript", "-e", script], { signal });
  assert.deepEqual(readdirSync(folder), ["made"]);
});
