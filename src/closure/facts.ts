// Facts: what the files of one store object name and by what others name them. Bytes in, tokens out; pure.
// They depend on paths and bytes only, so they are computed once for each content and kept; see facts-cache.ts.

import { crc32 } from "node:zlib";
import { InternalError } from "../model/errors.ts";
import { ScannedFile } from "./scanned-file.ts";
import type { Language, TokenKind } from "./token-kind.ts";

/** What a file is, beside its tokens; a bit each. */
export const TRAITS = {
  elf: 1,
  /** An ELF file with an interpreter, or a static one. */
  program: 2,
  static: 4,
  runsPrograms: 8,
  runsShell: 16,
  loadsLibraries: 32,
  /** Has a shebang. */
  script: 64,
  /** A source text or compiled module of a language. */
  language: 128,
} as const;

/** Facts of one file. Lists are sorted; a kind without tokens has no list. */
export interface FileFacts {
  readonly traits: number;
  readonly uses: ReadonlyMap<string, readonly string[]>;
  readonly offers: ReadonlyMap<string, readonly string[]>;
}

/** Names of files whose bytes name nothing: images, fonts, sound, compressed data, message catalogues. */
const OPAQUE =
  /\.(?:png|jpe?g|gif|ico|svgz?|webp|tiff?|bmp|xpm|pdf|ttf|otf|ttc|pfb|afm|pcf|woff2?|eot|gz|xz|bz2|zst|lz4?|mo|gmo|wav|ogg|oga|mp3|flac|webm|mp4|avi|pem|crt|der|gpg|h5|npy|npz|mmdb|hyb|bdic)$/i;

/** Texts for people, wherever they lie: what they mention, the reader may run. */
const FOR_PEOPLE =
  /(?:^|\/)(?:README|NEWS|CHANGE(?:S|LOG)|ChangeLog|COPYING|COPYRIGHT|LICEN[CS]E|AUTHORS|CREDITS|THANKS|TODO|INSTALL|HACKING|BUGS|FAQ)(?:\.(?:md|txt|rst|adoc|org|html?|Debian))?$/;

/** Rules for make to build with, beside a program or in a package of npm's or PyPI's: they name what the build used. */
const FOR_MAKE =
  /(?:^usr\/(?:lib|share)\/|(?:^|\/)(?:node_modules|site-packages)\/).*(?:\/(?:GNU)?[Mm]akefile(?:\.\w+)?|\.mk)$/;

/**
 * Tests within packages of npm and PyPI, where their installers put them: what they name, who tests the package has.
 * Those of Debian's packages are a class of files of their own; see test-suites.ts.
 */
const FOR_TESTS =
  /(?:^|\/)(?:node_modules\/(?:@[^/]+\/)?[^/@][^/]*\/(?:tests?|__tests__)|site-packages\/(?:.*\/)?tests)\//;

/**
 * What builds of a language and of its modules wrote down of themselves: they name compilers, headers and libraries.
 * Source: CPython's sysconfig (`_generate_posix_vars`), numpy.distutils (`generate_config_py`), Perl's Config(3perl).
 */
const BUILD_RECORD =
  /^usr\/lib\/(?:python3[^/]*\/(?:_sysconfigdata_[^/]*|.*\/__config__)\.py|(?:[^/]+\/)?perl[^/]*\/(?:[^/]+\/)?Config_heavy\.pl)$/;

/** Whether reading the file can be left out, by its name alone. */
export function isOpaque(path: string): boolean {
  return [OPAQUE, FOR_PEOPLE, FOR_MAKE, FOR_TESTS, BUILD_RECORD].some((pattern) => pattern.test(path));
}

/**
 * Computes the facts of a file or symbolic link.
 *
 * @param path Merged-usr form, without a leading slash.
 * @param content The bytes; empty for a link or an opaque file.
 * @param target What a link says.
 *
 * Pure; the order of kinds does not matter.
 */
export function computeFacts(
  path: string,
  content: Uint8Array,
  target: string | undefined,
  kinds: readonly TokenKind[],
  languages: readonly Language[],
): FileFacts {
  const file = new ScannedFile(path, content, target, languages);
  const uses = new Map<string, readonly string[]>();
  const offers = new Map<string, readonly string[]>();
  for (const kind of kinds) {
    collect(uses, kind.name, kind.uses?.(file));
    collect(offers, kind.name, kind.offers?.(file));
  }
  return { traits: traitsOf(file), uses, offers };
}

function collect(
  into: Map<string, readonly string[]>,
  name: string,
  tokens: Iterable<string> | undefined,
): void {
  if (tokens === undefined) return;
  // Tokens are stored as lines; no path, soname or module name holds a line feed.
  const distinct = [...new Set(tokens)].filter((token) => token !== "" && !token.includes("\n"));
  if (distinct.length > 0) into.set(name, distinct.sort());
}

