// What the first line of every executable script names is there and can be run: an error for scripts that users start,
// a warning for others, which their program may run in its own way.

import { programOfEnv } from "../../../formats/shebang.ts";
import type { RootCheck } from "../check.ts";
import { findCommand } from "../commands.ts";
import type { Script } from "../file-facts.ts";
import type { InspectedRoot } from "../inspected-root.ts";
import { type RootProblem, show, showName } from "../problem.ts";

export const check: RootCheck = {
  *run(root): Generator<RootProblem> {
    for (const script of root.files.scripts.values()) yield* checkScript(root, script);
  },
};

function* checkScript(root: InspectedRoot, { path, shebang }: Script): Generator<RootProblem> {
  const severity = root.placeOf(path) === "command" ? "error" : "warning";
  const { interpreter } = shebang;
  const found = root.findInterpreter(shebang);
  if (found.kind === "missing") {
    yield {
      code: "SCRIPT_INTERPRETER_MISSING",
      severity,
      path,
      message: `${show(path)} is a script for ${showName(interpreter)}, which is not in the image`,
      missing: { kind: "interpreter", name: interpreter },
    };
    return;
  }
  if (found.kind === "not-executable") {
    yield {
      code: "SCRIPT_INTERPRETER_NOT_EXECUTABLE",
      severity,
      path,
      message: `${show(path)} is a script for ${showName(interpreter)}, which is no program that can be run`,
    };
    return;
  }
  const program = programOfEnv(shebang, found.path);
  if (program === undefined || findCommand(root.view, program, root.search).kind === "found") return;
  yield {
    code: "SCRIPT_INTERPRETER_MISSING",
    severity,
    path,
    message: `${show(path)} is a script for ${showName(program)}, which ${program.includes("/") ? "is not in the image" : "is in no directory of PATH"}`,
    missing: { kind: "program", name: program },
  };
}
