// What verification finds wrong with a root file system.

import type { BytePath } from "../../model/bytes.ts";
import { compareStrings, decodeByteString } from "../../model/bytes.ts";

export type RootProblemCode =
  /** A program or a library where the loader looks is for another processor than the image. */
  | "FOREIGN_ARCHITECTURE"
  /** An ELF file that would be loaded is cut short or breaks its format. */
  | "ELF_DAMAGED"
  /** The dynamic loader that a program names is not there, or cannot be run. */
  | "INTERPRETER_MISSING"
  | "INTERPRETER_NOT_EXECUTABLE"
  /** A library is nowhere in the image, or only for another processor. */
  | "LIBRARY_MISSING"
  /** A library is in the image, where the loader does not look for it. */
  | "LIBRARY_OUT_OF_PATH"
  /** A library is found only by processors that have more than the architecture's first ones. */
  | "LIBRARY_FOR_NEWER_CPU"
  /** A library that every program shall load is not there; the loader goes on without it. */
  | "PRELOAD_MISSING"
  /** A library does not define a version of symbols that is wanted of it. */
  | "VERSION_MISSING"
  /** A library has no symbol versions though some are wanted; the loader goes on. */
  | "VERSIONS_UNDEFINED"
  /** What a script's first line names is not there, or cannot be run. */
  | "SCRIPT_INTERPRETER_MISSING"
  | "SCRIPT_INTERPRETER_NOT_EXECUTABLE"
  | "LINK_DANGLING"
  | "LINK_CIRCULAR"
  /** What Entrypoint or Cmd starts. */
  | "COMMAND_MISSING"
  | "COMMAND_NOT_EXECUTABLE"
  | "COMMAND_NOT_A_PROGRAM"
  | "USER_UNKNOWN"
  | "GROUP_UNKNOWN"
  | "WORKING_DIRECTORY_MISSING"
  | "WORKING_DIRECTORY_INVALID";

export type Severity = "error" | "warning";

/** What is lacking, in terms by which a package that has it can be looked up. */
export interface MissingThing {
  readonly kind:
    | "library"
    | "symbol-version"
    /** An ELF interpreter or a script's: a path. */
    | "interpreter"
    /** A program, as it is asked for: a name to be found by PATH, or a path. */
    | "program"
    | "file"
    | "user"
    | "group"
    | "directory";
  /** A soname, a version, a path or a name: a byte string. */
  readonly name: string;
  /** Of a symbol version: the soname of the library that lacks it. */
  readonly of?: string | undefined;
}

export interface RootProblem {
  readonly code: RootProblemCode;
  readonly severity: Severity;
  /** The file that is wrong or lacks something; undefined for the image's configuration. */
  readonly path: BytePath | undefined;
  /** For people; one line, no full stop. */
  readonly message: string;
  readonly hint?: string | undefined;
  readonly missing?: MissingThing | undefined;
  /** Names of the packages that have what is missing, or that make the account. */
  readonly providers?: readonly string[] | undefined;
  /** Programs that do not start because of it, beside the file itself. */
  readonly breaks?: readonly BytePath[] | undefined;
}

/** Orders problems: errors first, then by path, code and text. */
export function compareProblems(a: RootProblem, b: RootProblem): number {
  return (
    compareStrings(a.severity, b.severity) ||
    compareStrings(a.path ?? "", b.path ?? "") ||
    compareStrings(a.code, b.code) ||
    compareStrings(a.message, b.message)
  );
}

/** A path as people write it, control characters shown. */
export function show(path: string): string {
  return `/${showName(path)}`;
}

/** A name as people write it, control characters shown. */
export function showName(name: string): string {
  return decodeByteString(name).replace(
    /[\u0000-\u001f\u007f]/g,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}
