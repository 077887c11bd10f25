import assert from "node:assert/strict";
import { test } from "node:test";
import { parseShebang, programOfEnv, SHEBANG_SIZE } from "./shebang.ts";

const cases: [line: string, interpreter: string, argument: string, command?: string][] = [
  ["#!/bin/sh\necho", "/bin/sh", ""],
  ["#! \t/usr/bin/perl -w -T \n", "/usr/bin/perl", "-w -T"],
  ["#!/usr/bin/env python3", "/usr/bin/env", "python3", "python3"],
  ["#!/usr/bin/env python3\r\n", "/usr/bin/env", "python3\r", "python3"],
  ["#!/usr/bin/env -S python3 -u\n", "/usr/bin/env", "-S python3 -u", "python3"],
  ["#!/usr/bin/env -vS python3\n", "/usr/bin/env", "-vS python3", "python3"],
  ["#!/usr/bin/env -S A=b -u HOME -i ruby\n", "/usr/bin/env", "-S A=b -u HOME -i ruby", "ruby"],
  ["#!/usr/bin/env --split-string=node --x\n", "/usr/bin/env", "--split-string=node --x", "node"],
  ["#!/usr/bin/env\n", "/usr/bin/env", ""],
  ["#!/opt/envoy x\n", "/opt/envoy", "x"],
  ["#!interp a  b", "interp", "a  b"],
];
for (const [line, interpreter, argument, command] of cases) {
  test(`${JSON.stringify(line)} names ${command ?? interpreter}`, () => {
    const shebang = parseShebang(line)!;
    assert.deepEqual(shebang, { interpreter, argument });
    assert.equal(programOfEnv(shebang), command);
  });
}

test("env is known by where its link leads, too", () => {
  const shebang = parseShebang("#!/bin/e ruby")!;
  assert.equal(programOfEnv(shebang), undefined);
  assert.equal(programOfEnv(shebang, "usr/bin/env"), "ruby");
});

test("what is no script names nothing", () => {
  for (const text of ["", "#", "#!", "#! \t\n/bin/sh", "#!\0/bin/sh", "\x7fELF", " #!/bin/sh"]) {
    assert.equal(parseShebang(text), undefined, JSON.stringify(text));
  }
});

test("what the kernel does not look at does not count", () => {
  const long = `#!/${"x".repeat(2 * SHEBANG_SIZE)}`;
  assert.equal(parseShebang(long)!.interpreter.length, SHEBANG_SIZE - 2);
});
