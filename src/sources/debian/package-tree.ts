// A pinned .deb → a store object whose tree lies in the cache as one uncompressed tar with an index beside it.
// Source: deb(5), deb-control(5). Neither root nor dpkg is needed, and no file of the package touches the disk by name.

import type { DebMember } from "../../formats/ar.ts";
import { readDebMembers } from "../../formats/ar.ts";
import { ControlError, parseStanza, readField } from "../../formats/deb822.ts";
import type { FormatErrorCode } from "../../formats/errors.ts";
import { FormatError } from "../../formats/errors.ts";
import type { TarHandler, TarHeader } from "../../formats/tar-reader.ts";
import { TarReader } from "../../formats/tar-reader.ts";
import { TarTreeBuilder } from "../../formats/tar-tree.ts";
import { compareStrings, decodeByteString } from "../../model/bytes.ts";
import type { Context } from "../../model/context.ts";
import type { Pin } from "../../model/lock.ts";
import type { StoreObject } from "../../model/store-object.ts";
import type { TreeEntry } from "../../model/tree.ts";
import type { DecompressErrorCode } from "../../platform/decompress.ts";
import { DecompressError, decompress } from "../../platform/decompress.ts";
import { HashedFile } from "../../platform/hashed-file.ts";
import type { CachedTree } from "../../platform/tree-cache.ts";
import { readCachedTree, TreeCacheWriter } from "../../platform/tree-cache.ts";
import type { PackageErrorCode } from "./package-error.ts";
import { PackageError } from "./package-error.ts";

const MIB = 1 << 20;
/** Bytes of an uncompressed control.tar; the largest of Debian, of packages with many checksums, have some 10 MiB. */
const MOST_CONTROL = 64 * MIB;

/** What the cache holds beside a package's tree. Pairs, in the order of the package: names are hostile. */
interface PackageRecord {
  readonly control: readonly (readonly [field: string, value: string])[];
  /** Sorted by name. */
  readonly controlFiles: readonly (readonly [name: string, text: string])[];
}

/**
 * Turns a .deb into a store object; what the cache already holds is not unpacked again, and the .deb not read.
 *
 * One pass over the .deb hashes and unpacks it. Nothing is left behind, and nothing reaches the cache, unless it has
 * the pin's sha256 and is sound from end to end.
 *
 * @param debFile Absolute path of the downloaded .deb.
 * @returns The object; its `declaredReferences` are the names of `pin.dependencies` as they are, not ids.
 * @throws {PackageError} `DEB_HASH_MISMATCH` when the file is not the pinned one, so that the caller may fetch it
 * again; other codes when the pinned file itself is at fault.
 * @throws {DiskError} When the .deb cannot be read or the cache not written.
 */
export async function openPackage(pin: Pin, debFile: string, context: Context): Promise<StoreObject> {
  const cached = readCachedPackage(pin, context);
  if (cached !== undefined) return cached;
  using deb = new HashedFile(debFile);
  if (deb.size !== pin.size) throw mismatch(pin, `${deb.size} bytes`, `${pin.size} bytes`);
  using writer = new TreeCacheWriter(context.cache, pin.sha256);
  const unpacked = await unpack(pin, deb, writer, context.signal).catch(async (error: unknown) => {
    context.signal.throwIfAborted();
    if (!(error instanceof PackageError)) throw error;
    // Damage of the file is the better explanation than what it led to.
    await verifyHash(pin, deb, error);
    throw error;
  });
  await verifyHash(pin, deb);
  // Refuses the package of another name before it is in the cache.
  toStoreObject(pin, { tree: { entries: unpacked.entries }, metadata: unpacked.record });
  return toStoreObject(pin, writer.commit(unpacked.entries, unpacked.record));
}

/**
 * The store object of a pin when the cache holds its tree; undefined when the .deb is needed.
 *
 * @throws {PackageError} `DEB_WRONG_PACKAGE`
 * @throws {DiskError} When the cache cannot be read.
 */
export function readCachedPackage(pin: Pin, context: Pick<Context, "cache">): StoreObject | undefined {
  const cached = readCachedTree(context.cache, pin.sha256);
  return cached === undefined ? undefined : toStoreObject(pin, cached);
}

function toStoreObject(pin: Pin, { tree, metadata }: CachedTree): StoreObject {
  const record = metadata as PackageRecord;
  const control = new Map(record.control);
  verifyIdentity(pin, control);
  const { name, version, architecture } = pin;
  return {
    id: `deb/${name}/${version}/${architecture}`,
    label: `${name} ${version}`,
    placement: { kind: "at-root" },
    tree,
    declaredReferences: pin.dependencies,
    package: {
      type: "deb",
      name,
      version,
      architecture,
      control,
      controlFiles: new Map(record.controlFiles),
    },
  };
}

function verifyIdentity(pin: Pin, control: ReadonlyMap<string, string>): void {
  const wanted = [
    ["Package", pin.name],
    ["Version", pin.version],
    ["Architecture", pin.architecture],
  ] as const;
  for (const [field, value] of wanted) {
    const actual = readField(control, field);
    if (actual !== value) {
      throw new PackageError(
        "DEB_WRONG_PACKAGE",
        `Cannot use ${pin.path}: its ${field} is ${actual === undefined ? "missing" : `"${actual}"`}, the lock says "${value}"`,
        { hint: "The lock was changed by hand or made from a faulty archive: run `tare update`" },
      );
    }
  }
}

async function verifyHash(pin: Pin, deb: HashedFile, cause?: unknown): Promise<void> {
  const actual = await deb.digest();
  if (actual !== pin.sha256) throw mismatch(pin, `sha256 ${actual}`, pin.sha256, cause);
}

