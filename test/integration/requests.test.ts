// What an image may ask for beside packages by name: the program that it starts, and files of this machine.

import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { ArchiveOptions } from "../kit/debian-archive.ts";
import { type ElfParts, makeElf } from "../kit/make-elf.ts";
import { makeProject, type Project } from "../kit/project.ts";

const LIBRARIES = "usr/lib/x86_64-linux-gnu";
const ARCHIVE: ArchiveOptions = {
  packages: [
    {
      name: "libc6",
      version: "2.36-9",
      files: {
        "lib64/ld-linux-x86-64.so.2": { text: makeElf({ soname: "ld-linux-x86-64.so.2" }), mode: 0o755 },
        [`${LIBRARIES}/libc.so.6`]: {
          text: makeElf({ soname: "libc.so.6", versionDefinitions: ["GLIBC_2.2.5", "GLIBC_2.36"] }),
        },
      },
    },
    {
      name: "libz1",
      fields: { Depends: "libc6" },
      files: {
        [`${LIBRARIES}/libz.so.1`]: { target: "libz.so.1.2" },
        [`${LIBRARIES}/libz.so.1.2`]: { text: makeElf({ soname: "libz.so.1", needed: ["libc.so.6"] }) },
      },
    },
    { name: "dash", files: { "bin/sh": { text: makeElf({ type: "executable" }), mode: 0o755 } } },
    { name: "unrelated", files: { "usr/bin/unrelated": "x" } },
  ],
};
const PROGRAM: ElfParts = {
  type: "executable",
  interpreter: "/lib64/ld-linux-x86-64.so.2",
  needed: ["libz.so.1", "libc.so.6"],
  versionNeeds: [{ library: "libc.so.6", versions: [{ name: "GLIBC_2.36" }] }],
};

const IMAGE_OF_FILE = `import { buildLayeredImage, file } from "tare";
export default buildLayeredImage({
  name: "server",
  architecture: "amd64",
  contents: [file("./server", "/usr/bin/server")],
  config: { Entrypoint: ["server"] },
});
`;

async function setUp(t: TestContext, image = IMAGE_OF_FILE): Promise<Project> {
  const project = await makeProject(t, { image, archive: ARCHIVE });
  writeProgram(project, PROGRAM);
  return project;
}

function writeProgram({ directory }: Project, parts: ElfParts): void {
  writeFileSync(join(directory, "server"), makeElf(parts));
  chmodSync(join(directory, "server"), 0o755);
}

function json<T>(project: Project, args: readonly string[]): T {
  const { stdout, stderr, status } = project.tare([...args, "--json"]);
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as T;
}

interface Plan {
  readonly packages: readonly { readonly label: string; readonly root: boolean }[];
}

/** Labels of what is in the plan; roots are marked. */
function labels(project: Project, ...args: string[]): string[] {
  const { packages } = json<Plan>(project, ["plan", ...args]);
  return packages.map(({ label, root }) => (root ? `${label}*` : label)).sort();
}

function requestsOf(lock: string): unknown {
  return (JSON.parse(readFileSync(lock, "utf8")) as { sections: { requests: unknown }[] }).sections.map(
    ({ requests }) => requests,
  );
}

const WITH_ENTRYPOINT = (program: string, more = "") => `import { buildLayeredImage } from "tare";
export default buildLayeredImage({
  name: "shell",
  architecture: "amd64",
  config: { Entrypoint: ["${program}"] },${more}
});
`;

