// Python applications: environments of locks, projects, what has to be built first, shells for development, bad input.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { appendFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { removeTree } from "../../src/platform/directories.ts";
import { copyExample, liveArchiveProblem, missingProgram, startTare, tare, tareJson } from "../kit/cli.ts";
import { temporaryDirectory } from "../kit/context.ts";
import { makeElf } from "../kit/make-elf.ts";
import { makeWheel } from "../kit/make-wheel.ts";
import { skipWithoutIndex } from "../kit/python.ts";
import { rawTar } from "../kit/tar.ts";

interface Built {
  readonly digest: string;
  readonly layers: readonly { readonly digest: string }[];
}

const RUN = ["run", "--runtime", "namespaces"];

function skip(t: TestContext): boolean {
  const problem = liveArchiveProblem() ?? missingProgram("unshare", "mount");
  if (problem !== undefined) t.skip(problem);
  return problem !== undefined;
}

/** A store for one test. */
function ownStore(t: TestContext): { readonly TARE_STORE: string } {
  const store = join(temporaryDirectory(t), "store");
  t.after(() => removeTree(store));
  return { TARE_STORE: store };
}

function project(t: TestContext, files: Readonly<Record<string, string | Uint8Array>>): string {
  const directory = temporaryDirectory(t);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(directory, name, ".."), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
  return directory;
}

const hashOf = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** A pylock.toml with files that lie beside it. */
function pylock(files: Readonly<Record<string, Uint8Array>>): Record<string, string | Uint8Array> {
  const packages = Object.entries(files).map(([name, bytes]) => {
    const [, distribution, version] = /^([^-]+)-([^-]+?)(?:-.*\.whl|\.tar\.gz)$/.exec(name)!;
    const file = `{ path = "${name}", hashes = { sha256 = "${hashOf(bytes)}" } }`;
    const kind = name.endsWith(".whl") ? `wheels = [${file}]` : `sdist = ${file}`;
    return `[[packages]]\nname = "${distribution}"\nversion = "${version}"\n${kind}\n`;
  });
  return { ...files, "pylock.toml": `lock-version = "1.0"\n${packages.join("")}` };
}

function image(options: string, entrypoint: string): string {
  return `import { buildLayeredImage, debian, pythonApp } from "tare";
const { packages } = debian("bookworm");
const app = pythonApp({ src: ".", python: packages.python3, ${options} });
export default buildLayeredImage({ name: "app", config: { Entrypoint: [\`\${app}/bin/${entrypoint}\`] } });
`;
}

