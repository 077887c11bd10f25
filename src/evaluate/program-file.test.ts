import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { temporaryDirectory } from "../../test/kit/context.ts";
import { makeElf } from "../../test/kit/make-elf.ts";
import { machineArchitecture } from "../platform/machine.ts";
import { describeProgram } from "./program-file.ts";

function write(t: TestContext, name: string, bytes: string | Uint8Array): string {
  const path = join(temporaryDirectory(t), name);
  writeFileSync(path, bytes);
  return path;
}

test("a program is the one file of an image that starts it", (t) => {
  const path = write(t, "server", makeElf({ type: "executable", machine: 183 }));
  const spec = describeProgram(path);
  assert.equal(spec.name, "server");
  assert.equal(spec.architecture, "arm64");
  assert.deepEqual(spec.contents, []);
  assert.deepEqual(spec.files, [
    { kind: "file", path, target: "/usr/bin/server", mode: 0o755, archive: undefined },
  ]);
  assert.deepEqual(spec.config, { Entrypoint: ["/usr/bin/server"] });
  assert.deepEqual(spec.archive.scope, {
    architecture: "arm64",
    suite: "bookworm",
    components: ["main"],
    recommends: false,
  });
});

test("a script is for this machine, and so is what no image can be for: reading it says why", (t) => {
  assert.equal(describeProgram(write(t, "a.sh", "#!/bin/sh\n")).architecture, machineArchitecture());
  assert.equal(describeProgram(write(t, "a", makeElf({ machine: 243 }))).architecture, machineArchitecture());
});

const names: [file: string, image: string][] = [
  ["My Server", "my-server"],
  ["Weird__Name..sh", "weird-name-sh"],
  ["_private-", "private"],
  ["naïve", "na-ve"],
  ["…", "program"],
];
for (const [file, image] of names) {
  test(`an image of "${file}" is named ${image}`, (t) => {
    const spec = describeProgram(write(t, file, "#!/bin/sh\n"));
    assert.equal(spec.name, image);
    assert.equal(spec.files[0]!.target, `/usr/bin/${file}`);
  });
}
