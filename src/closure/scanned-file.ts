// One file as token kinds see it: its path and bytes, and views of them that are made once, when first asked for.

import { type Beam, parseBeam } from "../formats/beam.ts";
import { type Elf, parseElf } from "../formats/elf.ts";
import { parseShebang, programOfEnv, SHEBANG_SIZE } from "../formats/shebang.ts";
import { listZip, type ZipEntry } from "../formats/zip.ts";
import {
  emptyLiterals,
  type LiteralOptions,
  type Literals,
  scanLiterals,
  scanWords,
  type Words,
} from "./literals.ts";
import type { Language } from "./token-kind.ts";

/** Bytes at the beginning in which a NUL says that a file is no text. */
const TEXT_PROBE = 4_096;

/** A larger text is data, not a program: languages do not read it. */
const MAX_SOURCE = 16 << 20;

interface NamedPrograms {
  /** The path after `#!`, as written. */
  readonly interpreter: string;
  /** The program that `env` is asked to run. */
  readonly command: string | undefined;
}

/** Calls by which a program runs others, as the dynamic symbols name them. */
const RUNS_PROGRAMS =
  /^(?:execv|execve|execvp|execvpe|execl|execle|execlp|execveat|fexecve|posix_spawnp?|popen|pclose|system|wordexp|__libc_system|g_spawn_\w+|g_subprocess_\w+|apr_proc_create|uv_spawn|Tcl_CreatePipeline|Tcl_OpenCommandChannel|OpenPipeStream|open_pipe_stream|PyOS_\w*system|\w*_popen|\w*_spawn\w*|\w*_?execvp?|R_system|QProcess\w*|_?ZN8QProcess\w*)$/;
/** Calls that hand a string to the shell. */
const RUNS_SHELL = /^(?:system|popen|wordexp|__libc_system|\w+_popen|Perl_my_popen|R_system)$/;
/** Calls that load a library by a name that may be computed. */
const LOADS_LIBRARIES = /^(?:dlopen|dlmopen|lt_dlopen\w*|g_module_open\w*|apr_dso_load|uv_dlopen)$/;

/** How `escript:create/2` begins what it writes, after `#!`: who runs that has escript, and brings `env` along. */
const ESCRIPT_HEAD = /\/usr\/bin\/env escript\b/g;

/** The path of a file in merged-usr form, and what is in it. */
export class ScannedFile {
  /** Merged-usr form, without a leading slash; a byte string. */
  readonly path: string;
  readonly bytes: Buffer;
  /** What a symbolic link says; undefined for a file. */
  readonly target: string | undefined;
  readonly #languages: readonly Language[];
  readonly #cache = new Map<string, unknown>();

  constructor(path: string, content: Uint8Array, target: string | undefined, languages: readonly Language[]) {
    this.path = path;
    this.bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
    this.target = target;
    this.#languages = languages;
  }

  #once<T>(name: string, compute: () => T): T {
    if (this.#cache.has(name)) return this.#cache.get(name) as T;
    const value = compute();
    this.#cache.set(name, value);
    return value;
  }

  get baseName(): string {
    return this.path.slice(this.path.lastIndexOf("/") + 1);
  }

  get elf(): Elf | undefined {
    return this.#once("elf", () => parseElf(this.bytes));
  }

  get beam(): Beam | undefined {
    return this.#once("beam", () => (this.path.endsWith(".beam") ? parseBeam(this.bytes) : undefined));
  }

