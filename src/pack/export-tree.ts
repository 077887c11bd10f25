// A root file system → one tar of it, as `docker export` writes a container's.

import {
  TAR_BLOCK,
  tarEndLength,
  tarHeaderLength,
  tarPadding,
  writeTarHeader,
} from "../formats/tar-writer.ts";
import type { Tree } from "../model/tree.ts";
import { ContentReader } from "../platform/content.ts";
import type { ByteOutput } from "../platform/output.ts";
import { listMembers } from "./tar-members.ts";

/**
 * Writes the tar.
 *
 * @returns Bytes written.
 * @throws {ContentError} `CACHE_DAMAGED`.
 */
export async function writeTreeTar(
  { entries }: Tree,
  mtimeSeconds: number,
  output: ByteOutput,
  signal: AbortSignal,
): Promise<number> {
  using reader = new ContentReader();
  let length = 0;
  const write = async (bytes: Uint8Array): Promise<void> => {
    length += bytes.length;
    await output.write(bytes);
  };
  const contents = { comment: "", units: [], reason: "", entries };
  for (const { member, file } of listMembers(contents, mtimeSeconds)) {
    signal.throwIfAborted();
    const header = Buffer.alloc(tarHeaderLength(member));
    writeTarHeader(header, 0, member);
    await write(header);
    if (file === undefined) continue;
    await write(reader.read(file));
    await write(Buffer.alloc(tarPadding(file.size)));
  }
  await write(Buffer.alloc(tarEndLength(length, TAR_BLOCK)));
  return length;
}
