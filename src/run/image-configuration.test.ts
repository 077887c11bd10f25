import assert from "node:assert/strict";
import { test } from "node:test";
import { parseImageConfiguration, planProgram } from "./image-configuration.ts";

const parse = (config: unknown) =>
  parseImageConfiguration(Buffer.from(JSON.stringify({ architecture: "amd64", config })));

test("what running needs of a configuration, and what it is when nothing is said", () => {
  const full = parse({
    Env: ["A=1"],
    Entrypoint: ["/e"],
    Cmd: ["c"],
    User: "u",
    WorkingDir: "w",
    Volumes: { "/v": {} },
    StopSignal: "quit",
  });
  assert.deepEqual(full, {
    architecture: "amd64",
    environment: ["A=1"],
    entrypoint: ["/e"],
    command: ["c"],
    user: "u",
    workingDirectory: "/w",
    volumes: ["/v"],
    stopSignal: "SIGQUIT",
  });
  const empty = parseImageConfiguration(Buffer.from('{"config":{"Env":null,"Cmd":null}}'));
  assert.deepEqual(
    [empty.user, empty.workingDirectory, empty.command, empty.stopSignal],
    ["", "/", [], "SIGTERM"],
  );
  assert.equal(parse({ StopSignal: "3" }).stopSignal, "SIGQUIT");
  assert.equal(parse({ StopSignal: "SIGNONSENSE" }).stopSignal, "SIGTERM");
});

test("a configuration of wrong types is refused", () => {
  for (const text of [
    "",
    "[]",
    "null",
    '{"config":[]}',
    '{"config":{"Env":"A=1"}}',
    '{"config":{"Cmd":[1]}}',
  ]) {
    assert.throws(() => parseImageConfiguration(Buffer.from(text)), { code: "BAD_IMAGE" }, text);
  }
  assert.throws(() => parse({ User: "a\0b" }), { code: "BAD_IMAGE" });
  assert.throws(() => parseImageConfiguration(Buffer.from([0x22, 0xff, 0x22])), { code: "BAD_IMAGE" });
});

test("a command replaces Cmd, an entrypoint replaces both", () => {
  const image = parse({ Entrypoint: ["e", "f"], Cmd: ["c"] });
  assert.deepEqual(planProgram(image, {}).argv, ["e", "f", "c"]);
  assert.deepEqual(planProgram(image, { command: ["x", "y"] }).argv, ["e", "f", "x", "y"]);
  assert.deepEqual(planProgram(image, { entrypoint: ["n"] }).argv, ["n"]);
  assert.deepEqual(planProgram(image, { entrypoint: ["n"], command: ["x"] }).argv, ["n", "x"]);
  assert.deepEqual(planProgram(image, { entrypoint: [], command: ["x"] }).argv, ["x"]);
  assert.throws(() => planProgram(parse({}), {}), { code: "NO_COMMAND" });
});

test("variables of the user come before those of the image, PATH is there always", () => {
  const image = parse({ Env: ["A=1", "B=x=y", "=bad", "none"], Cmd: ["c"] });
  const { environment } = planProgram(image, { env: { A: "2" } });
  assert.deepEqual(Object.fromEntries(environment), {
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    A: "2",
    B: "x=y",
  });
  assert.equal(planProgram(parse({ Env: ["PATH=/p"], Cmd: ["c"] }), {}).environment.get("PATH"), "/p");
});

test("options that cannot be are refused", () => {
  const image = parse({ Cmd: ["c"] });
  const bad = [
    { workdir: "relative" },
    { env: { "A=B": "" } },
    { env: { A: "\0" } },
    { command: ["a\0"] },
    { env: { "": "x" } },
  ];
  for (const options of bad) assert.throws(() => planProgram(image, options), { code: "BAD_OPTION" });
});
