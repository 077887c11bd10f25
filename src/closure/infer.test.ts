// The rules of inference, on packages that each test makes.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { infer } from "../../test/kit/infer.ts";
import { makeElf } from "../../test/kit/make-elf.ts";
import { makePackage } from "../../test/kit/make-package.ts";
import type { TreeDescription } from "../../test/kit/trees.ts";
import { toBytePath } from "../model/bytes.ts";
import type { Closure } from "../model/closure.ts";
import type { StoreObject } from "../model/store-object.ts";
import { computeDeclaredClosure } from "./declared.ts";
import { listEntryPoints } from "./entry-points.ts";
import { ClosureError, type ClosureErrorCode } from "./errors.ts";
import type { InferenceOptions } from "./infer.ts";

const LOADER = "/lib64/ld-linux-x86-64.so.2";

/** Names and kept files: `app: usr/bin/app`. */
function dump(closure: Closure): Record<string, string[]> {
  return Object.fromEntries(
    closure.units
      .map(({ object, entries }) => [
        object.package!.name,
        entries.filter(({ type }) => type !== "directory").map(({ path }) => path as string),
      ])
      .sort() as [string, string[]][],
  );
}

function names(closure: Closure): string[] {
  return Object.keys(dump(closure));
}

const program = (...needed: string[]) => makeElf({ interpreter: LOADER, needed: ["libc.so.6", ...needed] });
const library = (soname: string, ...needed: string[]) => makeElf({ soname, needed });
const LIBC = makePackage("libc6", {
  "lib64/ld-linux-x86-64.so.2": makeElf({ soname: "ld-linux-x86-64.so.2" }),
  "lib/x86_64-linux-gnu/libc.so.6": makeElf({
    soname: "libc.so.6",
    exports: ["system", "iconv_open", "setlocale"],
    strings: ["/bin/sh", "/usr/lib/x86_64-linux-gnu/gconv", "/usr/lib/locale"],
  }),
  "lib/x86_64-linux-gnu/libm.so.6": library("libm.so.6", "libc.so.6"),
  "usr/lib/x86_64-linux-gnu/gconv/UTF-16.so": library("UTF-16.so"),
  "usr/lib/x86_64-linux-gnu/gconv/KOI8-R.so": library("KOI8-R.so"),
  "usr/lib/x86_64-linux-gnu/gconv/EUC-KR.so": library("EUC-KR.so"),
  "etc/ld.so.conf.d/x86_64-linux-gnu.conf": "/usr/lib/x86_64-linux-gnu\n",
});
const DASH = makePackage("dash", { "bin/dash": program(), "bin/sh": { target: "dash" } });
const COREUTILS = makePackage("coreutils", {
  "bin/ls": program(),
  "bin/rm": program(),
  "bin/echo": program(),
});

test("a program with its libraries, and nothing else; a C library goes file by file", () => {
  const app = makePackage(
    "app",
    { "usr/bin/app": program("libfoo.so.1") },
    { depends: ["libfoo1", "libunused1", "libc6"] },
  );
  const foo = makePackage("libfoo1", {
    "usr/lib/x86_64-linux-gnu/libfoo.so.1": { target: "libfoo.so.1.0" },
    "usr/lib/x86_64-linux-gnu/libfoo.so.1.0": library("libfoo.so.1"),
    "usr/lib/x86_64-linux-gnu/libfootools.so.1": library("libfootools.so.1", "libother.so.1"),
    "usr/lib/x86_64-linux-gnu/foo/plugin.so": library("plugin.so"),
    "usr/share/foo/data": "data",
  });
  const unused = makePackage("libunused1", { "usr/lib/libunused.so.1": library("libunused.so.1") });
  const closure = infer([app, foo, unused, LIBC, DASH, COREUTILS], ["app"]);
  assert.deepEqual(dump(closure), {
    app: ["usr/bin/app"],
    libc6: [
      "etc/ld.so.conf.d/x86_64-linux-gnu.conf",
      "lib/x86_64-linux-gnu/libc.so.6",
      "lib64/ld-linux-x86-64.so.2",
    ],
    libfoo1: [
      "usr/lib/x86_64-linux-gnu/foo/plugin.so",
      "usr/lib/x86_64-linux-gnu/libfoo.so.1",
      "usr/lib/x86_64-linux-gnu/libfoo.so.1.0",
      "usr/share/foo/data",
    ],
  });
  assert.deepEqual(closure.dropped, [{ id: "deb/libunused1", declaredBy: ["deb/app"] }]);
  assert.deepEqual(closure.edges.find(({ to }) => to === "deb/libfoo1")?.evidence, [
    {
      kind: "elf-needed",
      file: "usr/bin/app",
      token: "libfoo.so.1",
      target: "usr/lib/x86_64-linux-gnu/libfoo.so.1.0",
    },
    {
      kind: "elf-needed",
      file: "usr/bin/app",
      token: "libfoo.so.1",
      target: "usr/lib/x86_64-linux-gnu/libfoo.so.1",
    },
  ]);
  assert.deepEqual(
    closure.units.map(({ object, granularity }) => [object.id, granularity]),
    [
      ["deb/libfoo1", "files"],
      ["deb/libc6", "files"],
      ["deb/app", "whole"],
    ],
  );
});

