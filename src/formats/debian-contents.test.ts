import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ContentsReader, parsePackageNames } from "./debian-contents.ts";

function read(chunks: readonly Uint8Array[]): [path: string, location: string][] {
  const lines: [string, string][] = [];
  const reader = new ContentsReader("an index", (path, location) => lines.push([path, location]));
  for (const chunk of chunks) reader.push(chunk);
  reader.end();
  return lines;
}

const TEXT = `bin/sh                                                  shells/dash
usr/share/a file with blanks  \t games/one,contrib/games/two
usr/share/émile	text/émile-data

nothing
usr/bin/last utils/last`;

test("a line is a path, which may have blanks in it, and the packages that ship it", () => {
  assert.deepEqual(read([Buffer.from(TEXT)]), [
    ["bin/sh", "shells/dash"],
    ["usr/share/a file with blanks", "games/one,contrib/games/two"],
    [Buffer.from("usr/share/émile").toString("latin1"), Buffer.from("text/émile-data").toString("latin1")],
    ["usr/bin/last", "utils/last"],
  ]);
  assert.deepEqual(parsePackageNames("games/one,contrib/games/two,three,"), ["one", "two", "three"]);
});

test("chunks may end anywhere", () => {
  const bytes = Buffer.from(TEXT);
  const whole = read([bytes]);
  fc.assert(
    fc.property(fc.array(fc.nat(bytes.length), { maxLength: 8 }), (cuts) => {
      const at = [0, ...cuts.sort((a, b) => a - b), bytes.length];
      const chunks = at.slice(1).map((end, i) => bytes.subarray(at[i]!, end));
      assert.deepEqual(read(chunks), whole);
    }),
  );
});

test("a line without an end is refused with BAD_CONTROL", () => {
  const chunk = Buffer.alloc(1 << 18, 0x61);
  assert.throws(() => read([chunk, chunk, chunk, chunk, chunk]), {
    code: "BAD_CONTROL",
    message: /Cannot read an index: it has a line of more than/,
  });
});
