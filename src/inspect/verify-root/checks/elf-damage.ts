// ELF files that would be loaded can be read as far as the loader reads them.

import type { RootCheck } from "../check.ts";
import { type RootProblem, show } from "../problem.ts";

export const check: RootCheck = {
  *run(root): Generator<RootProblem> {
    const loaded = new Set(root.linking.links.map(({ provider }) => provider));
    for (const file of [...root.programs, ...root.libraries]) {
      if (file.elf.problem === undefined) continue;
      const place = root.placeOf(file.path);
      if (place === "sample") continue;
      yield {
        code: "ELF_DAMAGED",
        severity: place === "private" && !loaded.has(file) ? "warning" : "error",
        path: file.path,
        message: `${show(file.path)} is damaged: ${file.elf.problem}`,
      };
    }
  },
};