test("a library of another processor is none", () => {
  const app = makePackage(
    "app",
    { "usr/bin/app": makeElf({ needed: ["libx.so.1"] }) },
    { depends: ["libx1"] },
  );
  const foreign = makePackage("libx1", {
    "usr/lib/libx.so.1": makeElf({ soname: "libx.so.1", machine: 183 }),
  });
  const closure = infer([app, foreign], ["app"]);
  assert.deepEqual(names(closure), ["app"]);
  assert.deepEqual(closure.dangling, [
    { object: "deb/app", path: "usr/bin/app", kind: "elf-needed", token: "libx.so.1" },
  ]);
});

test("gates: the shell, charsets and the locale are for those who call for them", () => {
  const base = makePackage("libc-bin", {
    "usr/lib/locale/C.utf8/LC_CTYPE": "x",
    "usr/bin/ldd": "#!/bin/bash\n",
  });
  const objects = (imports: string[], strings: string[] = []) => [
    makePackage(
      "app",
      { "usr/bin/app": makeElf({ interpreter: LOADER, needed: ["libc.so.6"], imports, strings }) },
      { depends: ["libc6"] },
    ),
    LIBC,
    DASH,
    base,
  ];
  const gconv = (closure: Closure) => dump(closure)["libc6"]!.filter((path) => path.includes("gconv/"));
  const plain = infer(objects(["printf"]), ["app"]);
  assert.deepEqual(names(plain), ["app", "libc6"]);
  assert.deepEqual(gconv(plain), []);
  assert.deepEqual(dump(infer(objects(["system"]), ["app"]))["dash"], ["bin/dash", "bin/sh"]);
  assert.deepEqual(gconv(infer(objects(["iconv_open"]), ["app"])), [
    "usr/lib/x86_64-linux-gnu/gconv/UTF-16.so",
  ]);
  assert.deepEqual(gconv(infer(objects(["iconv_open"], ["KOI8-R"]), ["app"])).length, 2);
  assert.deepEqual(dump(infer(objects(["setlocale"]), ["app"]))["libc-bin"], [
    "usr/lib/locale/C.utf8/LC_CTYPE",
  ]);
});

test("a library of a language that converts charsets keeps all of them, and what shells have built in", () => {
  const objects = [
    makePackage(
      "python3",
      {
        "usr/bin/python3": makeElf({
          interpreter: LOADER,
          needed: ["libc.so.6"],
          imports: ["iconv_open", "execv"],
        }),
        "usr/lib/python3.11/os.py": "",
      },
      { depends: ["libc6"] },
    ),
    LIBC,
    COREUTILS,
  ];
  const closure = infer(objects, ["python3"]);
  assert.equal(dump(closure)["libc6"]!.filter((path) => path.includes("gconv/")).length, 3);
  assert.deepEqual(dump(closure)["coreutils"], ["bin/echo"]);
});

