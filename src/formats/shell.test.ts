// biome-ignore-all lint/suspicious/noTemplateCurlyInString: shell text

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Command, Statement, Word } from "./shell.ts";
import { parseShell } from "./shell.ts";

/** A compact picture of a syntax tree: quoted pieces in ‹›, expansions as `$name` or `$(…)`. */
function showWord(word: Word): string {
  return word
    .map((part) => {
      const text =
        part.kind === "literal"
          ? part.text
          : part.kind === "parameter"
            ? `\${${part.name}${part.operator ?? ""}${part.argument === undefined ? "" : showWord(part.argument)}}`
            : part.kind === "command"
              ? `$(${showList(part.script)})`
              : `$((${showWord(part.text)}))`;
      return part.quoted ? `‹${text}›` : text;
    })
    .join("");
}

function showCommand(command: Command): string {
  switch (command.kind) {
    case "simple": {
      const parts = [
        ...command.assignments.map(({ name, value }) => `${name}=${showWord(value)}`),
        ...command.words.map(showWord),
        ...command.redirections.map(
          ({ descriptor, operator, target }) => `${descriptor}${operator}[${showWord(target)}]`,
        ),
      ];
      return parts.join(" ");
    }
    case "if":
      return `if(${command.branches.map(({ condition, body }) => `${showList(condition)} ? ${showList(body)}`).join(" : ")} : ${showList(command.otherwise)})`;
    case "loop":
      return `${command.until ? "until" : "while"}(${showList(command.condition)} ? ${showList(command.body)})`;
    case "for":
      return `for(${command.name} in ${command.words?.map(showWord).join(" ") ?? "@"} ? ${showList(command.body)})`;
    case "case":
      return `case(${showWord(command.subject)} ${command.items.map(({ patterns, body }) => `${patterns.map(showWord).join("|")}) ${showList(body)}`).join(" ;; ")})`;
    case "group":
      return command.subshell ? `(${showList(command.body)})` : `{${showList(command.body)}}`;
    case "function":
      return `${command.name}() ${showCommand(command.body)}`;
  }
}

function showList(statements: readonly Statement[]): string {
  return statements
    .map(({ pipelines, background }) => {
      const text = pipelines
        .map(({ operator, pipeline }) => {
          const commands = pipeline.commands.map(showCommand).join(" | ");
          return `${operator} ${pipeline.negated ? "! " : ""}${commands}`.trim();
        })
        .join(" ");
      return background ? `${text} &` : text;
    })
    .join("; ");
}

function show(text: string): string {
  const script = parseShell(text);
  return "problem" in script ? `line ${script.line}: ${script.problem}` : showList(script.statements);
}

