// Attribute values → the texts that a build sees: environment variables, or one JSON document (`__structuredAttrs`).

import { compareStrings, encodeByteString } from "../../model/bytes.ts";
import { NixFormatError } from "./errors.ts";

/**
 * A value as the Nix language has it. Numbers that are safe integers are integers, others floats; integers beyond
 * 2^53 are given as bigint. A float with a whole value up to 2^53 cannot be said.
 */
export type AttributeValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly AttributeValue[]
  | { readonly [name: string]: AttributeValue | undefined };

/**
 * The text of a value in an environment variable, as Nix coerces it: true is `1`, false and null are empty, lists are
 * joined by blanks, floats have six digits behind the point.
 *
 * @throws {NixFormatError} `DERIVATION_INVALID` for objects, and for texts that no variable can hold.
 */
export function coerceToText(value: AttributeValue, what: string): string {
  if (value === null || value === false) return "";
  if (value === true) return "1";
  switch (typeof value) {
    case "string":
      if (value.includes("\0")) fail(what, "it has a NUL character");
      return checkText(value, what);
    case "number":
      return Number.isSafeInteger(value) ? String(value) : formatFixed(checkFloat(value, what));
    case "bigint":
      return String(checkInteger(value, what));
    case "object":
      if (isList(value)) return joinList(value, what);
  }
  return fail(what, "it is an object, and only structured attributes can hold those");
}

function isList(value: object): value is readonly AttributeValue[] {
  return Array.isArray(value);
}

/** As Nix does, no blank follows an empty list. */
function joinList(list: readonly AttributeValue[], what: string): string {
  let text = "";
  list.forEach((item, i) => {
    text += coerceToText(item, what);
    const isEmptyList = Array.isArray(item) && item.length === 0;
    if (i < list.length - 1 && !isEmptyList) text += " ";
  });
  return text;
}

/** C's `%f`: six digits; of two that are as near, the even one. */
function formatFixed(value: number): string {
  if (Math.abs(value) >= 1e21) return `${BigInt(value)}.000000`;
  // Half of the sixth digit is a multiple of 1/128 and of nothing larger.
  const isHalf = Math.abs((value * 128) % 2) === 1;
  const cut = value.toFixed(7).slice(0, -1);
  return isHalf && Number(cut.at(-1)) % 2 === 0 ? cut : value.toFixed(6);
}

/**
 * Compact JSON as Nix since 2.13 writes it: keys sorted by the bytes of their UTF-8, floats with the fewest digits that
 * read back as the same.
 *
 * @throws {NixFormatError} `DERIVATION_INVALID` for what JSON or Nix cannot hold.
 */
export function formatAttributesJson(value: AttributeValue, what: string): string {
  if (value === null) return "null";
  switch (typeof value) {
    case "boolean":
      return String(value);
    case "string":
      return JSON.stringify(checkText(value, what));
    case "number":
      return Number.isSafeInteger(value) ? String(value) : formatShortest(checkFloat(value, what));
    case "bigint":
      return String(checkInteger(value, what));
    case "object":
      if (isList(value)) return `[${value.map((item) => formatAttributesJson(item, what)).join(",")}]`;
      return formatObject(value, what);
  }
  return fail(what, `it is a ${typeof value}`);
}

function formatObject(object: { readonly [name: string]: AttributeValue | undefined }, what: string): string {
  const members = Object.entries(object)
    .flatMap(([name, value]) => (value === undefined ? [] : [{ name: checkText(name, what), value }]))
    .sort((a, b) => compareStrings(encodeByteString(a.name), encodeByteString(b.name)))
    .map(({ name, value }) => `${JSON.stringify(name)}:${formatAttributesJson(value, what)}`);
  return `{${members.join(",")}}`;
}

/** With an exponent, of two digits at least, below 1e-4 and from 1e15 on. */
function formatShortest(value: number): string {
  const [, sign, digit, more = "", exponent] = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(
    value.toExponential(),
  )!;
  const power = Number(exponent);
  if (power < -4 || power >= 15) {
    const size = String(Math.abs(power)).padStart(2, "0");
    return `${sign}${digit}${more === "" ? "" : `.${more}`}e${power < 0 ? "-" : "+"}${size}`;
  }
  const digits = digit! + more;
  if (power < 0) return `${sign}0.${"0".repeat(-power - 1)}${digits}`;
  const fraction = digits.slice(power + 1);
  return `${sign}${digits.slice(0, power + 1).padEnd(power + 1, "0")}.${fraction === "" ? "0" : fraction}`;
}

function checkText(text: string, what: string): string {
  return text.isWellFormed() ? text : fail(what, "it has half a surrogate pair");
}

function checkFloat(value: number, what: string): number {
  return Number.isFinite(value) ? value : fail(what, `it is ${value}`);
}

function checkInteger(value: bigint, what: string): bigint {
  return BigInt.asIntN(64, value) === value ? value : fail(what, "it has more than 64 bits");
}

function fail(what: string, problem: string): never {
  throw new NixFormatError("DERIVATION_INVALID", `Cannot use ${what} in a derivation: ${problem}`);
}
