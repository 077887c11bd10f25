// Entries of store paths on disk → the bytes of their layer, in chunks; the same code hashes layers and writes them.

import type { StoreEntry, StoreOwner } from "../formats/store-layer.ts";
import { STORE_RECORD, storeLayerStart, storeMember } from "../formats/store-layer.ts";
import type { TarMember } from "../formats/tar-writer.ts";
import { tarEndLength, tarHeaderLength, tarPadding, writeTarHeader } from "../formats/tar-writer.ts";
import { StoreFile } from "../platform/store-entries.ts";

/** Entries in the order of their layer. */
export interface LayerEntries {
  readonly entries: readonly StoreEntry[];
  readonly owner: StoreOwner;
  /** Where names begin on this machine: empty, or the root of a chroot store; a byte string. */
  readonly prefix: string;
  /** Of the tar, bytes: {@link measureLayer}. */
  readonly length: number;
}

/** Bytes of the largest chunk, so that no longer layer has one alone. Larger ones leave the processor's cache. */
export const LAYER_CHUNK = 1 << 18;

/** The length of a layer, bytes. */
export function measureLayer(entries: readonly StoreEntry[], owner: StoreOwner): number {
  let length = 0;
  const add = (member: TarMember) => {
    length += tarHeaderLength(member) + member.size + tarPadding(member.size);
  };
  storeLayerStart(owner).forEach(add);
  for (const entry of entries) add(storeMember(entry, owner));
  return length + tarEndLength(length, STORE_RECORD);
}

/**
 * Writes a layer. A chunk is valid until the next is asked for.
 *
 * @throws {StoreFileError} `STORE_FILE_CHANGED`; {DiskError}.
 */
export function* writeLayer(layer: LayerEntries): Generator<Buffer, void, undefined> {
  const { entries, owner, prefix } = layer;
  const size = Math.min(LAYER_CHUNK, layer.length);
  const buffer = Buffer.allocUnsafe(size);
  let used = 0;
  let length = 0;
  function* copy(bytes: Uint8Array): Generator<Buffer, void, undefined> {
    for (let done = 0; done < bytes.length; ) {
      if (used === size) {
        yield buffer;
        used = 0;
      }
      const count = Math.min(bytes.length - done, size - used);
      buffer.set(bytes.subarray(done, done + count), used);
      used += count;
      done += count;
    }
  }
  function* header(member: TarMember): Generator<Buffer, void, undefined> {
    const needed = tarHeaderLength(member);
    length += needed + member.size + tarPadding(member.size);
    if (used + needed <= size) {
      used += writeTarHeader(buffer, used, member);
      return;
    }
    const bytes = Buffer.alloc(needed);
    writeTarHeader(bytes, 0, member);
    yield* copy(bytes);
  }
  for (const member of storeLayerStart(owner)) yield* header(member);
  for (const entry of entries) {
    yield* header(storeMember(entry, owner));
    if (entry.size === 0) continue;
    using file = new StoreFile(prefix + entry.name);
    for (let left = entry.size; left > 0; ) {
      if (used === size) {
        yield buffer;
        used = 0;
      }
      const count = Math.min(left, size - used);
      file.readInto(buffer.subarray(used, used + count));
      used += count;
      left -= count;
    }
    const padding = tarPadding(entry.size);
    if (used + padding <= size) {
      buffer.fill(0, used, used + padding);
      used += padding;
    } else yield* copy(Buffer.alloc(padding));
  }
  yield* copy(Buffer.alloc(tarEndLength(length, STORE_RECORD)));
  if (used > 0) yield buffer.subarray(0, used);
}