function mismatch(pin: Pin, actual: string, expected: string, cause?: unknown): PackageError {
  return new PackageError(
    "DEB_HASH_MISMATCH",
    `Cannot unpack ${pin.name} ${pin.version}: its .deb has ${actual}, the lock says ${expected}`,
    { cause, hint: "The file in the cache is damaged: it has to be fetched again" },
  );
}

async function unpack(
  pin: Pin,
  deb: HashedFile,
  writer: TreeCacheWriter,
  signal: AbortSignal,
): Promise<{ readonly entries: readonly TreeEntry[]; readonly record: PackageRecord }> {
  const members = inPackage(pin, undefined, () =>
    readDebMembers((offset, length) => deb.readAt(offset, length), deb.size),
  );

  const controlReader = new ControlReader();
  await readMember(pin, deb, members.control, MOST_CONTROL, signal, (chunk) => controlReader.write(chunk));
  const record = inPackage(pin, members.control, () => controlReader.end());

  const builder = new TarTreeBuilder({ file: writer.file, inodePrefix: pin.sha256 });
  const limit = computeDataLimit(members.data.size, record.control);
  await readMember(pin, deb, members.data, limit, signal, (chunk) => {
    builder.write(chunk);
    writer.write(chunk);
  });
  return { record, entries: inPackage(pin, members.data, () => builder.end()) };
}

/** Hands the uncompressed bytes of a member to `sink`; errors name the package and the member. */
async function readMember(
  pin: Pin,
  deb: HashedFile,
  member: DebMember,
  maxSize: number,
  signal: AbortSignal,
  sink: (chunk: Uint8Array) => void,
): Promise<void> {
  const { name, compression, offset, size } = member;
  try {
    for await (const chunk of decompress(compression, deb.chunks(offset, size), { maxSize, name })) {
      signal.throwIfAborted();
      sink(chunk);
    }
  } catch (error) {
    throw toPackageError(pin, member, error);
  }
}

/**
 * The most bytes that a data.tar may have: 64 MiB, and 64 times its compressed size or, up to 1000 times that, twice
 * what Installed-Size says. The field alone is not trusted: it comes with the package.
 */
function computeDataLimit(compressedSize: number, control: PackageRecord["control"]): number {
  const installedKiB = Number(
    /^[0-9]{1,12}$/.exec(readField(new Map(control), "Installed-Size") ?? "0")?.[0],
  );
  const claimed = Math.min(2 * 1024 * (installedKiB || 0), 1000 * compressedSize);
  return 64 * MIB + Math.max(64 * compressedSize, claimed);
}

/** Reads a control.tar: regular files with plain names, `control` among them. */
class ControlReader implements TarHandler {
  readonly #reader = new TarReader(this);
  readonly #files = new Map<string, string>();
  #open: { readonly name: string; readonly chunks: Buffer[] } | undefined;

  write(chunk: Uint8Array): void {
    this.#reader.write(chunk);
  }

  member(header: TarHeader): void {
    const name = header.path.replace(/^\.\//, "");
    if (header.type === "directory" && (name === "" || name === ".")) return;
    const shown = decodeByteString(header.path);
    if (header.type !== "file" || !/^[!-.0-~]+$/.test(name) || name === "." || name === "..") {
      throw new FormatError("UNSAFE_TAR", "control.tar", `the ${header.type} "${shown}" is no control file`);
    }
    if (this.#files.has(name)) {
      throw new FormatError("UNSAFE_TAR", "control.tar", `it has the member "${shown}" twice`);
    }
    this.#open = { name, chunks: [] };
  }

  content(chunk: Uint8Array): void {
    // The chunk is the decoder's; what is kept must be ours.
    this.#open?.chunks.push(Buffer.from(chunk));
  }

  memberEnd(): void {
    if (this.#open === undefined) return;
    this.#files.set(this.#open.name, Buffer.concat(this.#open.chunks).toString("latin1"));
    this.#open = undefined;
  }

  end(): PackageRecord {
    this.#reader.end();
    const control = this.#files.get("control");
    if (control === undefined) throw new FormatError("BAD_TAR", "control.tar", 'it has no file "control"');
    this.#files.delete("control");
    return {
      control: [...parseStanza(decodeByteString(control), { name: "the control file" })],
      controlFiles: [...this.#files].sort(([a], [b]) => compareStrings(a, b)),
    };
  }
}

function inPackage<T>(pin: Pin, member: DebMember | undefined, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw toPackageError(pin, member, error);
  }
}

/** Codes that mean more than that the .deb is malformed. */
const CODES: Readonly<Partial<Record<FormatErrorCode | DecompressErrorCode, PackageErrorCode>>> = {
  UNSUPPORTED_TAR: "DEB_UNSUPPORTED",
  UNSAFE_TAR: "DEB_UNSAFE",
  TOO_LARGE: "DEB_TOO_LARGE",
  UNSUPPORTED: "DEB_UNSUPPORTED",
};

function toPackageError(pin: Pin, member: DebMember | undefined, error: unknown): unknown {
  const thing = `Cannot unpack ${pin.name} ${pin.version}: ${member === undefined ? "" : `in ${member.name}, `}`;
  if (error instanceof FormatError || error instanceof DecompressError) {
    return new PackageError(CODES[error.code] ?? "DEB_MALFORMED", `${thing}${error.problem}`, {
      cause: error,
    });
  }
  if (error instanceof ControlError) {
    return new PackageError("DEB_MALFORMED", `${thing}${error.message.replace(/^Cannot parse /, "")}`, {
      cause: error,
    });
  }
  return error;
}