test("an image of nothing but an entrypoint has the package that ships it, pinned", async (t) => {
  const project = await setUp(t, WITH_ENTRYPOINT("/usr/bin/sh"));
  assert.deepEqual(labels(project), ["dash 1.0-1*"]);
  const lock = join(project.directory, "tare.lock");
  assert.deepEqual(requestsOf(lock), [{ "/usr/bin/sh": "dash" }]);
  assert.match(project.tare(["lock", "--frozen"]).stdout, /pins all that is asked for/);
  writeFileSync(join(project.directory, "image.ts"), WITH_ENTRYPOINT("sh"));
  const frozen = project.tare(["lock", "--frozen", "--json"]);
  assert.match(frozen.stdout, /LOCK_INCOMPLETE[\s\S]*does not pin bin:sh/);
  assert.deepEqual(labels(project), ["dash 1.0-1*"]);
  writeFileSync(join(project.directory, "image.ts"), WITH_ENTRYPOINT("/usr/bin/hs"));
  assert.match(project.tare(["lock", "--json"]).stdout, /UNKNOWN_PATH[\s\S]*\/usr\/bin\/hs/);
});

test("a local program brings the packages of its libraries and its loader, and is no part of the lock", async (t) => {
  const project = await setUp(t);
  assert.deepEqual(labels(project), ["/usr/bin/server*", "libc6 2.36-9", "libz1 1.0-1"]);
  const lock = join(project.directory, "tare.lock");
  assert.deepEqual(requestsOf(lock), [
    { "/lib64/ld-linux-x86-64.so.2": "libc6", "lib:libc.so.6": "libc6", "lib:libz.so.1": "libz1" },
  ]);
  assert.doesNotMatch(readFileSync(lock, "utf8"), /usr\/bin\/server/);
});

test("packages and files go together; the files' libraries come from the packages' archive", async (t) => {
  const project = await setUp(
    t,
    IMAGE_OF_FILE.replace("{ buildLayeredImage, file }", "{ buildLayeredImage, debian, file }").replace(
      "contents: [",
      'contents: [debian("bookworm", { architecture: "amd64" }).packages.dash, ',
    ),
  );
  assert.deepEqual(labels(project), ["/usr/bin/server*", "dash 1.0-1*", "libc6 2.36-9", "libz1 1.0-1"]);
  assert.equal((requestsOf(join(project.directory, "tare.lock")) as unknown[]).length, 1);
});

test("a build is done again when a local file changed, and only then", async (t) => {
  const project = await setUp(t, IMAGE_OF_FILE.replace('server")]', 'server"), file("data", "/data")]'));
  const data = join(project.directory, "data");
  writeFileSync(data, "data");
  const build = () => json<{ digest: string; unchanged: boolean }>(project, ["build"]);
  const first = build();
  assert.deepEqual(build(), { ...first, unchanged: true });
  writeProgram(project, { ...PROGRAM, strings: ["another"] });
  const second = build();
  assert.notEqual(second.digest, first.digest);
  assert.equal(second.unchanged, false);
  chmodSync(data, 0o755);
  assert.notEqual(build().digest, second.digest);
  chmodSync(data, 0o600);
  writeProgram(project, PROGRAM);
  assert.equal(build().digest, first.digest);
  assert.equal(project.tare(["verify", "server.oci"]).status, 0);
});

test("the copy of a local file in the cache may be damaged: the file itself is never touched", async (t) => {
  const project = await setUp(t);
  const { digest } = json<{ digest: string }>(project, ["build"]);
  const bytes = readFileSync(join(project.directory, "server"));
  const { createHash } = await import("node:crypto");
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const copy = join(project.cacheHome, "tare/downloads", sha256);
  const damaged = readFileSync(copy);
  damaged[damaged.length - 1]! ^= 1;
  writeFileSync(copy, damaged);
  for (const folder of ["builds", "layers", "blobs"])
    rmSync(join(project.cacheHome, "tare", folder), { recursive: true });
  assert.equal(json<{ digest: string }>(project, ["build", "-o", "oci:again"]).digest, digest);
  assert.deepEqual(readFileSync(join(project.directory, "server")), bytes);
});

