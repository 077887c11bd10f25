// BEAM files: compiled Erlang and Elixir modules, bytes → the atoms, imports and literals in them.
// Specification: the Erlang/OTP run-time system's "Loader" notes and beam_lib(3); OTP 25 to 28.
// Input is hostile: chunks are checked and inflation is limited.

import { gunzipSync, inflateSync } from "node:zlib";

export interface Beam {
  /** All atoms, the module's own name first; UTF-8 as byte strings. */
  readonly atoms: readonly string[];
  /** Names of the modules whose functions are called with a fixed name. */
  readonly importedModules: ReadonlySet<string>;
  /** The bytes of strings and literal terms, inflated. */
  readonly literals: readonly Uint8Array[];
}

const MAX_INFLATED = 1 << 26;

/**
 * Parses a BEAM file, plain or gzip-compressed as `strip`ped releases are.
 *
 * @returns undefined when the bytes are no BEAM file; what lies behind damage is missing.
 *
 * Pure.
 */
export function parseBeam(bytes: Uint8Array): Beam | undefined {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (whole[0] === 0x1f && whole[1] === 0x8b) {
    const plain = attempt(() => gunzipSync(whole, { maxOutputLength: MAX_INFLATED }));
    return plain === undefined ? undefined : parseChunks(plain);
  }
  return parseChunks(whole);
}

function parseChunks(bytes: Buffer): Beam | undefined {
  if (bytes.toString("latin1", 0, 4) !== "FOR1" || bytes.toString("latin1", 8, 12) !== "BEAM")
    return undefined;
  let atoms: string[] = [];
  let imports: number[] = [];
  const literals: Uint8Array[] = [];
  for (let at = 12; at + 8 <= bytes.length; ) {
    const name = bytes.toString("latin1", at, at + 4);
    const size = bytes.readUInt32BE(at + 4);
    const chunk = bytes.subarray(at + 8, Math.min(at + 8 + size, bytes.length));
    if (name === "AtU8" || name === "Atom") atoms = parseAtoms(chunk);
    else if (name === "ImpT") imports = parseImports(chunk);
    else if (name === "StrT") literals.push(chunk);
    else if (name === "LitT") literals.push(parseLiterals(chunk));
    at += 8 + size + ((4 - (size % 4)) % 4);
  }
  const importedModules = new Set<string>();
  for (const index of imports) {
    const atom = atoms[index - 1];
    if (atom !== undefined) importedModules.add(atom);
  }
  return { atoms, importedModules, literals };
}

/** Atoms: a count, then length and bytes of each. A negative count (OTP 28) means lengths of one or two bytes. */
function parseAtoms(chunk: Buffer): string[] {
  if (chunk.length < 4) return [];
  const count = chunk.readInt32BE(0);
  const long = count < 0;
  const atoms: string[] = [];
  let at = 4;
  for (let left = Math.abs(count); left > 0 && at < chunk.length; left--) {
    let length = chunk[at++]!;
    if (long) {
      if ((length & 0b1111) === 0) length >>= 4;
      else if ((length & 0b11111) === 0b01000) length = ((length >> 5) << 8) | (chunk[at++] ?? 0);
      else break;
    }
    atoms.push(chunk.toString("latin1", at, at + length));
    at += length;
  }
  return atoms;
}

/** The module, an index of an atom, of each import of module, function and arity. */
function parseImports(chunk: Buffer): number[] {
  const modules: number[] = [];
  const count = chunk.length < 4 ? 0 : chunk.readUInt32BE(0);
  for (let i = 0, at = 4; i < count && at + 12 <= chunk.length; i++, at += 12) {
    modules.push(chunk.readUInt32BE(at));
  }
  return modules;
}

/** Literal terms: their inflated size, then zlib data; size 0 (OTP 28) means that they are plain. */
function parseLiterals(chunk: Buffer): Uint8Array {
  if (chunk.length < 4) return chunk;
  const data = chunk.subarray(4);
  if (chunk.readUInt32BE(0) === 0) return data;
  return attempt(() => inflateSync(data, { maxOutputLength: MAX_INFLATED })) ?? new Uint8Array(0);
}

function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}
