// The directory of a package in pnpm's virtual store: its dependency path as a file name, shortened as pnpm does.

import { createHash } from "node:crypto";

/** pnpm's `virtual-store-dir-max-length` on Linux. */
const LONGEST = 120;

/** How pnpm shortens names: MD5 in base 32 until pnpm 9, SHA-256 in hexadecimal since pnpm 10. */
export type PnpmNaming = "md5" | "sha256";

/**
 * The name of a package's directory below `node_modules/.pnpm`: `@babel/core@7.0.0(a@1.0.0)(b@2.0.0)` becomes
 * `@babel+core@7.0.0_a@1.0.0_b@2.0.0`.
 *
 * Names that are too long, or that differ from their lower-case form, end in a hash.
 */
export function pnpmDirectoryName(depPath: string, naming: PnpmNaming): string {
  const plain = (depPath.startsWith("file:") ? depPath.replace(":", "+") : depPath).replace(
    /[\\/:*?"<>|#]/g,
    "+",
  );
  const name = plain.includes("(") ? plain.replace(/\)$/, "").replace(/\)\(|\(|\)/g, "_") : plain;
  const isShort = name.length <= LONGEST;
  if (isShort && (name === name.toLowerCase() || name.startsWith("file+"))) return name;
  const hash =
    naming === "md5"
      ? base32(createHash("md5").update(name).digest())
      : createHash("sha256").update(name).digest("hex").slice(0, 32);
  return `${name.slice(0, LONGEST - hash.length - 1)}_${hash}`;
}

const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";

/** RFC 4648 in lower case, without padding. */
function base32(bytes: Uint8Array): string {
  let text = "";
  let value = 0;
  let bits = 0;
  for (const byte of bytes) {
    value = (value << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET[(value >>> bits) & 31];
    }
    value &= (1 << bits) - 1;
  }
  return bits > 0 ? text + ALPHABET[(value << (5 - bits)) & 31] : text;
}
