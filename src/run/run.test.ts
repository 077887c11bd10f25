import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory, testContext } from "../../test/kit/context.ts";
import { file, makeImage } from "../../test/kit/tiny-image.ts";
import { callEngine, formatRunArguments } from "./engine.ts";
import type { RunRequest } from "./options.ts";
import { type NamedRuntime, runImage, selectRuntimes } from "./run.ts";

function runtimeOf(name: string, order: number, absence?: string): NamedRuntime {
  return { name, runtime: { order, absence: () => absence, start: async () => 0 } };
}

test("runtimes are tried in their order, absent ones are not", () => {
  const known = [runtimeOf("b", 2), runtimeOf("c", 3, "not here"), runtimeOf("a", 1)];
  const names = (wanted: string) => selectRuntimes(known, wanted).map(({ name }) => name);
  assert.deepEqual(names("auto"), ["a", "b"]);
  assert.deepEqual(names("b"), ["b"]);
  assert.throws(() => names("c"), { code: "NO_RUNTIME", message: /c: not here/ });
  assert.throws(() => names("auot"), { code: "UNKNOWN_RUNTIME", hint: 'Did you mean "auto"?' });
  assert.throws(() => selectRuntimes([runtimeOf("x", 1, "absent")], "auto"), { code: "NO_RUNTIME" });
});

test("what is wrong with an image or a request is found before anything is started", async (t) => {
  const context = testContext(t);
  const layers = [[file("f")]];
  const image = makeImage(temporaryDirectory(t), { layers, config: { Cmd: ["x"] } });
  const run = (options: Parameters<typeof runImage>[1]) => runImage(image, options, context);
  await assert.rejects(run({ runtime: "nothing" }), { code: "UNKNOWN_RUNTIME" });
  await assert.rejects(run({ publish: ["x"] }), { code: "BAD_PORT" });
  await assert.rejects(run({ workdir: "x" }), { code: "BAD_OPTION" });
  await assert.rejects(runImage(makeImage(temporaryDirectory(t), { layers }), {}, context), {
    code: "NO_COMMAND",
  });
});

test("an engine's failure says what the engine said", async () => {
  const context = { signal: new AbortController().signal };
  await assert.rejects(
    callEngine("podman", "/bin/sh", ["-c", "echo one >&2; echo two >&2; exit 1"], context),
    {
      code: "RUNTIME_FAILED",
      message: /podman: two$/,
    },
  );
  await assert.rejects(callEngine("podman", "/bin/false", ["pull"], context), {
    message: /pull ended with status 1$/,
  });
  assert.equal(await callEngine("podman", "/bin/echo", ["ok"], context), "ok");
});

test("the arguments that podman and docker get", (t) => {
  const image = makeImage(join(temporaryDirectory(t), "i"), { layers: [] });
  const request = {
    image,
    program: { argv: ["/e", "--opt", "c"] },
    options: {
      user: "u:g",
      env: { A: "b c" },
      workdir: "/w",
      network: "none",
      readOnly: true,
      hostname: "h",
      stdin: "ignore",
    },
    mounts: [{ source: '/a,"b', target: "/c", readOnly: true }],
    publish: ["1:2"],
    tty: true,
  } as unknown as RunRequest;
  const engine = {
    name: "e",
    program: "/e",
    extraOptions: ["--x"],
    image: "i",
    containerName: "n",
    wasStarted: async () => true,
  };
  assert.deepEqual(formatRunArguments(engine, request), [
    "run",
    "--rm",
    "--name=n",
    "--x",
    "--pull=never",
    "--tty",
    "--user=u:g",
    "--workdir=/w",
    "--env=A=b c",
    "--hostname=h",
    "--network=none",
    "--read-only",
    '--mount=type=bind,"source=/a,""b",target=/c,readonly',
    "--publish=1:2",
    "--entrypoint=/e",
    "i",
    "--opt",
    "c",
  ]);
});
