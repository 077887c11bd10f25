// `nix-cache-info` ⇄ what a binary cache says of itself.

import { STORE_DIR } from "../../model/store-path.ts";
import { NixFormatError } from "./errors.ts";

export interface CacheInfo {
  /** The directory that the paths in it are for. */
  readonly storeDir: string;
  /** Whether it may be asked for many paths at once. */
  readonly wantMassQuery?: boolean | undefined;
  /** Lower is asked first. */
  readonly priority?: number | undefined;
}

/**
 * Reads a nix-cache-info; unknown fields and lines without a colon are passed over, as in Nix.
 *
 * @param name What to call it in errors, such as its URL.
 * @throws {NixFormatError} `CACHE_INFO_INVALID` for another store directory than `/nix/store`, and for damaged values.
 */
export function parseCacheInfo(text: string, name = "the nix-cache-info"): CacheInfo {
  const fail = (problem: string): never => {
    throw new NixFormatError("CACHE_INFO_INVALID", `Cannot read ${name}: ${problem}`);
  };
  const fields = new Map(
    text.split("\n").flatMap((line) => {
      const match = /^([^:]+):(.*)$/s.exec(line);
      return match === null ? [] : [[match[1]!, match[2]!.trim()] as const];
    }),
  );
  const storeDir = fields.get("StoreDir") ?? STORE_DIR;
  if (storeDir !== STORE_DIR) fail(`it is for stores at "${storeDir}", ${STORE_DIR} was wanted`);
  const massQuery = fields.get("WantMassQuery");
  const priority = fields.get("Priority");
  if (priority !== undefined && !/^-?[0-9]{1,9}$/.test(priority)) fail(`its Priority is "${priority}"`);
  return {
    storeDir,
    wantMassQuery: massQuery === undefined ? undefined : massQuery === "1",
    priority: priority === undefined ? undefined : Number(priority),
  };
}

/** Writes a nix-cache-info; what is not set is left out. */
export function formatCacheInfo({ storeDir, wantMassQuery, priority }: CacheInfo): string {
  const lines = [
    `StoreDir: ${storeDir}`,
    ...(wantMassQuery === undefined ? [] : [`WantMassQuery: ${wantMassQuery ? 1 : 0}`]),
    ...(priority === undefined ? [] : [`Priority: ${priority}`]),
  ];
  return `${lines.join("\n")}\n`;
}
