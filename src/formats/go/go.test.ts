import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { parseGoMod } from "./go-mod.ts";
import { computeGoHash, escapeForProxy, parseGoSum } from "./go-sum.ts";

const HASH = "h1:NIvaJDMOsjHA8n1jAhLSgzrAzy1Hgr+hNrb57e+94F0=";

test("go.mod: module, requirements, replacements; comments and blocks", () => {
  const { path, requires, replacements } = parseGoMod(`\uFEFF// about
module "example.com/shop/v2" // ours
go 1.22
toolchain go1.23.1
require github.com/a/b v1.2.3
require (
	golang.org/x/net v0.1.0 // indirect

	c.example/d v0.0.0-20200101000000-abcdefabcdef
)
replace (
	github.com/a/b => ../b
	golang.org/x/net v0.1.0 => example.com/net v0.2.0
)
`);
  assert.equal(path, "example.com/shop/v2");
  assert.deepEqual(
    requires.map((required) => `${required.path} ${required.version}`),
    ["github.com/a/b v1.2.3", "golang.org/x/net v0.1.0", "c.example/d v0.0.0-20200101000000-abcdefabcdef"],
  );
  assert.deepEqual(
    [...replacements],
    [
      ["github.com/a/b", { directory: "../b" }],
      ["golang.org/x/net", { path: "example.com/net", version: "v0.2.0" }],
    ],
  );
});

for (const text of ["", "go 1.22\n", "module a\nrequire b\n", "module a\nreplace b c\n"]) {
  test(`go.mod is refused with GO_MOD_INVALID: ${JSON.stringify(text)}`, () => {
    assert.throws(() => parseGoMod(text), { code: "GO_MOD_INVALID" });
  });
}

test("go.sum: zips and go.mod files, each once; hashes of other kinds are passed over", () => {
  const text = `a.b/C v1.0.0 ${HASH}\na.b/C v1.0.0/go.mod ${HASH}\na.b/C v1.0.0 ${HASH}\n\na.b/C v1.0.0 h9:xx\n`;
  assert.deepEqual(parseGoSum(text), [
    { module: "a.b/C", version: "v1.0.0", kind: "zip", hash: HASH },
    { module: "a.b/C", version: "v1.0.0", kind: "mod", hash: HASH },
  ]);
});

for (const line of [
  `a v1.0.0`,
  `a 1.0.0 ${HASH}`,
  `a/../b v1.0.0 ${HASH}`,
  `a v1.0.0 h1:short`,
  `/a v1.0.0 ${HASH}`,
]) {
  test(`go.sum is refused with GO_SUM_INVALID: ${line}`, () => {
    assert.throws(() => parseGoSum(`${line}\n`), { code: "GO_SUM_INVALID", message: /line 1/ });
  });
}

test("paths for a proxy tell capitals apart on every disk", () => {
  assert.equal(escapeForProxy("github.com/BurntSushi/toml"), "github.com/!burnt!sushi/toml");
});

test("the hash of files is that of their names and hashes, in the order of names", () => {
  const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
  const files = [
    { name: "m@v1.0.0/go.mod", sha256: sha256("module m\n") },
    { name: "m@v1.0.0/a.go", sha256: sha256("package m\n") },
  ];
  const summary = `${files[1]!.sha256}  m@v1.0.0/a.go\n${files[0]!.sha256}  m@v1.0.0/go.mod\n`;
  const expected = `h1:${createHash("sha256").update(summary).digest("base64")}`;
  assert.equal(computeGoHash(files), expected);
  assert.equal(computeGoHash(files.toReversed()), expected);
});
