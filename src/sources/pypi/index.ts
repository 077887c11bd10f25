// Python packages as a source: the lock is the project's own, so that there is nothing to pin; the environment that a
// lock describes becomes a tree. What is heavy is loaded when it is used.

import { importingSource } from "../../model/source.ts";

export const source = importingSource("packages of pypi are pinned by the project's own lock", {
  async importTree(path, options, context) {
    const { importPythonLock } = await import("./import.ts");
    return importPythonLock(path, options, context);
  },
  async identifyImport(path, options) {
    const { identifyPythonLock } = await import("./import.ts");
    return identifyPythonLock(path, options);
  },
  developImport(options, groups) {
    return groups === undefined ? { ...options, optionalGroups: ["dev"] } : { ...options, groups };
  },
});
