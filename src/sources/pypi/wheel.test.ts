import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { temporaryDirectory, testContext } from "../../../test/kit/context.ts";
import { makeWheel, makeZip, type WheelParts } from "../../../test/kit/make-wheel.ts";
import { parseWheelFileName } from "../../formats/python/file-name.ts";
import { decodeByteString } from "../../model/bytes.ts";
import type { Tree } from "../../model/tree.ts";
import { ContentReader } from "../../platform/content.ts";
import { installSitePackages, type SitePackagesOptions } from "./site-packages.ts";
import { findUnmetRequirements } from "./unmet-requirements.ts";
import { readCachedWheel, type UnpackedWheel, unpackWheel } from "./wheel-tree.ts";

const OPTIONS: SitePackagesOptions = { python: "3.11", prefix: "/opt/venv" };

async function unpack(
  t: TestContext,
  bytes: Buffer,
  fileName = "demo-1.0-py3-none-any.whl",
  context = testContext(t),
): Promise<UnpackedWheel> {
  const file = join(temporaryDirectory(t), "wheel");
  writeFileSync(file, bytes);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const unpacked = await unpackWheel(file, sha256, parseWheelFileName(fileName), context);
  assert.deepEqual(readCachedWheel(sha256, context), unpacked, "the cache gives the same back");
  return unpacked!;
}

function dump(tree: Tree): Record<string, string> {
  using reader = new ContentReader();
  return Object.fromEntries(
    tree.entries.map((entry) => {
      const path = decodeByteString(entry.path);
      if (entry.type === "symlink") return [path, `-> ${entry.target}`];
      if (entry.type === "directory") return [path, "directory"];
      return [path, `${entry.mode.toString(8)} ${Buffer.from(reader.read(entry)).toString()}`];
    }),
  );
}

const FULL: WheelParts = {
  metadata: "Requires-Dist: other>=2\n",
  files: {
    "demo/__init__.py": "x = 1\n",
    "demo/sub/native.so": { data: "\x7fELF", mode: 0o755 },
    "demo/__pycache__/__init__.cpython-311.pyc": "old",
    "demo-1.0.data/purelib/pure.py": "p\n",
    "demo-1.0.data/platlib/plat.py": "q\n",
    "demo-1.0.data/scripts/tool": "#!python -u\r\nprint(1)\n",
    "demo-1.0.data/scripts/shell": { data: "#!/bin/sh\n", mode: 0o644 },
    "demo-1.0.data/scripts/demo": "#!python\nold wrapper\n",
    "demo-1.0.data/headers/demo.h": "h\n",
    "demo-1.0.data/data/share/demo/ü.txt": "d\n",
    "demo-1.0.dist-info/direct_url.json": "{}",
  },
  entryPoints: "[console_scripts]\ndemo = demo.cli:main\n[gui_scripts]\ndemo-gui = demo:App.run\n",
};

test("a wheel's files go where pip puts them", async (t) => {
  const wheel = await unpack(t, makeWheel(FULL));
  assert.deepEqual(wheel.metadata.requires, ["other>=2"]);
  const { tree, replaced } = installSitePackages([wheel], OPTIONS);
  assert.deepEqual(replaced, []);
  const files = dump(tree);
  const site = "opt/venv/lib/python3.11/site-packages";
  const info = `${site}/demo-1.0.dist-info`;
  const { [`${info}/RECORD`]: record, [`${info}/METADATA`]: _m, [`${info}/WHEEL`]: _w, ...rest } = files;
  const launcher = (module: string, first: string, call: string) =>
    `755 #!/opt/venv/bin/python\nimport sys\nfrom ${module} import ${first}\nif __name__ == '__main__':\n    sys.argv[0] = sys.argv[0].removesuffix('.exe')\n    sys.exit(${call}())\n`;
  assert.deepEqual(rest, {
    "opt/venv/bin/demo": launcher("demo.cli", "main", "main"),
    "opt/venv/bin/demo-gui": launcher("demo", "App", "App.run"),
    "opt/venv/bin/python": "-> /usr/bin/python3.11",
    "opt/venv/bin/python3": "-> python",
    "opt/venv/bin/python3.11": "-> python",
    "opt/venv/bin/shell": "755 #!/bin/sh\n",
    "opt/venv/bin/tool": "755 #!/opt/venv/bin/python\nprint(1)\n",
    "opt/venv/include/site/python3.11/demo/demo.h": "644 h\n",
    "opt/venv/pyvenv.cfg":
      "644 home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.11\nexecutable = /usr/bin/python3.11\n",
    "opt/venv/share/demo/ü.txt": "644 d\n",
    [`${site}/demo/__init__.py`]: "644 x = 1\n",
    [`${site}/demo/sub/native.so`]: "755 \x7fELF",
    [`${site}/plat.py`]: "644 q\n",
    [`${site}/pure.py`]: "644 p\n",
    [`${info}/INSTALLER`]: "644 tare\n",
    [`${info}/entry_points.txt`]: `644 ${FULL.entryPoints}`,
  });
  const lines = record!.slice(4).trimEnd().split("\n");
  assert.deepEqual(
    lines.map((line) => line.split(",")[0]),
    [
      "../../../bin/demo",
      "../../../bin/demo-gui",
      "../../../bin/shell",
      "../../../bin/tool",
      "../../../include/site/python3.11/demo/demo.h",
      "../../../share/demo/ü.txt",
      "demo-1.0.dist-info/INSTALLER",
      "demo-1.0.dist-info/METADATA",
      "demo-1.0.dist-info/RECORD",
      "demo-1.0.dist-info/WHEEL",
      "demo-1.0.dist-info/entry_points.txt",
      "demo/__init__.py",
      "demo/sub/native.so",
      "plat.py",
      "pure.py",
    ],
  );
});

