// The logs of builds that a store keeps.

import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { asStorePath, STORE_DIR, type StorePath } from "../../model/store-path.ts";
import { isErrno, onDisk } from "../disk.ts";

export interface KeptLog {
  /** The derivation that was built. */
  readonly drvPath: StorePath;
  /** Absolute path of a text file. */
  readonly file: string;
  /** Milliseconds since the epoch. */
  readonly writtenMs: number;
}

/**
 * Lists all logs, newest first.
 *
 * @param root Of the store.
 */
export function listBuildLogs(root: string): KeptLog[] {
  const directory = join(root, "nix/var/log/nix/drvs");
  const logs = namesIn(directory).flatMap((prefix) =>
    namesIn(join(directory, prefix)).flatMap((rest): KeptLog[] => {
      const drvPath = asStorePath(`${STORE_DIR}/${prefix}${rest}`);
      const file = join(directory, prefix, rest);
      const stats = statSync(file, { throwIfNoEntry: false });
      return drvPath === undefined || stats === undefined
        ? []
        : [{ drvPath, file, writtenMs: stats.mtimeMs }];
    }),
  );
  return logs.sort((a, b) => b.writtenMs - a.writtenMs);
}

function namesIn(directory: string): string[] {
  return onDisk(`read ${directory}`, () => {
    try {
      return readdirSync(directory);
    } catch (error) {
      if (isErrno(error, "ENOENT", "ENOTDIR")) return [];
      throw error;
    }
  });
}
