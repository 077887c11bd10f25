// Entries of store paths → the tar members that dockerTools' stream script writes for them, so that a layer of store
// paths has the same digest whoever made it. Specification: test/fixtures/nix/NOTES.md, section 8.
//
// Every layer begins with `/nix/` and `/nix/store/`; then come its store paths in the order of the layer, each with its
// entries in the order of path components. Names are absolute, all entries have one owner, what was a hard link has its
// bytes again, and the end is filled to whole records.

import { encodeByteString } from "../model/bytes.ts";
import type { TarMember, TarMemberType } from "./tar-writer.ts";

/** The bytes that the length of such a layer is a multiple of. */
export const STORE_RECORD = 10240;

/** What every entry of a layer has in common. */
export interface StoreOwner {
  readonly uid: number;
  readonly gid: number;
  /** Byte strings. */
  readonly uname: string;
  readonly gname: string;
  /** Seconds since the epoch. */
  readonly mtimeSeconds: number;
}

/** The owner that dockerTools takes when it is not told. */
export function rootOwner(mtimeSeconds: number): StoreOwner {
  return { uid: 0, gid: 0, uname: "root", gname: "root", mtimeSeconds };
}

/** What begins every layer, whatever the store directory is. */
export function storeLayerStart(owner: StoreOwner): TarMember[] {
  return ["/nix/", "/nix/store/"].map((name) => ({
    ...owner,
    name,
    type: "directory",
    mode: 0o755,
    size: 0,
    linkName: "",
    announcesBytes: true,
  }));
}

/** An entry of a store path, at its place. */
export interface StoreEntry {
  /** Absolute path in the image, a byte string without a slash at its end. */
  readonly name: string;
  readonly type: Exclude<TarMemberType, "hardlink">;
  readonly mode: number;
  /** Bytes; 0 for what is no file. */
  readonly size: number;
  /** What a symbolic link says, a byte string; else empty. */
  readonly target: string;
}

export function storeMember({ name, type, mode, size, target }: StoreEntry, owner: StoreOwner): TarMember {
  return {
    ...owner,
    name: type === "directory" ? `${name}/` : name,
    type,
    mode: type === "symlink" ? 0o777 : mode,
    size,
    linkName: target,
    announcesBytes: true,
  };
}

/** What is written of an owner, as text for keys. */
export function describeOwner({ uid, gid, uname, gname, mtimeSeconds }: StoreOwner): string {
  return [uid, gid, uname, gname, mtimeSeconds].join("\0");
}

/** An owner whose names are text. */
export function toOwner(
  numbers: Pick<StoreOwner, "uid" | "gid" | "mtimeSeconds">,
  uname: string,
  gname: string,
): StoreOwner {
  return { ...numbers, uname: encodeByteString(uname), gname: encodeByteString(gname) };
}
