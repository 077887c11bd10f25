// Programs as execvp(3) finds them: by a path, or by a name in the directories of PATH.

import type { BytePath } from "../../model/bytes.ts";
import { encodeByteString } from "../../model/bytes.ts";
import type { Lookup, RootFile, RootView } from "../root-view.ts";
import { isExecutable } from "./file-facts.ts";

export type FoundCommand =
  | { readonly kind: "found"; readonly path: BytePath; readonly file: RootFile }
  | { readonly kind: "missing" }
  /** Something has the name and cannot be run. */
  | {
      readonly kind: "not-executable";
      readonly path: BytePath;
      readonly what: "file" | "directory" | "special";
    };

export interface CommandSearch {
  /** Absolute directories, or relative to the working directory. */
  readonly path: readonly string[];
  /** Absolute. */
  readonly workingDirectory: string;
}

/** Splits PATH or a variable like it; an empty part means the working directory. */
export function splitSearchPath(text: string): string[] {
  return text === "" ? [] : text.split(":").map((part) => (part === "" ? "." : encodeByteString(part)));
}

/** Variables as a process gets them: of two pairs of one name the last counts. */
export function parseEnvironment(pairs: readonly string[]): Map<string, string> {
  return new Map(
    pairs.flatMap((pair) => {
      const equals = pair.indexOf("=");
      return equals > 0 ? [[pair.slice(0, equals), pair.slice(equals + 1)]] : [];
    }),
  );
}

/**
 * Finds what a first argument starts.
 *
 * @param name A byte string.
 */
export function findCommand(root: RootView, name: string, search: CommandSearch): FoundCommand {
  if (name === "") return { kind: "missing" };
  const candidates = name.includes("/") ? [name] : search.path.map((directory) => `${directory}/${name}`);
  let obstacle: FoundCommand = { kind: "missing" };
  for (const candidate of candidates) {
    const found = toCommand(root.lookup(makeAbsolute(candidate, search.workingDirectory)));
    if (found.kind === "found") return found;
    if (obstacle.kind === "missing") obstacle = found;
  }
  return obstacle;
}

function toCommand(found: Lookup): FoundCommand {
  if (found.kind !== "found") return { kind: "missing" };
  const { path, entry } = found;
  if (entry.type === "file" && isExecutable(entry)) return { kind: "found", path, file: entry };
  // What a lookup ends at is no link.
  return { kind: "not-executable", path, what: entry.type === "symlink" ? "special" : entry.type };
}

/** A path that a process names, as an absolute one. */
export function makeAbsolute(path: string, workingDirectory: string): string {
  return path.startsWith("/") ? path : `${workingDirectory}/${path}`;
}
