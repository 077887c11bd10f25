// `runCommand`: a shell script whose outputs become store paths, with Debian's Essential packages around it.

import type { DerivationNode } from "../model/derivation.ts";
import type { Architecture, Request } from "../model/image-spec.ts";
import { checkOptions, OptionError, oneOf, type Rule, show } from "../model/options.ts";
import {
  archiveOf,
  createDerivation,
  type Derivation,
  describeDerivation,
  type EnvValue,
  isOutput,
  isRequest,
  type Output,
} from "./derivation.ts";

/** What a script is given. */
export interface RunCommandOptions {
  /**
   * Packages and derivations that the script uses: of packages come their programs and libraries, at `/`; of derivations
   * `bin` comes first in PATH.
   */
  readonly inputs?: readonly (Output | Request)[];
  /**
   * The script's environment, beside what every build has. Names with a meaning are Nix's: `dontStrip`,
   * `stripDebugList`, `stripAllList`, `allowedReferences`, `disallowedReferences`, `removeReferencesTo`, `passAsFile`
   * (docs/derivations.md).
   */
  readonly env?: Readonly<Record<string, EnvValue>>;
  /** Names of the outputs: each is a variable with its path in the script. Default: `["out"]`. */
  readonly outputs?: readonly string[];
  /** What it is built for and on. Default: that of the packages, else this machine. */
  readonly architecture?: Architecture;
  /** The hash that the output must have: such a script may use the network. */
  readonly outputHash?: string;
  readonly outputHashMode?: "flat" | "recursive";
}

const OPTIONS: Readonly<Record<keyof RunCommandOptions, Rule>> = {
  inputs: {
    expected: "a list of derivations, sources and packages",
    accepts: (value) => Array.isArray(value) && value.every((item) => isOutput(item) || isRequest(item)),
  },
  env: { expected: "an object", accepts: (value) => typeof value === "object" && value !== null },
  outputs: { expected: "a list of names", accepts: Array.isArray },
  architecture: oneOf("amd64", "arm64"),
  outputHash: { expected: "a hash", accepts: (value) => typeof value === "string" },
  outputHashMode: oneOf("flat", "recursive"),
};

const DEBIAN_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** As nixpkgs' standard environment strips. */
const STRIP_DEBUG_LIST = "lib lib32 lib64 libexec bin sbin";

/** The first second that zip files can say, as nixpkgs' standard environment has it. */
const SOURCE_DATE_EPOCH = "315532800";

/**
 * Runs a bash script in the sandbox; what it writes to `$out` is the result.
 *
 * The script ends at the first command that fails. It sees Debian's Essential packages, what `inputs` name, and nothing
 * else: no network, no file of this machine.
 *
 * @throws {OptionError} `BAD_OPTION` or `UNKNOWN_OPTION`.
 *
 * @example
 * const app = runCommand("app", { inputs: [packages.gcc, packages["libc6-dev"]] }, `
 *   mkdir -p $out/bin
 *   gcc -O2 -o $out/bin/app ${path("./src")}/app.c
 * `);
 */
export function runCommand(
  name: string,
  options: RunCommandOptions,
  script: string,
): Derivation<RunCommandOptions & { readonly script?: string }> {
  checkOptions("runCommand()", options, OPTIONS);
  if (typeof script !== "string") {
    throw new OptionError(
      "BAD_OPTION",
      `Cannot use ${show(script)} as runCommand()'s script: a string was expected`,
    );
  }
  return create({ ...options, script });

  function create(
    all: RunCommandOptions & { readonly script?: string },
  ): Derivation<RunCommandOptions & { readonly script?: string }> {
    return createDerivation(describeCommand(name, all, all.script ?? script), all, create);
  }
}

/** The node of a script. */
export function describeCommand(name: string, options: RunCommandOptions, script: string): DerivationNode {
  const { inputs = [], env = {}, outputs, architecture, outputHash, outputHashMode } = options;
  const shell: Request = { ...archiveOf(inputs, architecture), name: "bash" };
  const programs = inputs.filter(isOutput).map((input) => `${input}/bin`);
  return describeDerivation({
    name,
    builder: "/bin/bash",
    args: ["-e", "-o", "pipefail", "-c", '. "$buildCommandPath"'],
    inputs: [...inputs, shell],
    env: {
      PATH: [...programs, DEBIAN_PATH].join(":"),
      SOURCE_DATE_EPOCH,
      stripDebugList: STRIP_DEBUG_LIST,
      ...env,
      buildCommand: script,
      passAsFile: [env["passAsFile"] ?? [], "buildCommand"].flat(),
    },
    ...(outputs && { outputs }),
    ...(architecture && { architecture }),
    ...(outputHash && { outputHash }),
    ...(outputHashMode && { outputHashMode }),
  });
}
