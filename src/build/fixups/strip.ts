// `stripDebugList`, `stripAllList`, `dontStrip`: debug information goes out of the ELF files and archives of the listed
// directories, as the strip phase of nixpkgs' standard environment does it.

import { stripElf } from "../../formats/elf-strip.ts";
import type { BytePath } from "../../model/bytes.ts";
import { encodeByteString } from "../../model/bytes.ts";
import { rewriteFiles } from "../../platform/store-files.ts";
import { attributeOf, wordsOf } from "../environment.ts";
import type { Fixup } from "../fixups.ts";

export const fixup: Fixup = {
  async apply(job, staged, { signal }) {
    if ((attributeOf(job, "dontStrip") ?? "") !== "") return;
    const lists = (["stripAllList", "stripDebugList"] as const).flatMap((name) => {
      const directories = (wordsOf(job, name) ?? []).map((directory) =>
        encodeByteString(directory.replace(/\/+$/, "")),
      );
      return directories.length === 0
        ? []
        : [{ directories, what: name === "stripAllList" ? "all" : "debug" } as const];
    });
    for (const place of staged.values()) {
      for (const { directories, what } of lists) {
        const isListed = (path: BytePath) =>
          directories.some((directory) => path.startsWith(`${directory}/`));
        await rewriteFiles(place, (bytes) => stripElf(bytes, what), signal, isListed);
      }
    }
  },
};
