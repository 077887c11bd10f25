import assert from "node:assert/strict";
import { test } from "node:test";
import { parseRequirementsLock } from "./requirements-file.ts";

const A = "a".repeat(64);
const B = "b".repeat(64);

function parse(files: Readonly<Record<string, string>>, variables: Readonly<Record<string, string>> = {}) {
  const read = (path: string) => files[path];
  return parseRequirementsLock(files["r.txt"]!, "r.txt", { read, variable: (name) => variables[name] });
}

test("continued lines, comments, markers, extras and hashes", () => {
  const { pins } = parse({
    "r.txt": `# made by a tool
Flask[async]==3.0 ; python_version >= "3.9" \\
    --hash=sha256:${A} \\
    --hash sha256:${B.toUpperCase()}  # via x
b === 1.0-x --hash=sha512:00
`,
  });
  assert.deepEqual(
    pins.map((pin) => [
      pin.origin,
      pin.package.name,
      pin.package.version,
      pin.package.hashes,
      pin.extras,
      pin.marker !== undefined,
    ]),
    [
      ["r.txt:2", "flask", "3.0", [A, B], ["async"], true],
      ["r.txt:5", "b", "1.0-x", [], [], false],
    ],
  );
});

test("included files, constraints that pin, variables and indexes", () => {
  const lock = parse(
    {
      "r.txt": `-r sub/more.txt\n-c c.txt\n--index-url https://$\{TOKEN}@i.example/simple\n--extra-index-url=https://e.example\n--pre\na>=1\n`,
      "sub/more.txt": `-r last.txt\n`,
      "sub/last.txt": `b==2 --hash=sha256:${B}\n./local\n-e ../own\n`,
      "c.txt": `a==1.5 --hash=sha256:${A}\n`,
    },
    { TOKEN: "secret" },
  );
  assert.deepEqual(lock.indexes, ["https://secret@i.example/simple", "https://e.example"]);
  const [b, local, own, a] = lock.pins.map((pin) => pin.package);
  assert.deepEqual([b!.name, b!.version], ["b", "2"]);
  assert.deepEqual(local!.source, { kind: "directory", path: "sub/./local", install: "copied" });
  assert.deepEqual(own!.source, { kind: "directory", path: "sub/../own", install: "editable" });
  assert.deepEqual([a!.version, a!.hashes], ["1.5", [A]]);
});

test("URLs and files instead of names", () => {
  const { pins } = parse({
    "r.txt": `a @ https://h.example/a-1.0-py3-none-any.whl#sha256=${A} ; os_name == "posix"
https://h.example/b-2.0.tar.gz --hash=sha256:${B}
./wheels/c-3.0-py3-none-any.whl --hash=sha256:${A}
git+https://g.example/d.git@0123#egg=d
`,
  });
  const [a, b, c, d] = pins.map((pin) => pin.package);
  assert.deepEqual(
    [a!.name, a!.files[0]!.url, a!.files[0]!.sha256],
    ["a", "https://h.example/a-1.0-py3-none-any.whl", A],
  );
  assert.deepEqual([b!.name, b!.version, b!.files[0]!.sha256], ["b", "2.0", B]);
  assert.deepEqual([c!.name, c!.files[0]!.path], ["c", "./wheels/c-3.0-py3-none-any.whl"]);
  assert.deepEqual(d!.source, {
    kind: "git",
    url: "https://g.example/d.git",
    commit: "0123",
    subdirectory: undefined,
  });
});

const REFUSED: readonly [summary: string, text: string, code: string, message: RegExp][] = [
  [
    "an open version",
    "flask>=3",
    "REQUIREMENT_NOT_PINNED",
    /r\.txt:1 as a lock: "flask>=3" leaves the version open/,
  ],
  ["a wildcard", "flask==3.*", "REQUIREMENT_NOT_PINNED", /flask==VERSION/],
  ["no requirement", "\n\n=flask", "REQUIREMENT_INVALID", /r\.txt:3/],
  ["a marker that is none", "flask==1 ; os", "REQUIREMENT_INVALID", /marker/],
  ["an unknown option", "--frobnicate=1", "REQUIREMENT_INVALID", /--frobnicate is not known/],
  ["an option without a value", "-r", "REQUIREMENT_INVALID", /no value/],
  ["a file that is not there", "-r none.txt", "REQUIREMENT_INVALID", /no file none\.txt/],
  ["a file of the network", "-r https://h.example/r.txt", "REQUIREMENT_INVALID", /of the network/],
  ["itself", "-r r.txt", "REQUIREMENT_INVALID", /includes itself/],
  ["a URL of no project", "https://h.example/latest.zip", "REQUIREMENT_INVALID", /says of which project/],
  ["a wheel with a bad name", "https://h.example/a.whl", "FILE_NAME_INVALID", /a\.whl/],
];
for (const [summary, text, code, message] of REFUSED) {
  test(`a file with ${summary} is refused with ${code}`, () => {
    assert.throws(() => parse({ "r.txt": text }), { code, message });
  });
}
