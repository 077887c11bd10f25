// Tree → a directory of this machine, for programs that need one. Links of the tree are never followed.

import { crc32 } from "node:zlib";
import type { FileEntry, TreeEntry } from "../../model/tree.ts";
import { ContentReader } from "../content.ts";
import { type EntryAttributes, TreeWriter } from "../extract.ts";
import { yieldToEvents } from "../files.ts";

export interface MaterialiseOptions {
  /** Whether entries get their owners: only root, also of a user namespace, may give them. */
  readonly owners: boolean;
  /** The largest uid and gid that this process can give; files of others are root's. */
  readonly largestUid: number;
  readonly largestGid: number;
}

export interface Materialised {
  /** How many entries have owners that cannot be given. */
  readonly foreignOwners: number;
}

/** Bytes copied at a time. */
const CHUNK = 1 << 20;

/** Entries after which other work gets its turn. */
const TURN = 200;

/**
 * Writes a tree into a directory. Files are as old as in a layer: one second after the epoch.
 *
 * @param directory Absolute path of an empty directory that belongs to this process alone.
 * @throws {ContentError} `CACHE_DAMAGED`; {@link ExtractError}; {@link DiskError}; the signal's reason.
 */
export async function materialiseTree(
  entries: readonly TreeEntry[],
  directory: string,
  options: MaterialiseOptions,
  signal: AbortSignal,
): Promise<Materialised> {
  using reader = new ContentReader();
  const writer = new TreeWriter(directory, options);
  const firstNames = new Map<string, string>();
  const buffer = Buffer.allocUnsafe(CHUNK);
  let foreignOwners = 0;
  try {
    for (const [index, entry] of entries.entries()) {
      if (index % TURN === TURN - 1) {
        await yieldToEvents();
        signal.throwIfAborted();
      }
      const isKnown = entry.uid <= options.largestUid && entry.gid <= options.largestGid;
      if (!isKnown) foreignOwners++;
      const owner = isKnown ? { uid: entry.uid, gid: entry.gid } : { uid: 0, gid: 0 };
      const attributes = { mode: entry.mode, ...owner, mtimeSeconds: 1 };
      if (entry.type === "directory") writer.directory(entry.path, attributes);
      else if (entry.type === "symlink") writer.symlink(entry.path, entry.target, attributes);
      else {
        const first = entry.inode === undefined ? undefined : firstNames.get(entry.inode);
        if (first !== undefined) writer.hardLink(entry.path, first);
        else writeFile(writer, reader, entry, attributes, buffer);
        if (entry.inode !== undefined && first === undefined) firstNames.set(entry.inode, entry.path);
      }
    }
  } finally {
    writer.close();
  }
  writer.finish();
  return { foreignOwners };
}

function writeFile(
  writer: TreeWriter,
  reader: ContentReader,
  entry: FileEntry,
  attributes: EntryAttributes,
  buffer: Buffer,
): void {
  writer.beginFile(entry.path, attributes);
  let sum = 0;
  for (let done = 0; done < entry.size; done += buffer.length) {
    const chunk = buffer.subarray(0, Math.min(buffer.length, entry.size - done));
    reader.readInto(entry, done, chunk);
    sum = crc32(chunk, sum);
    writer.write(chunk);
  }
  reader.check(entry, sum);
  writer.endFile();
}
