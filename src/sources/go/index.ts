// Go modules as a source: go.sum is the lock, so that there is nothing to pin; the modules that it vouches for become a
// tree. What is heavy is loaded when it is used.

import { importingSource } from "../../model/source.ts";

export const source = importingSource("Go modules are pinned by go.sum", {
  async importTree(path, _options, context) {
    const { importGoModules } = await import("./import.ts");
    return importGoModules(path, context);
  },
  async identifyImport(path) {
    const { identifyGoModules } = await import("./import.ts");
    return identifyGoModules(path);
  },
});