test("weak words mean direct dependencies only, through metapackages, and never maintainers' tools", () => {
  const runs = (...strings: string[]) => makeElf({ imports: ["execvp"], strings });
  const objects = [
    makePackage(
      "app",
      { "usr/bin/app": runs("near", "far", "deluser", "behind") },
      { depends: ["near", "adduser", "meta"] },
    ),
    makePackage("near", { "usr/bin/near": program() }, { depends: ["far"] }),
    makePackage("far", { "usr/bin/far": program() }),
    makePackage("meta", { "usr/share/doc/meta/copyright": "" }, { depends: ["behind"] }),
    makePackage("behind", { "usr/bin/behind": program() }),
    makePackage("adduser", { "usr/sbin/deluser": "#!/usr/bin/perl\n" }),
    makePackage("essential", { "usr/bin/behind-none": program() }),
  ];
  assert.deepEqual(names(infer(objects, ["app"])), ["app", "behind", "near"]);
});

test("a maintainers' tool is none of a program's, though a script has its path", () => {
  const script = "#!/usr/bin/sh\n/usr/bin/dpkg -s a; /usr/bin/tool\n";
  const objects = [
    makePackage("app", { "usr/bin/app": program(), "usr/share/app/a.sh": script }, { depends: ["dash"] }),
    DASH,
    LIBC,
    makePackage("dpkg", { "usr/bin/dpkg": program() }),
    makePackage("tools", { "usr/bin/tool": program() }),
  ];
  assert.deepEqual(names(infer(objects, ["app"])), ["app", "dash", "libc6", "tools"]);
  assert.deepEqual(names(infer(objects, ["app", "dpkg"])), ["app", "dash", "dpkg", "libc6", "tools"]);
});

test("words that functions and protocols have, too, name no program", () => {
  const app = { "usr/bin/app": makeElf({ imports: ["execvp"], strings: ["shutdown", "tool"] }) };
  const objects = [
    makePackage("app", app, { depends: ["init", "tools"] }),
    makePackage("init", { "usr/sbin/shutdown": program() }),
    makePackage("tools", { "usr/bin/tool": makeElf({}) }),
  ];
  assert.deepEqual(names(infer(objects, ["app"])), ["app", "tools"]);
});

test("a word in a library belongs to the program that pulled the library in, whichever is seen first", () => {
  const objects = [
    makePackage("app", { "usr/bin/app": makeElf({ needed: ["libz.so.1"] }) }, { depends: ["zlib", "tool"] }),
    makePackage("zlib", {
      "usr/lib/libz.so.1": makeElf({ soname: "libz.so.1", imports: ["execvp"], strings: ["tool-run"] }),
    }),
    makePackage("tool", { "usr/bin/tool-run": program() }),
  ];
  assert.deepEqual(names(infer(objects, ["app"])), ["app", "tool", "zlib"]);
});

test("command lines may mean an Essential program, for who calls the shell", () => {
  const objects = (imports: string[]) => [
    makePackage("app", { "usr/bin/app": makeElf({ imports, strings: ["rm -rf %s"] }) }),
    COREUTILS,
  ];
  assert.deepEqual(dump(infer(objects(["execvp"]), ["app"])), { app: ["usr/bin/app"] });
  assert.deepEqual(dump(infer(objects(["system"]), ["app"])), {
    app: ["usr/bin/app"],
    coreutils: ["bin/rm"],
  });
});

test("shell scripts of a root keep the Essential programs that they run", () => {
  const objects = [makePackage("app", { "usr/bin/app": "#!/bin/sh\nls /x\n" }), DASH, COREUTILS];
  assert.deepEqual(dump(infer(objects, ["app"])), {
    app: ["usr/bin/app"],
    coreutils: ["bin/ls"],
    dash: ["bin/dash", "bin/sh"],
  });
});

