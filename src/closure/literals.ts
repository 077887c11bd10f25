// The hot loop: bytes in, what looks like a path or a library's name out. One pass for each separator, driven by
// the runtime's own byte search, so that bytes without separators cost almost nothing.

const SLASH = 0x2f;
const DOT = 0x2e;

/** Characters of a path component in a literal: letters, digits and `_.+-@~`. */
const PATH_BYTES = table("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.+-@~");
/** Characters of a file name of a library. */
const NAME_BYTES = table("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.+-");
const WORD_BYTES = table("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
/** Before a slash, these say that the path goes on to the left: a variable, a pattern, a closing tag. */
const JOINING_BYTES = table("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.}%)<*~");
const LETTERS = table("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

const MAX_PATH = 512;

function table(characters: string): Uint8Array {
  const bytes = new Uint8Array(256);
  for (let i = 0; i < characters.length; i++) bytes[characters.charCodeAt(i)] = 1;
  return bytes;
}

/** What a stretch of bytes names. Paths are without the leading slash, and in merged-usr form. */
export interface Literals {
  /** Absolute paths of one component or more. */
  readonly paths: Set<string>;
  /** Paths that something computed stands before: `share/x` of `$prefix/share/x`. */
  readonly suffixes: Set<string>;
  /** `libx.so.1`, `plugin.so`. */
  readonly libraries: Set<string>;
}

export interface LiteralOptions {
  /** Skip lines that begin with `#`. */
  readonly hashComments: boolean;
  /** Also read UTF-16LE and UTF-32LE. */
  readonly wide: boolean;
}

export function emptyLiterals(): Literals {
  return { paths: new Set(), suffixes: new Set(), libraries: new Set() };
}

/** `/bin`, `/sbin` and `/lib*` are links into /usr: both names become one. */
export function normalizePath(path: string): string {
  return /^(?:bin|sbin|lib|lib32|lib64|libx32)(?:\/|$)/.test(path) ? `usr/${path}` : path;
}

/**
 * Adds what the bytes name to `found`.
 *
 * Deterministic; adding bytes to either end never removes a literal that does not touch that end.
 */
export function scanLiterals(bytes: Buffer, options: LiteralOptions, found: Literals): void {
  scanPaths(bytes, options, found);
  scanLibraries(bytes, 1, options, found);
  if (options.wide) scanLibraries(bytes, 2, options, found);
}

function scanPaths(bytes: Buffer, { hashComments, wide }: LiteralOptions, found: Literals): void {
  const end = bytes.length;
  for (let at = bytes.indexOf(SLASH); at >= 0; ) {
    const stride = strideAt(bytes, at + 1, wide);
    if (stride === 0) {
      at = bytes.indexOf(SLASH, at + 1);
      continue;
    }
    let stop = at;
    while (stop < end && strideMatches(bytes, stop, stride)) {
      const byte = bytes[stop]!;
      if (byte === SLASH) {
        const next = stop + stride;
        if (next >= end || PATH_BYTES[bytes[next]!] === 0 || !strideMatches(bytes, next, stride)) break;
      } else if (PATH_BYTES[byte] === 0) break;
      stop += stride;
    }
    if (stop - at <= MAX_PATH * stride && !(hashComments && isInHashComment(bytes, at))) {
      addPath(bytes, at, stop, stride, found);
    }
    at = bytes.indexOf(SLASH, Math.max(stop, at + 1));
  }
}

/** Bytes a character at a position where a path component would begin; 0 when none begins. */
function strideAt(bytes: Buffer, at: number, wide: boolean): number {
  const byte = bytes[at];
  if (byte === undefined) return 0;
  if (PATH_BYTES[byte] === 1) return 1;
  if (!wide || byte !== 0) return 0;
  if (PATH_BYTES[bytes[at + 1] ?? 0] === 1 && bytes[at + 2] === 0) return 2;
  if (bytes[at + 1] !== 0 || bytes[at + 2] !== 0) return 0;
  return PATH_BYTES[bytes[at + 3] ?? 0] === 1 && bytes[at + 4] === 0 ? 4 : 0;
}

/** Whether the character at a position is padded with zeros to `stride` bytes. */
function strideMatches(bytes: Buffer, at: number, stride: number): boolean {
  if (stride === 1) return true;
  if (bytes[at + 1] !== 0) return false;
  return stride === 2 || (bytes[at + 2] === 0 && bytes[at + 3] === 0);
}

function addPath(bytes: Buffer, at: number, stop: number, stride: number, found: Literals): void {
  let text = textOf(bytes, at + stride, stop, stride).replace(/\.+$/, "");
  if (text.endsWith("/")) text = text.slice(0, -1);
  if (text === "" || /(?:^|\/)\.{1,2}(?:\/|$)/.test(text)) return;
  const before = at >= stride ? bytes[at - stride]! : 0;
  if (before === SLASH) {
    // "https://host/path" names a host; "file:///usr" a file.
    if (at >= 2 * stride && bytes[at - 2 * stride] === 0x3a) return;
  } else if (JOINING_BYTES[before] === 1 && !isOption(bytes, at, stride)) {
    found.suffixes.add(text);
    return;
  }
  found.paths.add(normalizePath(text));
}

/** Whether the letter before a slash is an option's, as in `-I/usr/include`. */
function isOption(bytes: Buffer, at: number, stride: number): boolean {
  if (at < 2 * stride || LETTERS[bytes[at - stride]!] === 0 || bytes[at - 2 * stride] !== 0x2d) return false;
  return at < 3 * stride || NAME_BYTES[bytes[at - 3 * stride]!] === 0;
}

function textOf(bytes: Buffer, start: number, stop: number, stride: number): string {
  if (stride === 1) return bytes.toString("latin1", start, stop);
  let text = "";
  for (let at = start; at < stop; at += stride) text += String.fromCharCode(bytes[at]!);
  return text;
}

/** Whether the line that holds a position begins with `#`, a shebang excepted. */
function isInHashComment(bytes: Buffer, at: number): boolean {
  let line = bytes.lastIndexOf(0x0a, at) + 1;
  while (bytes[line] === 0x20 || bytes[line] === 0x09) line++;
  return bytes[line] === 0x23 && bytes[line + 1] !== 0x21;
}

const SO_NARROW = Buffer.from(".so", "latin1");
const SO_WIDE = Buffer.from(".so", "utf16le");

function scanLibraries(
  bytes: Buffer,
  stride: 1 | 2,
  { hashComments }: LiteralOptions,
  found: Literals,
): void {
  const needle = stride === 1 ? SO_NARROW : SO_WIDE;
  for (let at = bytes.indexOf(needle); at >= 0; at = bytes.indexOf(needle, at + needle.length)) {
    let stop = at + needle.length;
    // Any number of `.digits` follows.
    for (;;) {
      if (bytes[stop] !== DOT || !isDigit(bytes[stop + stride])) break;
      stop += stride;
      while (isDigit(bytes[stop])) stop += stride;
    }
    if (WORD_BYTES[bytes[stop] ?? 0] === 1) continue;
    let start = at;
    while (start >= stride && NAME_BYTES[bytes[start - stride]!] === 1 && at - start < 255 * stride) {
      if (stride === 2 && bytes[start - 1] !== 0) break;
      start -= stride;
    }
    while (start < at && WORD_BYTES[bytes[start]!] === 0) start += stride;
    if (start === at || (hashComments && isInHashComment(bytes, at))) continue;
    found.libraries.add(textOf(bytes, start, stop, stride));
  }
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

/** What whole NUL-delimited strings say: single words, and the first words of what looks like a command line. */
export interface Words {
  /** Strings that are one word. */
  readonly words: Set<string>;
  /** `rm` of `rm -rf %s`. */
  readonly commands: Set<string>;
}

/** The directory of a program may be computed: `"%s%sxkbcomp" -w %d`. */
const COMMAND = /^(?:"?(?:%s\/?)+)?([A-Za-z0-9_][\w.+-]{0,60})"? +(?:-|%s|['"/<>|$])/;
const WORD = /^[A-Za-z0-9_][\w.+-]{0,60}$/;
const MAX_COMMAND_LINE = 4_000;
const QUOTE = 0x22;
const PERCENT = 0x25;

/** Adds the words and command lines of NUL-delimited strings to `found`. */
export function scanWords(bytes: Buffer, found: Words): void {
  const end = bytes.length;
  let start = 0;
  while (start < end) {
    const first = bytes[start]!;
    let stop = start;
    if (WORD_BYTES[first] === 0) {
      // No word begins so.
      stop = bytes.indexOf(0, start);
      if (stop < 0) stop = end;
      if (first === QUOTE || first === PERCENT) addCommand(bytes, start, stop, found);
      start = stop + 1;
      continue;
    }
    while (stop < end && NAME_BYTES[bytes[stop]!] === 1) stop++;
    if (stop >= end || bytes[stop] === 0) {
      const size = stop - start;
      if (size >= 2 && size <= 61) {
        const word = bytes.toString("latin1", start, stop);
        if (WORD.test(word)) found.words.add(word);
      }
      start = stop + 1;
      continue;
    }
    const blank = bytes[stop] === 0x20;
    let nul = bytes.indexOf(0, stop);
    if (nul < 0) nul = end;
    if (blank) addCommand(bytes, start, nul, found);
    start = nul + 1;
  }
}

function addCommand(bytes: Buffer, start: number, nul: number, found: Words): void {
  if (nul - start >= MAX_COMMAND_LINE) return;
  const match = COMMAND.exec(bytes.toString("latin1", start, Math.min(nul, start + 80)));
  if (match !== null) found.commands.add(match[1]!);
}