function traitsOf(file: ScannedFile): number {
  let traits = 0;
  const { elf } = file;
  if (elf !== undefined) {
    traits |= TRAITS.elf;
    if (elf.static) traits |= TRAITS.static | TRAITS.program;
    if (elf.interpreter !== undefined && elf.soname === undefined) traits |= TRAITS.program;
    if (file.runsPrograms) traits |= TRAITS.runsPrograms;
    if (file.runsShell) traits |= TRAITS.runsShell;
    if (file.loadsLibraries) traits |= TRAITS.loadsLibraries;
  }
  if (file.shebang !== undefined) traits |= TRAITS.script;
  if (file.language !== undefined || file.beam !== undefined) traits |= TRAITS.language;
  return traits;
}

/** The languages of all kinds; the first kind in the order of names wins where two read one ending. */
export function languagesOf(kinds: readonly TokenKind[]): Language[] {
  return kinds.flatMap(({ language }) => (language === undefined ? [] : [language]));
}

/** The facts of one store object: as many as there are files and links in its tree, in the tree's order. */
export interface ObjectFacts {
  readonly count: number;
  traits(file: number): number;
  /** Calls back for every kind and token that a file uses, in a stable order. */
  uses(file: number): readonly Tokens[];
  offers(file: number): readonly Tokens[];
}

export interface Tokens {
  readonly kind: string;
  readonly tokens: readonly string[];
}

// ─── The stored form ────────────────────────────────────────────────────────────────────────────────────────────────
//
// header   u32 × 4: magic, CRC-32 of what follows, number of files, number of words
// words    u32 little-endian: for each file its traits, the position of its uses and of its offers in what follows;
//          a list is: number of kinds, then for each: kind's string, number of tokens, strings
// text     latin1 lines; a string is the number of its line

const MAGIC = 0x31464154;
const HEAD = 16;

/** Encodes facts; equal facts give equal bytes. */
export function encodeFacts(files: readonly FileFacts[]): Uint8Array {
  const numbers = new Map<string, number>();
  const numberOf = (text: string) => {
    const number = numbers.get(text) ?? numbers.size;
    if (number === numbers.size) numbers.set(text, number);
    return number;
  };
  const table: number[] = [];
  const lists: number[] = [];
  const writeList = (map: FileFacts["uses"]) => {
    if (map.size === 0) return 0;
    const position = lists.length;
    lists.push(map.size);
    for (const [kind, tokens] of map) {
      lists.push(numberOf(kind), tokens.length);
      for (const token of tokens) lists.push(numberOf(token));
    }
    return position;
  };
  lists.push(0);
  for (const { traits, uses, offers } of files) table.push(traits, writeList(uses), writeList(offers));
  const text = Buffer.from([...numbers.keys()].join("\n"), "latin1");
  const words = Uint32Array.from([...table, ...lists]);
  const counts = Uint32Array.of(files.length, words.length);
  const body = Buffer.concat([Buffer.from(counts.buffer), Buffer.from(words.buffer), text]);
  return Buffer.concat([Buffer.from(Uint32Array.of(MAGIC, crc32(body)).buffer), body]);
}

/**
 * Decodes what {@link encodeFacts} made.
 *
 * @returns undefined when the bytes are damaged: the caller computes them anew.
 */
export function decodeFacts(bytes: Uint8Array): ObjectFacts | undefined {
  if (bytes.length < HEAD) return undefined;
  // A copy, since words must lie at multiples of four.
  const { buffer } = new Uint8Array(bytes);
  const [magic, sum, count, wordCount] = new Uint32Array(buffer, 0, 4) as Iterable<number> as [
    number,
    number,
    number,
    number,
  ];
  if (magic !== MAGIC || sum !== crc32(bytes.subarray(8))) return undefined;
  const textStart = HEAD + wordCount * 4;
  if (textStart > bytes.length || count * 3 >= wordCount) return undefined;
  const words = new Uint32Array(buffer, HEAD, wordCount);
  return new DecodedFacts(count, words, Buffer.from(buffer, textStart).toString("latin1"));
}

class DecodedFacts implements ObjectFacts {
  readonly count: number;
  readonly #words: Uint32Array;
  readonly #text: string;
  #strings: string[] | undefined;

  constructor(count: number, words: Uint32Array, text: string) {
    this.count = count;
    this.#words = words;
    this.#text = text;
  }

  traits(file: number): number {
    return this.#words[file * 3]!;
  }

  uses(file: number): readonly Tokens[] {
    return this.#list(this.#words[file * 3 + 1]!);
  }

  offers(file: number): readonly Tokens[] {
    return this.#list(this.#words[file * 3 + 2]!);
  }

  #list(position: number): readonly Tokens[] {
    if (position === 0) return [];
    this.#strings ??= this.#text.split("\n");
    const strings = this.#strings;
    const words = this.#words;
    let at = this.count * 3 + position;
    const lists: Tokens[] = [];
    for (let kinds = words[at++]!; kinds > 0; kinds--) {
      const kind = strings[words[at++]!]!;
      const count = words[at++]!;
      const tokens = new Array<string>(count);
      for (let i = 0; i < count; i++) {
        const token = strings[words[at++]!];
        if (token === undefined) throw new InternalError("token facts in the cache are inconsistent");
        tokens[i] = token;
      }
      lists.push({ kind, tokens });
    }
    return lists;
  }
}