test("scripts without a declared interpreter are dropped and reported", () => {
  const perl = makePackage("perl-base", { "usr/bin/perl": program(), "usr/share/perl5/A.pm": "" });
  const tree: TreeDescription = {
    "usr/bin/app": makeElf({}),
    "usr/bin/helper": "#!/usr/bin/perl\nuse A;\n",
    "usr/bin/other": "#!/usr/bin/env nowhere\n",
    "usr/lib/app/core.fasl": "#!/build/lisp\n\0\0\0",
  };
  const closure = infer([makePackage("app", tree), perl], ["app"]);
  assert.deepEqual(dump(closure), { app: ["usr/bin/app", "usr/lib/app/core.fasl"] });
  assert.deepEqual(closure.droppedScripts, [
    { object: "deb/app", path: "usr/bin/helper", interpreter: "/usr/bin/perl" },
    { object: "deb/app", path: "usr/bin/other", interpreter: "nowhere" },
  ]);
  const declared = infer([makePackage("app", tree, { depends: ["perl-base"] }), perl], ["app"]);
  assert.deepEqual(names(declared), ["app", "perl-base"]);
});

test("scripts stay with their package when the image has their interpreter for others", () => {
  const objects = (text: string) => [
    makePackage("app", { "usr/bin/app": makeElf({}), "etc/app": text }, { depends: ["lib"] }),
    makePackage("lib", {
      "usr/lib/app/start": "#!/bin/sh\nrm x\n",
      "usr/lib/app/data": "",
      "usr/lib/app/module.py": "",
    }),
    DASH,
    COREUTILS,
  ];
  const alone = infer(objects("/usr/lib/app\n"), ["app"]);
  assert.deepEqual(dump(alone)["lib"], ["usr/lib/app/data", "usr/lib/app/module.py"]);
  assert.deepEqual(
    alone.droppedScripts?.map(({ path }) => path),
    ["usr/lib/app/start"],
  );
  const beside = infer(objects("/usr/lib/app\n/bin/sh\n"), ["app"]);
  assert.deepEqual(dump(beside), {
    app: ["etc/app", "usr/bin/app"],
    dash: ["bin/dash", "bin/sh"],
    lib: ["usr/lib/app/data", "usr/lib/app/module.py", "usr/lib/app/start"],
  });
  assert.deepEqual(beside.droppedScripts, []);
});

test("what a tree itself provides wins over another package's copy", () => {
  const objects = [
    makePackage(
      "app",
      { "usr/bin/app": makeElf({ needed: ["libx.so.1"] }), "opt/app/libx.so.1": library("libx.so.1") },
      { depends: ["libx1"] },
    ),
    makePackage("libx1", { "usr/lib/libx.so.1": library("libx.so.1") }),
  ];
  assert.deepEqual(names(infer(objects, ["app"])), ["app"]);
});

test("a directory of one package, links on the way, and shared directories", () => {
  const app = (path: string) =>
    makePackage("app", { "etc/app.conf": `x ${path}\n` }, { depends: ["data", "other"] });
  const data = makePackage("data", {
    "usr/share/data/a/b": "",
    "usr/share/current": { target: "data" },
    "usr/share/java/data.jar": "",
  });
  const other = makePackage("other", { "usr/share/java/other.jar": "" });
  for (const [path, expected] of [
    ["/usr/share/data/a", ["app", "data"]],
    ["/usr/share/data/missing/file", ["app", "data"]],
    ["/usr/share/current/a/b", ["app", "data"]],
    ["/usr/share/java", ["app"]],
    ["/usr/share/missing", ["app"]],
  ] as const) {
    assert.deepEqual(names(infer([app(path), data, other], ["app"])), expected, path);
  }
});

