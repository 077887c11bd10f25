// Images made in a test, byte by byte: layers of members as a hostile archive may have them, with a configuration.

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { computeDigest, formatManifest } from "../../src/formats/oci.ts";
import {
  TAR_BLOCK,
  type TarMember,
  tarHeaderLength,
  tarPadding,
  writeTarHeader,
} from "../../src/formats/tar-writer.ts";
import { type DiffId, type Image, type ImageId, type Layer, MEDIA_TYPES } from "../../src/model/image.ts";
import { machineArchitecture } from "../../src/platform/machine.ts";

/** Debian's static busybox: every program that a tiny image needs. */
export const BUSYBOX = "/bin/busybox";

/** A member with what most members are; `content` decides the size, `device` makes it a device node. */
export type MemberOptions = Partial<Omit<TarMember, "size">> & {
  readonly name: string;
  readonly content?: string | Uint8Array;
  /** The type flag: `3` character device, `4` block device, `6` fifo. */
  readonly flag?: string;
};

export function directory(name: string, options: Partial<TarMember> = {}): MemberOptions {
  return { name: `${name}/`, type: "directory", mode: 0o755, ...options };
}

export function file(
  name: string,
  content: string | Uint8Array = "",
  options: Partial<TarMember> = {},
): MemberOptions {
  return { name, type: "file", mode: 0o644, content, ...options };
}

export function symlink(name: string, linkName: string): MemberOptions {
  return { name, type: "symlink", mode: 0o777, linkName };
}

export function hardLink(name: string, linkName: string): MemberOptions {
  return { name, type: "hardlink", mode: 0o644, linkName };
}

/** Writes a tar archive. */
export function makeTar(members: readonly MemberOptions[]): Buffer {
  const parts = members.map(({ content = "", flag, ...options }) => {
    const bytes = Buffer.from(content as string);
    const member: TarMember = {
      type: "file",
      mode: 0o644,
      uid: 0,
      gid: 0,
      linkName: "",
      mtimeSeconds: 1,
      ...options,
      size: bytes.length,
    };
    const header = Buffer.alloc(tarHeaderLength(member));
    writeTarHeader(header, 0, member);
    if (flag !== undefined) setTypeFlag(header, flag);
    return Buffer.concat([header, bytes, Buffer.alloc(tarPadding(bytes.length))]);
  });
  return Buffer.concat([...parts, Buffer.alloc(2 * TAR_BLOCK)]);
}

function setTypeFlag(header: Buffer, flag: string): void {
  header.write(flag, 156, "latin1");
  header.fill(0x20, 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
}

export interface TinyImageOptions {
  /** Of the configuration: `Cmd`, `User`… */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly architecture?: string;
  /** Lowest first; each is a list of members. */
  readonly layers: readonly (readonly MemberOptions[])[];
  readonly compression?: "none" | "gzip" | "zstd";
}

const COMPRESS = {
  none: { mediaType: MEDIA_TYPES.layer, compress: (bytes: Buffer) => bytes },
  gzip: { mediaType: MEDIA_TYPES.layerGzip, compress: (bytes: Buffer) => gzipSync(bytes) },
  zstd: { mediaType: MEDIA_TYPES.layerZstd, compress: (bytes: Buffer) => zstdCompressSync(bytes) },
};

/** Makes an image whose blobs are in a directory. */
export function makeImage(folder: string, options: TinyImageOptions): Image {
  mkdirSync(folder, { recursive: true });
  const { mediaType, compress } = COMPRESS[options.compression ?? "none"];
  const layers = options.layers.map((members): Layer => {
    const tar = makeTar(members);
    const bytes = compress(tar);
    const digest = computeDigest(bytes);
    const blob = join(folder, digest.slice("sha256:".length));
    writeFileSync(blob, bytes);
    const diffId = `sha256:${createHash("sha256").update(tar).digest("hex")}` as DiffId;
    return {
      mediaType,
      digest,
      diffId,
      size: bytes.length,
      uncompressedSize: tar.length,
      comment: "",
      blob: { file: blob, offset: 0 },
    };
  });
  const config = Buffer.from(
    JSON.stringify({
      architecture: options.architecture ?? machineArchitecture(),
      os: "linux",
      config: options.config ?? {},
      rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    }),
  );
  const imageId = computeDigest(config) as ImageId;
  const manifest = formatManifest(
    { mediaType: MEDIA_TYPES.config, digest: imageId, size: config.length },
    layers,
  );
  return { name: "tiny", tag: "latest", imageId, digest: computeDigest(manifest), config, manifest, layers };
}

/** The members of a layer with busybox and the users that tests use. */
export function busyboxLayer(): MemberOptions[] {
  return [
    directory("bin"),
    file("bin/busybox", readFileSync(BUSYBOX), { mode: 0o755 }),
    ...["sh", "env", "id", "cat", "ls"].map((name) => symlink(`bin/${name}`, "busybox")),
    directory("etc"),
    file("etc/passwd", PASSWD),
    file("etc/group", GROUP),
    directory("root", { mode: 0o700 }),
    directory("tmp", { mode: 0o1777 }),
    directory("home"),
    directory("home/app", { uid: 1000, gid: 1000 }),
  ];
}

const PASSWD = [
  "root:x:0:0:root:/root:/bin/sh",
  "app:x:1000:1000::/home/app:/bin/sh",
  "nobody:x:65534:65534::/nonexistent:/bin/false",
  "",
].join("\n");

const GROUP = ["root:x:0:", "tty:x:5:", "app:x:1000:", "media:x:2000:app", "video:x:2001:other,app", ""].join(
  "\n",
);
