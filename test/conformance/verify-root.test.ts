// Verification against the dynamic loader and the kernel themselves: small roots of real programs, whole or broken in
// one way, are verified and then run in a chroot; what Tare says and what happens must be the same.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { InspectedRoot } from "../../src/inspect/verify-root/inspected-root.ts";
import type { RootProblem } from "../../src/inspect/verify-root/problem.ts";
import { describeProblem, nameProviders } from "../../src/inspect/verify-root/providers.ts";
import type { RootSubject } from "../../src/inspect/verify-root/subject.ts";
import { type VerifyRootOptions, verifyRoot } from "../../src/inspect/verify-root/verify-root.ts";
import type { BytePath } from "../../src/model/bytes.ts";
import { SILENT_PROGRESS } from "../../src/model/progress.ts";
import { machineArchitecture } from "../../src/platform/machine.ts";
import { temporaryDirectory } from "../kit/context.ts";
import { makePackage } from "../kit/make-package.ts";
import { viewDirectory } from "../kit/root-directory.ts";
import { run, skipWithout } from "../kit/tools.ts";

const ARCHITECTURE = machineArchitecture();
const LOADERS: Readonly<Record<string, string>> = {
  amd64: "/lib64/ld-linux-x86-64.so.2",
  arm64: "/lib/ld-linux-aarch64.so.1",
};
const LOADER = LOADERS[ARCHITECTURE] ?? "";
const context = { progress: SILENT_PROGRESS, signal: new AbortController().signal };

/** Why roots cannot be made and run here. */
function skipsRoots(t: TestContext): boolean {
  if (skipWithout(t, "gcc", "chroot", "ldconfig")) return true;
  const reason =
    process.getuid?.() !== 0
      ? "chroot needs root"
      : existsSync(LOADER)
        ? undefined
        : "this machine's loader is not known";
  if (reason !== undefined) t.skip(reason);
  return reason !== undefined;
}

const workshop = mkdtempSync(join(tmpdir(), "tare-verify-"));
after(() => rmSync(workshop, { recursive: true, force: true }));
let products = 0;

interface Recipe {
  readonly source: string;
  readonly flags?: readonly string[];
  /** Libraries to link with: files. */
  readonly libraries?: readonly string[];
  /** A version script. */
  readonly versions?: string;
}

function compile({ source, flags = [], libraries = [], versions }: Recipe, name: string): string {
  const folder = join(workshop, String(products++));
  mkdirSync(folder);
  const output = join(folder, name);
  writeFileSync(join(folder, "source.c"), source);
  const script = join(folder, "versions.map");
  if (versions !== undefined) writeFileSync(script, versions);
  run("gcc", [
    "-o",
    output,
    join(folder, "source.c"),
    "-Wl,--no-as-needed,--allow-shlib-undefined",
    ...libraries,
    ...(versions === undefined ? [] : [`-Wl,--version-script=${script}`]),
    ...flags,
  ]);
  return output;
}

/** A library with one function; its soname is its name. */
function library(name: string, options: Omit<Recipe, "source"> & { source?: string } = {}): string {
  const { source = `int ${name.replace(/\W/g, "_")}(void) { return 1; }`, flags = [], ...rest } = options;
  return compile({ source, flags: ["-shared", "-fPIC", `-Wl,-soname,${name}`, ...flags], ...rest }, name);
}

const MAIN = "int main(void) { return 0; }";

function program(libraries: readonly string[], flags: readonly string[] = [], source = MAIN): string {
  return compile({ source, flags, libraries }, "prog");
}

/** A root with the C library of this machine. */
class Root {
  readonly path: string;

  constructor(t: TestContext) {
    this.path = temporaryDirectory(t);
    this.add(LOADER, realpathSync(LOADER), 0o755);
    const libc = /libc\.so\.6 => (\S+)/.exec(run("ldd", ["/bin/ls"]))![1]!;
    this.add(libc, realpathSync(libc));
    this.write("/etc/ld.so.conf", "include /etc/ld.so.conf.d/*.conf\n");
    this.write("/etc/ld.so.conf.d/local.conf", "/usr/local/lib\n");
  }

