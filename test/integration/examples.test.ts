// Every example builds and does what it says.

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { copyExample, liveArchiveProblem, missingProgram, ROOT, tare } from "../kit/cli.ts";

/** What to run in each, and what it prints. */
const EXAMPLES: Readonly<Record<string, { readonly command: readonly string[]; readonly prints: RegExp }>> = {
  redis: { command: ["redis-server", "--version"], prints: /Redis server v=7\.0/ },
  nginx: {
    command: ["nginx", "-t"],
    prints: /configuration file \/etc\/nginx\/nginx\.conf test is successful/,
  },
  python: {
    command: [
      "-c",
      "import os, pwd, zoneinfo, ssl; print(pwd.getpwuid(os.getuid()).pw_name, zoneinfo.ZoneInfo('Asia/Tokyo'))",
    ],
    prints: /^nobody Asia\/Tokyo$/m,
  },
  curl: {
    command: ["-sS", "file:///etc/ssl/certs/ca-certificates.crt"],
    prints: /-----BEGIN CERTIFICATE-----[\s\S]*-----END CERTIFICATE-----/,
  },
  bash: {
    command: ["bash", "-c", 'cd /etc && ls -d passwd && grep -c ^root: passwd | sed "s/1/one root/" && pwd'],
    prints: /passwd\none root\n\/etc\n/,
  },
};

test("every example has a test", () => {
  assert.deepEqual(readdirSync(join(ROOT, "examples")).sort(), Object.keys(EXAMPLES).sort());
});

for (const [name, { command, prints }] of Object.entries(EXAMPLES)) {
  test(`the example ${name} runs`, (t) => {
    const problem = liveArchiveProblem() ?? missingProgram("unshare", "mount");
    if (problem !== undefined) return t.skip(problem);
    if (process.arch !== "x64" && process.arch !== "arm64")
      return t.skip("Debian images are for amd64 and arm64");
    const cwd = copyExample(t, name);
    const result = tare(["run", "--runtime", "namespaces", "--", ...command], { cwd });
    assert.equal(result.status, 0, result.stderr);
    assert.match(result.stdout + result.stderr, prints);
  });
}

test("an exit status is the program's own", (t) => {
  const problem = liveArchiveProblem() ?? missingProgram("unshare", "mount");
  if (problem !== undefined) return t.skip(problem);
  const cwd = copyExample(t, "bash");
  assert.equal(tare(["run", "--runtime", "namespaces", "--", "bash", "-c", "exit 41"], { cwd }).status, 41);
  assert.equal(
    tare(["run", "--runtime", "namespaces", "--", "bash", "-c", "kill -9 $$"], { cwd }).status,
    137,
  );
});
