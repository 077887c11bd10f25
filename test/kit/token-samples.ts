// Files for tests of token kinds: one for each rule of each kind, with the tokens that it uses and offers.

import { crc32 } from "node:zlib";
import { makeElf } from "./make-elf.ts";

/** One file and what a kind finds in it. */
export interface TokenSample {
  readonly kind: string;
  readonly summary: string;
  readonly path: string;
  readonly content?: string | Buffer;
  readonly target?: string;
  readonly uses?: readonly string[];
  readonly offers?: readonly string[];
}

const PYTHON = "usr/lib/python3/dist-packages";

/** A stored member of a ZIP archive with nothing else in it. */
function makeJar(name: string, text: Buffer): Buffer {
  const local = Buffer.alloc(30);
  local.writeUInt32LE(0x04034b50, 0);
  const entry = Buffer.alloc(46);
  entry.writeUInt32LE(0x02014b50, 0);
  for (const [header, at] of [
    [local, 14],
    [entry, 16],
  ] as const) {
    header.writeUInt32LE(crc32(text), at);
    header.writeUInt32LE(text.length, at + 4);
    header.writeUInt32LE(text.length, at + 8);
    header.writeUInt16LE(name.length, at + 12);
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(30 + name.length + text.length, 16);
  return Buffer.concat([local, Buffer.from(name), text, entry, Buffer.from(name), end]);
}

/** A class file whose constant pool names one class. */
function makeClass(name: string): Buffer {
  const bytes = Buffer.alloc(10 + 3 + name.length + 3 + 9);
  bytes.writeUInt32BE(0xcafebabe, 0);
  bytes.writeUInt16BE(5, 8);
  bytes[10] = 1;
  bytes.writeUInt16BE(name.length, 11);
  bytes.write(name, 13, "latin1");
  bytes[13 + name.length] = 7;
  bytes.writeUInt16BE(1, 14 + name.length);
  bytes[16 + name.length] = 5;
  return bytes;
}

/** A PE file with a `#Strings` heap. */
function makeAssembly(names: readonly string[]): Buffer {
  const heap = Buffer.from(`\0${names.join("\0")}\0`, "latin1");
  const root = Buffer.alloc(16 + 4 + 4 + 8 + 12);
  root.write("BSJB", 0, "latin1");
  root.writeUInt32LE(4, 12);
  root.writeUInt16LE(1, 22);
  root.writeUInt32LE(root.length, 24);
  root.writeUInt32LE(heap.length, 28);
  root.write("#Strings\0", 32, "latin1");
  return Buffer.concat([Buffer.from("MZ\0\0"), root, heap]);
}

const RUNS = { imports: ["execvp", "system"] };

/** Every rule of every kind, by example. */
export const TOKEN_SAMPLES: readonly TokenSample[] = [
  {
    kind: "elf-needed",
    summary: "libraries by processor and word size",
    path: "usr/lib/x86_64-linux-gnu/libb.so.1.2",
    content: makeElf({ needed: ["libc.so.6", "/opt/a.so"], soname: "libb.so.1" }),
    uses: ["62.64/libc.so.6"],
    offers: ["62.64/libb.so.1", "62.64/libb.so.1.2"],
  },
  {
    kind: "elf-needed",
    summary: "links to libraries are names, too",
    path: "usr/lib/libb.so.1",
    target: "libb.so.1.2",
    offers: ["link/libb.so.1"],
  },
  {
    kind: "elf-needed-path",
    summary: "libraries by path",
    path: "usr/bin/a",
    content: makeElf({ needed: ["/lib/a.so", "libc.so.6"] }),
    uses: ["usr/lib/a.so"],
  },
  {
    kind: "elf-interpreter",
    summary: "merged-usr form",
    path: "usr/bin/a",
    content: makeElf({ interpreter: "/lib64/ld-linux-x86-64.so.2" }),
    uses: ["usr/lib64/ld-linux-x86-64.so.2"],
  },
  { kind: "symlink", summary: "relative", path: "usr/bin/a", target: "../lib/b", uses: ["usr/lib/b"] },
  {
    kind: "symlink",
    summary: "absolute",
    path: "usr/bin/a",
    target: "/etc/alternatives/b",
    uses: ["etc/alternatives/b"],
  },
  { kind: "shebang", summary: "a path", path: "usr/bin/a", content: "#! /bin/sh -e\n", uses: ["usr/bin/sh"] },
  {
    kind: "shebang",
    summary: "env",
    path: "usr/bin/a",
    content: "#!/usr/bin/env -S A=1 node --x\n",
    uses: ["env node", "usr/bin/env"],
  },
  {
    kind: "shebang",
    summary: "none in compiled code",
    path: "usr/lib/a.fasl",
    content: "#!/build/sbcl\n\0\0",
  },
  {
    kind: "path",
    summary: "in text, without comments",
    path: "etc/a.conf",
    content: "# /etc/no\nuser=/etc/yes\n/single\n",
    uses: ["etc/yes"],
  },
  {
    kind: "path",
    summary: "in a library that speaks for its callers",
    path: "usr/lib/libc.so.6",
    content: makeElf({
      exports: ["iconv_open"],
      strings: ["/usr/lib/x86_64-linux-gnu/gconv", "/etc/host.conf"],
    }),
    uses: ["etc/host.conf"],
  },
  {
    kind: "path",
    summary: "an index that says where it lies names nothing",
    path: "usr/share/a/index.cache",
    content: "/usr/share/a\n/usr/share/b\n",
    uses: ["usr/share/b"],
  },
  {
    kind: "path",
    summary: "headers of which a compiled file has assertions",
    path: "usr/lib/a.so",
    content: makeElf({ strings: ["/usr/include/python3.11/object.h", "/etc/a.conf"] }),
    uses: ["etc/a.conf"],
  },
  {
    kind: "program-path",
    summary: "programs in ELF files",
    path: "usr/lib/liba.so",
    content: makeElf({ soname: "liba.so", strings: ["/usr/bin/ssh", "/etc/x/y"] }),
    uses: ["usr/bin/ssh"],
  },
  {
    kind: "program-path",
    summary: "but not what configure was called with",
    path: "usr/bin/a",
    content: makeElf({
      strings: ["/usr/bin/ssh", "'--prefix=/usr' 'PROVE=/usr/bin/prove'", "/usr/bin/scp"],
    }),
    uses: ["usr/bin/scp", "usr/bin/ssh"],
  },
  {
    kind: "program-path",
    summary: "programs in texts",
    path: "etc/a.conf",
    content: "x /usr/sbin/sendmail /etc/x\n",
    uses: ["usr/sbin/sendmail"],
  },
  {
    kind: "program-path",
    summary: "the shell of the C library's own calls",
    path: "usr/lib/libc.so.6",
    content: makeElf({ exports: ["system"], strings: ["/bin/sh"] }),
  },
  {
    kind: "dlopen",
    summary: "names of libraries, not its own",
    path: "usr/lib/libb.so.1",
    content: makeElf({ soname: "libb.so.1", strings: ["libz.so.1", "libb.so.1"] }),
    uses: ["libz.so.1"],
    offers: ["libb.so.1"],
  },
  {
    kind: "library-stem",
    summary: "foreign functions",
    path: "usr/lib/ruby/vendor_ruby/sass.rb",
    content: "ffi_lib \"/usr/lib/#{arch}/libsass.#{ext}\"\nffi_lib 'yaml'\n",
    uses: ["libsass", "libyaml"],
  },
  {
    kind: "library-stem",
    summary: "links",
    path: "usr/lib/libsass.so",
    target: "libsass.so.1",
    offers: ["libsass"],
  },
  {
    kind: "library-function",
    summary: "users of system need the shell, of setlocale the locale",
    path: "usr/bin/a",
    content: makeElf({ imports: ["system", "setlocale"] }),
    uses: ["locale", "shell"],
  },
  { kind: "library-function", summary: "the shell", path: "usr/bin/sh", target: "dash", offers: ["shell"] },
  {
    kind: "charset",
    summary: "listed charsets and those that are named",
    path: "usr/bin/a",
    content: makeElf({ imports: ["iconv_open"], strings: ["EUC-JP", "KOI8-R", "hello"] }),
    uses: ["KOI8R", "listed charset"],
  },
  {
    kind: "charset",
    summary: "modules",
    path: "usr/lib/x86_64-linux-gnu/gconv/KOI8-R.so",
    offers: ["KOI8R", "any charset"],
  },
  {
    kind: "elf-program",
    summary: "words in what runs programs",
    path: "usr/bin/a",
    content: makeElf({ ...RUNS, strings: ["ssh", "tail", "not a word"] }),
    uses: ["ssh"],
  },
  {
    kind: "elf-program",
    summary: "not in what runs none",
    path: "usr/bin/a",
    content: makeElf({ imports: ["printf"], strings: ["ssh"] }),
  },
  {
    kind: "elf-command",
    summary: "command lines",
    path: "usr/bin/a",
    content: makeElf({ ...RUNS, strings: ["rm -rf %s", "remove the file"] }),
    uses: ["rm"],
  },
  {
    kind: "elf-command",
    summary: "command lines with a computed directory",
    path: "usr/bin/a",
    content: makeElf({
      ...RUNS,
      strings: ['"%s%sxkbcomp" -w %d', "%s/sendmail -t", "%s -x", '"quoted text"'],
    }),
    uses: ["sendmail", "xkbcomp"],
  },
  {
    kind: "shell-built-in",
    summary: "whoever calls exec",
    path: "usr/lib/libruby.so",
    content: makeElf({ imports: ["execve"] }),
    uses: ["built-in"],
  },
  {
    kind: "shell-command",
    summary: "words where commands stand",
    path: "usr/bin/a",
    content:
      "#!/bin/sh\n# sed\nLC_ALL=C grep x y | awk '1'; if cut -f1; then x=$(tr a b); fi\nA=\"$(sed p)\" B=1 date\ncd /tmp\n",
    uses: ["awk", "cut", "date", "grep", "sed", "tr"],
  },
  {
    kind: "shell-command",
    summary: "commands that are no aliases, and those behind the first of a substitution",
    path: "usr/bin/b",
    content:
      '#!/bin/sh\nC="`\\\\unset -f x; \\\\command -v java`"\n\\grep x\nD="$(cd y && dirname z)"\nE=`which perl 2>/dev/null`\n',
    uses: ["dirname", "grep", "java", "perl", "which"],
  },
  {
    kind: "script-command",
    summary: "commands in calls",
    path: "usr/bin/a",
    content: "#!/usr/bin/python3\nsubprocess.run(['ls', x])\nos.system(\"rm -rf y\")\n",
    uses: ["ls", "rm"],
  },
  {
    kind: "script-word",
    summary: "quoted words",
    path: "usr/bin/a",
    content: "#!/usr/bin/perl\nmy $p = 'rsync';\n",
    uses: ["rsync"],
  },
  {
    kind: "relative-path",
    summary: "beside the file, and above",
    path: "usr/lib/app/lib/a.rb",
    content: "require_relative 'a/b'\nload '../c.rb'\n",
    uses: ["usr/lib/app/c.rb", "usr/lib/app/lib/a/b"],
  },
  {
    kind: "path-suffix",
    summary: "paths behind a variable",
    path: "usr/bin/a",
    content: "#!/bin/sh\n. $prefix/lib/a/b.sh\n",
    uses: ["lib/a/b.sh"],
  },
  {
    kind: "data-directory",
    summary: "names of directories",
    path: "usr/lib/liba.so",
    content: makeElf({ soname: "liba.so", strings: ["%s/espeak-ng-data", "/tessdata", "/x"] }),
    uses: ["espeak-ng-data", "tessdata"],
  },
  {
    kind: "ca-bundle",
    summary: "who looks for the bundle",
    path: "usr/lib/libssl.so",
    content: makeElf({ strings: ["/etc/ssl/certs/ca-certificates.crt"] }),
    uses: ["certificates"],
  },
  {
    kind: "ca-bundle",
    summary: "a static program, whose texts have no ends",
    path: "usr/bin/server",
    content: makeElf({ type: "executable", strings: ["left/etc/ssl/certs/ca-certificates.crtright"] }),
    uses: ["certificates"],
  },
  {
    kind: "time-zones",
    summary: "a static program that names them for itself",
    path: "usr/bin/server",
    content: makeElf({ type: "executable", strings: ["left/usr/share/zoneinfo/right"] }),
    uses: ["zones"],
  },
  {
    kind: "time-zones",
    summary: "a C library in a static program names them for whoever asks",
    path: "usr/bin/server",
    content: makeElf({ type: "executable", strings: ["/usr/share/zoneinfo", "/usr/share/zoneinfo/"] }),
  },
  {
    kind: "path",
    summary: "time zones in a static program are another kind's",
    path: "usr/bin/server",
    content: makeElf({ type: "executable", strings: ["/usr/share/zoneinfo", "/etc/services"] }),
    uses: ["etc/services"],
  },
  {
    kind: "time-zones",
    summary: "who has them",
    path: "usr/share/zoneinfo/tzdata.zi",
    offers: ["zones"],
  },
  {
    kind: "program-path",
    summary: "scripts of Node look at ldd to know the C library",
    path: "usr/share/nodejs/addon/index.js",
    content: 'isMusl = readFileSync("/usr/bin/ldd", "utf8"); tar = "/usr/bin/tar"\n',
    uses: ["usr/bin/tar"],
  },
  {
    kind: "script-command",
    summary: "scripts of Node run ldd to know the C library",
    path: "usr/share/nodejs/addon/index.js",
    content: 'execSync("ldd --version"); execSync("git --version")\n',
    uses: ["git"],
  },
  {
    kind: "ca-bundle",
    summary: "who has it",
    path: "usr/share/ca-certificates/x/y.crt",
    offers: ["certificates"],
  },
  {
    kind: "python",
    summary: "imports, absolute and relative",
    path: `${PYTHON}/pkg/sub/mod.py`,
    content:
      "import os, a.b as c\nfrom x import (y,\n  z)\nfrom . import near\nfrom ..up import it\nimport_module('lazy.m')\n",
    uses: ["a.b", "lazy.m", "os", "pkg.sub", "pkg.sub.near", "pkg.up", "pkg.up.it", "x", "x.y", "x.z"],
    offers: ["pkg.sub.mod"],
  },
  {
    kind: "python",
    summary: "entry points",
    path: `${PYTHON}/celery-5.egg-info/entry_points.txt`,
    content: "[console_scripts]\ncelery = celery.__main__:main\n",
    uses: ["celery.__main__"],
  },
  {
    kind: "python",
    summary: "extensions",
    path: "usr/lib/python3.11/lib-dynload/_ssl.cpython-311-x86_64-linux-gnu.so",
    offers: ["_ssl"],
  },
  {
    kind: "python-distribution",
    summary: "requirements without extras",
    path: `${PYTHON}/a-1.dist-info/METADATA`,
    content: "Name: a\nRequires-Dist: Foo.Bar (>=1)\nRequires-Dist: pytest; extra == 'test'\n",
    uses: ["foo-bar"],
    offers: ["a"],
  },
  {
    kind: "python-embedded",
    summary: "modules by name",
    path: "usr/bin/a",
    content: makeElf({ imports: ["PyImport_ImportModule"], strings: ["encodings", "No Module"] }),
    uses: ["encodings"],
  },
  {
    kind: "lua-embedded",
    summary: "modules by name",
    path: "usr/lib/a.so",
    content: makeElf({ imports: ["lua_pcall"], strings: ["resty.core", "No module"] }),
    uses: ["resty.core"],
  },
  {
    kind: "login-shell",
    summary: "who logs users in",
    path: "usr/sbin/a",
    content: makeElf({ imports: ["pam_open_session", "getpwnam", "execve"], strings: ["SHELL"] }),
    uses: ["root's shell"],
  },
  {
    kind: "login-shell",
    summary: "who has it",
    path: "usr/bin/bash",
    offers: ["root's shell"],
  },
  {
    kind: "perl",
    summary: "use, base classes, calls; no documentation",
    path: "usr/share/perl5/A/B.pm",
    content:
      "package A::B;\nuse C::D 1.2;\nuse parent qw(E);\nrequire 'f.pl';\nG::H->new;\n\n=pod\n\nuse No;\n\n=cut\n\nuse I;\n__END__\nuse J;\n",
    uses: ["C/D.pm", "E.pm", "G/H.pm", "I.pm", "f.pl", "parent.pm"],
    offers: ["A/B.pm"],
  },
  {
    kind: "ruby",
    summary: "features and gems",
    path: "usr/lib/ruby/vendor_ruby/a/b.rb",
    content: "require 'json'\nautoload :X, \"x/y\"\ngem 'rake'\n",
    uses: ["gem rake", "json", "x/y"],
    offers: ["a/b"],
  },
  {
    kind: "ruby",
    summary: "specifications",
    path: "usr/share/rubygems-integration/all/specifications/concurrent-ruby-1.1.gemspec",
    content: 's.add_runtime_dependency(%q<z>, [">= 0"])\n',
    uses: ["gem z"],
    offers: ["gem concurrent-ruby"],
  },
  {
    kind: "ruby",
    summary: "specifications with another place than lib",
    path: "usr/share/rubygems-integration/all/specifications/x-1.1.gemspec",
    content: '  s.require_paths = ["lib/x".freeze, "lib".freeze]\n',
    offers: ["gem x", "require path x-1.1/lib/x"],
  },
  {
    kind: "node",
    summary: "packages of specifiers",
    path: "usr/share/nodejs/a/b.js",
    content:
      "require('@s/n/file'); import x from \"c/d\"; require('./e'); /* require('f') */ require('node:fs')",
    uses: ["@s/n", "c", "fs"],
  },
  {
    kind: "node",
    summary: "a manifest",
    path: "usr/share/nodejs/ipaddr.js/package.json",
    content: '{"dependencies":{"a":"*"},"devDependencies":{"b":"*"}}',
    uses: ["a"],
    offers: ["ipaddr.js"],
  },
  { kind: "node", summary: "a lone file", path: "usr/share/nodejs/once.js", offers: ["once", "once.js"] },
  {
    kind: "lua",
    summary: "modules",
    path: "usr/share/lua/5.4/a/init.lua",
    content: 'local b = require "b.c"; pcall(require, "d")\n-- require "no"\n',
    uses: ["b.c", "d"],
    offers: ["a"],
  },
  {
    kind: "tcl",
    summary: "packages",
    path: "usr/share/tcltk/x/pkgIndex.tcl",
    content: "package require Tk 8.6\npackage ifneeded Foo 1 [list]\n",
    uses: ["Tk"],
    offers: ["Foo"],
  },
  {
    kind: "php",
    summary: "extensions",
    path: "usr/share/php8.2-gd/gd/gd.ini",
    content: "; extension=no.so\nextension=gd.so\nzend_extension=opcache\n",
    uses: ["extension gd", "extension opcache"],
  },
  { kind: "php", summary: "extension files", path: "usr/lib/php/20220829/gd.so", offers: ["extension gd"] },
  {
    kind: "r",
    summary: "packages",
    path: "usr/lib/R/site-library/a/DESCRIPTION",
    content: "Package: a\nDepends: R (>= 3), methods\nImports: b,\n c (>= 1)\n",
    uses: ["R", "b", "c", "methods"],
    offers: ["a"],
  },
  {
    kind: "erlang",
    summary: "applications",
    path: "usr/lib/erlang/lib/a-1/ebin/a.app",
    content: "{application,a,[{applications,[kernel,stdlib]}]}.",
    uses: ["application kernel", "application stdlib"],
    offers: ["application a"],
  },
  { kind: "erlang", summary: "modules", path: "usr/lib/erlang/lib/a-1/ebin/b.beam", offers: ["b"] },
  {
    kind: "guile",
    summary: "modules",
    path: "usr/share/guile/3.0/a/b.scm",
    content: "(use-modules (ice-9 regex))\n(define-module (a b) #:use-module ((srfi srfi-1)))\n",
    uses: ["a/b", "ice-9/regex", "srfi/srfi-1"],
    offers: ["a/b"],
  },
  {
    kind: "typelib",
    summary: "namespaces",
    path: "usr/bin/a",
    content:
      "#!/usr/bin/python3\nfrom gi.repository import Gtk, Gio as G\ngi.require_version('Pango', '1.0')\n",
    uses: ["Gio", "Gtk", "Pango"],
  },
  { kind: "typelib", summary: "files", path: "usr/lib/x/girepository-1.0/Gtk-3.0.typelib", offers: ["Gtk"] },
  {
    kind: "c-include",
    summary: "headers",
    path: "usr/include/a/b.h",
    content: '#include <sys/types.h>\n# include "c.h"\n/*\n#include <no.h>\n*/\n',
    uses: ["c.h", "sys/types.h"],
    offers: ["a/b.h"],
  },
  {
    kind: "jar-class-path",
    summary: "archives beside it",
    path: "usr/share/java/a.jar",
    content: makeJar("META-INF/MANIFEST.MF", Buffer.from("Class-Path: b.jar /usr/share/ja\r\n va/c.jar\r\n")),
    uses: ["usr/share/java/b.jar", "usr/share/java/c.jar"],
  },
  {
    kind: "java-class",
    summary: "packages of classes",
    path: "usr/share/java/a.jar",
    content: makeJar("org/a/Main.class", makeClass("org/b/Other")),
    uses: ["org/b"],
    offers: ["org/a"],
  },
  {
    kind: "dotnet",
    summary: "assemblies",
    path: "usr/lib/mono/a.dll",
    content: makeAssembly(["System.Core", "a", "<Module>"]),
    uses: ["System.Core"],
    offers: ["a"],
  },
];