  add(path: string, source: string, mode = 0o644): this {
    this.#parent(path);
    copyFileSync(source, join(this.path, path));
    chmodSync(join(this.path, path), mode);
    return this;
  }

  write(path: string, text: string | Uint8Array, mode = 0o644): this {
    this.#parent(path);
    writeFileSync(join(this.path, path), text);
    chmodSync(join(this.path, path), mode);
    return this;
  }

  link(path: string, target: string): this {
    this.#parent(path);
    symlinkSync(target, join(this.path, path));
    return this;
  }

  remove(path: string): this {
    rmSync(join(this.path, path));
    return this;
  }

  ldconfig(...options: string[]): this {
    run("ldconfig", ["-r", this.path, ...options]);
    return this;
  }

  /** Tells the loader its program's path, as /proc does in a container. */
  startsAs(command: string): void {
    using view = viewDirectory(this.path);
    const found = view.lookup(command);
    if (found.kind === "found") this.link("/proc/self/exe", `/${found.path}`);
  }

  #parent(path: string): void {
    mkdirSync(dirname(join(this.path, path)), { recursive: true });
  }
}

interface Case {
  readonly summary: string;
  readonly build: (root: Root) => unknown;
  readonly env?: Readonly<Record<string, string>>;
  /** What is started; default: /usr/bin/prog. */
  readonly command?: string;
  /** Errors that are expected, as `CODE what of the message`; none: it runs. */
  readonly errors?: readonly RegExp[];
  readonly warnings?: readonly RegExp[];
}

const PROG = "/usr/bin/prog";
const MACHINE = 18;

/** The same file for another processor (RISC-V). */
function foreign(file: string): Buffer {
  const bytes = readFileSync(file);
  bytes.writeUInt16LE(243, MACHINE);
  return bytes;
}

const V1 = "V_1.0 { global: v; local: *; };";
const V2 = "V_1.0 { }; V_1.2 { global: v; local: *; } V_1.0;";
const V3 = "V_1.0 { }; V_1.10 { global: v; local: *; } V_1.0;";
const VERSIONED = "int v(void) { return 1; }";
const CALLS_V = "int v(void); int main(void) { return v() - 1; }";

