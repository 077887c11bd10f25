import assert from "node:assert/strict";
import { test } from "node:test";
import { isTextFilter, runTextFilter } from "./text-filters.ts";

const FILES: Readonly<Record<string, string | null>> = { "/a": "one\ntwo\nthree\n", "/secret": null };

function run(name: string, args: readonly string[], input?: string) {
  return runTextFilter(name, args, { input, readFile: (path) => FILES[path] });
}

const CASES: readonly (readonly [
  command: readonly string[],
  input: string,
  output: string,
  status?: number,
])[] = [
  [["echo", "a", "b"], "", "a b\n"],
  [["echo", "-n", "a\\tb"], "", "a\tb"],
  [["printf", "%s-%s\\n", "a", "b", "c"], "", "a-b\nc-\n"],
  [["printf", "%03d|%-4s|%%\\n", "7", "x"], "", "007|x   |%\n"],
  [["cat"], "x", "x"],
  [["cat", "/a", "-"], "x", "one\ntwo\nthree\nx"],
  [["cat", "/none"], "", "", 1],
  [["cut", "-d:", "-f1,3-"], "a:b:c:d\nnone\n", "a:c:d\nnone\n"],
  [["cut", "-c", "2-3"], "abcd\n", "bc\n"],
  [["tr", "a-c", "A-C"], "abcd", "ABCd"],
  [["tr", "-d", "[:space:]"], " a b\n", "ab"],
  [["tr", ",", "\\n"], "a,b", "a\nb"],
  [["tr", "-s", " "], "a   b", "a b"],
  [["tr", "-cd", "a-z"], "A1b2", "b"],
  [["grep", "t"], "one\ntwo\n", "two\n"],
  [["grep", "-q", "x"], "one\n", "", 1],
  [["grep", "-v", "-E", "^(one|two)$", "/a"], "", "three\n"],
  [["grep", "-F", "."], "a.b\naxb\n", "a.b\n"],
  [["grep", "-x", "a"], "a\nab\n", "a\n"],
  [["grep", "-w", "ab"], "ab c\nabc\n", "ab c\n"],
  [["grep", "-o", "[0-9][0-9]*"], "a12b\n", "12\n"],
  [["grep", "x", "/none"], "", "", 2],
  [["egrep", "a|b"], "b\n", "b\n"],
  [["head", "-1"], "a\nb\n", "a\n"],
  [["tail", "-n", "1", "/a"], "", "three\n"],
  [["sort", "-u"], "b\na\nb\n", "a\nb\n"],
  [["sort", "-rn"], "2\n10\n", "10\n2\n"],
  [["uniq"], "a\na\nb\na\n", "a\nb\na\n"],
  [["wc", "-l"], "a\nb\n", "2\n"],
  [["basename", "/a/b.crt", ".crt"], "", "b\n"],
  [["basename", "/"], "", "/\n"],
  [["dirname", "/a/b/"], "", "/a\n"],
  [["dirname", "a"], "", ".\n"],
  [["expr", "3", "-", "3"], "", "0\n", 1],
  [["expr", "abc", ":", "a\\(.\\)"], "", "b\n"],
  [["seq", "3", "-1", "1"], "", "3\n2\n1\n"],
  [["sed", "s/o/0/"], "foo\n", "f0o\n"],
  [["sed", "s/o/0/g;s/f/F/"], "foo\n", "F00\n"],
  [["sed", "-e", "s|/x|/y|", "-e", "s/a/b/I"], "/x A\n", "/y b\n"],
  [["sed", "-n", "s/^\\(a\\)=\\(.*\\)$/\\2&/p"], "a=1\nb=2\n", "1a=1\n"],
  [["sed", "-E", "s/[ \\t]+/ /g"], "a \t b\n", "a b\n"],
  [["sed", "/^#/d"], "#a\nb\n", "b\n"],
  [["sed", "2,3d"], "a\nb\nc\nd\n", "a\nd\n"],
  [["sed", "-n", "/b/,/c/p"], "a\nb\nx\nc\nd\n", "b\nx\nc\n"],
  [["sed", "$!d"], "a\nb\n", "b\n"],
  [["sed", "y/ab/AB/"], "abc\n", "ABc\n"],
  [["sed", "1i\\x"], "a\n", "x\na\n"],
  [["sed", "a x"], "a\n", "a\nx\n"],
  [["sed", "/a/{s/a/b/;s/b/c/}"], "a\nb\n", "c\nb\n"],
  [["sed", "q"], "a\nb\n", "a\n"],
];

for (const [[name, ...args], input, output, status = 0] of CASES) {
  test(`${name} ${args.join(" ")}`, () => {
    assert.deepEqual(run(name!, args, input), { output, status });
  });
}

test("what depends on something unknown has no result", () => {
  assert.equal(run("cut", ["-d:", "-f1"], undefined), undefined);
  assert.equal(run("cat", ["/secret"]), undefined);
  assert.equal(run("grep", ["-c", "x"], "x\n"), undefined);
  assert.equal(run("sed", ["s/a/b/;b end"], "a\n"), undefined);
  assert.equal(run("sed", ["-i", "s/a/b/", "/a"], ""), undefined);
});

test("knows its names", () => {
  assert.ok(isTextFilter("sed"));
  assert.ok(!isTextFilter("adduser"));
});