test("a directory of a package that nothing in the image declares is no reason for the rest of it", () => {
  const objects = (declares: readonly string[]) => [
    makePackage("app", { "usr/bin/app": makeElf({ needed: ["liba.so"] }) }, { depends: ["liba", "libb"] }),
    makePackage(
      "liba",
      { "usr/lib/liba.so": makeElf({ soname: "liba.so", strings: ["/usr/share/drivers.d"] }) },
      { depends: declares },
    ),
    makePackage("libb", { "usr/lib/libb.so": library("libb.so") }, { depends: ["driver"] }),
    makePackage(
      "driver",
      { "usr/lib/drivers/a.so": library("a.so", "libz.so"), "usr/share/drivers.d/a.conf": "" },
      { depends: ["libz"] },
    ),
    makePackage("libz", { "usr/lib/libz.so": library("libz.so") }),
  ];
  const dumped = dump(infer(objects([]), ["app"]));
  assert.deepEqual(Object.keys(dumped), ["app", "driver", "liba"]);
  assert.deepEqual(dumped["driver"], ["usr/share/drivers.d/a.conf"]);
  const declared = dump(infer(objects(["driver"]), ["app"]));
  assert.deepEqual(Object.keys(declared), ["app", "driver", "liba", "libz"]);
  assert.equal(declared["driver"]!.length, 2);
});

test("test suites stay where something outside of them names their files", () => {
  const modules = "usr/lib/python3/dist-packages";
  const objects = (text: string) => [
    makePackage(
      "app",
      { [`${modules}/app/__init__.py`]: text, [`${modules}/app/tests/__init__.py`]: "import pytest\n" },
      { depends: ["lib", "pytest"] },
    ),
    makePackage("lib", {
      [`${modules}/lib/__init__.py`]: "",
      [`${modules}/lib/tests/__init__.py`]: "",
      [`${modules}/lib/tests/util.py`]: "",
      [`${modules}/lib/tests/test_a.py`]: "import pytest\n",
    }),
    makePackage("pytest", { [`${modules}/pytest.py`]: "" }),
  ];
  const closure = infer(objects("import lib\n"), ["app"]);
  assert.deepEqual(dump(closure), {
    app: [`${modules}/app/__init__.py`],
    lib: [`${modules}/lib/__init__.py`],
  });
  assert.deepEqual(
    closure.pruned.map(({ name, files }) => [name, files]),
    [["test suites", 4]],
  );
  const named = dump(infer(objects("from lib.tests.util import a\n"), ["app"]));
  assert.deepEqual(
    named["lib"],
    ["__init__.py", "tests/__init__.py", "tests/util.py"].map((file) => `${modules}/lib/${file}`),
  );
});

test("paths behind a variable: a script by its own name, or all of a directory", () => {
  const objects = (text: string) => [
    makePackage("app", { "usr/bin/app": `#!/bin/sh\n${text}\n` }, { depends: ["app-data"] }),
    makePackage("app-data", { "usr/share/app/bin/start.sh": "#!/bin/sh\n", "usr/share/app/m/x": "" }),
    DASH,
  ];
  for (const text of ["exec $HOME/bin/start.sh", "ls $PREFIX/share/app/m"]) {
    const files = dump(infer(objects(text), ["app"]))["app-data"];
    assert.deepEqual(files, ["usr/share/app/bin/start.sh", "usr/share/app/m/x"], text);
  }
});

test("metapackages bring what they depend on, half a metapackage its siblings with commands", () => {
  const cli = makePackage("cli", { "usr/bin/cli": program() }, { control: { Source: "suite (1)" } });
  const extra = makePackage("extra", { "usr/bin/extra": program() });
  const half = makePackage(
    "suite",
    { "usr/share/suite/x": "" },
    { depends: ["cli", "extra"], control: { Source: "suite" } },
  );
  const meta = makePackage("meta", { "usr/share/doc/meta/copyright": "" }, { depends: ["suite"] });
  const closure = infer([cli, extra, half, meta], ["meta"]);
  assert.deepEqual(names(closure), ["cli", "meta", "suite"]);
  assert.deepEqual(
    closure.edges.map(({ from, to }) => [from, to]),
    [
      ["deb/meta", "deb/suite"],
      ["deb/suite", "deb/cli"],
    ],
  );
});