const CASES: readonly Case[] = [
  { summary: "a program with its C library", build: (root) => root.add(PROG, program([]), 0o755) },
  {
    summary: "a library in a directory of the loader's own",
    build: (root) =>
      root.add(PROG, program([library("libx.so.1")]), 0o755).add("/usr/lib/libx.so.1", library("libx.so.1")),
  },
  {
    summary: "a library is removed",
    build: (root) => root.add(PROG, program([library("libx.so.1")]), 0o755),
    errors: [/^LIBRARY_MISSING \/usr\/bin\/prog needs libx\.so\.1, which is not in the image$/],
  },
  {
    summary: "the library of a library is removed",
    build(root) {
      const y = library("liby.so.1");
      const x = library("libx.so.1", { libraries: [y] });
      root.add(PROG, program([x]), 0o755).add("/usr/lib/libx.so.1", x);
    },
    errors: [/^LIBRARY_MISSING \/usr\/lib\/libx\.so\.1 \(loaded by \/usr\/bin\/prog\) needs liby\.so\.1/],
  },
  {
    summary: "a library that is a link to nothing",
    build: (root) =>
      root.add(PROG, program([library("libx.so.1")]), 0o755).link("/usr/lib/libx.so.1", "libx.so.1.2.3"),
    errors: [
      /^LIBRARY_MISSING \/usr\/bin\/prog/,
      /^LINK_DANGLING the link \/usr\/lib\/libx\.so\.1 leads to libx\.so\.1\.2\.3/,
    ],
  },
  {
    summary: "a symbol version that is too new",
    build(root) {
      const options = { source: VERSIONED };
      const built = library("libv.so.1", { ...options, versions: V3 });
      root.add(PROG, program([built], [], CALLS_V), 0o755);
      root.add("/usr/lib/libv.so.1", library("libv.so.1", { ...options, versions: V2 }));
    },
    errors: [
      /^VERSION_MISSING \/usr\/bin\/prog needs V_1\.10 of libv\.so\.1, which has up to V_1\.2 \(\/usr\/lib\/libv\.so\.1\)$/,
    ],
  },
  {
    summary: "a symbol version that is there",
    build(root) {
      const built = library("libv.so.1", { source: VERSIONED, versions: V2 });
      root.add(PROG, program([built], [], CALLS_V), 0o755).add("/usr/lib/libv.so.1", built);
    },
  },
  {
    summary: "a library that has lost its symbol versions",
    build(root) {
      const built = library("libv.so.1", { source: VERSIONED, versions: V1 });
      root.add(PROG, program([built], [], CALLS_V), 0o755);
      root.add("/usr/lib/libv.so.1", library("libv.so.1", { source: VERSIONED }));
    },
    warnings: [/^VERSIONS_UNDEFINED \/usr\/bin\/prog was linked with a libv\.so\.1 that has symbol versions/],
  },
  {
    summary: "a weak symbol version may lack",
    build(root) {
      const source = "int v(void) __attribute__((weak)); int main(void) { return v ? 0 : 0; }";
      const built = library("libv.so.1", { source: VERSIONED, versions: V3 });
      root.add(PROG, program([built], [], source), 0o755);
      root.add(
        "/usr/lib/libv.so.1",
        library("libv.so.1", { source: "int w(void) { return 1; }", versions: "V_1.0 { global: w; };" }),
      );
    },
  },
  {
    summary: "the dynamic loader is missing",
    build: (root) => root.add(PROG, program([], ["-Wl,--dynamic-linker=/lib/ld-none.so.1"]), 0o755),
    errors: [/^INTERPRETER_MISSING \/usr\/bin\/prog needs the dynamic loader \/lib\/ld-none\.so\.1/],
  },
  {
    summary: "the dynamic loader cannot be executed",
    build(root) {
      root.add(PROG, program([], ["-Wl,--dynamic-linker=/lib/ld-mine.so.1"]), 0o755);
      root.add("/lib/ld-mine.so.1", realpathSync(LOADER), 0o644);
    },
    errors: [/^INTERPRETER_NOT_EXECUTABLE \/usr\/bin\/prog/],
  },
  {
    summary: "RUNPATH with $ORIGIN",
    build(root) {
      const x = library("libx.so.1");
      root.add(PROG, program([x], ["-Wl,--enable-new-dtags,-rpath,$ORIGIN/../lib/app"]), 0o755);
      root.add("/usr/lib/app/libx.so.1", x);
    },
  },
  {
    summary: "RUNPATH with the other form of $ORIGIN, of a link to the program",
    command: "/bin/p",
    build(root) {
      const x = library("libx.so.1");
      root.add("/opt/app/bin/prog", program([x], [`-Wl,--enable-new-dtags,-rpath,\${ORIGIN}/../lib`]), 0o755);
      root.add("/opt/app/lib/libx.so.1", x).link("/bin/p", "../opt/app/bin/prog");
    },
  },
  {
    summary: "RUNPATH does not count for libraries of libraries",
    build(root) {
      const y = library("liby.so.1");
      const x = library("libx.so.1", { libraries: [y] });
      root.add(PROG, program([x], ["-Wl,--enable-new-dtags,-rpath,/opt/a"]), 0o755);
      root.add("/opt/a/libx.so.1", x).add("/opt/a/liby.so.1", y);
    },
    errors: [
      /^LIBRARY_OUT_OF_PATH \/opt\/a\/libx\.so\.1 \(loaded by \/usr\/bin\/prog\) needs liby\.so\.1, which is \/opt\/a\/liby\.so\.1, where the loader does not look$/,
    ],
  },
  {
    summary: "RPATH counts for libraries of libraries",
    build(root) {
      const y = library("liby.so.1");
      const x = library("libx.so.1", { libraries: [y] });
      root.add(PROG, program([x], ["-Wl,--disable-new-dtags,-rpath,/opt/a"]), 0o755);
      root.add("/opt/a/libx.so.1", x).add("/opt/a/liby.so.1", y);
    },
  },
  {
    summary: "a RUNPATH switches the RPATH of the program off",
    build(root) {
      const y = library("liby.so.1");
      const x = library("libx.so.1", { libraries: [y], flags: ["-Wl,--enable-new-dtags,-rpath,/none"] });
      root.add(PROG, program([x], ["-Wl,--disable-new-dtags,-rpath,/opt/a"]), 0o755);
      root.add("/opt/a/libx.so.1", x).add("/opt/a/liby.so.1", y);
    },
    errors: [/^LIBRARY_OUT_OF_PATH \/opt\/a\/libx\.so\.1/],
  },
  {
    summary: "a library that is loaded already is found by its soname",
    build(root) {
      const y = library("liby.so.1");
      const x = library("libx.so.1", { libraries: [y] });
      root.add(PROG, program([y, x], ["-Wl,--enable-new-dtags,-rpath,/opt/a"]), 0o755);
      root.add("/opt/a/libx.so.1", x).add("/opt/a/liby.so.1", y);
    },
  },
  {
    summary: "$ORIGIN of a library is where its link lies",
    build(root) {
      const y = library("liby.so.1");
      const x = library("libx.so.1", { libraries: [y], flags: ["-Wl,--enable-new-dtags,-rpath,$ORIGIN"] });
      root.add(PROG, program([x], ["-Wl,--enable-new-dtags,-rpath,/opt/links"]), 0o755);
      root
        .add("/opt/real/libx.so.1", x)
        .link("/opt/links/libx.so.1", "../real/libx.so.1")
        .add("/opt/links/liby.so.1", y);
    },
  },
  {
    summary: "$LIB and $PLATFORM",
    build(root) {
      const [x, y] = [library("libx.so.1"), library("liby.so.1")];
      root.add(PROG, program([x, y], ["-Wl,--enable-new-dtags,-rpath,/opt/$LIB:/opt/$PLATFORM"]), 0o755);
      const machine = ARCHITECTURE === "amd64" ? "x86_64" : "aarch64";
      root.add(`/opt/lib/${machine}-linux-gnu/libx.so.1`, x);
      // What the loader calls the processor depends on it; the plain name is the one that each has.
      for (const name of [machine, "haswell", "xeon_phi"]) root.add(`/opt/${name}/liby.so.1`, y);
    },
  },
  {
    summary: "LD_LIBRARY_PATH of the image",
    env: { LD_LIBRARY_PATH: "/none:/opt/a" },
    build(root) {
      const x = library("libx.so.1");
      root.add(PROG, program([x]), 0o755).add("/opt/a/libx.so.1", x);
    },
  },
  {
    summary: "LD_LIBRARY_PATH comes before RUNPATH",
    env: { LD_LIBRARY_PATH: "/opt/a" },
    build(root) {
      const x = library("libv.so.1", { source: VERSIONED, versions: V2 });
      root
        .add(PROG, program([x], ["-Wl,--enable-new-dtags,-rpath,/opt/b"], CALLS_V), 0o755)
        .add("/opt/b/libv.so.1", x);
      root.add("/opt/a/libv.so.1", library("libv.so.1", { source: VERSIONED, versions: V1 }));
    },
    errors: [/^VERSION_MISSING .*\(\/opt\/a\/libv\.so\.1\)$/],
  },
  {
    summary: "a directory of ld.so.conf, in the cache",
    build(root) {
      const x = library("libx.so.1");
      root
        .add(PROG, program([x]), 0o755)
        .add("/usr/local/lib/libx.so.1", x)
        .ldconfig();
    },
  },
  {
    summary: "a directory of ld.so.conf, in a cache of the old format",
    build(root) {
      const x = library("libx.so.1");
      root
        .add(PROG, program([x]), 0o755)
        .add("/usr/local/lib/libx.so.1", x)
        .ldconfig("-c", "compat");
    },
  },
  {
    summary: "a directory of ld.so.conf without a cache",
    build(root) {
      const x = library("libx.so.1");
      root.add(PROG, program([x]), 0o755).add("/usr/local/lib/libx.so.1", x);
    },
    errors: [/^LIBRARY_OUT_OF_PATH .* \/usr\/local\/lib\/libx\.so\.1/],
  },
  {
    summary: "a cache that names a library which is gone",
    build(root) {
      const x = library("libx.so.1");
      root
        .add(PROG, program([x]), 0o755)
        .add("/usr/local/lib/libx.so.1", x)
        .ldconfig()
        .remove("/usr/local/lib/libx.so.1");
    },
    errors: [/^LIBRARY_MISSING \/usr\/bin\/prog needs libx\.so\.1/],
  },
  {
    summary: "a library for another processor is passed over",
    env: { LD_LIBRARY_PATH: "/opt/a" },
    build(root) {
      const x = library("libx.so.1");
      root
        .add(PROG, program([x]), 0o755)
        .write("/opt/a/libx.so.1", foreign(x))
        .add("/usr/lib/libx.so.1", x);
    },
  },
  {
    summary: "a library for another processor only",
    build(root) {
      const x = library("libx.so.1");
      root.add(PROG, program([x]), 0o755).write("/usr/lib/libx.so.1", foreign(x));
    },
    errors: [
      /^LIBRARY_MISSING \/usr\/bin\/prog needs libx\.so\.1, which is there for riscv64 only \(\/usr\/lib\/libx\.so\.1\), not for \w+$/,
      /^FOREIGN_ARCHITECTURE \/usr\/lib\/libx\.so\.1 is for riscv64, the image for \w+$/,
    ],
  },
  {
    summary: "a file that is no library ends the search",
    env: { LD_LIBRARY_PATH: "/opt/a" },
    build(root) {
      const x = library("libx.so.1");
      root
        .add(PROG, program([x]), 0o755)
        .write("/opt/a/libx.so.1", "INPUT(-lx)")
        .add("/usr/lib/libx.so.1", x);
    },
    errors: [/^LIBRARY_MISSING \/usr\/bin\/prog needs libx\.so\.1, and \/opt\/a\/libx\.so\.1 is no library$/],
  },
  {
    summary: "DT_NEEDED that is a path",
    build(root) {
      const x = compile(
        { source: "int x;", flags: ["-shared", "-fPIC", "-Wl,-soname,/opt/a/libx.so"] },
        "libx.so",
      );
      root.add(PROG, program([x]), 0o755).add("/opt/a/libx.so", x);
    },
  },
  {
    summary: "DT_NEEDED that is a path to nothing",
    build(root) {
      const x = compile(
        { source: "int x;", flags: ["-shared", "-fPIC", "-Wl,-soname,/opt/a/libx.so"] },
        "libx.so",
      );
      root.add(PROG, program([x]), 0o755).add("/usr/lib/libx.so", x);
    },
    errors: [/^LIBRARY_OUT_OF_PATH \/usr\/bin\/prog needs \/opt\/a\/libx\.so/],
  },
  {
    summary: "a static position-independent program",
    build: (root) => root.add(PROG, program([], ["-static-pie"]), 0o755),
  },
  {
    summary: "a program for another processor",
    build: (root) => root.write(PROG, foreign(program([])), 0o755),
    errors: [/^FOREIGN_ARCHITECTURE \/usr\/bin\/prog is for riscv64/],
  },
  {
    summary: "a program that is no program",
    build: (root) => root.write(PROG, "MZ not for this kernel", 0o755),
    errors: [/^COMMAND_NOT_A_PROGRAM Cmd starts "\/usr\/bin\/prog"/],
  },
  {
    summary: "a program without permission",
    build: (root) => root.add(PROG, program([]), 0o644),
    errors: [/^COMMAND_NOT_EXECUTABLE .* has no permission to be executed$/],
  },
  {
    summary: "a wrong entrypoint",
    build: (root) => root.add("/usr/bin/progg", program([]), 0o755),
    errors: [/^COMMAND_MISSING Cmd starts "\/usr\/bin\/prog", which is not in the image$/],
  },
  {
    summary: "a directory as entrypoint",
    command: "/usr/bin",
    build: (root) => root.add(PROG, program([]), 0o755),
    errors: [/^COMMAND_NOT_EXECUTABLE .* is a directory$/],
  },
  {
    summary: "a dangling link as entrypoint",
    build: (root) => root.link(PROG, "../lib/prog"),
    errors: [/^COMMAND_MISSING/, /^LINK_DANGLING the link \/usr\/bin\/prog leads to \.\.\/lib\/prog: /],
  },
  {
    summary: "a script with its interpreter",
    command: "/usr/bin/script",
    build: (root) => root.add(PROG, program([]), 0o755).write("/usr/bin/script", `#! ${PROG} -x\n`, 0o755),
  },
  {
    summary: "a script without its interpreter",
    command: "/usr/bin/script",
    build: (root) => root.write("/usr/bin/script", "#!/bin/sh\n", 0o755),
    errors: [
      /^SCRIPT_INTERPRETER_MISSING \/usr\/bin\/script is a script for \/bin\/sh, which is not in the image$/,
    ],
  },
  {
    summary: "a script with the line ends of another system",
    command: "/usr/bin/script",
    build: (root) => root.add(PROG, program([]), 0o755).write("/usr/bin/script", `#!${PROG}\r\n`, 0o755),
    errors: [/^SCRIPT_INTERPRETER_MISSING .* \/usr\/bin\/prog\\x0d, which/],
  },
  {
    summary: "a script whose interpreter cannot be executed",
    command: "/usr/bin/script",
    build: (root) => root.add("/opt/prog", program([])).write("/usr/bin/script", "#!/opt/prog\n", 0o755),
    errors: [/^SCRIPT_INTERPRETER_NOT_EXECUTABLE/],
  },
];

