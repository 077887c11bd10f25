// `goBinary`: a Go module → its program, static unless cgo is asked for; dependencies by go.sum, or from vendor/.

import { join, posix } from "node:path";
import { type GoMod, parseGoMod } from "../../formats/go/go-mod.ts";
import { checkOptions, type Rule, TEXT, TEXTS } from "../../model/options.ts";
import { listDirectory, readSmallFile } from "../../platform/files.ts";
import { createDerivation, createSource, type Output } from "../derivation.ts";
import { describeCommand } from "../run-command.ts";
import {
  BINARY_OPTIONS,
  type Binary,
  type BinaryOptions,
  chooseToolchain,
  createBinary,
  SWITCH,
  type Toolchain,
} from "./binary.ts";
import { AppError } from "./errors.ts";
import { openProject, type Project, readProjectText } from "./project.ts";

export interface GoBinaryOptions extends BinaryOptions {
  /** The package of the program, relative to the module: `./cmd/server`. Default: the one that there is. */
  readonly package?: string;
  /** True: C code is compiled and linked, and the program is dynamic. Default: false. */
  readonly cgo?: boolean;
  /** Build tags. */
  readonly tags?: readonly string[];
  /** Added to the linker's flags: `-X main.version=1.2.3`. */
  readonly ldflags?: string;
}

const OPTIONS: Readonly<Record<keyof GoBinaryOptions, Rule>> = {
  ...BINARY_OPTIONS,
  package: {
    expected: "a directory of the module such as ./cmd/server",
    accepts: (value) => typeof value === "string" && isInside(value),
  },
  cgo: SWITCH,
  tags: {
    expected: 'a list of build tags such as ["netgo"]',
    accepts: (value) => TEXTS.accepts(value) && (value as string[]).every((tag) => /^[\w.]+$/.test(tag)),
  },
  ldflags: TEXT,
};

/** No path of this build, no version control, no link time: the same bytes everywhere. */
const SETTINGS = `
export HOME=$NIX_BUILD_TOP/home GOPATH=$NIX_BUILD_TOP/go GOCACHE=$NIX_BUILD_TOP/cache
export GOFLAGS="-trimpath -buildvcs=false" GOTOOLCHAIN=local GOSUMDB=off GOTELEMETRY=off GOPROXY=off
export GOMAXPROCS=$NIX_BUILD_CORES
`;

/**
 * The standard library, compiled once for all programs: Go's cache of it, with the times of its entries taken out. Without
 * it the same program would be compiled, only slower.
 */
const STANDARD_LIBRARY = `${SETTINGS}
mkdir work
cd work
go build std
for file in "$GOCACHE"/*/*-a; do sed -i -E 's/ [0-9]{19}$/ 1000000000000000000/' "$file"; done
rm -f "$GOCACHE"/{README,testexpire.txt,trim.txt}
cp -rT "$GOCACHE" "$out"
`;

const BUILD = `${SETTINGS}
GOFLAGS="$GOFLAGS -mod=$mode"
if [ -n "$modules" ]; then GOPROXY=file://$modules; fi
cp -rT $standardLibrary $GOCACHE
chmod -R u+w $GOCACHE
date +%s >$GOCACHE/trim.txt
cp -rT $src project
chmod -R u+w project
cd project
mkdir -p $out/bin
go build -o "$out/bin/$program" -tags "$tags" -ldflags "-s -w -buildid= $ldflags" "$package"
[ -x "$out/bin/$program" ] || { echo "$package is no package main" >&2; exit 1; }
`;

/**
 * Builds a program of a Go module in the sandbox, with Debian's compiler.
 *
 * @throws {OptionError} `BAD_OPTION` or `UNKNOWN_OPTION`; {AppError} `PROJECT_MISSING` or `PROGRAM_AMBIGUOUS`;
 *   {GoFormatError}.
 *
 * @example
 * const app = goBinary({ src: path(".") });
 * export default buildLayeredImage({ name: "server", config: { Entrypoint: [app.program] } });
 */
