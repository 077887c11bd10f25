// Commands that scripts of other languages start by a call made for it: system "rm -rf", subprocess.run(["ls"]).

import { isProbe } from "../gates.ts";
import type { TokenKind } from "../token-kind.ts";

const CALL =
  /\b(?:qx|system|exec\w*|popen\d?|Popen|call|check_call|check_output|getoutput|getstatusoutput|run|spawn\w*|capture\w*|shell_exec|passthru|proc_open|open3|IO\.popen|create_subprocess_\w+)[ \t]*\(?[ \t]*[[(]?[ \t]*[rbfuw]*["'`{/(]([A-Za-z0-9_][\w.+-]{1,60})(?=["'`\s|])/g;
const BACKQUOTED = /`([A-Za-z0-9_][\w.+-]{1,60})(?=[ \t][^`\n]*`|`)/g;

export const tokenKind: TokenKind = {
  name: "script-command",
  strength: "weak",
  scope: "direct-or-essential",
  namesPrograms: true,
  meansPrograms: true,
  *uses(file) {
    const { language } = file;
    if (language === undefined || language.name === "shell") return;
    for (const [, word] of file.source.matchAll(CALL)) if (!isProbe(file, word!)) yield word!;
    if (!/^(?:perl|ruby|php)$/.test(language.name)) return;
    for (const [, word] of file.source.matchAll(BACKQUOTED)) yield word!;
  },
  find: (token, _from, index) => index.program(token),
};