test("a library that loads plugins keeps the provider that was chosen for it", () => {
  const objects = [
    makePackage("app", { "usr/bin/app": makeElf({ needed: ["libsnd.so.1"] }) }, { depends: ["libsnd1"] }),
    makePackage(
      "libsnd1",
      { "usr/lib/libsnd.so.1": makeElf({ soname: "libsnd.so.1", imports: ["lt_dlopenext"] }) },
      { depends: ["snd-alsa", "data"], control: { Depends: "snd-alsa | snd-output, data" } },
    ),
    makePackage(
      "snd-alsa",
      { "usr/lib/snd/alsa.so": library("alsa.so") },
      { control: { Provides: "snd-output" } },
    ),
    makePackage("data", { "usr/lib/data/x.so": library("x.so") }),
  ];
  assert.deepEqual(names(infer(objects, ["app"])), ["app", "libsnd1", "snd-alsa"]);
});

test("who declares a compiler runs it, and an image with a compiler keeps the files for compilers", () => {
  const objects = [
    makePackage("rust", { "usr/bin/rust": program() }, { depends: ["cc"] }),
    makePackage(
      "cc",
      { "usr/bin/cc": program(), "usr/include/a.h": "#include <b/c.h>\n" },
      { depends: ["dev"], control: { Provides: "c-compiler" } },
    ),
    makePackage("dev", { "usr/include/b/c.h": "" }),
  ];
  assert.deepEqual(dump(infer(objects, ["rust"])), {
    cc: ["usr/bin/cc", "usr/include/a.h"],
    dev: ["usr/include/b/c.h"],
    rust: ["usr/bin/rust"],
  });
});

test("a program keeps the data that was split off from it, for all architectures", () => {
  const objects = [
    makePackage(
      "app",
      { "usr/bin/app": program() },
      { depends: ["app-common", "app-dbg"], control: { Source: "app", Architecture: "amd64" } },
    ),
    makePackage("app-common", { "usr/share/app/x": "" }, { control: { Source: "app", Architecture: "all" } }),
    makePackage("app-dbg", { "usr/share/dbg/x": "" }, { control: { Source: "app", Architecture: "amd64" } }),
  ];
  assert.deepEqual(names(infer(objects, ["app"])), ["app", "app-common"]);
});

test("what installation makes is offered, too", () => {
  const objects = [
    makePackage("app", { "etc/app.conf": "pager=/usr/bin/pager\n" }, { depends: ["less"] }),
    makePackage("less", { "usr/bin/less": program() }),
  ];
  assert.deepEqual(names(infer(objects, ["app"])), ["app"]);
  const offered = {
    object: "deb/less",
    path: toBytePath("usr/bin/pager"),
    target: toBytePath("usr/bin/less"),
  };
  assert.deepEqual(names(infer(objects, ["app"], {}, [offered])), ["app", "less"]);
});

test("empty directories that a kept package ships stay; those that lose their files go", () => {
  const objects = [
    makePackage("app", {
      "usr/bin/app": program(),
      "var/lib/": {},
      "var/lib/app/": {},
      "usr/share/man/man1/": {},
      "usr/share/man/man1/app.1": "",
    }),
  ];
  const closure = infer(objects, ["app"]);
  assert.deepEqual(
    closure.units[0]!.entries.map(({ path }) => path as string),
    ["usr/bin/app", "var/lib", "var/lib/app"],
  );
  assert.deepEqual(closure.pruned, [{ name: "manual pages", files: 1, size: 0 }]);
});

test("minimal: from the entrypoint only, but libraries of languages stay whole", () => {
  const objects = [
    makePackage(
      "app",
      {
        "usr/bin/app": makeElf({ needed: ["libpy.so.1"] }),
        "usr/bin/other": makeElf({ needed: ["libz.so.1"] }),
      },
      { depends: ["py", "zlib"] },
    ),
    makePackage("py", { "usr/lib/libpy.so.1": library("libpy.so.1"), "usr/lib/python3.11/a.py": "" }),
    makePackage("zlib", { "usr/lib/libz.so.1": library("libz.so.1") }),
  ];
  const closure = infer(objects, ["app"], {
    minimal: "files",
    entryPoints: listEntryPoints({ Cmd: ["app"] }),
  });
  assert.deepEqual(dump(closure), {
    app: ["usr/bin/app"],
    py: ["usr/lib/libpy.so.1", "usr/lib/python3.11/a.py"],
  });
});