/** Packages that have what the broken roots lack, by what it is. */
const PROVIDERS: Readonly<Record<string, readonly [name: string, path: string]>> = {
  "libx.so.1": ["libx1", "usr/lib/libx.so.1"],
  "liby.so.1": ["liby1", "lib/liby.so.1"],
  "libv.so.1": ["libv1", "usr/lib/libv.so.1"],
  "/usr/lib/libx.so.1.2.3": ["libx1-data", "lib/libx.so.1.2.3"],
  "/lib/ld-none.so.1": ["ld-none", "usr/lib/ld-none.so.1"],
  "/usr/bin/prog": ["prog", "bin/prog"],
  "/usr/lib/prog": ["prog-private", "usr/lib/prog"],
  "/bin/sh": ["dash", "usr/bin/sh"],
};
const CANDIDATES = Object.values(PROVIDERS).map(([name, path]) => makePackage(name, { [path]: "" }));

/** Every error that something is missing names the package that has it. */
async function checkProviders(problems: readonly RootProblem[]): Promise<void> {
  for (const problem of await nameProviders(problems, CANDIDATES)) {
    const { code, severity, missing, providers } = problem;
    // No package has a name with a line end.
    const isNamed = code !== "LIBRARY_OUT_OF_PATH" && missing?.name.includes("\r") === false;
    if (severity !== "error" || missing === undefined || !isNamed) continue;
    const wanted = missing.kind === "symbol-version" ? missing.of! : missing.name;
    const [name] = PROVIDERS[wanted] ?? assert.fail(`no package of the test has ${wanted}`);
    assert.ok(providers?.includes(name), `${code} of ${wanted}: ${providers}`);
    assert.ok(describeProblem(problem).includes(name));
  }
}

