// Members → tar headers, each byte fixed: POSIX.1-1988 ustar, with POSIX.1-2001 (pax) records where ustar is too small.
//
// One rule decides when a member has pax records: a name or link name has more than 100 bytes or a byte over 0x7f, or
// a number does not fit its octal field. The values of `path` and `linkpath` are the bytes as they are, UTF-8 or not.
// The ustar `prefix` field is never used, device numbers are NUL. These are the headers that Python's tarfile writes
// (format PAX_FORMAT), so that layers can equal those of nixpkgs' dockerTools.

import { decodeByteString } from "../model/bytes.ts";
import { decodeSurrogateEscape, isUtf8 } from "./surrogate-escape.ts";

export const TAR_BLOCK = 512;

export type TarMemberType = "file" | "hardlink" | "symlink" | "directory";

/** One member. Names are byte strings. */
export interface TarMember {
  /** As it shall be written; a directory's ends in `/`. */
  readonly name: string;
  readonly type: TarMemberType;
  /** Permission bits: 0 to 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of content that follow; 0 for what is no file. */
  readonly size: number;
  /** The target of a symbolic link, or the name of the member that a hard link is another name of; else empty. */
  readonly linkName: string;
  /** Seconds since the epoch. */
  readonly mtimeSeconds: number;
  /** Names of the owner, byte strings; default: none. */
  readonly uname?: string | undefined;
  readonly gname?: string | undefined;
  /**
   * True to do as Python's tarfile also where a text is not UTF-8: the pax header begins by saying so, and the plain
   * header has one `?` for each such byte.
   */
  readonly announcesBytes?: boolean | undefined;
  /** Pax records that come first, in their order; they count for more than the fields above. */
  readonly records?: ReadonlyMap<string, string> | undefined;
  /** Another type flag than the usual one of the type: one character. */
  readonly typeFlag?: string | undefined;
}

const TYPE_FLAGS: Readonly<Record<TarMemberType, number>> = {
  file: 0x30,
  hardlink: 0x31,
  symlink: 0x32,
  directory: 0x35,
};
const PAX_TYPE_FLAG = 0x78;
const PAX_NAME = "././@PaxHeader";

const NAME_LENGTH = 100;
const OWNER_LENGTH = 32;
/** Where the names of the owners end: what follows in a header is all zero. */
const OWNERS_END = 329;
/** The largest number of 7 octal digits. */
const LARGEST_ID = 0o7777777;
/** The largest number of 11 octal digits: 8 GiB - 1. */
const LARGEST_SIZE = 0o77777777777;

/** Bytes that stand between a file's content and the next header. */
export function tarPadding(size: number): number {
  return (TAR_BLOCK - (size % TAR_BLOCK)) % TAR_BLOCK;
}

/**
 * The number of zero bytes that end an archive: two blocks, then up to a whole record.
 *
 * @param length Bytes of the archive so far.
 * @param recordSize Bytes: 512 for no more than the two blocks, 10240 as tar programs fill by default.
 */
export function tarEndLength(length: number, recordSize: number): number {
  const end = 2 * TAR_BLOCK;
  return end + ((recordSize - ((length + end) % recordSize)) % recordSize);
}

/** Bytes that the headers of a member take: 512, or 1,536 and more with pax records. */
export function tarHeaderLength(member: TarMember): number {
  if (!needsPax(member)) return TAR_BLOCK;
  const length = paxRecords(member).length;
  return TAR_BLOCK + length + tarPadding(length) + TAR_BLOCK;
}

/**
 * Writes the headers of a member in place.
 *
 * @param target Has at least {@link tarHeaderLength} bytes from `offset` on.
 * @returns Bytes written.
 */
export function writeTarHeader(target: Buffer, offset: number, member: TarMember): number {
  const typeFlag = member.typeFlag?.charCodeAt(0) ?? TYPE_FLAGS[member.type];
  if (!needsPax(member)) {
    writeBlock(target, offset, member, typeFlag, member);
    return TAR_BLOCK;
  }
  const records = paxRecords(member);
  const padding = tarPadding(records.length);
  writeBlock(target, offset, { ...PAX_MEMBER, size: records.length }, PAX_TYPE_FLAG, PAX_TEXTS);
  let at = offset + TAR_BLOCK;
  at += target.write(records, at, "latin1");
  target.fill(0, at, at + padding);
  at += padding;
  writeBlock(target, at, member, typeFlag, asciiTexts(member));
  return at + TAR_BLOCK - offset;
}

const PAX_MEMBER = { mode: 0, uid: 0, gid: 0, mtimeSeconds: 0 } as const;
const PAX_TEXTS: BlockTexts = { name: PAX_NAME, linkName: "" };

