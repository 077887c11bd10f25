// An ar archive → its members, and what of a .deb they are (deb(5), format 2.0). The caller reads; nothing but headers
// is asked for. All input is hostile.

import { FormatError } from "./errors.ts";

/** Reads bytes of the archive; fewer than `length` only at its end. */
export type ReadAt = (offset: number, length: number) => Uint8Array;

export interface ArMember {
  /** Printable ASCII without `/`. */
  readonly name: string;
  /** Offset of the first byte of the content in the archive. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
}

/** How a .deb's members are compressed, by the end of their names. */
export type DebCompression = "none" | "gzip" | "xz" | "zstd" | "bzip2" | "lzma";

export interface DebMember extends ArMember {
  readonly compression: DebCompression;
}

export interface DebMembers {
  readonly control: DebMember;
  readonly data: DebMember;
}

const MAGIC = "!<arch>\n";
const HEADER_SIZE = 60;
/** More members than any .deb has; each costs a read. */
const MOST_MEMBERS = 64;

const COMPRESSIONS: ReadonlyMap<string, DebCompression> = new Map([
  ["", "none"],
  [".gz", "gzip"],
  [".xz", "xz"],
  [".zst", "zstd"],
  [".bz2", "bzip2"],
  [".lzma", "lzma"],
]);

/**
 * Lists the members of an ar archive, in their order.
 *
 * @param size Bytes of the archive.
 * @throws {FormatError} `BAD_AR`, also for members that do not fit and for the long names of System V and BSD, which
 * a .deb never has.
 */
export function readArMembers(readAt: ReadAt, size: number): ArMember[] {
  if (readText(readAt, 0, MAGIC.length) !== MAGIC) fail("it does not begin as an ar archive does");
  const members: ArMember[] = [];
  for (let at = MAGIC.length; at < size; ) {
    if (members.length === MOST_MEMBERS) fail(`it has more than ${MOST_MEMBERS} members`);
    const header = readText(readAt, at, HEADER_SIZE);
    if (header.length < HEADER_SIZE) fail("it ends inside a member's header");
    const member = parseHeader(header, at + HEADER_SIZE);
    const end = member.offset + member.size;
    if (end > size) {
      fail(`its member ${member.name} claims ${member.size} bytes, ${size - member.offset} are left`);
    }
    members.push(member);
    // Members begin at even offsets; the byte between may be missing behind the last one.
    at = end + (end % 2);
  }
  return members;
}

function parseHeader(header: string, offset: number): ArMember {
  if (header.slice(58) !== "`\n") fail(`the member's header at offset ${offset - HEADER_SIZE} is damaged`);
  const name = /^([!-.0-~]+)\/? *$/.exec(header.slice(0, 16))?.[1];
  if (name === undefined) fail(`the member's header at offset ${offset - HEADER_SIZE} has no usable name`);
  const digits = /^([0-9]{1,10}) *$/.exec(header.slice(48, 58))?.[1];
  if (digits === undefined) fail(`its member ${name} has a size that is no number`);
  return { name, offset, size: Number(digits) };
}

/**
 * Finds what a .deb must have: `debian-binary` first, saying format 2.x, then `control.tar`, then `data.tar`.
 *
 * Members whose name begins with `_` may stand behind `debian-binary` and are passed over, as dpkg does; so is
 * everything behind `data.tar`. Others are refused.
 *
 * @throws {FormatError} `BAD_AR`
 */
export function readDebMembers(readAt: ReadAt, size: number): DebMembers {
  const [format, ...others] = readArMembers(readAt, size);
  if (format?.name !== "debian-binary") fail("its first member is not debian-binary");
  const version = readText(readAt, format.offset, Math.min(format.size, 16));
  if (!/^2\.[0-9]+\n/.test(version)) {
    fail(`its format is ${JSON.stringify(version.split("\n", 1)[0])}, only 2.0 is known`);
  }
  const [control, data, ...rest] = others.filter((member) => !member.name.startsWith("_"));
  const members = { control: asTar(control, "control.tar"), data: asTar(data, "data.tar") };
  for (const { name } of rest) {
    if (/^(?:control|data)\.tar/.test(name)) fail(`it has a second member ${name}`);
  }
  return members;
}

function asTar(member: ArMember | undefined, base: string): DebMember {
  if (member === undefined) fail(`it has no member ${base}`);
  const compression = member.name.startsWith(base)
    ? COMPRESSIONS.get(member.name.slice(base.length))
    : undefined;
  if (compression === undefined) fail(`it has the member ${member.name} where ${base} was expected`);
  return { ...member, compression };
}

function readText(readAt: ReadAt, offset: number, length: number): string {
  return Buffer.from(readAt(offset, length)).toString("latin1");
}

function fail(problem: string): never {
  throw new FormatError("BAD_AR", "the .deb", problem);
}