async function verify(
  root: Root,
  { env = {}, command = PROG }: Case,
  options: VerifyRootOptions = {},
): Promise<RootProblem[]> {
  const subject: RootSubject = {
    architecture: ARCHITECTURE,
    config: { Cmd: [command], Env: Object.entries(env).map((pair) => pair.join("=")) },
  };
  using view = viewDirectory(root.path);
  return verifyRoot(view, subject, options, context);
}

for (const item of CASES) {
  test(`${item.summary}: ${item.errors === undefined ? "it runs" : "it does not run"}, and Tare says so`, async (t) => {
    if (skipsRoots(t)) return;
    const root = new Root(t);
    item.build(root);
    const problems = await verify(root, item);
    await checkProviders(problems);
    const command = item.command ?? PROG;
    root.startsAs(command);
    const env = { PATH: process.env["PATH"], ...item.env };
    const result = spawnSync("chroot", [root.path, command], { env, encoding: "utf8" });
    const lines = (severity: string) =>
      problems
        .filter((problem) => problem.severity === severity)
        .map(({ code, message }) => `${code} ${message}`);
    const expected = item.errors ?? [];
    assert.equal(
      result.status === 0,
      expected.length === 0,
      `${result.status}: ${result.stderr}\n${lines("error")}`,
    );
    for (const [severity, patterns] of [
      ["error", expected],
      ["warning", item.warnings ?? []],
    ] as const) {
      const actual = lines(severity);
      assert.equal(actual.length, patterns.length, actual.join("\n"));
      for (const [i, pattern] of patterns.entries()) assert.match(actual[i]!, pattern);
    }
  });
}

