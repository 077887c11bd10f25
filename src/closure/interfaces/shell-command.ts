// Command words of shell scripts: what stands where a command does. Built-in commands start no program.

import type { Language, TokenKind } from "../token-kind.ts";

const LANGUAGE: Language = {
  name: "shell",
  extensions: [".sh", ".bash"],
  interpreters: /^(?:ba|da|a|k|mk|z|pdk)?sh$|^make$|^busybox$/,
  hashComments: true,
  strip: (text) => (text.includes("#") ? text.replace(/^[ \t]*#(?!!).*$/gm, "") : text),
};

/**
 * Reserved words, and built-in commands that no package has as a program. Others, such as `echo`, are programs too,
 * for whoever runs them without a shell.
 */
const BUILT_IN = new Set(
  `. : alias bg break case cd chdir command continue declare do done elif else esac eval exec exit export fg fi for
  function getopts hash if in jobs let local read readonly return select set shift source then times trap type
  typeset ulimit umask unalias unset until wait while`.split(/\s+/),
);

/** Where a command begins. */
const BEGINNING = /^|[|;&({`!]|\$\(|\b(?:exec|xargs)\b/;
/** Words after which a command follows, with their options. */
const PREFIX =
  /(?:then|do|else|elif|if|while|until|exec|eval|nohup|command|which|type|xargs|env|sudo|nice|time|hash|trap)\b(?:[ \t]+-\w+)*/;
const ASSIGNMENT = /[A-Za-z_]\w*=(?:"[^"\n]*"|'[^'\n]*'|[^\s;&|"'(`])*/;
/** Before a word, a backslash says that no alias is meant; in backquotes there are two. */
const NAME = /["'`]?\\{0,2}([A-Za-z0-9_[][\w.+-]*)(?![\w.+=-])/;
/** The first word of a command inside quotes and assignments, which the other pattern takes for their text. */
const SUBSTITUTED = /(?:\$\(|`)[ \t]*([A-Za-z0-9_[][\w.+-]*)(?![\w.+=-])/g;
/** All of such a command; most are short. */
const SUBSTITUTION = /\$\(([^()`\n]{1,200})|`([^`\n]{1,200})/g;
/** Each part begins with what the one before it cannot hold, so that matching takes linear time. */
const COMMAND = new RegExp(
  `(?:${BEGINNING.source})[ \\t"']*(?:(?:\\\\{0,2}${PREFIX.source}|${ASSIGNMENT.source})[ \\t"']+)*${NAME.source}`,
  "gm",
);

/** The names of the programs that a shell's text may start. */
export function* commandWords(text: string): Generator<string> {
  yield* wordsOf(text, COMMAND);
  yield* wordsOf(text, SUBSTITUTED);
  for (const [, inParentheses, inBackquotes] of text.matchAll(SUBSTITUTION)) {
    yield* wordsOf((inParentheses ?? inBackquotes)!, COMMAND);
  }
}

function* wordsOf(text: string, pattern: RegExp): Generator<string> {
  for (const [, word] of text.matchAll(pattern)) if (!BUILT_IN.has(word!)) yield word!;
}

export const tokenKind: TokenKind = {
  name: "shell-command",
  strength: "weak",
  scope: "closure",
  namesPrograms: true,
  meansPrograms: true,
  language: LANGUAGE,
  *uses(file) {
    if (file.isIn(LANGUAGE)) yield* commandWords(file.source);
  },
  find: (token, _from, index) => index.program(token),
};
