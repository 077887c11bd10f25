import assert from "node:assert/strict";
import { test } from "node:test";
import { InternalError } from "../model/errors.ts";
import type { NamedFix } from "./fix.ts";
import { loadFixes, orderFixes } from "./fix.ts";

function fix(name: string, ...after: string[]): NamedFix {
  return { name, after, create: () => ({}) };
}

test("orders fixes by what they come after, else by name", () => {
  const ordered = orderFixes([fix("d"), fix("b", "d"), fix("c"), fix("a", "b")]);
  assert.deepEqual(
    ordered.map(({ name }) => name),
    ["c", "d", "b", "a"],
  );
});

test("refuses an unknown predecessor and circles", () => {
  assert.throws(() => orderFixes([fix("a", "b")]), InternalError);
  assert.throws(() => orderFixes([fix("a", "b"), fix("b", "a")]), /a, b come after each other/);
});

test("loads every file of fixes/, in an order that holds", async () => {
  const names = (await loadFixes()).map(({ name }) => name);
  assert.ok(names.includes("ca-bundle") && names.includes("account-commands"));
  assert.ok(names.indexOf("accounts") < names.indexOf("maintainer-scripts"));
  assert.ok(names.indexOf("maintainer-scripts") < names.indexOf("account-files"));
});
