// Members → tar headers, each byte fixed: POSIX.1-1988 ustar, with POSIX.1-2001 (pax) records where ustar is too small.
//
// One rule decides when a member has pax records: a name or link name has more than 100 bytes or a byte over 0x7f, or
// a number does not fit its octal field. The values of `path` and `linkpath` are the bytes as they are, UTF-8 or not.
// The ustar `prefix` field is never used, owner names are empty, device numbers are NUL. These are the headers that
// Python's tarfile writes (format PAX_FORMAT), so that layers can equal those of nixpkgs' dockerTools.

import { decodeByteString } from "../model/bytes.ts";

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
  if (!needsPax(member)) {
    writeBlock(target, offset, member, TYPE_FLAGS[member.type], member.name, member.linkName);
    return TAR_BLOCK;
  }
  const records = paxRecords(member);
  const padding = tarPadding(records.length);
  writeBlock(target, offset, { ...PAX_MEMBER, size: records.length }, PAX_TYPE_FLAG, PAX_NAME, "");
  let at = offset + TAR_BLOCK;
  at += target.write(records, at, "latin1");
  target.fill(0, at, at + padding);
  at += padding;
  const { name, linkName, type } = member;
  writeBlock(target, at, member, TYPE_FLAGS[type], asciiForm(name), asciiForm(linkName));
  return at + TAR_BLOCK - offset;
}

const PAX_MEMBER = { mode: 0, uid: 0, gid: 0, mtimeSeconds: 0 } as const;

function needsPax({ name, linkName, uid, gid, size, mtimeSeconds }: TarMember): boolean {
  return (
    needsRecord(name) ||
    needsRecord(linkName) ||
    uid > LARGEST_ID ||
    gid > LARGEST_ID ||
    size > LARGEST_SIZE ||
    mtimeSeconds > LARGEST_SIZE
  );
}

function needsRecord(text: string): boolean {
  if (text.length > NAME_LENGTH) return true;
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return true;
  return false;
}

function paxRecords({ name, linkName, uid, gid, size, mtimeSeconds }: TarMember): string {
  let records = "";
  if (needsRecord(name)) records += paxRecord("path", name);
  if (needsRecord(linkName)) records += paxRecord("linkpath", linkName);
  if (uid > LARGEST_ID) records += paxRecord("uid", String(uid));
  if (gid > LARGEST_ID) records += paxRecord("gid", String(gid));
  if (size > LARGEST_SIZE) records += paxRecord("size", String(size));
  if (mtimeSeconds > LARGEST_SIZE) records += paxRecord("mtime", String(mtimeSeconds));
  return records;
}

/** `LENGTH key=value\n`, where the length counts its own digits too. */
function paxRecord(key: string, value: string): string {
  const rest = key.length + value.length + 3;
  let length = rest + String(rest).length;
  if (String(length).length > String(rest).length) length = rest + String(length).length;
  return `${length} ${key}=${value}\n`;
}

/** What readers that know no pax records see: each character beyond ASCII as `?`, cut to 100 bytes. */
function asciiForm(text: string): string {
  return decodeByteString(text)
    .replace(/[^\0-\x7f]/gu, "?")
    .slice(0, NAME_LENGTH);
}

type BlockNumbers = Pick<TarMember, "mode" | "uid" | "gid" | "size" | "mtimeSeconds">;

function writeBlock(
  target: Buffer,
  offset: number,
  numbers: BlockNumbers,
  typeFlag: number,
  name: string,
  linkName: string,
): void {
  target.fill(0, offset, offset + TAR_BLOCK);
  target.write(name, offset, "latin1");
  writeOctal(target, offset + 100, 7, numbers.mode);
  writeOctal(target, offset + 108, 7, numbers.uid > LARGEST_ID ? 0 : numbers.uid);
  writeOctal(target, offset + 116, 7, numbers.gid > LARGEST_ID ? 0 : numbers.gid);
  writeOctal(target, offset + 124, 11, numbers.size > LARGEST_SIZE ? 0 : numbers.size);
  writeOctal(target, offset + 136, 11, numbers.mtimeSeconds > LARGEST_SIZE ? 0 : numbers.mtimeSeconds);
  target[offset + 156] = typeFlag;
  target.write(linkName, offset + 157, "latin1");
  target.write("ustar\x0000", offset + 257, "latin1");
  // The checksum counts its own field as eight spaces, and is written as six digits, NUL, space.
  let sum = 8 * 0x20;
  for (let i = offset; i < offset + TAR_BLOCK; i++) sum += target[i]!;
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