test("keep and drop change what the rules say, and must", () => {
  const objects = [
    makePackage("app", { "usr/bin/app": program(), "usr/share/app/extra": "" }, { depends: ["tool"] }),
    makePackage("tool", { "usr/bin/tool": program() }),
  ];
  assert.deepEqual(dump(infer(objects, ["app"], { keep: ["to*"], drop: ["/usr/share/app"] })), {
    app: ["usr/bin/app"],
    tool: ["usr/bin/tool"],
  });
  const fails = (options: InferenceOptions, code: ClosureErrorCode) =>
    assert.throws(
      () => infer(objects, ["app"], options),
      (error) => error instanceof ClosureError && error.code === code,
    );
  fails({ keep: ["/usr/bin/app"] }, "OVERRIDE_WITHOUT_EFFECT");
  fails({ keep: ["nothing"] }, "OVERRIDE_WITHOUT_EFFECT");
  fails({ drop: ["tool"] }, "OVERRIDE_WITHOUT_EFFECT");
  fails({ drop: ["/usr/nothing/**"] }, "OVERRIDE_WITHOUT_EFFECT");
  fails({ entryPoints: listEntryPoints({ Cmd: ["none"] }) }, "ENTRYPOINT_NOT_FOUND");
  assert.throws(() => infer(objects, ["none"]), { code: "ROOT_NOT_FOUND" });
});

test("only chosen kinds, for measuring", () => {
  const objects = [
    makePackage(
      "app",
      { "usr/bin/app": program("libx.so.1"), "etc/a": "/usr/share/b/c\n" },
      { depends: ["x", "b"] },
    ),
    makePackage("x", { "usr/lib/libx.so.1": library("libx.so.1") }),
    makePackage("b", { "usr/share/b/c": "" }),
  ];
  assert.deepEqual(names(infer(objects, ["app"], { onlyKinds: ["elf-needed"] })), ["app", "x"]);
});

/** A closure of packages whose files name each other at random. */
const PACKAGES = ["a", "b", "c", "d", "e"];
const reference = fc.constantFrom(
  ...PACKAGES.flatMap((name) => [`/usr/share/${name}/data`, `/usr/bin/${name}-run`]),
);
const packageTrees = fc.tuple(
  ...PACKAGES.map((name) =>
    fc.record({
      name: fc.constant(name),
      data: fc.array(reference, { maxLength: 3 }),
      script: fc.array(fc.constantFrom(...PACKAGES.map((other) => `${other}-run`)), { maxLength: 2 }),
      depends: fc.subarray(PACKAGES),
    }),
  ),
);
type Described = Readonly<{ name: string; data: string[]; script: string[]; depends: string[] }>;

function makeRandom({ name, data, script, depends }: Described, more: TreeDescription = {}): StoreObject {
  const tree = {
    [`usr/share/${name}/data`]: data.join("\n"),
    [`usr/bin/${name}-run`]: `#!/usr/bin/a-run\n"""\nsystem("${script.join('"); system("')}")\n`,
    ...more,
  };
  return makePackage(name, tree, { depends });
}

test("the order of packages does not matter", () => {
  fc.assert(
    fc.property(packageTrees, fc.shuffledSubarray(PACKAGES, { minLength: 5 }), (described, order) => {
      const objects = described.map((one) => makeRandom(one));
      const shuffled = order.map((name) => objects.find(({ id }) => id === `deb/${name}`)!);
      assert.deepEqual(infer(shuffled, ["a"]), infer(objects, ["a"]));
    }),
    { seed: 5, numRuns: 60 },
  );
});