test("the programs of this machine get the libraries that its loader gives them", async (t) => {
  if (!existsSync(LOADER)) return t.skip("this machine's loader is not known");
  using view = viewDirectory("/", [
    "bin",
    "sbin",
    "lib",
    "lib64",
    "etc/ld.so.cache",
    "usr/bin",
    "usr/sbin",
    ...readdirSync("/usr/lib")
      .filter((name) => name.endsWith("-linux-gnu") || name.includes(".so"))
      .map((name) => `usr/lib/${name}`),
    "usr/local/lib",
  ]);
  const root = new InspectedRoot(view, { architecture: ARCHITECTURE, config: {} });
  const programs = root.programs.filter(
    ({ path, file, elf }) =>
      root.placeOf(path) === "command" && (file.mode & 0o6000) === 0 && elf.interpreter === LOADER,
  );
  assert.ok(programs.length > 50, `${programs.length} programs were found`);
  const step = Math.max(1, Math.floor(programs.length / 80));
  let compared = 0;
  for (let i = 0; i < programs.length; i += step) {
    const file = programs[i]!;
    const real = listWithLoader(`/${file.path}`);
    if (real === undefined) continue;
    // Libraries of one program, in a directory that is not looked at here.
    const isOutside = (at: string) =>
      at !== "not found" && !view.entries.has(realpathSync(at).slice(1) as BytePath);
    if ([...real.values()].some(isOutside)) continue;
    const { bindings, missing } = root.loaderOf(file).link(file);
    const ours = new Map(missing.map(({ name }) => [name, "not found"]));
    for (const { name, provider } of bindings) ours.set(name, provider.file.path);
    for (const [name, path] of real) {
      if (name === LOADER || name.startsWith("linux-vdso") || name.startsWith("/")) continue;
      const wanted = path === "not found" ? path : realpathSync(path).slice(1);
      assert.equal(ours.get(name), wanted, `${name} of ${file.path}`);
    }
    compared++;
  }
  t.diagnostic(`${compared} programs compared`);
  assert.ok(compared > 30);
});