const CASES: readonly { summary: string; script: string; expected: string }[] = [
  { summary: "words and quotes", script: `a 'b c' "d $e" f\\ g`, expected: "a ‹b c› ‹d ›‹${e}› f‹ ›g" },
  { summary: "an empty quoted word", script: `a ''`, expected: "a ‹›" },
  { summary: "comments", script: "# one\na # two\nb#c", expected: "a; b#c" },
  { summary: "a continuation", script: "a \\\n  b", expected: "a b" },
  { summary: "assignments", script: "A=1 B= c D=2", expected: "A=1 B= c D=2" },
  { summary: "and, or, not", script: "! a && b || c", expected: "! a && b || c" },
  { summary: "a pipeline over lines", script: "a |\n b", expected: "a | b" },
  { summary: "redirections", script: "a >b 2>&1 <c >>d", expected: "a 1>[b] 2>&[1] 0<[c] 1>>[d]" },
  { summary: "a digit that is a word", script: "a 2 >b", expected: "a 2 1>[b]" },
  {
    summary: "if with elif and else",
    script: "if a; then b\nelif c; then d; else e; fi",
    expected: "if(a ? b : c ? d : e)",
  },
  {
    summary: "loops",
    script: "while a; do b; done; until c; do d; done",
    expected: "while(a ? b); until(c ? d)",
  },
  { summary: "for", script: "for x in a $b; do c; done", expected: "for(x in a ${b} ? c)" },
  { summary: "for over the arguments", script: "for x; do c; done", expected: "for(x in @ ? c)" },
  {
    summary: "case",
    script: 'case "$1" in\n a|b) c;;\n (*) d ;;\nesac',
    expected: "case(‹${1}› a|b) c ;; *) d)",
  },
  { summary: "groups and subshells", script: "{ a; b; }; (c)", expected: "{a; b}; (c)" },
  { summary: "functions", script: "f() { a; }\nfunction g { b; }", expected: "f() {a}; g() {b}" },
  { summary: "substitutions", script: 'a $(b "$(c)") `d \\`e\\``', expected: "a $(b ‹$(c)›) $(d $(e))" },
  {
    summary: "a case inside a substitution",
    script: "a $(case x in x) y;; esac)",
    expected: "a $(case(x x) y))",
  },
  {
    summary: "parameter expansions",
    script: 'a ${b:-c} ${d%.*} ${#e} "${f:+x}"',
    expected: "a ${b:-c} ${d%.*} ${elength} ‹${f:+‹x›}›",
  },
  { summary: "arithmetic", script: "a $((1 + $b))", expected: "a $((‹1 + ›‹${b}›))" },
  {
    summary: "a here-document that expands",
    script: "a <<E\nx $b\nE\nc",
    expected: "a 0<<[‹x ›‹${b}›‹\n›]; c",
  },
  {
    summary: "a here-document as it is, tabs taken off",
    script: "a <<-'E'\n\tx $b\n\tE\nc",
    expected: "a 0<<[‹x $b\n›]; c",
  },
  { summary: "background", script: "a & b", expected: "a &; b" },
  { summary: "[[ with operators", script: "[[ a && b < c ]]", expected: "[[ a ‹&&› b ‹<› c ]]" },
  { summary: "a quote that is not closed", script: "a\nb 'c", expected: "line 2: a ' is not closed" },
  {
    summary: "a lost fi",
    script: "if a; then b\n",
    expected: "line 2: the end of the script is not expected here",
  },
  { summary: "arrays", script: "a=(1 2)", expected: "line 1: arrays are not read" },
];

for (const { summary, script, expected } of CASES) {
  test(`parses ${summary}`, () => assert.equal(show(script), expected));
}

test("refuses nesting that would exhaust the stack", () => {
  assert.match(show("(".repeat(5000)), /nested too deeply/);
  assert.match(show("$(".repeat(5000)), /nested too deeply/);
  assert.match(show("${a:-".repeat(5000)), /nested too deeply/);
});

test("tells lines", () => {
  const script = parseShell("a\n\nif b\nthen\n  c 'x\ny'\n  d\nfi");
  assert.ok("statements" in script);
  const command = script.statements[1]!.pipelines[0]!.pipeline.commands[0]!;
  assert.ok(command.kind === "if");
  const lines = command.branches[0]!.body.map((one) => {
    const first = one.pipelines[0]!.pipeline.commands[0]!;
    return first.kind === "simple" ? first.line : undefined;
  });
  assert.deepEqual(lines, [5, 7]);
});

test("never throws, whatever the text is", () => {
  const pieces = [
    "if",
    "then",
    "fi",
    "case",
    "esac",
    "in",
    "$(",
    ")",
    "`",
    '"',
    "'",
    "<<E",
    "\n",
    ";",
    "&&",
    "{",
    "}",
  ];
  const text = fc.array(fc.oneof(fc.constantFrom(...pieces), fc.string({ maxLength: 5 })), { maxLength: 30 });
  fc.assert(
    fc.property(text, (parts) => {
      parseShell(parts.join(" "));
    }),
    { numRuns: 500 },
  );
});
