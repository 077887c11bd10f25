// `rustBinary`: a Cargo project → its program, static unless that is not wanted; dependencies by Cargo.lock, or from
// vendor/.

import { join } from "node:path";
import { type CargoManifest, parseCargoManifest } from "../../formats/cargo/cargo-manifest.ts";
import type { Architecture } from "../../model/image-spec.ts";
import { checkOptions, type Rule, TEXTS } from "../../model/options.ts";
import { isPlainFile, listDirectory } from "../../platform/files.ts";
import { createSource } from "../derivation.ts";
import {
  BINARY_OPTIONS,
  type Binary,
  type BinaryOptions,
  chooseToolchain,
  createBinary,
  isProgramName,
  SWITCH,
} from "./binary.ts";
import { AppError } from "./errors.ts";
import { openProject, type Project, readProjectText } from "./project.ts";

export interface RustBinaryOptions extends BinaryOptions {
  /** The program of several. Default: the one that there is. */
  readonly bin?: string;
  /** The package of a workspace that has the program. */
  readonly package?: string;
  readonly features?: readonly string[];
  /** False: without the features that the package has by default. */
  readonly defaultFeatures?: boolean;
  /** False: linked with the libraries of Debian, which come along. Default: true. */
  readonly static?: boolean;
}

const NAME: Rule = {
  expected: "a name",
  accepts: (value) => typeof value === "string" && isProgramName(value),
};

const OPTIONS: Readonly<Record<keyof RustBinaryOptions, Rule>> = {
  ...BINARY_OPTIONS,
  bin: NAME,
  package: NAME,
  features: {
    expected: 'a list of features such as ["tls"]',
    accepts: (value) =>
      TEXTS.accepts(value) && (value as string[]).every((item) => /^[\w+./?:-]+$/.test(item)),
  },
  defaultFeatures: SWITCH,
  static: SWITCH,
};

const TARGETS: Readonly<Record<Architecture, string>> = {
  amd64: "x86_64-unknown-linux-gnu",
  arm64: "aarch64-unknown-linux-gnu",
};

/** Crates are unpacked as cargo vendor does; what the program says of its sources names no path of this build. */
const BUILD = `
export HOME=$NIX_BUILD_TOP/home CARGO_HOME=$NIX_BUILD_TOP/cargo CARGO_TARGET_DIR=$NIX_BUILD_TOP/target
export CARGO_BUILD_JOBS=$NIX_BUILD_CORES CARGO_INCREMENTAL=0
mkdir -p $HOME $CARGO_HOME vendor
cp -rT $src project
chmod -R u+w project
if [ -n "$crates" ]; then
  for crate in $crates/*.crate; do
    name=\${crate##*/}
    name=\${name%.crate}
    tar -xzf "$crate" -C vendor --no-same-owner
    sum=$(sha256sum "$crate")
    printf '{"files":{},"package":"%s"}' "\${sum%% *}" > "vendor/$name/.cargo-checksum.json"
  done
  cat > $CARGO_HOME/config.toml <<END
[source.crates-io]
replace-with = "vendored"
[source.vendored]
directory = "$NIX_BUILD_TOP/vendor"
END
fi
separator=$(printf '\\037')
flags="--remap-path-prefix=$NIX_BUILD_TOP/vendor=crates$separator--remap-path-prefix=$NIX_BUILD_TOP/project=."
if [ -n "$static" ]; then flags="$flags$separator-Ctarget-feature=+crt-static"; fi
export CARGO_ENCODED_RUSTFLAGS="$flags"
cd project
cargo build --release --frozen --target "$target" $selection
mkdir -p $out/bin
cp "$CARGO_TARGET_DIR/$target/release/$bin" "$out/bin/$program"
`;

/**
 * Builds a program of a Cargo project in the sandbox, with Debian's compiler.
 *
 * @throws {OptionError} `BAD_OPTION` or `UNKNOWN_OPTION`; {AppError} `PROJECT_MISSING` or `PROGRAM_AMBIGUOUS`;
 *   {CargoFormatError}.
 *
 * @example
 * const app = rustBinary({ src: path(".") });
 * export default buildLayeredImage({ name: "server", config: { Entrypoint: [app.program] } });
 */
export function rustBinary(options: RustBinaryOptions): Binary<RustBinaryOptions> {
  checkOptions("rustBinary()", options, OPTIONS);
  const project = openProject("rustBinary()", options.src, ["target"]);
  const text = readProjectText(project, "Cargo.toml");
  if (text === undefined) {
    throw new AppError(
      "PROJECT_MISSING",
      `Cannot use ${project.path} as rustBinary()'s "src": it has no Cargo.toml`,
      {
        hint: "Name the directory that holds Cargo.toml and Cargo.lock",
      },
    );
  }
  const bin = options.bin ?? findProgram(project, parseCargoManifest(text));
  const {
    name = bin,
    package: member,
    features = [],
    defaultFeatures = true,
    static: isStatic = true,
  } = options;
  const toolchain = chooseToolchain(options);
  const isVendored = project.holds("vendor") && project.holds(".cargo/config.toml");
  const crates = isVendored
    ? undefined
    : createSource({ kind: "import", name: "crates", source: "cargo", path: project.path, options: {} });
  const selection = [
    ...(member === undefined ? [] : ["--package", member]),
    "--bin",
    bin,
    ...(features.length === 0 ? [] : ["--features", features.join(",")]),
    ...(defaultFeatures ? [] : ["--no-default-features"]),
  ];
  return createBinary(
    {
      name,
      toolchain,
      compilers: ["cargo", "rustc", "gcc", "libc6-dev"],
      env: {
        src: project.source,
        crates: crates ?? "",
        target: TARGETS[toolchain.architecture],
        selection: selection.join(" "),
        static: isStatic ? "1" : "",
        bin,
        program: name,
      },
      script: BUILD,
      isStatic,
    },
    options,
    rustBinary,
  );
}

function findProgram(project: Project, manifest: CargoManifest): string {
  const candidates = listRustPrograms(project.directory, manifest);
  if (manifest.defaultRun !== undefined && isProgramName(manifest.defaultRun)) return manifest.defaultRun;
  if (candidates.length === 1 && isProgramName(candidates[0]!)) return candidates[0]!;
  const problem =
    candidates.length > 1
      ? `it has the programs ${candidates.join(", ")}`
      : manifest.members === undefined
        ? "it has no program, neither src/main.rs nor one in src/bin/"
        : "it is a workspace, whose packages may have many programs";
  const example = candidates.length > 1 ? `bin: "${candidates[0]}"` : 'package: "server", bin: "server"';
  throw new AppError("PROGRAM_AMBIGUOUS", `Cannot build ${project.path}: ${problem}`, {
    hint: `Say which: rustBinary({ src, ${example} })`,
  });
}

/** The programs of a package: those that it declares, and those that Cargo finds by where they lie. */
export function listRustPrograms(
  directory: string,
  { name, programs, findsPrograms }: CargoManifest,
): string[] {
  const found = new Set(programs);
  if (!findsPrograms || name === undefined) return [...found];
  if (programs.length === 0 && isPlainFile(join(directory, "src/main.rs"))) found.add(name);
  for (const entry of (listDirectory(join(directory, "src/bin")) ?? []).sort()) {
    const [, file] = /^(.+)\.rs$/.exec(entry) ?? [];
    if (file !== undefined) found.add(file);
    else if (isPlainFile(join(directory, "src/bin", entry, "main.rs"))) found.add(entry);
  }
  return [...found];
}
