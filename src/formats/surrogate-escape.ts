// Byte strings ⇄ text as Python sees file names: bytes that are not UTF-8 become U+DC80 to U+DCFF, one each, so that
// nothing is lost. Specification: PEP 383. dockerTools sorts and names files in this form.

import { compareStrings } from "../model/bytes.ts";

const PLAIN = /^[\0-\x7f]*$/;

/** Whether bytes are UTF-8; those of a surrogate are not. */
export function isUtf8(bytes: string): boolean {
  if (PLAIN.test(bytes)) return true;
  return Buffer.from(Buffer.from(bytes, "latin1").toString("utf8"), "utf8").toString("latin1") === bytes;
}

/** Decodes bytes; each that belongs to no character becomes a lone surrogate. */
export function decodeSurrogateEscape(bytes: string): string {
  if (PLAIN.test(bytes)) return bytes;
  const text = Buffer.from(bytes, "latin1").toString("utf8");
  if (Buffer.from(text, "utf8").toString("latin1") === bytes) return text;
  let escaped = "";
  for (let at = 0; at < bytes.length; ) {
    const length = characterLength(bytes, at);
    escaped +=
      length === 0
        ? String.fromCharCode(0xdc00 + bytes.charCodeAt(at))
        : Buffer.from(bytes.slice(at, at + length), "latin1").toString("utf8");
    at += Math.max(length, 1);
  }
  return escaped;
}

/** The bytes of the character that begins somewhere; 0 when none does. */
function characterLength(bytes: string, at: number): number {
  const first = bytes.charCodeAt(at);
  const length =
    first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  return length > 0 && at + length <= bytes.length && isUtf8(bytes.slice(at, at + length)) ? length : 0;
}

/** Orders single names as Python does: by code points, which for UTF-8 is by bytes. */
export function compareEscaped(a: string, b: string): number {
  if (isUtf8(a) && isUtf8(b)) return compareStrings(a, b);
  const left = Array.from(decodeSurrogateEscape(a), (char) => char.codePointAt(0)!);
  const right = Array.from(decodeSurrogateEscape(b), (char) => char.codePointAt(0)!);
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    if (left[i] !== right[i]) return left[i]! - right[i]!;
  }
  return left.length - right.length;
}

/** Orders paths as Python orders lists of their components. */
export function compareEscapedPaths(a: string, b: string): number {
  const left = a.split("/");
  const right = b.split("/");
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const order = compareEscaped(left[i]!, right[i]!);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}
