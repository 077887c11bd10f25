// .NET assemblies: names in the metadata's string heap against the names of other assemblies.
// Specification: ECMA-335, II.24 (metadata physical layout).

import type { TokenKind } from "../token-kind.ts";

const SIGNATURE = Buffer.from("BSJB", "latin1");
const ASSEMBLY = /^[A-Za-z_][\w.-]*$/;

/** The `#Strings` heap of a PE file with managed code. */
function stringHeap(bytes: Buffer): Buffer | undefined {
  if (bytes[0] !== 0x4d || bytes[1] !== 0x5a) return undefined;
  const root = bytes.indexOf(SIGNATURE);
  if (root < 0 || root + 20 > bytes.length) return undefined;
  let at = root + 16 + bytes.readUInt32LE(root + 12);
  if (at + 4 > bytes.length) return undefined;
  const streams = bytes.readUInt16LE(at + 2);
  at += 4;
  for (let i = 0; i < streams && at + 12 <= bytes.length; i++) {
    const offset = root + bytes.readUInt32LE(at);
    const size = bytes.readUInt32LE(at + 4);
    const nul = bytes.indexOf(0, at + 8);
    if (nul < 0) return undefined;
    if (bytes.toString("latin1", at + 8, nul) === "#Strings") return bytes.subarray(offset, offset + size);
    at += 8 + (((nul - at - 8) >> 2) + 1) * 4;
  }
  return undefined;
}

export const tokenKind: TokenKind = {
  name: "dotnet",
  strength: "strong",
  scope: "declared",
  *uses(file) {
    const heap = /\.(?:dll|exe)$/.test(file.path) ? stringHeap(file.bytes) : undefined;
    if (heap === undefined) return;
    const own = file.baseName.replace(/\.\w+$/, "");
    for (const name of heap.toString("latin1").split("\0")) {
      if (name.length > 2 && name !== own && ASSEMBLY.test(name)) yield name;
    }
  },
  *offers(file) {
    if (/\.(?:dll|exe)$/.test(file.path)) yield file.baseName.replace(/\.\w+$/, "");
  },
};