test("Debian's own packages can be seen, and another Python can be named", async (t) => {
  const wheel = await unpack(t, makeWheel());
  const { tree } = installSitePackages([wheel], {
    ...OPTIONS,
    interpreter: "/usr/local/bin/python3.11",
    systemSitePackages: true,
  });
  const files = dump(tree);
  assert.match(
    files["opt/venv/pyvenv.cfg"]!,
    /home = \/usr\/local\/bin\ninclude-system-site-packages = true/,
  );
  assert.equal(files["opt/venv/bin/python"], "-> /usr/local/bin/python3.11");
});

test("of two wheels that disagree about a file the later name wins, and it is told", async (t) => {
  const one = await unpack(t, makeWheel({ files: { "shared.py": "demo\n", "same.py": "" } }));
  const parts = { name: "Other", files: { "shared.py": "other\n", "same.py": "" } };
  const two = await unpack(t, makeWheel(parts), "Other-1.0-py3-none-any.whl");
  const results = [
    [one, two],
    [two, one],
  ].map((wheels) => installSitePackages(wheels, OPTIONS));
  for (const { tree, replaced } of results) {
    const path = "opt/venv/lib/python3.11/site-packages/shared.py";
    assert.deepEqual(replaced, [{ path, of: "demo", by: "Other" }]);
    assert.equal(dump(tree)[path], "644 other\n");
  }
  assert.deepEqual(results[0], results[1]);
});

test("a file that is another wheel's directory is refused with WHEEL_CONFLICT", async (t) => {
  const one = await unpack(t, makeWheel({ files: { thing: "" } }));
  const two = await unpack(
    t,
    makeWheel({ name: "other", files: { "thing/a.py": "" } }),
    "other-1.0-py3-none-any.whl",
  );
  assert.throws(() => installSitePackages([one, two], OPTIONS), {
    code: "WHEEL_CONFLICT",
    message: /site-packages\/thing"/,
  });
});

test("what wheels ask for and do not have is listed", async (t) => {
  const platform = { architecture: "amd64", python: "3.11.2", glibc: "2.36" } as const;
  const metadata =
    "Requires-Dist: other[x]>=2\nRequires-Dist: never; os_name == 'nt'\nRequires-Dist: gone\nRequires-Dist: local\n";
  const one = await unpack(t, makeWheel({ metadata }));
  const other = {
    name: "other",
    version: "2.1",
    metadata: "Requires-Dist: late>=1; extra == 'x'\nRequires-Dist: demo>1\n",
  };
  const two = await unpack(t, makeWheel(other), "other-2.1-py3-none-any.whl");
  assert.deepEqual(findUnmetRequirements([one, two], platform, ["Local"]), [
    { by: "demo", requirement: "gone", found: undefined },
    { by: "other", requirement: "demo>1", found: "1.0" },
    { by: "other", requirement: "late>=1; extra == 'x'", found: undefined },
  ]);
});

