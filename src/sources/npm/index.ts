// Registries of npm packages as a source: requests → pins → store objects, and
// projects → their node_modules. What is heavy is loaded when it is used.

import type { Source } from "../../model/source.ts";

export const source: Source = {
  async lock(scope, names, mirrors, context) {
    const { lock } = await import("./lock.ts");
    return lock(scope, names, mirrors, context);
  },
  async realise(section, names, mirrors, context) {
    const { realise } = await import("./realise.ts");
    return realise(section, names, mirrors, context);
  },
  async importTree(path, options, context) {
    const { importNodeModules } = await import("./import.ts");
    return importNodeModules(path, options, context);
  },
  async identifyImport(path, options) {
    const { identifyNodeModules } = await import("./import.ts");
    return identifyNodeModules(path, options);
  },
  async describeChanges(before, after) {
    const { describeChanges } = await import("./changes.ts");
    return describeChanges(before, after);
  },
};