function sdist(setup: string): Buffer {
  return gzipSync(
    rawTar([
      { name: "old-2.0/setup.py", content: setup },
      { name: "old-2.0/old.py", content: "def greet():\n    return 'built'\n" },
    ]),
  );
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Asks until somebody answers. */
async function ask(url: string, init: RequestInit = {}): Promise<unknown> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await (await fetch(url, init)).json();
    } catch (error) {
      if (attempt === 150) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

test("a service answers; twice the same digest; a changed file changes one small layer", async (t) => {
  if (skip(t) || (await skipWithoutIndex(t))) return;
  const env = ownStore(t);
  const cwd = copyExample(t, "python-service");
  const first = tareJson<Built>(["build"], { cwd, env });
  const other = copyExample(t, "python-service");
  cpSync(join(cwd, "tare.lock"), join(other, "tare.lock"));
  const second = tareJson<Built>(["build"], { cwd: other, env: { ...ownStore(t), TZ: "Asia/Tokyo" } });
  assert.equal(second.digest, first.digest);

  const port = await freePort();
  const file = join(other, "image.ts");
  writeFileSync(file, readFileSync(file, "utf8").replace("0.0.0.0:8000", `127.0.0.1:${port}`));
  startTare(t, [...RUN, "."], { cwd: other, env });
  const url = `http://127.0.0.1:${port}`;
  assert.deepEqual(await ask(url), { service: "guestbook", entries: [] });
  const headers = { "content-type": "application/json" };
  assert.deepEqual(await ask(`${url}/entries`, { method: "POST", headers, body: '{"text":"hi"}' }), {
    entries: 1,
  });

  appendFileSync(join(cwd, "guestbook.py"), "# changed\n");
  const third = tareJson<Built>(["build"], { cwd, env });
  const before = new Set(first.layers.map(({ digest }) => digest));
  assert.equal(third.layers.filter(({ digest }) => !before.has(digest)).length, 1);
});

test("a shell has the same lock with its group for development, and the image has not", async (t) => {
  if (skip(t) || (await skipWithoutIndex(t))) return;
  const env = ownStore(t);
  const cwd = copyExample(t, "python-service");
  const tests = tare(["shell", "-q", "--", "pytest", "-q"], { cwd, env });
  assert.equal(tests.status, 0, tests.stderr + tests.stdout);
  assert.match(tests.stdout, /1 passed/);
  const modules = ["python", "-c", "import guestbook, flask; print(guestbook.__file__); import pytest"];
  const without = tare(["shell", "-q", "--group", "nothing", "--", ...modules], { cwd, env });
  assert.match(without.stderr, /the lock does not have it, the groups are dev \[GROUP_UNKNOWN\]/);
  const within = tare(["shell", "-q", "--", ...modules], { cwd, env });
  assert.equal(within.stdout, `${join(cwd, "guestbook.py")}\n`);
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is a template string of image.ts
  const entrypoint = 'Entrypoint: [`${app}/bin/python`, "-c"],';
  writeFileSync(
    join(cwd, "check.ts"),
    readFileSync(join(cwd, "image.ts"), "utf8").replace(/Entrypoint: .*/, () => entrypoint),
  );
  const run = tare([...RUN, "check.ts", "--", "import guestbook, pytest"], { cwd, env });
  assert.match(run.stderr, /No module named 'pytest'/);
});

test("a shell is where a derivation is built", (t) => {
  if (skip(t)) return;
  const env = ownStore(t);
  const cwd = project(t, {
    "image.ts": `import { buildLayeredImage, runCommand } from "tare";
const first = runCommand("first", {}, "echo one > $out");
const second = runCommand("second", { env: { first } }, "cat $first > $out");
export default buildLayeredImage({ name: "app", contents: [first, second] });
`,
  });
  const shell = (...words: string[]) => tare(["shell", "-q", ...words], { cwd, env });
  assert.match(
    shell().stderr,
    /Cannot open a shell of app: it has several derivations, .* \[SHELL_DERIVATION\]/,
  );
  const wrong = shell("-d", "secnod");
  assert.match(
    wrong.stderr,
    /it has no derivation "secnod" \[SHELL_DERIVATION\]\nhint: {2}Did you mean "second"\?/,
  );
  const busybox = 'export default buildLayeredImage({ name: "app", contents: [derivation({';
  writeFileSync(
    join(cwd, "bare.ts"),
    `import { buildLayeredImage, derivation } from "tare";\n${busybox} name: "bare", builder: "/bin/sh" })] });\n`,
  );
  assert.match(
    shell("bare.ts").stderr,
    /Cannot open a shell of bare: it is built without any packages \[SHELL_MISSING\]/,
  );
  const foreign = process.arch === "arm64" ? "amd64" : "arm64";
  writeFileSync(
    join(cwd, "foreign.ts"),
    readFileSync(join(cwd, "image.ts"), "utf8").replace(
      'name: "app"',
      `architecture: "${foreign}", name: "app"`,
    ),
  );
  assert.match(
    shell("foreign.ts", "-d", "first").stderr,
    /Cannot open a shell of app: .* \[SHELL_PLATFORM\]/,
  );
  const script = 'bash -e "$buildCommandPath"; cat "$out"; touch here; test ! -w /usr; exit 7';
  const built = shell("-d", "second", "--", "bash", "-ec", script);
  assert.deepEqual([built.stdout, built.stderr, built.status], ["one\n", "", 7]);
  assert.equal(readFileSync(join(cwd, "here"), "utf8"), "");
});

test("numbers: wheels with libraries of their own, and one of the image's", async (t) => {
  if (skip(t) || (await skipWithoutIndex(t))) return;
  const cwd = copyExample(t, "python-data");
  const result = tare(RUN, { cwd, env: ownStore(t) });
  assert.equal(result.status, 0, result.stderr);
  assert.match(result.stdout, /coast +13\.0\nhills +7\.0\nthe hills cool by 2\.0 degrees a day/);
});

test("what has to be built first is built in the sandbox", (t) => {
  if (skip(t)) return;
  const setup = "from setuptools import setup\nsetup(name='old', version='2.0', py_modules=['old'])\n";
  const cwd = project(t, {
    ...pylock({ "old-2.0.tar.gz": sdist(setup) }),
    "pyproject.toml":
      '[project]\nname = "greeter"\nversion = "1"\ndependencies = ["old"]\n[project.scripts]\ngreet = "greeter.main:main"\n[build-system]\nrequires = ["uv_build>=0.9"]\nbuild-backend = "uv_build"\n',
    "src/greeter/__init__.py": "",
    "src/greeter/main.py":
      "import importlib.metadata, old, sys\ndef main():\n    print(old.greet(), importlib.metadata.version('greeter'), old.__cached__, sys.prefix)\n",
    "image.ts": image(
      'bytecode: true, buildInputs: [packages["python3-setuptools"], packages["python3-wheel"]]',
      "greet",
    ),
  });
  const result = tare(RUN, { cwd, env: ownStore(t) });
  assert.equal(result.status, 0, result.stderr);
  assert.match(
    result.stdout,
    /^built 1 \/nix\/store\/\w+-greeter-env\/lib\/python3\.11\/site-packages\/__pycache__\/old\.cpython-311\.pyc \/nix\/store\/\w+-greeter\n$/,
  );
});

const WHEEL = makeWheel();
const NEEDY = makeWheel({
  name: "picture",
  files: {
    "picture/__init__.py": "",
    "picture/fast.cpython-311-x86_64-linux-gnu.so": {
      data: makeElf({ type: "shared", needed: ["libGL.so.1", "libc.so.6"] }),
      mode: 0o755,
    },
  },
  wheel: "Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: cp311-cp311-manylinux_2_17_x86_64\n",
});

const BAD: readonly {
  readonly summary: string;
  readonly files: Readonly<Record<string, string | Uint8Array>>;
  readonly options?: string;
  readonly says: RegExp;
  readonly hint: RegExp;
}[] = [
  {
    summary: "a lock that is out of date",
    files: {
      ...pylock({ "demo-1.0-py3-none-any.whl": WHEEL }),
      "pyproject.toml": '[project]\nname = "app"\nversion = "1"\ndependencies = ["demo>=2"]\n',
    },
    says: /Cannot use pylock\.toml: it is out of date: pyproject\.toml asks for "demo>=2", and the lock has demo 1\.0 \[LOCK_OUT_OF_DATE\]/,
    hint: /Make it again with the tool that wrote it/,
  },
  {
    summary: "a file without a hash",
    files: { "requirements.txt": "demo==1.0\n" },
    says: /Cannot install demo 1\.0: the lock has no sha256 of it, every file needs one \[HASH_MISSING\]/,
    hint: /uv pip compile --generate-hashes/,
  },
  {
    summary: "a wrong hash",
    files: {
      ...pylock({ "demo-1.0-py3-none-any.whl": WHEEL }),
      "demo-1.0-py3-none-any.whl": Buffer.alloc(WHEEL.length),
    },
    says: /demo-1\.0-py3-none-any\.whl.*\[HASH_MISMATCH\]/,
    hint: /./,
  },
  {
    summary: "a wheel for another platform",
    files: pylock({ "demo-1.0-cp311-cp311-win_amd64.whl": WHEEL }),
    says: /Cannot install demo 1\.0 on Python 3\.11, .*: its wheels are demo-1\.0-cp311-cp311-win_amd64\.whl, .* \[WHEEL_PLATFORM\]/,
    hint: /Take Python from another suite/,
  },
  {
    summary: "a wheel whose library the image does not have",
    files: pylock({ "picture-1.0-cp311-cp311-manylinux_2_17_x86_64.whl": NEEDY }),
    says: /Cannot build app: .*picture\/fast\.cpython-311-x86_64-linux-gnu\.so needs libGL\.so\.1, which is not in the image.*\[ROOT_INCOMPLETE\]/,
    hint: /Add libgl1 to contents/,
  },
  {
    summary: "a source distribution that fails to build",
    files: pylock({ "old-2.0.tar.gz": sdist("raise SystemExit('no compiler for old')\n") }),
    options: 'buildInputs: [packages["python3-setuptools"], packages["python3-wheel"]]',
    says: /Cannot build python-sources: its builder ended with exit code 1; its last lines were \[BUILD_FAILED\]\n.*building old\n.*no compiler for old\n/,
    hint: /The whole log is /,
  },
];

for (const { summary, files, options = "", says, hint } of BAD) {
  test(`bad input: ${summary}`, (t) => {
    if (skip(t)) return;
    if (process.arch !== "x64") return t.skip("the wheels of this test are for amd64");
    const cwd = project(t, { "app.py": "", ...files, "image.ts": image(options, "python") });
    const result = tare(["build"], { cwd, env: ownStore(t) });
    assert.notEqual(result.status, 0);
    assert.match(result.stderr, says);
    assert.match(/hint: (.*)/.exec(result.stderr)?.[1] ?? "", hint);
  });
}