function needsPax(member: TarMember): boolean {
  const { name, linkName, uid, gid, size, mtimeSeconds, uname, gname, records } = member;
  return (
    needsRecord(name, NAME_LENGTH) ||
    needsRecord(linkName, NAME_LENGTH) ||
    needsRecord(uname, OWNER_LENGTH) ||
    needsRecord(gname, OWNER_LENGTH) ||
    uid > LARGEST_ID ||
    gid > LARGEST_ID ||
    size > LARGEST_SIZE ||
    isOutside(mtimeSeconds) ||
    (records !== undefined && records.size > 0)
  );
}

const BEYOND_ASCII = /[^\0-\x7f]/;

function needsRecord(text: string | undefined, longest: number): boolean {
  return text !== undefined && text !== "" && (text.length > longest || BEYOND_ASCII.test(text));
}

function isOutside(mtimeSeconds: number): boolean {
  return mtimeSeconds < 0 || mtimeSeconds > LARGEST_SIZE;
}

function paxRecords(member: TarMember): string {
  const { name, linkName, uname, gname, uid, gid, size, mtimeSeconds } = member;
  const records = new Map(member.records);
  const add = (key: string, value: string, isNeeded: boolean) => {
    if (isNeeded && !records.has(key)) records.set(key, value);
  };
  add("path", name, needsRecord(name, NAME_LENGTH));
  add("linkpath", linkName, needsRecord(linkName, NAME_LENGTH));
  add("uname", uname ?? "", needsRecord(uname, OWNER_LENGTH));
  add("gname", gname ?? "", needsRecord(gname, OWNER_LENGTH));
  add("uid", String(uid), uid > LARGEST_ID);
  add("gid", String(gid), gid > LARGEST_ID);
  add("size", String(size), size > LARGEST_SIZE);
  add("mtime", String(mtimeSeconds), isOutside(mtimeSeconds));
  const hasBytes = member.announcesBytes === true && ![...records.values()].every(isUtf8);
  const lines = [...records].map(([key, value]) => paxRecord(key, value));
  return (hasBytes ? paxRecord("hdrcharset", "BINARY") : "") + lines.join("");
}

/** `LENGTH key=value\n`, where the length counts its own digits too. */
function paxRecord(key: string, value: string): string {
  const rest = key.length + value.length + 3;
  let length = rest + String(rest).length;
  if (String(length).length > String(rest).length) length = rest + String(length).length;
  return `${length} ${key}=${value}\n`;
}

/** What readers that know no pax records see: each character beyond ASCII as `?`, cut to what the field holds. */
function asciiTexts(member: TarMember): BlockTexts {
  const { name, linkName, uname = "", gname = "", announcesBytes } = member;
  const decode = announcesBytes === true ? decodeSurrogateEscape : decodeByteString;
  const ascii = (text: string, length: number) =>
    decode(text)
      .replace(/[^\0-\x7f]/gu, "?")
      .slice(0, length);
  return {
    name: ascii(name, NAME_LENGTH),
    linkName: ascii(linkName, NAME_LENGTH),
    uname: ascii(uname, OWNER_LENGTH),
    gname: ascii(gname, OWNER_LENGTH),
  };
}

type BlockNumbers = Pick<TarMember, "mode" | "uid" | "gid" | "size" | "mtimeSeconds">;
type BlockTexts = Pick<TarMember, "name" | "linkName" | "uname" | "gname">;

function writeBlock(
  target: Buffer,
  offset: number,
  { mode, uid, gid, size, mtimeSeconds }: BlockNumbers,
  typeFlag: number,
  { name, linkName, uname, gname }: BlockTexts,
): void {
  target.fill(0, offset, offset + TAR_BLOCK);
  target.write(name, offset, "latin1");
  writeOctal(target, offset + 100, 7, mode);
  writeOctal(target, offset + 108, 7, uid > LARGEST_ID ? 0 : uid);
  writeOctal(target, offset + 116, 7, gid > LARGEST_ID ? 0 : gid);
  writeOctal(target, offset + 124, 11, size > LARGEST_SIZE ? 0 : size);
  writeOctal(target, offset + 136, 11, isOutside(mtimeSeconds) ? 0 : mtimeSeconds);
  target[offset + 156] = typeFlag;
  target.write(linkName, offset + 157, "latin1");
  target.write("ustar\x0000", offset + 257, "latin1");
  if (uname !== undefined) target.write(uname, offset + 265, "latin1");
  if (gname !== undefined) target.write(gname, offset + 297, "latin1");
  // The checksum counts its own field as eight spaces, and is written as six digits, NUL, space.
  let sum = 8 * 0x20;
  for (let i = offset; i < offset + OWNERS_END; i++) sum += target[i]!;
  writeOctal(target, offset + 148, 6, sum);
  target[offset + 155] = 0x20;
}

function writeOctal(target: Buffer, offset: number, digits: number, value: number): void {
  let rest = value;
  for (let i = offset + digits - 1; i >= offset; i--) {
    target[i] = 0x30 + (rest % 8);
    rest = Math.floor(rest / 8);
  }
}
