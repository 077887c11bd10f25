import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePublish, publishOnHostNetwork } from "./publish.ts";

test("ports as docker writes them", () => {
  const cases = {
    "80": [undefined, 80, "tcp"],
    "53/udp": [undefined, 53, "udp"],
    "8080:80": [8080, 80, "tcp"],
    "127.0.0.1:8080:80/tcp": [8080, 80, "tcp"],
    "127.0.0.1::80": [undefined, 80, "tcp"],
    "[::1]:1:2": [1, 2, "tcp"],
  };
  for (const [text, [hostPort, containerPort, protocol]] of Object.entries(cases)) {
    assert.deepEqual(parsePublish(text), { hostPort, containerPort, protocol }, text);
  }
});

test("what is no port is refused", () => {
  for (const text of ["", "x", "0", "65536", "1:2:3", "80/sctp", "80:", "70000:80", "-1:2"]) {
    assert.throws(() => parsePublish(text), { code: "BAD_PORT" }, text);
  }
});

test("on this machine's network a port stays what it is", () => {
  assert.equal(publishOnHostNetwork([]), undefined);
  assert.match(publishOnHostNetwork(["80", "53:53/udp"]) ?? "", /80\/tcp, 53\/udp/);
  assert.throws(() => publishOnHostNetwork(["8080:80"]), { code: "BAD_PORT", hint: /80:80/ });
});
