import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAlternativesCommand } from "./update-alternatives.ts";

function parse(line: string) {
  const args = line.split(" ").map((text) => ({ text, known: !text.includes("?") }));
  return parseAlternativesCommand(args);
}

test("reads --install with slaves", () => {
  assert.deepEqual(
    parse(
      "--quiet --install /usr/bin/vi vi /usr/bin/vim.tiny 15 --slave /usr/share/man/vi.1 vi.1 /m/vim.1 --slave /x? y /z",
    ),
    {
      kind: "install",
      choice: {
        link: "/usr/bin/vi",
        name: "vi",
        path: "/usr/bin/vim.tiny",
        priority: 15,
        slaves: [{ link: "/usr/share/man/vi.1", name: "vi.1", path: "/m/vim.1" }],
      },
    },
  );
});

test("reads the other actions", () => {
  assert.deepEqual(parse("--set vi /usr/bin/nvi"), { kind: "set", name: "vi", path: "/usr/bin/nvi" });
  assert.deepEqual(parse("--remove vi /usr/bin/nvi"), { kind: "remove", name: "vi", path: "/usr/bin/nvi" });
  assert.deepEqual(parse("--auto vi"), { kind: "auto", name: "vi" });
  assert.deepEqual(parse("--list vi"), { kind: "list", name: "vi" });
  assert.deepEqual(parse("--query vi"), { kind: "other" });
});

test("says what is wrong with --install", () => {
  const problem = (line: string) => {
    const command = parse(line);
    return command.kind === "problem" ? command.problem : command.kind;
  };
  assert.equal(problem("--install /usr/bin/x? x /y 1"), "/usr/bin/x? is not known");
  assert.equal(problem("--install /usr/bin/x x /y high"), '"high" is no priority');
  assert.equal(problem("--install /usr/bin/x a/b /y 1"), "/usr/bin/x a/b /y is no alternative");
  assert.equal(problem("--install /usr/bin/x"), '"" is no priority');
});
