// Every example builds and does what it says.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { copyExample, liveArchiveProblem, missingProgram, ROOT, tare } from "../kit/cli.ts";
import { skipWithoutIndex } from "../kit/python.ts";

/** What to run in each, and what it prints. */
const EXAMPLES: Readonly<
  Record<
    string,
    {
      readonly command: readonly string[];
      readonly prints: RegExp;
      /** Skips the test where what the example needs beside Debian's archive is missing; says whether it has. */
      readonly skip?: (t: TestContext) => Promise<boolean>;
    }
  >
> = {
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
  // python-apps.test.ts asks it over its socket.
  "python-service": { command: ["--version"], prints: /^gunicorn \(version/m, skip: skipWithoutIndex },
  "python-data": { command: [], prints: /the hills cool by 2\.0 degrees a day/, skip: skipWithoutIndex },
  curl: {
    command: ["-sS", "file:///etc/ssl/certs/ca-certificates.crt"],
    prints: /-----BEGIN CERTIFICATE-----[\s\S]*-----END CERTIFICATE-----/,
  },
  bash: {
    command: ["bash", "-c", 'cd /etc && ls -d passwd && grep -c ^root: passwd | sed "s/1/one root/" && pwd'],
    prints: /passwd\none root\n\/etc\n/,
  },
};

/** Services, which are asked over their sockets, by the test beside this one that does. */
const ASKED_ELSEWHERE: Readonly<Record<string, string>> = {
  "c-dynamic": "compiled-apps.test.ts",
  "docker-tools": "docker-tools.test.ts",
  "elixir-release": "beam-releases.test.ts",
  "erlang-release": "beam-releases.test.ts",
  "go-static": "compiled-apps.test.ts",
  "node-service": "node-apps.test.ts",
  "rust-static": "compiled-apps.test.ts",
};

test("every example has a test", () => {
  const tested = [...Object.keys(EXAMPLES), ...Object.keys(ASKED_ELSEWHERE)];
  assert.deepEqual(readdirSync(join(ROOT, "examples")).sort(), tested.sort());
  for (const [name, file] of Object.entries(ASKED_ELSEWHERE)) {
    assert.ok(
      readFileSync(join(import.meta.dirname, file), "utf8").includes(`"${name}"`),
      `${file} asks ${name}`,
    );
  }
});

for (const [name, { command, prints, skip }] of Object.entries(EXAMPLES)) {
  test(`the example ${name} runs`, async (t) => {
    const problem = liveArchiveProblem() ?? missingProgram("unshare", "mount");
    if (problem !== undefined) return t.skip(problem);
    if (process.arch !== "x64" && process.arch !== "arm64")
      return t.skip("Debian images are for amd64 and arm64");
    if (await skip?.(t)) return;
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
