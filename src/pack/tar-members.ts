// Contents of a layer → the members of its tar, in Tare's form; of store paths alone in the form of dockerTools, so
// that the layer has the digest that Nix gives it.

import {
  rootOwner,
  STORE_RECORD,
  type StoreOwner,
  storeLayerStart,
  storeMember,
} from "../formats/store-layer.ts";
import { compareEscapedPaths, isUtf8 } from "../formats/surrogate-escape.ts";
import type { TarMember } from "../formats/tar-writer.ts";
import { TAR_BLOCK, tarEndLength, tarHeaderLength, tarPadding } from "../formats/tar-writer.ts";
import type { LayerContents } from "../model/layer-plan.ts";
import type { FileEntry, TreeEntry } from "../model/tree.ts";
import { linkedInodes, linkTarget } from "./layer-key.ts";

/** A member of a tar, and the file whose bytes follow it; a hard link has none. */
export interface LayerMember {
  readonly member: TarMember;
  readonly file: FileEntry | undefined;
}

/** The members of a layer's tar, in their order. */
export function listMembers(contents: LayerContents, mtimeSeconds: number): Iterable<LayerMember> {
  const { entries, storePaths } = contents;
  return storePaths === undefined
    ? listPlain(entries, mtimeSeconds)
    : listStore(contents, storePaths, mtimeSeconds);
}

/** Zero bytes that end a layer's tar. @param length Of all that comes before. */
export function layerEndLength({ storePaths }: LayerContents, length: number): number {
  return tarEndLength(length, storePaths === undefined ? TAR_BLOCK : STORE_RECORD);
}

/** The length of a layer's tar, bytes. */
export function measureTar(contents: LayerContents, mtimeSeconds: number): number {
  let length = 0;
  for (const { member } of listMembers(contents, mtimeSeconds)) {
    length += tarHeaderLength(member) + member.size + tarPadding(member.size);
  }
  return length + layerEndLength(contents, length);
}

function* listPlain(entries: readonly TreeEntry[], mtimeSeconds: number): Generator<LayerMember> {
  const linked = linkedInodes(entries);
  for (const entry of entries) {
    const member = toMember(entry, linked, mtimeSeconds);
    yield { member, file: entry.type === "file" && member.type === "file" ? entry : undefined };
  }
}

/** The member that an entry is written as; a hard link has no content. */
function toMember(entry: TreeEntry, linked: ReadonlyMap<string, string>, mtimeSeconds: number): TarMember {
  const { path, mode, uid, gid } = entry;
  switch (entry.type) {
    case "directory": {
      const name = path === "" ? "./" : `${path}/`;
      return { name, type: "directory", mode, uid, gid, size: 0, linkName: "", mtimeSeconds };
    }
    case "symlink":
      return { name: path, type: "symlink", mode, uid, gid, size: 0, linkName: entry.target, mtimeSeconds };
    case "file": {
      const first = linkTarget(entry, linked);
      if (first !== undefined) {
        return { name: path, type: "hardlink", mode, uid, gid, size: 0, linkName: first, mtimeSeconds };
      }
      return { name: path, type: "file", mode, uid, gid, size: entry.size, linkName: "", mtimeSeconds };
    }
  }
}

function* listStore(
  contents: LayerContents,
  storePaths: readonly string[],
  mtimeSeconds: number,
): Generator<LayerMember> {
  const { entries } = contents;
  const owner = ownerOf(contents, mtimeSeconds);
  for (const member of storeLayerStart(owner)) yield { member, file: undefined };
  const byPath = Map.groupBy(entries, ({ path }) => `/${path.split("/", 3).join("/")}`);
  for (const storePath of storePaths) {
    for (const entry of inStoreOrder(byPath.get(storePath) ?? [])) {
      const { path, type, mode } = entry;
      const size = type === "file" ? entry.size : 0;
      const target = type === "symlink" ? entry.target : "";
      const member = storeMember({ name: `/${path}`, type, mode, size, target }, owner);
      yield { member, file: type === "file" ? entry : undefined };
    }
  }
}

/** All files of a store have one owner; its names are root's unless image.ts says otherwise, as dockerTools has it. */
function ownerOf({ entries, ownerNames }: LayerContents, mtimeSeconds: number): StoreOwner {
  const root = { ...rootOwner(mtimeSeconds), ...ownerNames };
  const own = entries.find(({ type, path }) => type !== "directory" || path.split("/").length > 2);
  return own === undefined ? root : { ...root, uid: own.uid, gid: own.gid };
}

/** Trees are sorted by bytes; Python sorts by code points, which is another order only where names are not UTF-8. */
function inStoreOrder(entries: readonly TreeEntry[]): readonly TreeEntry[] {
  if (entries.every(({ path }) => isUtf8(path))) return entries;
  return [...entries].sort((a, b) => compareEscapedPaths(a.path, b.path));
}
