// Python packages as a source: the lock is the project's own, so that there is nothing to pin; the environment that a
// lock describes becomes a tree. What is heavy is loaded when it is used.

import { InternalError } from "../../model/errors.ts";
import type { Source } from "../../model/source.ts";

export const source: Source = {
  async lock() {
    throw nothingToPin();
  },
  async realise() {
    throw nothingToPin();
  },
  async describeChanges() {
    throw nothingToPin();
  },
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
};

/** No request names this source: image.ts asks for trees of whole locks. */
function nothingToPin(): InternalError {
  return new InternalError(
    "packages of pypi are pinned by the project's own lock, tare.lock has none of them",
  );
}
