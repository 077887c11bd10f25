// What checks share: the root, its files read once, its programs and libraries, its loaders, and what kind of place a
// path is. Everything is found out when first asked for.

import { programOfEnv, type Shebang } from "../../formats/shebang.ts";
import type { BytePath } from "../../model/bytes.ts";
import { baseName, compareStrings, encodeByteString, joinPath, parentPath } from "../../model/bytes.ts";
import { DEFAULT_PATH } from "../../model/image-spec.ts";
import type { RootView } from "../root-view.ts";
import { nativeAbi, siblingAbis } from "./abi.ts";
import {
  type CommandSearch,
  type FoundCommand,
  findCommand,
  parseEnvironment,
  splitSearchPath,
} from "./commands.ts";
import { type ElfFile, type FileFacts, isExecutable, readFileFacts } from "./file-facts.ts";
import { type Linking, linkAll } from "./linking.ts";
import { Loader } from "./loader.ts";
import type { IsPromised } from "./promises.ts";
import type { RootSubject } from "./subject.ts";

/** What a path is for, as far as its directory says it. */
export type Place =
  /** A directory of programs that users start, or the program that the image starts. */
  | "command"
  /** A directory in which every program finds libraries. */
  | "library"
  /** Documentation, examples and test data: nothing that runs on its own. */
  | "sample"
  /** Anything else: files that belong to one program. */
  | "private";

/** Directories of programs, whether PATH names them or not. */
const COMMAND_DIRECTORIES = [
  "usr/local/sbin",
  "usr/local/bin",
  "usr/sbin",
  "usr/bin",
  "sbin",
  "bin",
  "usr/local/games",
  "usr/games",
];

/** Documentation and samples, by a directory on the way. */
const SAMPLES =
  /^usr\/(?:local\/)?share\/(?:doc|man|info)\/|\/(?:examples?|samples?|demos?|tests?|testing|testdata|test-data|testsuite)\//;

/** Separate debugging information: ELF files that debuggers read and nobody loads. */
const DEBUG_FILES = /^usr\/lib\/debug\/|\.debug$/;

/** Loaders where the ABI of an architecture has them, for images whose programs are all static. */
const KNOWN_LOADERS = ["lib64/ld-linux-x86-64.so.2", "lib/ld-linux-aarch64.so.1", "lib/ld-linux.so.2"];

export class InspectedRoot {
  readonly view: RootView;
  readonly subject: RootSubject;
  /** What the image starts: the first word of Entrypoint, or else of Cmd; undefined when it says nothing. */
  readonly command: { readonly word: string; readonly found: FoundCommand } | undefined;
  /** How the image's programs find others. */
  readonly search: CommandSearch;
  readonly environment: ReadonlyMap<string, string>;
  /** Undefined when nobody knows who promised what. */
  readonly isPromised: IsPromised | undefined;
  readonly #cache = new Map<string, unknown>();

  constructor(view: RootView, subject: RootSubject, isPromised?: IsPromised) {
    this.view = view;
    this.isPromised = isPromised;
    this.subject = subject;
    const { Entrypoint = [], Cmd = [], Env = [], WorkingDir = "" } = subject.config;
    this.environment = parseEnvironment(Env);
    this.search = {
      path: splitSearchPath(this.environment.get("PATH") ?? DEFAULT_PATH),
      workingDirectory: encodeByteString(WorkingDir.startsWith("/") ? WorkingDir : `/${WorkingDir}`),
    };
    const word = [...Entrypoint, ...Cmd][0];
    this.command =
      word === undefined
        ? undefined
        : { word, found: findCommand(view, encodeByteString(word), this.search) };
  }

  #once<T>(name: string, compute: () => T): T {
    if (!this.#cache.has(name)) this.#cache.set(name, compute());
    return this.#cache.get(name) as T;
  }

  get files(): FileFacts {
    return this.#once("files", () => readFileFacts(this.view));
  }

  /** The ABI of the image's architecture; undefined for one that is not known, whose files are not judged by it. */
  get nativeAbi(): string | undefined {
    return nativeAbi(this.subject.architecture);
  }

  /** Whether processors of the image's architecture can run files of an ABI. */
  canRun(abi: string): boolean {
    const native = this.nativeAbi;
    return native === undefined || abi === native || siblingAbis(this.subject.architecture).includes(abi);
  }

  /**
   * Whether a file is a program or a library of this image: neither an object file, debugging information or firmware,
   * nor for an ABI that the image has no loader for.
   */
  isLoadable({ path, elf, abi }: ElfFile): boolean {
    if (elf.type !== "executable" && elf.type !== "shared") return false;
    if (DEBUG_FILES.test(path) || !this.canRun(abi)) return false;
    return abi === this.nativeAbi || this.#loaderFiles.has(abi);
  }

  /** Dynamic programs that may be executed, sorted by path. */
  get programs(): readonly ElfFile[] {
    return this.#once("programs", () => this.#sorted((file) => isProgram(file) && this.isLoadable(file)));
  }

