// The dynamic loader that each program names is there and can be run.

import type { RootCheck } from "../check.ts";
import { isExecutable } from "../file-facts.ts";
import { isProgram } from "../inspected-root.ts";
import { type RootProblem, show, showName } from "../problem.ts";

export const check: RootCheck = {
  *run(root): Generator<RootProblem> {
    for (const program of root.files.elves.values()) {
      const { path, abi, elf } = program;
      if (!isProgram(program) || !root.canRun(abi)) continue;
      const place = root.placeOf(path);
      // A sibling's program in a private place is data, unless the image has the sibling's loader.
      if (place !== "command" && !root.isLoadable(program)) continue;
      const interpreter = elf.interpreter!;
      const found = root.view.lookup(interpreter);
      const severity = place === "sample" ? "warning" : "error";
      if (found.kind !== "found" || found.entry.type !== "file") {
        yield {
          code: "INTERPRETER_MISSING",
          severity,
          path,
          message: `${show(path)} needs the dynamic loader ${showName(interpreter)}, which is not in the image`,
          missing: { kind: "interpreter", name: interpreter },
        };
      } else if (!isExecutable(found.entry)) {
        yield {
          code: "INTERPRETER_NOT_EXECUTABLE",
          severity,
          path,
          message: `${show(path)} needs the dynamic loader ${showName(interpreter)}, which nobody may execute`,
        };
      }
    }
  },
};
