import assert from "node:assert/strict";
import { test } from "node:test";
import { ContentError } from "../content.ts";
import { DiskError } from "../disk.ts";
import { ExtractError } from "../extract.ts";
import {
  type AgentAnswer,
  type AgentCall,
  describeError,
  formatLine,
  parseLine,
  restoreError,
} from "./agent-lines.ts";
import { SandboxError } from "./errors.ts";

test("calls survive as one line, bytes and byte strings too", () => {
  const request = {
    path: "a\n\r\u00e9\u0085",
    bytes: Buffer.from([0, 10, 255]),
    more: [new Uint8Array([1])],
  };
  const line = formatLine({ id: 7, name: "x", request });
  assert.doesNotMatch(line, /[\n\r]/);
  const back = parseLine<AgentCall>(line).request as typeof request;
  assert.equal(back.path, request.path);
  assert.deepEqual([...back.bytes], [0, 10, 255]);
  assert.deepEqual([...back.more[0]!], [1]);
});

test("errors keep their class, code and hint", () => {
  const errors = [
    new SandboxError("SANDBOX_BAD_TREE", "Cannot a", { hint: "b" }),
    new DiskError("DISK_FULL", "Cannot c"),
    new ExtractError("UNSAFE_PATH", "Cannot d"),
    new ContentError("/file", "Cannot e"),
  ];
  for (const error of errors) {
    const answer = parseLine<AgentAnswer>(formatLine({ id: 1, error: describeError(error) }));
    const back = restoreError("error" in answer ? answer.error : assert.fail()) as typeof error;
    assert.equal(back.constructor, error.constructor);
    assert.deepEqual([back.code, back.message, back.hint], [error.code, error.message, error.hint]);
  }
  assert.match(restoreError(describeError(new Error("boom"))).message, /boom/);
});
