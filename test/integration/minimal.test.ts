// `minimal: "files"` on real packages: images that hold only what their command line reaches are smaller than whole ones,
// and do the same work.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, type TestContext, test } from "node:test";
import { liveArchiveProblem, SHARED_CACHE, tareJson } from "../kit/cli.ts";
import { temporaryDirectory } from "../kit/context.ts";
import { makeHarness, runSmokeCase, type SmokeCase, smokeCase, smokeSkip } from "../kit/smoke.ts";

let problem: string | undefined;

before(() => {
  problem = smokeSkip() || liveArchiveProblem();
});

interface MinimalCase {
  readonly name: string;
  /** The image's command line. */
  readonly command: readonly string[];
  /** Default: the smoke test of the name. */
  readonly test?: SmokeCase;
  /** A file of the user's own, by its path in the image. */
  readonly files?: Readonly<Record<string, string>>;
}

const SCRIPT = `import json, sqlite3, ssl
from helper import answer
ssl.create_default_context()
print(json.dumps({"answer": answer(sqlite3.connect(":memory:"))}))
`;

const CASES: readonly MinimalCase[] = [
  { name: "jq", command: ["jq"] },
  { name: "openssl", command: ["openssl"] },
  { name: "curl", command: ["/usr/bin/curl"] },
  { name: "redis-server", command: ["redis-server", "--bind", "0.0.0.0"] },
  { name: "nginx-light", command: ["nginx", "-g", "daemon off;"] },
  {
    name: "python3",
    command: ["python3", "/app/main.py"],
    files: {
      "/app/main.py": SCRIPT,
      "/app/helper.py": 'def answer(db):\n    return db.execute("select 42").fetchone()[0]\n',
    },
    test: {
      name: "python3 script",
      packages: ["python3"],
      script: "python3 /app/main.py",
      uid: 1000,
      expect: '{"answer": 42}',
    },
  },
];

interface Built {
  readonly size: number;
  readonly uncompressedSize: number;
}

function build(directory: string, minimalCase: MinimalCase, minimal: boolean): Built {
  const { name, command, files = {} } = minimalCase;
  const { packages } = minimalCase.test ?? smokeCase(name);
  const own = Object.entries(files).map(([target, text], i) => {
    writeFileSync(join(directory, `own-${i}`), text);
    return `file("./own-${i}", ${JSON.stringify(target)})`;
  });
  const contents = [...packages.map((item) => `packages[${JSON.stringify(item)}]`), ...own].join(", ");
  writeFileSync(
    join(directory, "image.ts"),
    `import { buildLayeredImage, debian, file } from "tare";
const { packages } = debian("bookworm", { architecture: "amd64" });
export default buildLayeredImage({
  name: "minimal",
  contents: [${contents}],
  config: { Cmd: ${JSON.stringify(command)} },${minimal ? '\n  minimal: "files",' : ""}
});
void file;
`,
  );
  return tareJson<Built>(["build", "-o", `oci:${minimal ? "minimal" : "whole"}`], { cwd: directory });
}

async function check(t: TestContext, minimalCase: MinimalCase): Promise<void> {
  if (problem !== undefined) return t.skip(problem);
  if (process.arch !== "x64") return t.skip("the image is for amd64");
  const directory = temporaryDirectory(t);
  const whole = build(directory, minimalCase, false);
  const minimal = build(directory, minimalCase, true);
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(2)} MB`;
  t.diagnostic(
    `${minimalCase.name}: ${megabytes(minimal.uncompressedSize)} (${megabytes(minimal.size)} packed), ` +
      `whole ${megabytes(whole.uncompressedSize)} (${megabytes(whole.size)} packed)`,
  );
  assert.ok(minimal.uncompressedSize <= whole.uncompressedSize);
  const verified = tareJson<{ problems: unknown[] }>(["verify", "oci:minimal"], { cwd: directory });
  assert.deepEqual(verified.problems, []);
  const test = minimalCase.test ?? smokeCase(minimalCase.name);
  const environment = { ...process.env, XDG_CACHE_HOME: SHARED_CACHE };
  const { ok, output } = await runSmokeCase(test, join(directory, "minimal"), makeHarness(t), environment);
  assert.ok(ok, `${minimalCase.name} did not print "${test.expect}" but:\n${output}`);
}

for (const minimalCase of CASES) {
  test(`${minimalCase.name}, from its command line only, does its work`, (t) => check(t, minimalCase));
}
