import assert from "node:assert/strict";
import { test } from "node:test";
import { applyMode } from "./mode.ts";

const CASES: readonly (readonly [
  text: string,
  before: number,
  directory: boolean,
  after: number | undefined,
])[] = [
  ["0640", 0o755, false, 0o640],
  ["2755", 0o755, true, 0o2755],
  ["755", 0o2700, true, 0o2755],
  ["00755", 0o2700, true, 0o755],
  ["755", 0o4700, false, 0o755],
  ["u+s", 0o755, false, 0o4755],
  ["u-s", 0o4755, false, 0o755],
  ["g+s", 0o755, true, 0o2755],
  ["+t", 0o777, true, 0o1777],
  ["go-w,a+rX", 0o662, true, 0o755],
  ["a+X", 0o644, false, 0o644],
  ["a+X", 0o744, false, 0o755],
  ["o=", 0o757, false, 0o750],
  ["g=u", 0o700, false, 0o770],
  ["u=rw,go=r", 0o777, false, 0o644],
  ["+w", 0o444, false, 0o644],
  ["o-rwx,g-w", 0o777, false, 0o750],
  ["99", 0o644, false, undefined],
  ["u+q", 0o644, false, undefined],
  ["77777", 0o644, false, undefined],
];

for (const [text, before, directory, after] of CASES) {
  const what = directory ? "directory" : "file";
  test(`${text} makes of a ${what} 0${before.toString(8)} ${after === undefined ? "nothing" : `0${after.toString(8)}`}`, () =>
    assert.equal(applyMode(text, before, directory), after));
}
