// A file that an archive is delivered to: checked before, and there only when it is whole.

import { dirname } from "node:path";
import { clearStaleTemporaries } from "../platform/disk.ts";
import { pathKind } from "../platform/files.ts";
import type { ByteOutput } from "../platform/output.ts";
import { TemporaryFile } from "../platform/output.ts";
import { DeliverError } from "./errors.ts";
import type { Delivered } from "./exporter.ts";

/**
 * Writes a file by way of a temporary name.
 *
 * @param write Writes all of it, and returns how many bytes that were.
 * @throws {DeliverError} `TARGET_IN_THE_WAY` when something other than a file is there.
 */
export async function deliverFile(
  scheme: string,
  target: string,
  write: (output: ByteOutput) => Promise<number>,
): Promise<Delivered> {
  const kind = pathKind(target);
  if (kind !== undefined && kind !== "file") {
    throw new DeliverError(
      "TARGET_IN_THE_WAY",
      `Cannot write ${target}: it is ${kind === "directory" ? "a directory" : "no regular file"}, a file was wanted`,
      { hint: "Name a file that is not there yet, or one that may be overwritten" },
    );
  }
  clearStaleTemporaries(dirname(target), "remove");
  using file = new TemporaryFile(target);
  const bytesWritten = await write(file);
  file.commit(target);
  return {
    output: `${scheme}:${target}`,
    bytesWritten,
    bytesReused: 0,
    unchanged: false,
    files: [target],
  };
}
