import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseWheel, parseWheelFileName, tryParseSdistFileName } from "./file-name.ts";
import { type PythonPlatform, rankSupportedTags } from "./tags.ts";
import { formatVersion } from "./version.ts";

const BOOKWORM: PythonPlatform = { architecture: "amd64", python: "3.11.2", glibc: "2.36" };

const CHOICES: readonly [
  summary: string,
  platform: PythonPlatform,
  wheels: string,
  chosen: string | undefined,
][] = [
  [
    "the newest glibc that the image has",
    BOOKWORM,
    "cp311-cp311-manylinux_2_17_x86_64 cp311-cp311-manylinux_2_28_x86_64 cp311-cp311-manylinux_2_39_x86_64",
    "cp311-cp311-manylinux_2_28_x86_64",
  ],
  [
    "the Python's own before the stable ABI",
    BOOKWORM,
    "cp311-abi3-manylinux_2_28_x86_64 cp311-cp311-manylinux2014_x86_64",
    "cp311-cp311-manylinux2014_x86_64",
  ],
  [
    "the stable ABI of an older Python",
    BOOKWORM,
    "cp37-abi3-manylinux2014_x86_64 cp39-abi3-manylinux2014_x86_64 cp312-abi3-manylinux2014_x86_64",
    "cp39-abi3-manylinux2014_x86_64",
  ],
  [
    "native code before plain Python",
    BOOKWORM,
    "py3-none-any cp311-cp311-linux_x86_64",
    "cp311-cp311-linux_x86_64",
  ],
  [
    "one of a compressed set",
    BOOKWORM,
    "cp311-cp311-manylinux1_x86_64.manylinux_2_5_x86_64 py2.py3-none-any",
    "cp311-cp311-manylinux1_x86_64.manylinux_2_5_x86_64",
  ],
  [
    "no wheel for musl, other systems or free threads",
    BOOKWORM,
    "cp311-cp311-musllinux_1_2_x86_64 cp311-cp311-macosx_11_0_x86_64 cp311-cp311t-manylinux2014_x86_64 cp310-cp310-manylinux2014_x86_64 cp311-cp311-win_amd64",
    undefined,
  ],
  [
    "no wheel for a newer glibc",
    { ...BOOKWORM, glibc: "2.31" },
    "cp311-cp311-manylinux_2_34_x86_64",
    undefined,
  ],
  [
    "the image's processor",
    { ...BOOKWORM, architecture: "arm64" },
    "cp311-cp311-manylinux2014_x86_64 cp311-cp311-manylinux2014_aarch64",
    "cp311-cp311-manylinux2014_aarch64",
  ],
];
for (const [summary, platform, wheels, chosen] of CHOICES) {
  test(`chosen: ${summary}`, () => {
    const candidates = wheels
      .split(" ")
      .map((tags) => ({ tags, wheel: parseWheelFileName(`a-1.0-${tags}.whl`) }));
    for (const order of [candidates, [...candidates].reverse()])
      assert.equal(chooseWheel(order, rankSupportedTags(platform))?.tags, chosen);
  });
}

test("of two wheels with one tag, the higher build is taken", () => {
  const wheels = [
    "a-1.0-py3-none-any.whl",
    "a-1.0-2-py3-none-any.whl",
    "a-1.0-10-py3-none-any.whl",
    "a-1.0-10a-py3-none-any.whl",
  ];
  const candidates = wheels.map((name) => ({ wheel: parseWheelFileName(name) }));
  assert.equal(
    chooseWheel(candidates, rankSupportedTags(BOOKWORM))?.wheel.fileName,
    "a-1.0-10a-py3-none-any.whl",
  );
});

test("a name that is no wheel's is refused with FILE_NAME_INVALID", () => {
  const many = Array.from({ length: 60 }, (_, index) => `a${index}`).join(".");
  for (const name of [
    "a-1.0.whl",
    "a/b-1.0-py3-none-any.whl",
    `a-1.0-${many}-${many}-any.whl`,
    "a-1.0-py3..py2-none-any.whl",
  ])
    assert.throws(() => parseWheelFileName(name), { code: "FILE_NAME_INVALID" }, name);
});

test("names of source distributions, old and new", () => {
  const read = (name: string) => {
    const sdist = tryParseSdistFileName(name);
    return sdist === undefined ? undefined : [sdist.name, formatVersion(sdist.version), sdist.extension];
  };
  assert.deepEqual(read("flask_x-3.1.tar.gz"), ["flask-x", "3.1", ".tar.gz"]);
  assert.deepEqual(read("zope.interface-4-beta-5.0rc1.zip"), ["zope-interface-4-beta", "5.0rc1", ".zip"]);
  assert.equal(read("flask.tar.gz"), undefined);
  assert.equal(read("../flask-1.0.tar.gz"), undefined);
});