test("adding a file to a tree never removes a file from the image", () => {
  const file = fc.record({
    where: fc.constantFrom(...PACKAGES),
    text: fc.array(reference, { maxLength: 3 }),
  });
  fc.assert(
    fc.property(packageTrees, file, (described, { where, text }) => {
      const before = dump(
        infer(
          described.map((one) => makeRandom(one)),
          ["a"],
        ),
      );
      const added = { [`etc/added/${where}.conf`]: text.join("\n") };
      const objects = described.map((one) => makeRandom(one, one.name === where ? added : {}));
      const after = dump(infer(objects, ["a"]));
      for (const [name, files] of Object.entries(before)) {
        for (const path of files) assert.ok(after[name]?.includes(path), `${name}: ${path}`);
      }
    }),
    { seed: 6, numRuns: 60 },
  );
});

/** A file of the user's own. */
function ownFile(path: string, text: string): StoreObject {
  const { package: _, ...object } = makePackage(path, { [path]: text });
  return { ...object, id: `path/${path}`, overrides: true };
}

test("a file of the user's own takes the place of a package's, whose references no longer count", () => {
  const objects = [
    makePackage(
      "app",
      { "bin/app": program(), "etc/app.conf": "/usr/share/old/data\n", var: { target: "srv" } },
      { depends: ["old", "new"] },
    ),
    makePackage("old", { "usr/share/old/data": "" }),
    makePackage("new", { "usr/share/new/data": "" }),
  ];
  const own = { ...ownFile("etc/app.conf", "/usr/share/new/data\n"), declaredReferences: ["deb/new"] };
  assert.deepEqual(names(infer(objects, ["app"])), ["app", "old"]);
  const closure = infer([...objects, own, ownFile("usr/bin/app", "")], ["app", own.id, "path/usr/bin/app"]);
  assert.deepEqual(
    closure.units.map(({ object, entries }) => [object.id, entries.map(({ path }) => path as string)]),
    [
      ["deb/new", ["usr/share/new/data"]],
      ["deb/app", ["var"]],
      ["path/etc/app.conf", ["etc/app.conf"]],
      ["path/usr/bin/app", ["usr/bin/app"]],
    ],
  );
  assert.deepEqual(closure.replaced, [
    { object: "deb/app", path: "bin/app", by: "path/usr/bin/app" },
    { object: "deb/app", path: "etc/app.conf", by: own.id },
  ]);
  const declared = computeDeclaredClosure([...objects, own], ["deb/app", own.id]);
  assert.deepEqual(declared.replaced, [{ object: "deb/app", path: "etc/app.conf", by: own.id }]);
});

test("a file of the user's own wins behind links of directories; of two, none does", () => {
  const app = makePackage("app", { "srv/www/index.html": "", "var/www": { target: "../srv/www" } });
  const own = ownFile("var/www/index.html", "mine");
  const second = { ...ownFile("var/www/index.html", "other"), id: "path/second" };
  const closure = infer([app, own, second], ["app", own.id, second.id]);
  assert.deepEqual(
    closure.replaced?.map(({ path }) => path as string),
    ["srv/www/index.html"],
  );
  assert.equal(closure.units.length, 3);
});

test("minimal: files of the user's own stay, and so does what the command line names", () => {
  const objects = [
    makePackage("app", {
      "usr/bin/app": program(),
      "usr/bin/tool": program(),
      "etc/app/a.conf": "",
      "etc/app/b.conf": "",
      "usr/share/app/x": "",
      "var/lib/app/": {},
    }),
    ownFile("srv/script", "#!/usr/bin/tool\n"),
  ];
  const minimal = (Cmd: readonly string[]) =>
    infer(objects, ["app", "path/srv/script"], { minimal: "files", entryPoints: listEntryPoints({ Cmd }) })
      .units.find(({ object }) => object.id === "deb/app")!
      .entries.map(({ path }) => path as string);
  assert.deepEqual(minimal(["app"]), ["usr/bin/app", "usr/bin/tool", "var/lib/app"]);
  assert.deepEqual(minimal(["app", "-c", "/etc/app/a.conf"]).slice(0, 1), ["etc/app/a.conf"]);
  assert.deepEqual(minimal(["app", "--data=/usr/share/app", "/none"]).at(-2), "usr/share/app/x");
});
