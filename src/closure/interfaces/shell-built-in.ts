// Programs that a POSIX shell also has built in. Interpreters start a command line without special characters
// themselves, and not through the shell (perlfunc "system", Ruby's Process.spawn, GNU Make "Execution"): then `echo`
// is the program. POSIX, "Utilities", 1.7 "Intrinsic utilities", asks for both.

import type { TokenKind } from "../token-kind.ts";

const PROGRAMS = ["[", "echo", "false", "kill", "printf", "pwd", "test", "true"];
const TOKEN = "built-in";

export const tokenKind: TokenKind = {
  name: "shell-built-in",
  strength: "strong",
  everyMatch: true,
  *uses(file) {
    if (file.elf !== undefined && !file.elf.static && file.imports(/^exec(?:ve|v|vp|l|lp|vpe)$/)) yield TOKEN;
  },
  // Erlang has the shell start whatever is a command line (erlang:open_port, "spawn").
  find: (_token, from, index) =>
    index.holdsModules(from.unit) && !index.holds(from.unit, "erlang")
      ? PROGRAMS.flatMap((name) => index.program(name))
      : [],
};
