// Go modules as a source: go.sum is the lock, so that there is nothing to pin; the modules that it vouches for become a
// tree. What is heavy is loaded when it is used.

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
  async importTree(path, _options, context) {
    const { importGoModules } = await import("./import.ts");
    return importGoModules(path, context);
  },
  async identifyImport(path) {
    const { identifyGoModules } = await import("./import.ts");
    return identifyGoModules(path);
  },
};

function nothingToPin(): InternalError {
  return new InternalError("Go modules are pinned by go.sum, tare.lock has none of them");
}
