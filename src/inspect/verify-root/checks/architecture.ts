// Programs that users start, and libraries where loaders look, are for the image's processor. Elsewhere an ELF file of
// another kind is data: firmware, programs of virtual machines, parts of a cross-compiler.

import { describeAbi } from "../abi.ts";
import type { RootCheck } from "../check.ts";
import { isExecutable } from "../file-facts.ts";
import { type RootProblem, show } from "../problem.ts";

export const check: RootCheck = {
  *run(root): Generator<RootProblem> {
    for (const { path, file, elf, abi } of root.files.elves.values()) {
      if (root.canRun(abi) || (elf.type !== "executable" && elf.type !== "shared")) continue;
      const place = root.placeOf(path);
      if (place !== "library" && !(place === "command" && isExecutable(file))) continue;
      yield {
        code: "FOREIGN_ARCHITECTURE",
        severity: "error",
        path,
        message: `${show(path)} is for ${describeAbi(abi)}, the image for ${root.subject.architecture}`,
      };
    }
  },
};