  /** Shared libraries, sorted by path. */
  get libraries(): readonly ElfFile[] {
    return this.#once("libraries", () =>
      this.#sorted((file) => file.elf.type === "shared" && !file.elf.pie && this.isLoadable(file)),
    );
  }

  #sorted(wanted: (file: ElfFile) => boolean): ElfFile[] {
    return [...this.files.elves.values()].filter(wanted).sort((a, b) => compareStrings(a.path, b.path));
  }

  /** The file that is the loader of each ABI: the one that most programs name. */
  get #loaderFiles(): ReadonlyMap<string, ElfFile> {
    return this.#once("loaderFiles", () => {
      const votes = new Map<string, Map<ElfFile, number>>();
      const vote = (abi: string, path: string, weight: number) => {
        const file = this.view.findFile(path);
        const elf = file && this.files.elves.get(file.path);
        if (elf?.abi !== abi) return;
        const counts = votes.get(abi) ?? new Map<ElfFile, number>();
        votes.set(abi, counts.set(elf, (counts.get(elf) ?? 0) + weight));
      };
      for (const file of this.files.elves.values()) {
        if (isProgram(file)) vote(file.abi, file.elf.interpreter!, 1);
      }
      const native = this.nativeAbi;
      if (native !== undefined) for (const path of this.#knownLoaders) vote(native, path, 0);
      const best = (counts: Map<ElfFile, number>) =>
        [...counts].sort(([a, m], [b, n]) => n - m || compareStrings(a.path, b.path))[0]![0];
      return new Map([...votes].map(([abi, counts]) => [abi, best(counts)]));
    });
  }

  get #knownLoaders(): string[] {
    const lib = this.view.findDirectory("lib");
    const musl = lib === undefined ? [] : this.view.names(lib).filter((name) => name.startsWith("ld-musl-"));
    return [...KNOWN_LOADERS, ...musl.map((name) => joinPath(lib!, name))];
  }

  /** The loader of a program by what it names, and of a library by its ABI. */
  loaderOf({ abi, elf }: ElfFile): Loader {
    const named = elf.interpreter === undefined ? undefined : this.view.findFile(elf.interpreter);
    const own = named && this.files.elves.get(named.path);
    return this.#loader(abi, own?.abi === abi ? own : this.#loaderFiles.get(abi));
  }

  #loader(abi: string, self: ElfFile | undefined): Loader {
    return this.#once(`loader ${abi} ${self?.path}`, () => {
      const settings = {
        libraryPath: this.environment.get("LD_LIBRARY_PATH") ?? "",
        workingDirectory: this.search.workingDirectory,
      };
      return new Loader(this.view, this.files.elves, abi, self, settings);
    });
  }

  /** The loaders of the ABIs that the image has loaders for; and in any case one of its own ABI. */
  get loaders(): readonly Loader[] {
    const native = this.nativeAbi;
    const own = [...this.#loaderFiles].map(([abi, self]) => this.#loader(abi, self));
    return native === undefined || this.#loaderFiles.has(native)
      ? own
      : [...own, this.#loader(native, undefined)];
  }

  get linking(): Linking {
    return this.#once("linking", () => linkAll(this.programs, this.libraries, (file) => this.loaderOf(file)));
  }

  /** The file that the image starts, and while these are scripts, the programs that run them. */
  get started(): ReadonlySet<BytePath> {
    return this.#once("started", () => {
      const started = new Set<BytePath>();
      const add = (found: FoundCommand | undefined) => {
        if (found?.kind !== "found" || started.has(found.path)) return;
        started.add(found.path);
        const shebang = this.files.scripts.get(found.path)?.shebang;
        if (shebang === undefined) return;
        const interpreter = this.findInterpreter(shebang);
        add(interpreter);
        const program = interpreter.kind === "found" ? programOfEnv(shebang, interpreter.path) : undefined;
        if (program !== undefined) add(findCommand(this.view, program, this.search));
      };
      add(this.command?.found);
      return started;
    });
  }

  /** What the kernel runs for a script; without a slash it looks in the working directory. */
  findInterpreter({ interpreter }: Shebang): FoundCommand {
    const path = interpreter.includes("/") ? interpreter : `./${interpreter}`;
    return findCommand(this.view, path, this.search);
  }

  /** Directories of programs: canonical paths. */
  get commandDirectories(): ReadonlySet<BytePath> {
    return this.#once("commandDirectories", () => {
      const all = [...this.search.path.filter((path) => path.startsWith("/")), ...COMMAND_DIRECTORIES];
      return new Set(all.flatMap((path) => this.view.findDirectory(path) ?? []));
    });
  }

  /** Directories in which every program finds libraries: canonical paths. */
  get libraryDirectories(): ReadonlySet<BytePath> {
    return this.#once(
      "libraryDirectories",
      () => new Set(this.loaders.flatMap((loader) => [...loader.libraryDirectories])),
    );
  }

  /** @param path Canonical, or of a link in a canonical directory. */
  placeOf(path: BytePath): Place {
    const directory = parentPath(path);
    if (this.started.has(path) || this.commandDirectories.has(directory)) return "command";
    if (this.libraryDirectories.has(directory)) return "library";
    return SAMPLES.test(path) ? "sample" : "private";
  }

  /** The files and links of a name, sorted; for what a lookup did not find. */
  pathsNamed(name: string): readonly BytePath[] {
    const byName = this.#once("byName", () =>
      Map.groupBy(this.view.entries.keys(), (path) => baseName(path) as string),
    );
    return byName.get(name) ?? [];
  }
}

/** Whether a file is a program that the kernel hands to a dynamic loader. */
export function isProgram({ elf, file }: ElfFile): boolean {
  const kind = elf.type === "executable" || (elf.type === "shared" && elf.pie);
  return kind && elf.interpreter !== undefined && isExecutable(file);
}
