import assert from "node:assert/strict";
import { test } from "node:test";
import type { NormalizedImageConfig } from "../model/image-spec.ts";
import { listEntryPoints } from "./entry-points.ts";

const cases: [summary: string, config: NormalizedImageConfig, words: string[]][] = [
  ["nothing", {}, []],
  ["the program", { Cmd: ["redis-server", "--bind", "0.0.0.0"] }, ["redis-server!"]],
  ["a path among the arguments", { Cmd: ["/bin/app", "/etc/app.conf"] }, ["/bin/app!", "/etc/app.conf"]],
  ["paths behind options", { Cmd: ["app", "--a=/x/y", "-I/z", "u:/v,/w"] }, ["app!", "/x/y", "/v", "/w"]],
  ["Cmd behind Entrypoint", { Entrypoint: ["tini"], Cmd: ["app", "b"] }, ["tini!", "app"]],
  ["the word behind --", { Entrypoint: ["tini", "-g", "--", "app"] }, ["tini!", "app"]],
  [
    "what a shell starts",
    { Cmd: ["/bin/sh", "-c", "A=b one | two && exec three; if four; then five /six; fi"] },
    ["/bin/sh!", "one", "two", "three", "four", "five", "/six"],
  ],
  ["-c of what is no shell", { Cmd: ["psql", "-c", "select"] }, ["psql!"]],
  ["a path with ..", { Cmd: ["/a/../b"] }, []],
];
for (const [summary, config, words] of cases) {
  test(summary, () => {
    const found = listEntryPoints(config).map(({ word, required }) => `${word}${required ? "!" : ""}`);
    assert.deepEqual(found, words);
  });
}

test("names are looked for in the image's PATH", () => {
  const pathsOf = (config: NormalizedImageConfig) => listEntryPoints(config)[0]!.paths;
  assert.deepEqual(pathsOf({ Cmd: ["a"], Env: ["PATH=/x:y:/z/"] }), ["x/a", "z/a"]);
  assert.deepEqual(pathsOf({ Cmd: ["a"] }).slice(0, 2), ["usr/local/sbin/a", "usr/local/bin/a"]);
  assert.deepEqual(pathsOf({ Cmd: ["/bin//a"] }), ["bin/a"]);
});