test("a program needs no image.ts: its lock lies beside it", async (t) => {
  const project = await setUp(t);
  rmSync(join(project.directory, "image.ts"));
  const built = json<{ name: string; digest: string; output: string }>(project, ["build", "./server"]);
  assert.equal(built.name, "server");
  assert.ok(existsSync(join(project.directory, "server.oci/index.json")));
  assert.equal(existsSync(join(project.directory, "tare.lock")), false);
  assert.deepEqual(requestsOf(join(project.directory, "server.tare.lock")), [
    { "/lib64/ld-linux-x86-64.so.2": "libc6", "lib:libc.so.6": "libc6", "lib:libz.so.1": "libz1" },
  ]);
  assert.deepEqual(labels(project, "server"), ["/usr/bin/server*", "libc6 2.36-9", "libz1 1.0-1"]);
  // The same bytes wherever the program lies.
  mkdirSync(join(project.directory, "elsewhere"));
  writeFileSync(join(project.directory, "elsewhere/server"), readFileSync(join(project.directory, "server")));
  const again = json<{ digest: string }>(project, ["build", "elsewhere/server", "-o", "oci:again"]);
  assert.equal(again.digest, built.digest);
});

test("a static program is an image of one file, and needs no lock", async (t) => {
  const project = await setUp(t);
  writeProgram(project, { type: "executable" });
  assert.deepEqual(labels(project, "./server", "--frozen"), ["/usr/bin/server*"]);
  assert.equal(existsSync(join(project.directory, "server.tare.lock")), false);
});

test("a script brings its interpreter", async (t) => {
  const project = await setUp(t);
  writeFileSync(join(project.directory, "hello.sh"), "#!/bin/sh\necho hello\n");
  assert.deepEqual(labels(project, "hello.sh"), ["/usr/bin/hello.sh*", "dash 1.0-1"]);
});

const refused: [summary: string, parts: ElfParts, code: string, message: RegExp, hint: RegExp][] = [
  [
    "newer symbols than the archive's",
    { ...PROGRAM, versionNeeds: [{ library: "libc.so.6", versions: [{ name: "GLIBC_2.38" }] }] },
    "SYMBOL_VERSION_TOO_NEW",
    /needs GLIBC_2\.38 of libc\.so\.6, bookworm has GLIBC_2\.36$/,
    /debian\("trixie"\)/,
  ],
  [
    "a library of nobody's",
    { ...PROGRAM, needed: ["libown.so.3"] },
    "UNKNOWN_PATH",
    /lib:libown\.so\.3/,
    /file\(\)/,
  ],
  [
    "another processor's code",
    { ...PROGRAM, machine: 183 },
    "LOCAL_FILE_FOREIGN",
    /for amd64: it is a program for arm64/,
    /arm64/,
  ],
];
for (const [summary, parts, code, message, hint] of refused) {
  test(`a program with ${summary} is refused`, async (t) => {
    const project = await setUp(t);
    writeProgram(project, parts);
    const { stdout, status } = project.tare(["build", "--json"]);
    assert.equal(status, 1);
    const { error } = JSON.parse(stdout) as { error: { code: string; message: string; hint: string } };
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    assert.match(error.hint, hint);
    assert.equal(existsSync(join(project.directory, "server.oci")), false);
  });
}

test("a file that is not there is told with LOCAL_FILE_MISSING", async (t) => {
  const project = await setUp(t);
  rmSync(join(project.directory, "server"));
  assert.match(project.tare(["build", "--json"]).stdout, /LOCAL_FILE_MISSING/);
});

test("an archive of an image is no program, and a program no image", async (t) => {
  const project = await setUp(t);
  const run = (target: string) => project.tare(["run", "--runtime", "namespaces", "--json", target]).stdout;
  writeFileSync(join(project.directory, "x.tar"), "neither");
  assert.match(run("./x.tar"), /NOT_AN_IMAGE/);
  writeProgram(project, { ...PROGRAM, needed: ["libown.so.3"] });
  assert.match(run("./server"), /UNKNOWN_PATH/);
  assert.match(project.tare(["build", "--json", "x.tar"]).stdout, /"code": "(?!NOT_AN_IMAGE)/);
});
