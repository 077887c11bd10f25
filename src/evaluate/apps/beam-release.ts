// What releases of Mix and of rebar3 have in common: which packages they are built with, which of their files run, how
// they start. Source: OTP Design Principles, "Releases"; erl(1); erlexec.

import { defaultArchive } from "../../model/default-archive.ts";
import type { DerivationNode } from "../../model/derivation.ts";
import type { ArchiveReference, Request } from "../../model/image-spec.ts";
import { ARCHIVE, OptionError, oneOf, type Rule, show, TEXTS } from "../../model/options.ts";
import { targetArchitecture } from "../../platform/machine.ts";
import { createDerivation, type Derivation, isOutput, isRequest, type Output } from "../derivation.ts";
import { describeCommand } from "../run-command.ts";
import { HEX_SOURCES, type HexSources } from "./hex-packages.ts";
import { PROJECT_SOURCE, type ProjectSource } from "./project.ts";

/** How a release is made, whatever makes it. */
export interface BeamReleaseOptions {
  /** The project: a directory with its mix.exs or rebar.config, relative to the image file, or `path()` of one. */
  readonly src: ProjectSource;
  /**
   * `script`: by the start script that the release tool writes. `direct`: by Erlang's own launcher, without a shell: the
   * script and what only it uses are not in the image.
   */
  readonly start?: "script" | "direct";
  /** False: modules stay as they were compiled. Default: what only debuggers, shells and compilers read goes. */
  readonly strip?: boolean;
  /** Chunks of modules that stay all the same, such as `["Dbgi"]` for debugger and cover, `["Docs"]` for `h` in IEx. */
  readonly keep?: readonly string[];
  /** Where hex packages are looked for before Hex's cache and hex.pm: directories of tarballs, URLs of mirrors. */
  readonly hex?: HexSources;
  /**
   * Packages and derivations that the build needs beside Erlang and Elixir: a C compiler for NIFs, OTP applications
   * that are not among the usual ones (`packages["erlang-snmp"]`).
   */
  readonly inputs?: readonly (Output | Request)[];
  /** Variables of the build, such as `MIX_ENV`. */
  readonly env?: Readonly<Record<string, string>>;
  /** The archive that Erlang and Elixir come from. Default: that of the first package in `inputs`, else bookworm. */
  readonly archive?: ArchiveReference;
}

/** A release: where it is in strings, and how it starts. */
export interface BeamRelease<Options extends BeamReleaseOptions> extends Derivation<Options> {
  /** For `Entrypoint` of an image: starts the release in the foreground. */
  readonly entrypoint: readonly string[];
  /** For `Env` of an image: what `entrypoint` needs. */
  readonly env: Readonly<Record<string, string>>;
  override(changes: Partial<Options>): BeamRelease<Options>;
}

export const BEAM_RELEASE_OPTIONS: Readonly<Record<keyof BeamReleaseOptions, Rule>> = {
  src: PROJECT_SOURCE,
  start: oneOf("script", "direct"),
  strip: { expected: "true or false", accepts: (value) => typeof value === "boolean" },
  keep: {
    expected: 'an array of chunk names such as ["Dbgi"]',
    accepts: (value) => TEXTS.accepts(value) && (value as string[]).every((name) => /^\w{4}$/.test(name)),
  },
  hex: HEX_SOURCES,
  inputs: {
    expected: "a list of derivations, sources and packages",
    accepts: (value) => Array.isArray(value) && value.every((item) => isOutput(item) || isRequest(item)),
  },
  env: {
    expected: "an object of strings",
    accepts: (value) =>
      typeof value === "object" &&
      value !== null &&
      Object.values(value).every((item) => typeof item === "string"),
  },
  archive: ARCHIVE,
};

/** The OTP applications that most releases and their dependencies are compiled with, by their packages. */
const OTP_PACKAGES = [
  "erlang-base",
  "erlang-dev",
  "erlang-asn1",
  "erlang-crypto",
  "erlang-eunit",
  "erlang-inets",
  "erlang-mnesia",
  "erlang-os-mon",
  "erlang-parsetools",
  "erlang-public-key",
  "erlang-runtime-tools",
  "erlang-ssh",
  "erlang-ssl",
  "erlang-syntax-tools",
  "erlang-tools",
  "erlang-xmerl",
];

