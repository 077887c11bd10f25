// Makes the directories that programs expect of any system, with the modes of Debian's base-files.
// Specification: FHS 3.0; owners and modes are those of base-files 12 and 13 and of its postinst.

import type { BytePath } from "../../model/bytes.ts";
import type { Fix, FixContext } from "../fix.ts";

const DIRECTORIES: readonly (readonly [path: string, mode: number])[] = [
  ["", 0o755],
  ["dev", 0o755],
  ["etc", 0o755],
  ["home", 0o755],
  ["proc", 0o555],
  ["root", 0o700],
  ["run", 0o755],
  ["run/lock", 0o1777],
  ["sys", 0o555],
  ["tmp", 0o1777],
  ["usr/bin", 0o755],
  ["usr/lib", 0o755],
  ["usr/sbin", 0o755],
  ["usr/share", 0o755],
  ["var/cache", 0o755],
  ["var/lib", 0o755],
  ["var/log", 0o755],
  ["var/tmp", 0o1777],
];

/** Modes without which programs fail; they hold whatever a package says. */
const WORLD_WRITABLE = new Set(["tmp", "var/tmp", "run/lock"]);

export const fix: Fix = {
  after: ["merged-usr"],
  create: (context) => ({ run: () => makeDirectories(context) }),
};

function makeDirectories({ root, report }: FixContext): void {
  for (const [text, mode] of DIRECTORIES) {
    const path = text as BytePath;
    const before = root.get(path);
    if (before === undefined) {
      root.makeDirectory(path, { mode });
      report("directory", `0${mode.toString(8)}`, { path });
    } else if (before.type === "directory" && before.mode !== mode && WORLD_WRITABLE.has(text)) {
      root.setAttributes(path, { mode });
      report("attributes", `0${mode.toString(8)}`, { path });
    }
  }
}