/** Names and paths as `ld.so --list` has them. */
function listWithLoader(path: string): Map<string, string> | undefined {
  const env = { PATH: process.env["PATH"] };
  const { stdout } = spawnSync(LOADER, ["--list", path], { env, encoding: "utf8" });
  const found = [...stdout.matchAll(/^\t(\S+) => (not found|\S+)/gm)].map(
    (match) => [match[1]!, match[2]!] as const,
  );
  return found.length === 0 ? undefined : new Map(found);
}

test("a library that only plugins lack is an error when it was promised", async (t) => {
  if (skipsRoots(t)) return;
  const host = library("libhost.so");
  const plugin = library("plugin.so", { libraries: [host] });
  for (const [path, isPromised, expected] of [
    ["/usr/lib/app/private/libhost.so", true, "warning LIBRARY_OUT_OF_PATH"],
    [undefined, undefined, "warning LIBRARY_MISSING"],
    [undefined, false, "warning LIBRARY_MISSING"],
    [undefined, true, "error LIBRARY_MISSING"],
  ] as const) {
    const root = new Root(t);
    root.add(PROG, program([]), 0o755);
    root.add("/usr/lib/app/plugins/a.so", plugin).add("/usr/lib/app/plugins/b.so", plugin);
    if (path !== undefined) root.add(path, host);
    const options = isPromised === undefined ? {} : { isPromised: () => isPromised };
    const problems = await verify(root, { summary: "", build: () => {} }, options);
    const [problem] = problems;
    assert.equal(`${problem?.severity} ${problem?.code}`, expected);
    assert.deepEqual(problem?.missing, { kind: "library", name: "libhost.so" });
    // Warnings of one kind are told once.
    assert.equal(problems.length, expected.startsWith("error") ? 2 : 1);
    if (problems.length === 1) assert.match(problem.message, /a\.so and 1 more beside it need libhost\.so/);
  }
});

