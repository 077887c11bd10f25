import assert from "node:assert/strict";
import { test } from "node:test";
import { parseScriptPrograms } from "./shebang.ts";

const cases: [line: string, interpreter: string, command?: string][] = [
  ["#!/bin/sh\necho", "/bin/sh"],
  ["#! \t/usr/bin/perl -w\n", "/usr/bin/perl"],
  ["#!/usr/bin/env python3", "/usr/bin/env", "python3"],
  ["#!/usr/bin/env -S python3 -u\n", "/usr/bin/env", "python3"],
  ["#!/usr/bin/env -S A=b -u HOME -i ruby\n", "/usr/bin/env", "ruby"],
  ["#!/usr/bin/env --split-string=node --x\n", "/usr/bin/env", "node"],
  ["#!/usr/bin/env\n", "/usr/bin/env"],
  ["#!/opt/envoy x\n", "/opt/envoy"],
];
for (const [line, interpreter, command] of cases) {
  test(`${JSON.stringify(line)} names ${command ?? interpreter}`, () => {
    assert.deepEqual(parseScriptPrograms(line), { interpreter, command });
  });
}

test("what is no script names nothing", () => {
  for (const text of ["", "#", "#!", "#! \t\n/bin/sh", "#!\0/bin/sh", "\x7fELF", " #!/bin/sh"]) {
    assert.equal(parseScriptPrograms(text), undefined, JSON.stringify(text));
  }
});
