import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import fc from "fast-check";
import { compareEscapedPaths, decodeSurrogateEscape, isUtf8 } from "./surrogate-escape.ts";

const BYTES = fc
  .array(
    fc.oneof(
      fc.integer({ min: 0x20, max: 0xff }).map((byte) => String.fromCharCode(byte)),
      fc.constantFrom(
        "\xc3\xa9",
        "\xf0\x9f\x98\x80",
        "\xee\x80\x80",
        "\xe2\x82",
        "\xed\xa0\x80",
        "\xc0\x80",
        "/",
      ),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(""));

test("bytes are decoded and paths ordered as Python does", (t) => {
  const samples = fc.sample(BYTES, { numRuns: 400, seed: 7 });
  const script = `import json, sys
names = [bytes.fromhex(h).decode("utf-8", "surrogateescape") for h in json.load(sys.stdin)]
order = sorted(range(len(names)), key=lambda i: (names[i].split("/"), i))
print(json.dumps([names, order]))`;
  const input = JSON.stringify(samples.map((bytes) => Buffer.from(bytes, "latin1").toString("hex")));
  const result = spawnSync("python3", ["-c", script], { input, encoding: "utf8" });
  if (result.error !== undefined) return t.skip("python3 is not installed");
  const [names, order] = JSON.parse(result.stdout) as [string[], number[]];
  assert.deepEqual(samples.map(decodeSurrogateEscape), names);
  const own = samples.map((_, i) => i).sort((a, b) => compareEscapedPaths(samples[a]!, samples[b]!) || a - b);
  assert.deepEqual(own, order);
});

test("UTF-8 is told from other bytes", () => {
  for (const good of ["", "ascii", "\xc3\xa9", "\xef\xbf\xbd", "\xf4\x8f\xbf\xbf"])
    assert(isUtf8(good), good);
  for (const bad of ["\xff", "\xc3", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc0\x80", "a\x80"])
    assert(!isUtf8(bad), bad);
});