export function goBinary(options: GoBinaryOptions): Binary<GoBinaryOptions> {
  checkOptions("goBinary()", options, OPTIONS);
  const project = openProject("goBinary()", options.src, []);
  const manifest = readGoMod(project);
  const program = options.package ?? findProgram(project);
  const modules = createModules(project, manifest);
  const { cgo = false, tags = [], ldflags = "" } = options;
  const name = options.name ?? nameOf(program, manifest);
  const toolchain = chooseToolchain(options);
  const compilers = cgo ? ["golang-go", "gcc", "libc6-dev"] : ["golang-go"];
  // Go's own flags have taken away what there is to take.
  const common = { CGO_ENABLED: cgo ? "1" : "0", dontStrip: "1" };
  return createBinary(
    {
      name,
      toolchain,
      compilers,
      env: {
        ...common,
        standardLibrary: compileStandardLibrary(toolchain, compilers, { ...common, ...options.env }),
        src: project.source,
        modules: modules ?? "",
        mode: project.holds("vendor/modules.txt") ? "vendor" : "readonly",
        program: name,
        package: toPackagePath(program),
        tags: tags.join(","),
        ldflags,
      },
      script: BUILD,
      isStatic: !cgo,
    },
    options,
    goBinary,
  );
}

function compileStandardLibrary(
  { architecture, request }: Toolchain,
  compilers: readonly string[],
  env: Readonly<Record<string, string>>,
): Output {
  const options = { inputs: compilers.map(request), architecture, env };
  return createDerivation(describeCommand("go-standard-library", options, STANDARD_LIBRARY), options, () => {
    throw new TypeError("only the program itself is overridden");
  });
}

function readGoMod(project: Project): GoMod {
  const text = readProjectText(project, "go.mod");
  if (text !== undefined) return parseGoMod(text);
  throw new AppError(
    "PROJECT_MISSING",
    `Cannot use ${project.path} as goBinary()'s "src": it has no go.mod`,
    {
      hint: "Name the directory that holds go.mod",
    },
  );
}

/** The modules that go.sum vouches for; undefined when none are required, or all are in vendor/. */
function createModules(project: Project, { requires }: GoMod): Output | undefined {
  if (requires.length === 0 || project.holds("vendor/modules.txt")) return undefined;
  return createSource({ kind: "import", name: "go-modules", source: "go", path: project.path, options: {} });
}

/** The one directory with a program: the module's own, or one below cmd/. */
function findProgram(project: Project): string {
  const candidates = listGoPrograms(project.directory);
  if (candidates.length === 1) return candidates[0]!;
  throw new AppError(
    "PROGRAM_AMBIGUOUS",
    candidates.length === 0
      ? `Cannot build ${project.path}: neither it nor a directory of its cmd/ holds a package main`
      : `Cannot build ${project.path}: it has the programs ${candidates.join(", ")}`,
    { hint: `Say which: goBinary({ src, package: "${candidates[0] ?? "./tools/server"}" })` },
  );
}

/** Packages of a module that are programs, where programs usually are: `.` and `./cmd/*`. */
export function listGoPrograms(directory: string): string[] {
  const below = (listDirectory(join(directory, "cmd")) ?? []).sort().map((name) => `./cmd/${name}`);
  return [".", ...below].filter((path) => holdsProgram(join(directory, path)));
}

/** Bytes of a source file that are looked at. */
const LARGEST_SOURCE = 1 << 20;

function holdsProgram(directory: string): boolean {
  return (listDirectory(directory) ?? []).some((name) => {
    if (!name.endsWith(".go") || name.endsWith("_test.go")) return false;
    const bytes = readSmallFile(join(directory, name), LARGEST_SOURCE);
    return bytes instanceof Buffer && /^package main\s*(?:\/\/.*)?$/m.test(bytes.toString("utf8"));
  });
}

function isInside(path: string): boolean {
  const normal = posix.normalize(path);
  return (
    path !== "" &&
    !normal.startsWith("/") &&
    normal !== ".." &&
    !normal.startsWith("../") &&
    !/[\0\n]/.test(path)
  );
}

function toPackagePath(path: string): string {
  const normal = posix.normalize(path).replace(/\/$/, "");
  return normal === "." ? "." : `./${normal}`;
}

/** As go build names a program: by its directory, a major version left out. */
function nameOf(program: string, { path }: GoMod): string {
  const whole = posix.join(path, program).replace(/\/v\d+$/, "");
  return posix.basename(whole).replaceAll(/[^0-9a-zA-Z+._-]+/g, "-") || "program";
}
