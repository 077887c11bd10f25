import assert from "node:assert/strict";
import { test } from "node:test";
import { mergeConfigs, parseBaseConfig, parseBaseHistory } from "./base-config.ts";
import type { FormatError } from "./errors.ts";

const bytes = (value: unknown) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value));

test("reads what is inherited, and leaves out what describes the container of a build", () => {
  const config = {
    Env: ["A=1"],
    Cmd: ["sh"],
    Entrypoint: null,
    Healthcheck: { Test: ["NONE"] },
    Hostname: "build",
    Image: "sha256:0",
    OnBuild: [],
  };
  assert.deepEqual(parseBaseConfig(bytes({ config }), "base:1"), {
    Env: ["A=1"],
    Cmd: ["sh"],
    Healthcheck: { Test: ["NONE"] },
  });
  assert.deepEqual(parseBaseConfig(bytes({}), "base:1"), {});
});

test("refuses configurations that are none", () => {
  for (const [value, problem] of [
    ["{", /its configuration is no JSON object/],
    ["null", /no JSON object/],
    [{ config: { Env: "A=1" } }, /base:1.*wrong Env/],
    [{ config: { Cmd: [1] } }, /wrong Cmd/],
    [{ config: { Labels: [] } }, /wrong Labels/],
    [{ config: { User: 0 } }, /wrong User/],
  ] as const) {
    assert.throws(
      () => parseBaseConfig(bytes(value), "base:1"),
      (error: FormatError) => error.code === "BAD_OCI_DOCUMENT" && problem.test(error.message),
      JSON.stringify(value),
    );
  }
});

test("reads histories; what is no list is none", () => {
  assert.deepEqual(parseBaseHistory(bytes({ history: [{ created_by: "x" }] }), "b"), [{ created_by: "x" }]);
  assert.deepEqual(parseBaseHistory(bytes({ history: "x" }), "b"), []);
  assert.deepEqual(parseBaseHistory(bytes({}), "b"), []);
});

test("merges as FROM of a Dockerfile does", () => {
  const base = {
    Env: ["A=1", "B=2"],
    Cmd: ["a"],
    User: "u",
    Labels: { x: "1", y: "1" },
    StopSignal: "SIGINT",
  };
  assert.deepEqual(mergeConfigs(base, { Env: ["B=3", "C=4"], Labels: { y: "2" } }, "all"), {
    Env: ["A=1", "B=3", "C=4"],
    Cmd: ["a"],
    User: "u",
    Labels: { x: "1", y: "2" },
    StopSignal: "SIGINT",
  });
});

test("an entry point of its own takes the base's command away, but not its own", () => {
  assert.deepEqual(mergeConfigs({ Cmd: ["a"] }, { Entrypoint: ["b"] }, "all"), { Entrypoint: ["b"] });
  assert.deepEqual(mergeConfigs({ Cmd: ["a"] }, { Entrypoint: ["b"], Cmd: ["c"] }, "all"), {
    Entrypoint: ["b"],
    Cmd: ["c"],
  });
  assert.deepEqual(mergeConfigs({ Entrypoint: ["e"], Cmd: ["a"] }, { Cmd: ["c"] }, "all"), {
    Entrypoint: ["e"],
    Cmd: ["c"],
  });
});

test("with env alone nothing else is inherited, and a variable of two values is there once", () => {
  assert.deepEqual(mergeConfigs({ Env: ["A=1", "A=2\nx"], Cmd: ["a"], User: "u" }, { Env: ["B="] }, "env"), {
    Env: ["A=2\nx", "B="],
  });
  assert.deepEqual(mergeConfigs({}, { Env: ["A=1", "A=2"] }, "env"), { Env: ["A=1", "A=2"] });
});
