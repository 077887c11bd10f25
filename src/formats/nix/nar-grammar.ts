// The words and bounds of NAR, for its reader and its writer. Source: Nix manual, "Nix Archive (NAR) format"; bounds as
// Nix's reader has had them since it is strict (docs/nix-formats.md). A string is its length (u64, little endian), its
// bytes, and zeros up to a multiple of 8. Words are byte strings here.

import type { BytePath, ByteString } from "../../model/bytes.ts";

/** Directories inside each other, the root included, that a NAR may have. */
export const MOST_DEPTH = 64;
/** Bytes. */
export const LONGEST_NAME = 255;
export const LONGEST_TARGET = 4095;
/** Bytes of the longest path of a tree (model/bytes.ts). */
export const LONGEST_PATH = 4095;

/** A node of a NAR as it begins; the nodes of a directory follow, each with its end, before its own end. */
export type NarNode =
  | { readonly type: "directory"; readonly path: BytePath }
  | { readonly type: "symlink"; readonly path: BytePath; readonly target: ByteString }
  | {
      readonly type: "file";
      readonly path: BytePath;
      readonly executable: boolean;
      /** Bytes. */
      readonly size: number;
    };

/** Bytes of zeros behind so many bytes. */
export function narPadding(length: number): number {
  return (8 - (length % 8)) % 8;
}

const ZEROS = Array.from({ length: 8 }, (_, length) => "\0".repeat(length));

/** The zeros behind so many bytes. */
export function narPaddingText(length: number): string {
  return ZEROS[narPadding(length)]!;
}

/** A number as NAR has it, u64. */
export function encodeNarNumber(value: number): string {
  return encodeU32(value % 0x1_0000_0000) + encodeU32(Math.floor(value / 0x1_0000_0000));
}

function encodeU32(value: number): string {
  return String.fromCharCode(value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24);
}

/** A string as NAR has it. */
export function encodeNarString(text: string): string {
  return encodeNarNumber(text.length) + text + narPaddingText(text.length);
}

const str = encodeNarString;
export const MAGIC = str("nix-archive-1");
export const OPEN_NODE = str("(") + str("type");
export const DIRECTORY = str("directory");
export const REGULAR = str("regular");
export const SYMLINK = str("symlink");
export const EXECUTABLE = str("executable");
export const CONTENTS = str("contents");
export const TARGET = str("target");
export const ENTRY = str("entry");
export const OPEN_NAME = str("(") + str("name");
export const NODE = str("node");
export const CLOSE = str(")");

/** Why a name may not stand in a directory behind `previous` (empty: it is the first), or undefined. */
export function entryNameProblem(name: string, previous: string): string | undefined {
  if (name === "") return "an entry's name is empty";
  if (name.length > LONGEST_NAME)
    return `an entry's name has ${name.length} bytes, more than ${LONGEST_NAME}`;
  if (name === "." || name === ".." || name.includes("/") || name.includes("\0")) {
    return `an entry is named ${JSON.stringify(name)}`;
  }
  if (name === previous) return `it has the entry ${JSON.stringify(name)} twice`;
  if (name < previous) {
    return `the entry ${JSON.stringify(name)} stands behind ${JSON.stringify(previous)}, names were wanted in the order of their bytes`;
  }
  return undefined;
}

/** Why bytes are no target of a symbolic link, or undefined. */
export function linkTargetProblem(target: string): string | undefined {
  if (target === "" || target.length > LONGEST_TARGET) {
    return `the target of a symbolic link has ${target.length} bytes, 1 to ${LONGEST_TARGET} were wanted`;
  }
  return target.includes("\0") ? "the target of a symbolic link has a NUL byte" : undefined;
}

/** Why a node may not be in a tree where it is, or undefined. `depth` counts the directories around it. */
export function nodePlaceProblem(path: string, depth: number): string | undefined {
  if (depth >= MOST_DEPTH) return `its directories are nested deeper than ${MOST_DEPTH}`;
  return path.length > LONGEST_PATH ? `a path in it has more than ${LONGEST_PATH} bytes` : undefined;
}
