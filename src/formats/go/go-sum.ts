// go.sum: text → the modules that it vouches for, with their hashes. Also how those hashes are computed, and how paths
// are written for a module proxy. Source: the Go Modules Reference, "go.sum files", "GOPROXY protocol"; dirhash.Hash1.

import { createHash } from "node:crypto";
import { compareStrings } from "../../model/bytes.ts";
import { GoFormatError } from "./errors.ts";

/** A file of a module that go.sum vouches for. */
export interface GoSumEntry {
  readonly module: string;
  readonly version: string;
  /** The zip of the module's files, or its go.mod alone. */
  readonly kind: "zip" | "mod";
  /** `h1:` and base64. */
  readonly hash: string;
}

const LINE = /^([^\s]+) (v[^\s/]+)(\/go\.mod)? (h1:[A-Za-z0-9+/]{43}=)$/;

/**
 * Reads go.sum; hashes of kinds that are not known are passed over, as Go does.
 *
 * @throws {GoFormatError} `GO_SUM_INVALID`
 */
export function parseGoSum(text: string): GoSumEntry[] {
  const entries = new Map<string, GoSumEntry>();
  for (const [number, line] of text.split("\n").entries()) {
    const words = line.trim();
    if (words === "" || /^\S+ \S+ (?!h1:)[a-z0-9]+:/.test(words)) continue;
    const [, module, version, mod, hash] = LINE.exec(words) ?? [];
    if (module === undefined || !isModulePath(module)) {
      throw new GoFormatError(
        "GO_SUM_INVALID",
        `Cannot read go.sum: line ${number + 1} is "${words.slice(0, 80)}", a module, a version and a hash were expected`,
        { hint: "Run go mod tidy" },
      );
    }
    entries.set(words, { module, version: version!, kind: mod === undefined ? "zip" : "mod", hash: hash! });
  }
  return [...entries.values()];
}

function isModulePath(path: string): boolean {
  return /^[A-Za-z0-9._~!+/-]+$/.test(path) && path.split("/").every((part) => !/^\.*$/.test(part));
}

/** A path or version as a proxy has it: capitals, which not every disk tells apart, behind an exclamation mark. */
export function escapeForProxy(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => `!${letter.toLowerCase()}`);
}

/** The hash of a module's files as go.sum writes it: of their names and SHA-256 (hex), sorted by name. */
export function computeGoHash(files: readonly { readonly name: string; readonly sha256: string }[]): string {
  const lines = files
    .toSorted((a, b) => compareStrings(a.name, b.name))
    .map(({ name, sha256 }) => `${sha256}  ${name}\n`);
  return `h1:${createHash("sha256").update(lines.join(""), "latin1").digest("base64")}`;
}
