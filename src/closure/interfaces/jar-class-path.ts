// Java archives: the archives that a manifest's Class-Path lists, relative to the archive itself.
// Specification: JAR File Specification, "Main Attributes".

import { readZipEntry } from "../../formats/zip.ts";
import { joinTarget, parentOf } from "../token-index.ts";
import type { TokenKind } from "../token-kind.ts";

const MAX_MANIFEST = 1 << 20;

export const tokenKind: TokenKind = {
  name: "jar-class-path",
  strength: "strong",
  *uses(file) {
    const manifest = file.zipEntries?.find(({ name }) => name === "META-INF/MANIFEST.MF");
    if (manifest === undefined) return;
    const bytes = readZipEntry(file.bytes, manifest, MAX_MANIFEST);
    if (bytes === undefined) return;
    // Lines are folded at 72 bytes.
    const text = Buffer.from(bytes)
      .toString("latin1")
      .replace(/\r?\n /g, "");
    const list = /^Class-Path:[ \t]*(.*)$/m.exec(text)?.[1] ?? "";
    for (const item of list.split(/\s+/)) {
      const path = item.replace(/^file:\/*/, "/");
      if (path !== "") yield joinTarget(parentOf(file.path), path);
    }
  },
  find: (token, _from, index) => index.atPath(token),
};