  /** The members of a jar, wheel or other ZIP archive. */
  get zipEntries(): readonly ZipEntry[] | undefined {
    return this.#once("zip", () =>
      this.bytes[0] === 0x50 && this.bytes[1] === 0x4b ? listZip(this.bytes) : undefined,
    );
  }

  get isText(): boolean {
    return this.#once(
      "isText",
      () => this.target === undefined && this.bytes.subarray(0, TEXT_PROBE).indexOf(0) < 0,
    );
  }

  get shebang(): NamedPrograms | undefined {
    return this.#once("shebang", () => {
      // Compiled code may bear a shebang, too, such as Lisp's: it is loaded, and not run by that path.
      if (this.bytes[0] !== 0x23 || this.bytes[1] !== 0x21 || !this.isText) return undefined;
      const shebang = parseShebang(this.bytes.toString("latin1", 0, SHEBANG_SIZE));
      if (shebang === undefined) return undefined;
      return { interpreter: shebang.interpreter.replace(/\r$/, ""), command: programOfEnv(shebang) };
    });
  }

  /** The language of a source text, by its shebang or else its name's ending. */
  get language(): Language | undefined {
    return this.#once("language", () => {
      if (!this.isText) return undefined;
      const { shebang } = this;
      if (shebang !== undefined) {
        const program = (shebang.command ?? shebang.interpreter).replace(/^.*\//, "");
        const spoken = this.#languages.find(({ interpreters }) => interpreters?.test(program) === true);
        if (spoken !== undefined) return spoken;
      }
      const { baseName } = this;
      return this.#languages.find(({ extensions }) => extensions.some((ending) => baseName.endsWith(ending)));
    });
  }

  /** Whether the file is a source text of the language. */
  isIn(language: Language): boolean {
    return this.language?.name === language.name;
  }

  /** A text as a byte string, without what its language says is a comment; empty when it is no text or too large. */
  get source(): string {
    return this.#once("source", () => {
      if (!this.isText || this.bytes.length > MAX_SOURCE) return "";
      const text = this.bytes.toString("latin1");
      return this.language?.strip?.(text) ?? text;
    });
  }

  /** What the initialised data of a program, or all of another file, names. */
  get literals(): Literals {
    return this.#once("literals", () => {
      const found = emptyLiterals();
      for (const { bytes, ...options } of this.#literalRanges()) scanLiterals(bytes, options, found);
      return found;
    });
  }

  *#literalRanges(): Generator<LiteralOptions & { bytes: Buffer }> {
    const { elf, beam, language } = this;
    if (this.target !== undefined || this.zipEntries !== undefined) return;
    if (elf !== undefined) {
      for (const { offset, size } of elf.dataRanges) {
        for (const bytes of withoutBuildOptions(this.bytes.subarray(offset, offset + size))) {
          yield { bytes, hashComments: false, wide: true };
        }
      }
    } else if (beam !== undefined) {
      for (const { buffer, byteOffset, byteLength } of beam.literals) {
        const text = Buffer.from(buffer, byteOffset, byteLength).toString("latin1");
        const bytes = Buffer.from(text.replaceAll(ESCRIPT_HEAD, ""), "latin1");
        yield { bytes, hashComments: false, wide: false };
      }
    } else if (this.isText) {
      const stripped = language?.strip !== undefined && this.source !== "";
      const bytes = stripped ? Buffer.from(this.source, "latin1") : this.bytes;
      yield { bytes, hashComments: language?.hashComments ?? true, wide: false };
    } else yield { bytes: this.bytes, hashComments: false, wide: true };
  }

  /** Words in the data of an ELF file; empty for others. */
  get words(): Words {
    return this.#once("words", () => {
      const found: Words = { words: new Set(), commands: new Set() };
      for (const { offset, size } of this.elf?.dataRanges ?? []) {
        scanWords(this.bytes.subarray(offset, offset + size), found);
      }
      return found;
    });
  }

  /** Whether an ELF file calls what starts other programs. A static program shows no calls: it is taken to. */
  get runsPrograms(): boolean {
    return this.#once("runsPrograms", () => this.elf?.static === true || this.imports(RUNS_PROGRAMS));
  }

  get runsShell(): boolean {
    return this.#once("runsShell", () => this.imports(RUNS_SHELL));
  }

  get loadsLibraries(): boolean {
    return this.#once("loadsLibraries", () => this.imports(LOADS_LIBRARIES));
  }

  /** Whether a dynamic symbol that an ELF file imports matches. */
  imports(pattern: RegExp): boolean {
    const { elf } = this;
    if (elf === undefined) return false;
    for (const symbol of elf.readSymbols().imported) {
      if (pattern.test(symbol)) return true;
    }
    return false;
  }

  exports(symbol: string): boolean {
    return this.elf?.readSymbols().exported.has(symbol) === true;
  }
}

const BUILD_OPTION = Buffer.from("--prefix=/", "latin1");

/** The parts of data around strings with the options of `configure`: they name the tools of the build. */
function* withoutBuildOptions(data: Buffer): Generator<Buffer> {
  let start = 0;
  for (let at = data.indexOf(BUILD_OPTION); at >= 0; at = data.indexOf(BUILD_OPTION, start)) {
    yield data.subarray(start, data.lastIndexOf(0, at) + 1);
    const end = data.indexOf(0, at);
    if (end < 0) return;
    start = end;
  }
  yield data.subarray(start);
}
