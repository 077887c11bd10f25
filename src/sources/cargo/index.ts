// Crates as a source: Cargo.lock is the lock, so that there is nothing to pin; the crates that it names become a tree.
// What is heavy is loaded when it is used.

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
    const { importCrates } = await import("./import.ts");
    return importCrates(path, context);
  },
  async identifyImport(path) {
    const { identifyCrates } = await import("./import.ts");
    return identifyCrates(path);
  },
};

function nothingToPin(): InternalError {
  return new InternalError("crates are pinned by Cargo.lock, tare.lock has none of them");
}