/** What a script is given in every case: a home, no time, no place, no network. */
const PREPARE = `
export HOME="$NIX_BUILD_TOP/home" LC_ALL=C.UTF-8 ERL_COMPILER_OPTIONS='[deterministic]'
mkdir -p "$HOME"
`;

export interface ReleaseScript {
  /** Of the store path. */
  readonly name: string;
  /** Packages beside those of OTP. */
  readonly tools: readonly string[];
  /** Makes the release at `$out`. */
  readonly build: string;
  /** Makes it start; the working directory is `$out`. */
  readonly finish: string;
}

/** The node of a release. */
export function describeRelease(options: BeamReleaseOptions, script: ReleaseScript): DerivationNode {
  const { inputs = [], strip = true, keep = [], env = {} } = options;
  const packages = [...OTP_PACKAGES, ...script.tools].map(
    (name): Request => ({ ...archiveOf(options), name }),
  );
  return describeCommand(
    script.name,
    {
      inputs: [...packages, ...inputs],
      env: { ...env, ...(strip && { stripBeam: true, keepBeamChunks: keep }) },
    },
    [PREPARE, script.build, trimRelease(options.start ?? "script"), script.finish].join("\n"),
  );
}

/** The release as image.ts has it. */
export function createRelease<Options extends BeamReleaseOptions>(
  node: DerivationNode,
  options: Options,
  again: (options: Options) => BeamRelease<Options>,
  start: (out: string) => Pick<BeamRelease<Options>, "entrypoint" | "env">,
): BeamRelease<Options> {
  const made = createDerivation(node, options, again);
  // What `override` gives is what `again` returned.
  return Object.freeze({ ...made, ...start(`${made}`) }) as BeamRelease<Options>;
}

function archiveOf({ archive, inputs = [] }: BeamReleaseOptions): ArchiveReference {
  const first = inputs.find((input): input is Request => isRequest(input) && input.source === "debian");
  const { source, scope, mirrors } = archive ?? first ?? defaultArchive(targetArchitecture());
  return { source, scope, mirrors };
}

/**
 * Takes out of a release what never runs in a container: what is for building, for reading, for Windows, for daemons and
 * upgrades in place. Of ERTS stays what the virtual machine starts, and what the start script calls.
 */
function trimRelease(start: "script" | "direct"): string {
  const programs = ["beam.smp", "beam.*.smp", "erlexec", "erl_child_setup", "inet_gethost", "heart"];
  if (start === "script") programs.push("erl", "epmd", "erl_call");
  return `
cd "$out"
shopt -s nullglob
erts=(erts-*)
if [ \${#erts[@]} -ne 1 ]; then
  echo "The release has no Erlang run-time system: include_erts must be true" >&2
  exit 1
fi
rm -rf bin/*.bat releases/*/*.bat releases/COOKIE releases/*/*.script releases/*/*.tar.gz
rm -rf erts-*/{doc,include,lib,man,src} lib/*/{c_src,doc,docs,emacs,examples,include,man,src} lib/*/ebin/*.appup
for file in erts-*/bin/*; do
  case "\${file##*/}" in
    ${programs.join(" | ")}) ;;
    *) rm "$file" ;;
  esac
done
# Who has the image would have the cookie.
for file in releases/*/*vm.args*; do sed -i '/^[[:space:]]*-setcookie/d' "$file"; done
# Whether nodes shall find each other: only then a port mapper is needed, and what calls nodes.
is_distributed() {
  grep -Eqs '^[^#]*RELEASE_DISTRIBUTION=["'"'"']?s?name|^[[:space:]]*-s?name[[:space:]]' releases/*/env.sh releases/*/vm.args*
}
is_distributed || rm -f erts-*/bin/{epmd,erl_call}
grep -Eqs '^[^#]*-heart' releases/*/{env.sh,vm.args} || rm -f erts-*/bin/heart`;
}

/** Refuses what cannot be the name of a release. */
export function checkReleaseName(where: string, name: unknown): asserts name is string {
  if (typeof name === "string" && /^[a-z][A-Za-z0-9_]{0,127}$/.test(name)) return;
  throw new OptionError(
    "BAD_OPTION",
    `Cannot use ${show(name)} as ${where}'s "release": a name such as my_app was expected`,
  );
}
