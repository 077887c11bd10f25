// What a token kind is: one way in which files name files of other packages. One file in interfaces/ each.

import type { ScannedFile } from "./scanned-file.ts";
import type { FileView, TokenIndex } from "./token-index.ts";

/**
 * How far a token reaches beyond its own package.
 *
 * - `closure`: every package of the declared closure, and every Essential one, since nobody declares those;
 * - `declared`: the declared closure only;
 * - `direct`: the dependencies that the package itself declares, and those of the packages that refer to it
 *   (a word in a library belongs to the program that pulled the library in, too);
 * - `direct-or-essential`: those, and Essential packages.
 */
export type TokenScope = "closure" | "declared" | "direct" | "direct-or-essential";

/** A language whose sources name modules. */
export interface Language {
  readonly name: string;
  /** File name endings, with the dot. */
  readonly extensions: readonly string[];
  /** Tested against the base name of the interpreter of a script. */
  readonly interpreters?: RegExp;
  /** Whether lines that begin with `#` are comments. */
  readonly hashComments?: boolean;
  /** Takes comments and documentation out of a source text. */
  strip?(text: string): string;
}

export interface TokenKind {
  readonly name: string;
  /**
   * Strong tokens can hardly be something else (a path, a soname, a module name in an import); weak ones are words
   * that may be anything. A declared package hit by either is kept; the scope differs.
   */
  readonly strength: "strong" | "weak";
  /** `closure` for strong kinds and `direct` for weak ones when absent. */
  readonly scope?: TokenScope | ((from: FileView, token: string) => TokenScope);
  /** Tokens are names of programs: they never count for packages that only maintainer scripts use. */
  readonly namesPrograms?: boolean;
  /** Each token is the name of a program, or means nothing: what no program is called can be left out. */
  readonly meansPrograms?: boolean;
  /** All files that a token means count, even when the naming package has one of them itself. */
  readonly everyMatch?: boolean;
  /**
   * Who names a file can do without it: a package that it needs by no chain of declarations counts only when something
   * that is in the image declares to need it.
   */
  readonly optional?: boolean;
  /** A token means many files at once, none of them by its own name. */
  readonly bulk?: boolean;
  /** Without this reference the file cannot be used at all: holds for every kept file, reached or not. */
  readonly hard?: boolean;
  /** The language that this kind reads; names it for all kinds. */
  readonly language?: Language;
  /** Follows the tokens of another kind, by its name, instead of its own. */
  readonly reads?: string;
  /** Directories that packages share for files of this kind, so that naming one names no package: whole-path patterns. */
  readonly sharedDirectories?: RegExp;
  /**
   * A token that nothing but the language's own run-time system offers: what was built and offers it brings all of the
   * language along, so that nothing it names means a package that holds some of it.
   */
  readonly bundle?: string;
  /** The tokens that a file names. Pure: of its path and bytes only. */
  uses?(file: ScannedFile): Iterable<string>;
  /** The tokens by which others name a file. Pure: of its path and bytes only. */
  offers?(file: ScannedFile): Iterable<string>;
  /** The token as people know it; absent: as it is. */
  show?(token: string): string;
  /** The files that a token means; absent: those that offer it. */
  find?(token: string, from: FileView, index: TokenIndex): readonly number[];
}