const file = (path: string): WheelParts => ({ files: { [path]: "x" } });
const INVALID: readonly [summary: string, wheel: Buffer, code: string, message: RegExp][] = [
  [
    "no archive",
    Buffer.from("hello"),
    "WHEEL_INVALID",
    /Cannot install demo-1\.0-py3-none-any\.whl: it has no end record/,
  ],
  [
    "a wrong hash in RECORD",
    makeWheel({ record: (text) => text.replace(/sha256=./, "sha256=!").replace("!", "0") }),
    "WHEEL_INVALID",
    /its RECORD says/,
  ],
  [
    "a wrong size in RECORD",
    makeWheel({ record: (text) => text.replace(/,0\n/, ",7\n") }),
    "WHEEL_INVALID",
    /has 0 bytes, its RECORD says 7/,
  ],
  [
    "a file that RECORD does not have",
    makeWheel({ unrecorded: [{ name: "evil.py", data: "x" }] }),
    "WHEEL_INVALID",
    /no hash of "evil\.py"/,
  ],
  [
    "an md5 in RECORD",
    makeWheel({ record: (text) => text.replace("sha256=", "md5=") }),
    "WHEEL_INVALID",
    /a md5 of/,
  ],
  ["no RECORD", makeWheel({ without: ["RECORD"] }), "WHEEL_INVALID", /no file RECORD/],
  ["no METADATA", makeWheel({ without: ["METADATA"] }), "WHEEL_INVALID", /no file METADATA/],
  ["another version", makeWheel({ version: "1.1" }), "WHEEL_INVALID", /another distribution's/],
  ["a newer format", makeWheel({ wheel: "Wheel-Version: 2.0\n" }), "WHEEL_INVALID", /wheel version "2\.0"/],
  ["two distributions", makeWheel(file("b-1.0.dist-info/METADATA")), "WHEEL_INVALID", /2 \.dist-info/],
  [
    "a name that climbs",
    makeWheel({ unrecorded: [{ name: "../evil", data: "x" }] }),
    "WHEEL_UNSAFE",
    /"\.\."/,
  ],
  [
    "a bomb",
    makeWheel({ unrecorded: [{ name: "big", data: "x", claims: { size: 1 << 30 } }] }),
    "WHEEL_UNSAFE",
    /holds more/,
  ],
  [
    "a file that is larger than it claims",
    makeWheel({
      unrecorded: [{ name: "demo-1.0.dist-info/RECORD.jws", data: "x".repeat(5000), claims: { size: 10 } }],
    }),
    "WHEEL_UNSAFE",
    /more than the 10 bytes/,
  ],
  [
    "a file with a wrong checksum",
    makeWheel({ unrecorded: [{ name: "demo-1.0.dist-info/RECORD.jws", data: "x", claims: { crc32: 7 } }] }),
    "WHEEL_INVALID",
    /is damaged/,
  ],
  ["an archive of something else", makeZip([{ name: "a", data: "" }]), "WHEEL_INVALID", /0 \.dist-info/],
];
for (const [summary, bytes, code, message] of INVALID) {
  test(`a wheel with ${summary} is refused with ${code}, and nothing is kept`, async (t) => {
    const context = testContext(t);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    await assert.rejects(unpack(t, bytes, undefined, context), { code, message });
    assert.equal(readCachedWheel(sha256, context), undefined);
  });
}

const NOT_INSTALLABLE: readonly [summary: string, parts: WheelParts, message: RegExp][] = [
  ["an unknown scheme", file("demo-1.0.data/etc/passwd"), /unknown scheme/],
  ["a file beside the schemes", file("demo-1.0.data/data"), /in no directory/],
  ["a Python of its own", file("demo-1.0.data/scripts/python3"), /would replace "bin\/python3"/],
  ["pyvenv.cfg", file("demo-1.0.data/data/pyvenv.cfg"), /would replace "pyvenv\.cfg"/],
  ["a script named python", { entryPoints: "[console_scripts]\npython = a:b\n" }, /"python" would replace/],
];
for (const [summary, parts, message] of NOT_INSTALLABLE) {
  test(`a wheel with ${summary} is refused with WHEEL_INVALID`, async (t) => {
    const wheel = await unpack(t, makeWheel(parts));
    assert.throws(() => installSitePackages([wheel], OPTIONS), { code: "WHEEL_INVALID", message });
  });
}

test("places that no first line of a script can name are refused with BAD_OPTION", () => {
  for (const options of [
    { prefix: "venv" },
    { prefix: "/a b" },
    { prefix: "/a/../b" },
    { prefix: `/${"a".repeat(120)}` },
    { python: "2.7" },
    { interpreter: "python" },
  ])
    assert.throws(() => installSitePackages([], { ...OPTIONS, ...options }), { code: "BAD_OPTION" });
});

test("a download that is not what it was is undefined, so that it is fetched again", async (t) => {
  const path = join(temporaryDirectory(t), "wheel");
  const bytes = makeWheel();
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const wheel = parseWheelFileName("demo-1.0-py3-none-any.whl");
  for (const damaged of [makeWheel(FULL), bytes.subarray(0, -30)]) {
    writeFileSync(path, damaged);
    assert.equal(await unpackWheel(path, sha256, wheel, testContext(t)), undefined);
  }
});