test("what the image starts, behind scripts too, is an error though nobody promised it", async (t) => {
  if (skipsRoots(t)) return;
  const y = library("liby.so.1");
  const x = library("libx.so.1", { libraries: [y] });
  const root = new Root(t);
  root
    .add(PROG, program([x]), 0o755)
    .add("/usr/lib/libx.so.1", x)
    .add("/usr/bin/env", program([]), 0o755);
  root.write("/srv/start", "#!/usr/bin/env -S prog -x\n", 0o755).write("/srv/first", "#!/srv/start\n", 0o755);
  for (const [command, severity] of [
    ["/srv/first", "error"],
    ["/usr/bin/env", "warning"],
  ] as const) {
    const problems = await verify(
      root,
      { summary: "", command, build: () => {} },
      { isPromised: () => false },
    );
    const seen = problems.map(({ severity, path, breaks }) => [severity, path, breaks]);
    assert.deepEqual(seen, [[severity, "usr/lib/libx.so.1", ["usr/bin/prog"]]]);
  }
});

test("foreign objects, firmware, object files and debugging information are data", async (t) => {
  if (skipsRoots(t)) return;
  const root = new Root(t);
  const x = library("libx.so.1", { libraries: [library("libnone.so.9")] });
  root.add(PROG, program([]), 0o755);
  root.write("/usr/lib/firmware/dsp.elf", foreign(program([])), 0o755);
  root.write("/usr/riscv64-linux-gnu/lib/libx.so.1", foreign(x));
  root.add("/usr/lib/debug/.build-id/12/34.debug", x);
  const object = compile({ source: MAIN, flags: ["-c"] }, "main.o");
  root.add("/usr/lib/app/main.o", object);
  const damaged = readFileSync(x).subarray(0, 100);
  root.write("/usr/lib/app/testdata/broken.elf", damaged);
  assert.deepEqual(await verify(root, { summary: "", build: () => {} }), []);
});

test("a damaged library where loaders look is told", async (t) => {
  if (skipsRoots(t)) return;
  const root = new Root(t);
  const bytes = readFileSync(library("libx.so.1"));
  root.add(PROG, program([]), 0o755).write("/usr/lib/libx.so.1", bytes.subarray(0, 300));
  const [problem] = await verify(root, { summary: "", build: () => {} });
  assert.equal(problem?.code, "ELF_DAMAGED");
  assert.match(problem.message, /\/usr\/lib\/libx\.so\.1 is damaged: /);
});

test("a library that only newer processors find is a warning", async (t) => {
  if (skipsRoots(t)) return;
  const root = new Root(t);
  const x = library("libx.so.1");
  root.add(PROG, program([x]), 0o755).add("/usr/lib/glibc-hwcaps/x86-64-v2/libx.so.1", x);
  const [problem, ...others] = await verify(root, { summary: "", build: () => {} });
  assert.deepEqual([problem?.code, problem?.severity], ["LIBRARY_FOR_NEWER_CPU", "warning"]);
  assert.deepEqual(others, []);
});

test("musl's loader finds libraries in its own way", async (t) => {
  if (skipsRoots(t)) return;
  const root = new Root(t);
  const [x, y] = [library("libx.so.1"), library("liby.so.1", { libraries: [library("libz.so.1")] })];
  const interpreter = "/lib/ld-musl-x86_64.so.1";
  const flags = [`-Wl,--dynamic-linker=${interpreter},--enable-new-dtags,-rpath,/opt/a`];
  root.add(PROG, program([x, y], flags), 0o755);
  // What stands for the loader: it has no list of directories, and libc is itself.
  root.add(interpreter, library("libc.musl-x86_64.so.1"), 0o755);
  root.add("/usr/local/lib/libx.so.1", x);
  // DT_RUNPATH of the program counts for the libraries of its libraries, too.
  root.add("/opt/a/liby.so.1", y).add("/opt/a/libz.so.1", library("libz.so.1"));
  assert.deepEqual(await verify(root, { summary: "", build: () => {} }), []);
  root.write("/etc/ld-musl-x86_64.path", "/lib\n/usr/lib\n");
  const problems = await verify(root, { summary: "", build: () => {} });
  assert.deepEqual(
    problems.map(({ code, missing }) => `${code} ${missing?.name}`),
    ["LIBRARY_OUT_OF_PATH libx.so.1"],
  );
});
