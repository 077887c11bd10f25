import assert from "node:assert/strict";
import { test } from "node:test";
import { parseUnit } from "./systemd-unit.ts";

test("parses sections, lists, continuations and resets", () => {
  const unit = parseUnit(
    "# c\nlost=1\n[Unit]\nAfter = network.target\n[Service]\nExecStart=/bin/x \\\n  -y\nEnvironment=A=1\nEnvironment=B=2\nUser=a\nUser=\nUser=b\n[Unit]\nWants=z\nnonsense\n",
  );
  assert.deepEqual([...unit.keys()], ["Unit", "Service"]);
  assert.deepEqual(unit.get("Unit")?.get("After"), ["network.target"]);
  assert.deepEqual(unit.get("Unit")?.get("Wants"), ["z"]);
  assert.deepEqual(unit.get("Service")?.get("Environment"), ["A=1", "B=2"]);
  assert.deepEqual(unit.get("Service")?.get("User"), ["b"]);
  assert.match(unit.get("Service")?.get("ExecStart")?.[0] ?? "", /^\/bin\/x\s+-y$/);
});
