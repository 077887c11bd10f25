import assert from "node:assert/strict";
import { test } from "node:test";
import { withoutTimeComments } from "./time-comments.ts";

const CASES: readonly { summary: string; first: string; second: string; expected: string | undefined }[] = [
  { summary: "the same", first: "# 1\na\n", second: "# 1\na\n", expected: "# 1\na\n" },
  {
    summary: "a comment with the time",
    first: "# Made 22-11-2026 22:47:01\n-Fu/usr\n",
    second: "# Made 22-11-2026 22:47:03\n-Fu/usr\n",
    expected: "-Fu/usr\n",
  },
  { summary: "minutes of one digit", first: "% at 9:59:59\n", second: "% at 10:0:1\n", expected: "" },
  { summary: "a line that counts", first: "stamp=1\n", second: "stamp=2\n", expected: undefined },
  { summary: "another text", first: "# a\n", second: "# b\n", expected: undefined },
  { summary: "another number of lines", first: "# 1\n", second: "# 1\n\n", expected: undefined },
  {
    summary: "too large a text",
    first: `# 1\n${"a\n".repeat(1 << 19)}`,
    second: `# 2\n${"a\n".repeat(1 << 19)}`,
    expected: undefined,
  },
];

for (const { summary, first, second, expected } of CASES) {
  test(`comments that tell the time: ${summary}`, () => {
    assert.equal(withoutTimeComments(Buffer.from(first), Buffer.from(second)), expected);
  });
}
