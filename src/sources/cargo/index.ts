// Crates as a source: Cargo.lock is the lock, so that there is nothing to pin; the crates that it names become a tree.
// What is heavy is loaded when it is used.

import { importingSource } from "../../model/source.ts";

export const source = importingSource("crates are pinned by Cargo.lock", {
  async importTree(path, _options, context) {
    const { importCrates } = await import("./import.ts");
    return importCrates(path, context);
  },
  async identifyImport(path) {
    const { identifyCrates } = await import("./import.ts");
    return identifyCrates(path);
  },
});
