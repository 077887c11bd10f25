import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePipConfig } from "./pip-config.ts";
import { parseSimpleIndex } from "./simple-index.ts";
import {
  formatEntryPointScript,
  formatRecord,
  parseHeaders,
  parseRecord,
  parseScriptEntryPoints,
} from "./wheel-metadata.ts";

test("headers end at the empty line; continued and repeated ones are kept", () => {
  const headers = parseHeaders(
    "Name: a\r\nRequires-Dist: b\nRequires-Dist: c;\n  os_name == 'x'\nbroken\n\nName: body\n",
  );
  assert.deepEqual(headers.get("name"), ["a"]);
  assert.deepEqual(headers.get("requires-dist"), ["b", "c;\nos_name == 'x'"]);
});

test("scripts are those of the two groups", () => {
  const text =
    "[console_scripts]\nb = m.n:f\n# no\na=m:C.g [extra]\n\n[other]\nx = y\n[gui_scripts]\nw = m:h\n";
  const { console, gui } = parseScriptEntryPoints(text);
  assert.deepEqual(console, [
    { name: "a", module: "m", attribute: "C.g" },
    { name: "b", module: "m.n", attribute: "f" },
  ]);
  assert.deepEqual(
    gui.map(({ name }) => name),
    ["w"],
  );
  assert.match(
    formatEntryPointScript(console[0]!),
    /^import sys\nfrom m import C\n[\s\S]*sys\.exit\(C\.g\(\)\)\n$/,
  );
});

for (const [line, message] of [
  ["a = m", /is no script/],
  ["../a = m:f", /names no file of bin/],
  [".. = m:f", /names no file of bin/],
  ["a", /is no entry point/],
  ["a = m:f();evil", /is no script/],
] as const) {
  test(`the entry point "${line}" is refused with WHEEL_INVALID`, () => {
    assert.throws(() => parseScriptEntryPoints(`[console_scripts]\n${line}\n`), {
      code: "WHEEL_INVALID",
      message,
    });
  });
}

test("RECORD is read and written: quotes, other hashes, no hash", () => {
  const sha256 = "0".repeat(64);
  const text = formatRecord([{ path: 'b,"c"', sha256, size: 3 }, { path: "a/RECORD" }]);
  assert.equal(text, `a/RECORD,,\n"b,""c""",sha256=${"A".repeat(43)},3\n`);
  assert.deepEqual(parseRecord(`${text}\r\nd,sha512=ab_-==,\r\n`), [
    { path: "a/RECORD", hash: undefined, size: undefined },
    { path: 'b,"c"', hash: { algorithm: "sha256", digest: "A".repeat(43) }, size: 3 },
    { path: "d", hash: { algorithm: "sha512", digest: "ab_-" }, size: undefined },
  ]);
  for (const wrong of ["a,b,c", ",sha256=a,1", '"a', "a,sha256=x,-1"])
    assert.throws(() => parseRecord(wrong), { code: "WHEEL_INVALID" }, wrong);
});

const SHA = "a".repeat(64);
const PAGES: readonly [summary: string, page: string][] = [
  [
    "JSON",
    JSON.stringify({
      meta: { "api-version": "1.1" },
      files: [
        { filename: "a-1.whl", url: "../../f/a-1.whl", hashes: { sha256: SHA }, size: 7 },
        { filename: "b", url: 7 },
      ],
    }),
  ],
  [
    "HTML",
    `<!DOCTYPE html><a class="x" href='../../f/a-1.whl#sha256=${SHA}' data-yanked>a</a><a href="http://[">b</a>`,
  ],
  ["HTML with a base", `<base href="/f/"><A HREF="a-1.whl#egg=a&amp;sha256=${SHA}">a</A>`],
];
for (const [summary, page] of PAGES) {
  test(`an index's page in ${summary}`, () => {
    const [file, ...rest] = parseSimpleIndex(page, "https://index.example/simple/a/");
    assert.deepEqual(file, {
      name: "a-1.whl",
      url: "https://index.example/f/a-1.whl",
      sha256: SHA,
      size: summary === "JSON" ? 7 : undefined,
    });
    assert.deepEqual(rest, []);
  });
}

test("a page that is none is refused with INDEX_INVALID", () => {
  for (const page of ["{", "{}", '{"meta":{"api-version":"2.0"},"files":[]}'])
    assert.throws(() => parseSimpleIndex(page, "https://index.example/"), { code: "INDEX_INVALID" }, page);
});

test("pip's configuration says where indexes are", () => {
  const text =
    "# x\n[global]\nindex_url = https://a.example/simple\nextra-index-url =\n    https://b.example\n    https://c.example\n[install]\nindex-url: https://d.example\n";
  assert.deepEqual(parsePipConfig(text), {
    index: "https://d.example",
    extraIndexes: ["https://b.example", "https://c.example"],
  });
  assert.deepEqual(parsePipConfig("nonsense"), { index: undefined, extraIndexes: [] });
});
