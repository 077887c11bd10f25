// `nix-store --dump-db` and `--load-db` ⇄ records: what a store's database knows of its paths, as text, one value a line.

import { compareStrings } from "../../model/bytes.ts";
import type { PathInfo } from "../../model/path-info.ts";
import type { StorePath } from "../../model/store-path.ts";
import { asStorePath } from "../../model/store-path.ts";
import { NixFormatError } from "./errors.ts";

/** A dump says nothing of signatures, content addresses and where a path came from. */
export type DatabaseRecord = Pick<PathInfo, "path" | "narHash" | "narSize" | "deriver" | "references">;

/**
 * Reads a dump.
 *
 * @throws {NixFormatError} `DATABASE_DUMP_INVALID`; the message names the line.
 */
export function parseDatabaseDump(text: string): DatabaseRecord[] {
  const lines = text.split("\n");
  if (lines.pop() !== "") fail(lines.length + 1, "the last line does not end");
  let at = 0;
  const next = (): string => lines[at++] ?? fail(at, "the dump ends inside a record");
  const nextPath = (): StorePath => {
    const line = next();
    return asStorePath(line) ?? fail(at, `"${line}" is no store path`);
  };
  const nextNumber = (): number => {
    const line = next();
    return /^[0-9]{1,15}$/.test(line) ? Number(line) : fail(at, `"${line}" is no number`);
  };
  const nextHash = (): string => {
    const line = next();
    return /^[0-9a-f]{64}$/.test(line) ? line : fail(at, `"${line}" is no sha256 in base16`);
  };
  const records: DatabaseRecord[] = [];
  while (at < lines.length) {
    const path = nextPath();
    const narHash = nextHash();
    const narSize = nextNumber();
    const deriver = lines[at] === "" ? undefined : nextPath();
    if (deriver === undefined) at++;
    const references: StorePath[] = [];
    for (let count = nextNumber(); count > 0; count--) references.push(nextPath());
    records.push({ path, narHash, narSize, deriver, references });
  }
  return records;
}

/** Writes a dump, records in the order that they are given; references are sorted. */
export function formatDatabaseDump(records: Iterable<DatabaseRecord>): string {
  let text = "";
  for (const { path, narHash, narSize, deriver, references } of records) {
    const lines = [
      path,
      narHash,
      narSize,
      deriver ?? "",
      references.length,
      ...[...references].sort(compareStrings),
    ];
    text += `${lines.join("\n")}\n`;
  }
  return text;
}

function fail(line: number, problem: string): never {
  throw new NixFormatError(
    "DATABASE_DUMP_INVALID",
    `Cannot read the database dump: line ${line}: ${problem}`,
  );
}
