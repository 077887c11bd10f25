// What goBinary and rustBinary share: the options of programs that a compiler makes, and how they become derivations.

import type { Architecture, ArchiveReference, Request } from "../../model/image-spec.ts";
import { ARCHIVE, oneOf, type Rule, TEXT } from "../../model/options.ts";
import { machineArchitecture } from "../../platform/machine.ts";
import { createDerivation, type Derivation, isOutput, isRequest, type Output } from "../derivation.ts";
import { describeCommand } from "../run-command.ts";
import { PROJECT_SOURCE, type ProjectSource } from "./project.ts";

/** What all compiled programs are made of. */
export interface BinaryOptions {
  /** The directory of the project: `path(".")`. Files that .gitignore or .dockerignore name stay out. */
  readonly src: ProjectSource;
  /** The name of the program. Default: what the project calls it. */
  readonly name?: string;
  /** Packages and derivations that the build uses, beside the compiler. */
  readonly buildInputs?: readonly (Output | Request)[];
  /** Packages that the program may use when it runs: what it opens by name alone. */
  readonly runtimeInputs?: readonly Request[];
  /** The environment of the build. */
  readonly env?: Readonly<Record<string, string>>;
  /** Where the compiler comes from, and the libraries of a dynamic program. Default: Debian trixie. */
  readonly archive?: ArchiveReference;
  /** Default: that of `archive`, else this machine's. */
  readonly architecture?: Architecture;
}

/** A program that was compiled: its directory with `bin/NAME`, and where the program is. */
export interface Binary<Options extends object> extends Derivation<Options> {
  /** For `config.Entrypoint`. */
  readonly program: string;
  override(changes: Partial<Options>): Binary<Options>;
}

export const INPUTS: Rule = {
  expected: "a list of derivations, sources and packages",
  accepts: (value) => Array.isArray(value) && value.every((item) => isOutput(item) || isRequest(item)),
};

export const SWITCH: Rule = { expected: "true or false", accepts: (value) => typeof value === "boolean" };

export const BINARY_OPTIONS: Readonly<Record<keyof BinaryOptions, Rule>> = {
  src: PROJECT_SOURCE,
  name: {
    expected: "a file name",
    accepts: (value) => typeof value === "string" && isProgramName(value),
  },
  buildInputs: INPUTS,
  runtimeInputs: {
    expected: "a list of packages",
    accepts: (value) => Array.isArray(value) && value.every(isRequest),
  },
  env: {
    expected: "an object of strings",
    accepts: (value) =>
      typeof value === "object" && value !== null && Object.values(value).every((item) => TEXT.accepts(item)),
  },
  archive: ARCHIVE,
  architecture: oneOf("amd64", "arm64"),
};

/** Whether a text can be the name of a program, and of a store path. */
export function isProgramName(name: string): boolean {
  return /^[0-9a-zA-Z][0-9a-zA-Z+._-]{0,127}$/.test(name) && !name.endsWith(".drv");
}

/**
 * The compilers of the present stable suite: what projects of today ask for. A static program needs nothing else of it,
 * and a dynamic one takes its libraries from it.
 */
const COMPILER_SUITE = "trixie";

export interface Toolchain {
  readonly architecture: Architecture;
  /** A package of the archive that compilers come from. */
  readonly request: (name: string) => Request;
}

export function chooseToolchain({ archive, architecture: wanted }: BinaryOptions): Toolchain {
  const architecture = wanted ?? archive?.scope.architecture ?? machineArchitecture();
  const from: ArchiveReference = archive ?? {
    source: "debian",
    scope: { architecture, suite: COMPILER_SUITE, components: ["main"], recommends: false },
    mirrors: [],
  };
  const { source, scope, mirrors } = from;
  return { architecture, request: (name) => ({ source, scope, mirrors, name }) };
}

/** What programs open that no linker knows of: certificates, and time zones; kept for those that name them. */
const NAMED_FILES = ["ca-certificates", "tzdata"];

/** One program, how it is compiled. */
export interface Recipe {
  readonly name: string;
  readonly toolchain: Toolchain;
  readonly compilers: readonly string[];
  readonly env: Readonly<Record<string, string | Output>>;
  /** Makes `$out/bin/NAME`. */
  readonly script: string;
  /** A static program: nothing that it was compiled with is looked at for what it needs. */
  readonly isStatic: boolean;
}

/** The derivation of a program. */
export function createBinary<Options extends BinaryOptions>(
  { name, toolchain, compilers, env, script, isStatic }: Recipe,
  options: Options,
  again: (options: Options) => Binary<Options>,
): Binary<Options> {
  const { architecture, request } = toolchain;
  const runtime = [...NAMED_FILES.map(request), ...(options.runtimeInputs ?? [])];
  const tools = [...compilers.map(request), ...(options.buildInputs ?? [])];
  const compile = (inputs: readonly (Output | Request)[], as: string) =>
    describeCommand(as, { inputs, architecture, env: { ...env, ...options.env } }, script);
  const make = () => {
    if (!isStatic) return compile([...tools, ...runtime], name);
    const building = { inputs: tools };
    const built = createDerivation(compile(tools, `${name}-build`), building, () => {
      throw new TypeError("only the program itself is overridden");
    });
    const copy = `cp -rT ${built} $out\n`;
    return describeCommand(name, { inputs: runtime, architecture }, copy);
  };
  const derivation = createDerivation(make(), options, again);
  return Object.freeze({
    ...derivation,
    override: (changes: Partial<Options>) => derivation.override(changes) as Binary<Options>,
    program: `${derivation}/bin/${name}`,
  });
}
