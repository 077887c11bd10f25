// Tar and ar archives byte by byte, right or wrong as a test wants them; .debs made of them.

import { createHash } from "node:crypto";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { xz } from "@napi-rs/lzma";
import type { Pin } from "../../src/model/lock.ts";

/** One member of a tar archive; what is left out is what GNU tar would write. Texts are Latin-1. */
export interface RawMember {
  readonly name: string;
  /** The type flag; default `0`, or `5` when the name ends in `/`. */
  readonly type?: string;
  readonly mode?: number | string;
  readonly uid?: number | string;
  readonly gid?: number | string;
  readonly uname?: string;
  readonly gname?: string;
  /** What the header says; default: the length of the content. A text fills the field as it is. */
  readonly size?: number | string;
  readonly mtime?: number | string;
  readonly link?: string;
  readonly prefix?: string;
  /** Magic and version, 8 bytes; default POSIX's. */
  readonly magic?: string;
  readonly content?: string | Buffer;
  /** Added to the right checksum. */
  readonly checksumError?: number;
  /** Sums bytes as signed, as some old programs did. */
  readonly signedChecksum?: boolean;
}

function toBuffer(content: string | Buffer): Buffer {
  return typeof content === "string" ? Buffer.from(content, "latin1") : content;
}

function putNumber(block: Buffer, value: number | string, start: number, length: number): void {
  const text = typeof value === "string" ? value : value.toString(8).padStart(length - 1, "0");
  block.write(text, start, length, "latin1");
}

/** The blocks of one member. */
export function rawMember(member: RawMember): Buffer {
  const content = toBuffer(member.content ?? "");
  const block = Buffer.alloc(512);
  block.write(member.name, 0, 100, "latin1");
  putNumber(block, member.mode ?? (member.name.endsWith("/") ? 0o755 : 0o644), 100, 8);
  putNumber(block, member.uid ?? 0, 108, 8);
  putNumber(block, member.gid ?? 0, 116, 8);
  putNumber(block, member.size ?? content.length, 124, 12);
  putNumber(block, member.mtime ?? 0, 136, 12);
  block.write(member.type ?? (member.name.endsWith("/") ? "5" : "0"), 156, 1, "latin1");
  block.write(member.link ?? "", 157, 100, "latin1");
  block.write(member.magic ?? "ustar\x0000", 257, 8, "latin1");
  block.write(member.uname ?? "root", 265, 32, "latin1");
  block.write(member.gname ?? "root", 297, 32, "latin1");
  block.write(member.prefix ?? "", 345, 155, "latin1");
  block.fill(" ", 148, 156);
  let sum = member.checksumError ?? 0;
  for (const byte of block) sum += member.signedChecksum === true && byte >= 0x80 ? byte - 0x100 : byte;
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, 8, "latin1");
  return Buffer.concat([block, content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

/** A whole archive: members and two blocks of zeros. */
export function rawTar(members: readonly (RawMember | Buffer)[]): Buffer {
  const blocks = members.map((member) => (Buffer.isBuffer(member) ? member : rawMember(member)));
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

/** A pax header (`x`, or `g` for all that follow) with these records. */
export function rawPax(records: Readonly<Record<string, string>>, type: "x" | "g" = "x"): Buffer {
  const text = Object.entries(records).map(([key, value]) => {
    const rest = ` ${key}=${value}\n`;
    let length = rest.length;
    while (length !== rest.length + String(length).length) length = rest.length + String(length).length;
    return `${length}${rest}`;
  });
  return rawMember({ name: "pax", type, content: Buffer.from(text.join(""), "latin1") });
}

/** An ar archive; `size` lies about a member's size. */
export function rawAr(
  members: readonly { readonly name: string; readonly content: string | Buffer; readonly size?: string }[],
): Buffer {
  const parts: Buffer[] = [Buffer.from("!<arch>\n")];
  for (const { name, content, size } of members) {
    const bytes = toBuffer(content);
    const fields = [
      name.padEnd(16),
      "0".padEnd(12),
      "0".padEnd(6),
      "0".padEnd(6),
      "100644".padEnd(8),
      (size ?? String(bytes.length)).padEnd(10),
    ];
    parts.push(Buffer.from(`${fields.join("")}\`\n`, "latin1"), bytes);
    if (bytes.length % 2 === 1) parts.push(Buffer.from("\n"));
  }
  return Buffer.concat(parts);
}

export const COMPRESSORS = {
  "": (bytes: Buffer) => bytes,
  ".gz": (bytes: Buffer) => gzipSync(bytes),
  ".xz": (bytes: Buffer) => xz.compressSync(bytes),
  ".zst": (bytes: Buffer) => zstdCompressSync(bytes),
} as const;

export const RAW_CONTROL =
  "Package: hello\nVersion: 1.0-1\nArchitecture: amd64\nDescription: greets\n at length\n";

/** A .deb; by default a sound one of a package `hello` with what `data` holds. */
export function rawDeb(parts: {
  readonly data: readonly (RawMember | Buffer)[] | Buffer;
  readonly control?: readonly (RawMember | Buffer)[];
  readonly compression?: keyof typeof COMPRESSORS;
}): Buffer {
  const compression = parts.compression ?? ".gz";
  const compress = COMPRESSORS[compression];
  const control = parts.control ?? [{ name: "./" }, { name: "./control", content: RAW_CONTROL }];
  return rawAr([
    { name: "debian-binary", content: "2.0\n" },
    { name: `control.tar${compression}`, content: compress(rawTar(control)) },
    {
      name: `data.tar${compression}`,
      content: compress(Buffer.isBuffer(parts.data) ? parts.data : rawTar(parts.data)),
    },
  ]);
}

/** The pin of such a .deb. */
export function pinOf(deb: Buffer, parts: Partial<Pin> = {}): Pin {
  return {
    name: "hello",
    version: "1.0-1",
    architecture: "amd64",
    release: "debian/bookworm",
    path: "pool/main/h/hello/hello_1.0-1_amd64.deb",
    size: deb.length,
    sha256: createHash("sha256").update(deb).digest("hex"),
    dependencies: ["libc6"],
    ...parts,
  };
}
