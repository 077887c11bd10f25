// A BEAM file → the same module without what only compilers, debuggers and shells read: chunks that the loader does not
// need go, plain or out of a gzip file; those that stay keep every byte and their order.
// Specification: beam_lib(3), strip/1; OTP 25 to 28. Input is hostile: what is not as it should be stays as it is.

import { gunzipSync } from "node:zlib";

/**
 * The chunks that beam_lib:strip/1 keeps, and `Attr`: module_info(attributes) is what programs ask modules for, such as
 * Elixir's persisted attributes, and Mix keeps it as well.
 */
const ESSENTIAL: ReadonlySet<string> = new Set(
  "Atom AtU8 Attr Code ExpT FunT ImpT Line LitT Meta StrT Type".split(" "),
);

const HEADER_SIZE = 12;
const LARGEST_INFLATED = 1 << 26;

/**
 * Strips a module.
 *
 * @param keep Names of chunks that stay as well, such as `Dbgi` or `Docs`.
 * @returns undefined when the bytes are no BEAM file, are damaged, or have nothing that goes. Never compressed: a layer
 *   compresses all modules together, to less.
 *
 * Pure.
 */
export function stripBeam(bytes: Buffer, keep: readonly string[] = []): Buffer | undefined {
  const isCompressed = bytes[0] === 0x1f && bytes[1] === 0x8b;
  const plain = isCompressed ? inflate(bytes) : bytes;
  if (plain === undefined) return undefined;
  const chunks = readChunks(plain);
  if (chunks === undefined) return undefined;
  const kept = chunks.filter(({ name }) => ESSENTIAL.has(name) || keep.includes(name));
  if (kept.length === chunks.length) return isCompressed ? plain : undefined;
  const header = Buffer.from("FOR1\0\0\0\0BEAM", "latin1");
  const stripped = Buffer.concat([header, ...kept.map((chunk) => chunk.bytes)]);
  stripped.writeUInt32BE(stripped.length - 8, 4);
  return stripped;
}

interface Chunk {
  readonly name: string;
  /** With its header and padding. */
  readonly bytes: Buffer;
}

/** All chunks of an IFF form of the type BEAM that ends where it says; undefined for anything else. */
function readChunks(bytes: Buffer): Chunk[] | undefined {
  if (bytes.toString("latin1", 0, 4) !== "FOR1" || bytes.toString("latin1", 8, HEADER_SIZE) !== "BEAM")
    return undefined;
  if (bytes.readUInt32BE(4) + 8 !== bytes.length) return undefined;
  const chunks: Chunk[] = [];
  let at = HEADER_SIZE;
  while (at + 8 <= bytes.length) {
    const size = bytes.readUInt32BE(at + 4);
    const end = at + 8 + size + ((4 - (size % 4)) % 4);
    if (end > bytes.length) return undefined;
    chunks.push({ name: bytes.toString("latin1", at, at + 4), bytes: bytes.subarray(at, end) });
    at = end;
  }
  return at === bytes.length ? chunks : undefined;
}

function inflate(bytes: Buffer): Buffer | undefined {
  try {
    return gunzipSync(bytes, { maxOutputLength: LARGEST_INFLATED });
  } catch {
    return undefined;
  }
}
