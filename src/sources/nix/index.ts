// Nix's stores and binary caches as a source: requests → pins → store objects. What is heavy is loaded when it is used.

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
  async provideStorePaths(section, names, mirrors, context) {
    const { provideStorePaths } = await import("./realise.ts");
    return provideStorePaths(section, names, mirrors, context);
  },
  async describeChanges(before, after) {
    const { describeChanges } = await import("./changes.ts");
    return describeChanges(before, after);
  },
};
