// Rules for what brings its own language along, and for what can do without what it names.

import assert from "node:assert/strict";
import { test } from "node:test";
import { infer } from "../../test/kit/infer.ts";
import { makeElf } from "../../test/kit/make-elf.ts";
import { makePackage } from "../../test/kit/make-package.ts";
import type { Closure } from "../model/closure.ts";
import type { StoreObject } from "../model/store-object.ts";

const LOADER = "/lib64/ld-linux-x86-64.so.2";
const LIBC = makePackage("libc6", {
  "lib64/ld-linux-x86-64.so.2": makeElf({ soname: "ld-linux-x86-64.so.2" }),
  "lib/x86_64-linux-gnu/libc.so.6": makeElf({ soname: "libc.so.6" }),
});
const library = (soname: string, ...strings: string[]) =>
  makeElf({ soname, needed: ["libc.so.6"], imports: ["dlopen"], strings });

const idsOf = (closure: Closure) => closure.units.map(({ object }) => object.id).sort();

/** Something built, which may refer to some packages. */
function built(object: StoreObject, ...references: readonly StoreObject[]): StoreObject {
  const { package: _, ...rest } = object;
  return {
    ...rest,
    id: "/nix/store/demo",
    placement: { kind: "in-store", storePath: "/nix/store/demo" },
    declaredReferences: references.map(({ id }) => id),
  };
}

const KERNEL = '{application, kernel, [{vsn, "8.5"}, {applications, []}]}.';
const ERLANG = makePackage(
  "erlang-base",
  {
    "usr/bin/erl": "#!/bin/sh\n",
    "usr/bin/run_erl": makeElf({ interpreter: LOADER, needed: ["libc.so.6"] }),
    "usr/lib/erlang/lib/kernel-8.5/ebin/kernel.app": KERNEL,
    "usr/lib/erlang/lib/ssl-10/ebin/ssl.app": "{application, ssl, []}.",
  },
  { depends: ["libc6"] },
);
const START = "#!/bin/sh\nerl -boot start || run_erl /usr/bin/erl\n";
const APPLICATION = "{application, demo, [{applications, [kernel, ssl]}]}.";

test("a release with Erlang in it uses nothing of Debian's Erlang; without, it does", () => {
  const files = {
    "nix/store/demo/bin/demo": { content: START, mode: 0o755 },
    "nix/store/demo/lib/demo-1/ebin/demo.app": APPLICATION,
    "nix/store/demo/erts/bin/beam.smp": makeElf({ interpreter: LOADER, needed: ["libc.so.6"] }),
  };
  const release = { ...files, "nix/store/demo/lib/kernel-8.5/ebin/kernel.app": KERNEL };
  const close = (tree: typeof files) =>
    idsOf(infer([built(makePackage("demo", tree), ERLANG), ERLANG, LIBC], ["/nix/store/demo"]));
  assert.deepEqual(close(release), ["/nix/store/demo", "deb/libc6"]);
  assert.deepEqual(close(files), ["/nix/store/demo", "deb/erlang-base", "deb/libc6"]);
});

test("how a module begins the escripts that it writes brings no env along; what it runs does", () => {
  const ENV = makePackage("coreutils", { "usr/bin/env": makeElf({ interpreter: LOADER }) });
  const close = (text: string) => {
    const module = { "nix/store/demo/ebin/demo.beam": makeBeam(text) };
    return idsOf(infer([built(makePackage("demo", module), ENV), ENV, LIBC], ["/nix/store/demo"]));
  };
  assert.deepEqual(close("#! /usr/bin/env escript\n"), ["/nix/store/demo"]);
  assert.deepEqual(close("/usr/bin/env uname"), ["/nix/store/demo", "deb/coreutils", "deb/libc6"]);
});

/** A compiled module with one string. */
function makeBeam(text: string): Buffer {
  const size = (bytes: number) => Buffer.from(Uint32Array.of(bytes).buffer).swap32();
  const padding = Buffer.alloc((4 - (text.length % 4)) % 4);
  const body = Buffer.concat([Buffer.from("BEAMStrT"), size(text.length), Buffer.from(text), padding]);
  return Buffer.concat([Buffer.from("FOR1"), size(body.length), body]);
}

test("Debian's own Erlang, which has a kernel as well, uses its other packages", () => {
  const ssl = makePackage("erlang-ssl", {
    "usr/lib/erlang/lib/ssl-10/ebin/ssl.app": "{application, ssl, []}.",
  });
  const base = makePackage(
    "erlang-base",
    {
      "usr/lib/erlang/lib/kernel-8.5/ebin/kernel.app": KERNEL,
      "usr/lib/erlang/lib/demo-1/ebin/demo.app": APPLICATION,
    },
    { depends: ["erlang-ssl"] },
  );
  assert.deepEqual(idsOf(infer([base, ssl], ["erlang-base"])), ["deb/erlang-base", "deb/erlang-ssl"]);
});

/** selinux opens sepol without declaring it; logins declares both, and the application logins. */
const SEPOL = makePackage(
  "libsepol",
  { "usr/lib/libsepol.so.2": library("libsepol.so.2") },
  { depends: ["libc6"] },
);
const SELINUX = makePackage(
  "libselinux",
  { "usr/lib/libselinux.so.1": library("libselinux.so.1", "libsepol.so.2") },
  { depends: ["libc6"] },
);

function closeSelinux(program: Buffer): string[] {
  const logins = makePackage(
    "logins",
    { "usr/bin/logins": makeElf({ interpreter: LOADER, needed: ["libsepol.so.2"] }) },
    { depends: ["libselinux", "libsepol"] },
  );
  const app = makePackage("app", { "usr/bin/app": program }, { depends: ["libselinux", "logins"] });
  return idsOf(infer([app, logins, SELINUX, SEPOL, LIBC], ["app"]));
}

test("a library that is opened without being declared counts once something of the image declares it", () => {
  const plain = makeElf({ interpreter: LOADER, needed: ["libc.so.6", "libselinux.so.1"] });
  assert.ok(!closeSelinux(plain).includes("deb/libsepol"));
  const withLogins = makeElf({
    interpreter: LOADER,
    needed: ["libc.so.6", "libselinux.so.1"],
    strings: ["/usr/bin/logins"],
    imports: ["execv"],
  });
  const ids = closeSelinux(withLogins);
  assert.ok(ids.includes("deb/logins") && ids.includes("deb/libsepol"));
});

test("a library that is opened counts for who declares it, directly or not", () => {
  const half = makePackage(
    "libhalf",
    { "usr/lib/libhalf.so.1": library("libhalf.so.1") },
    { depends: ["libc6"] },
  );
  const common = makePackage("app-common", { "etc/app.conf": "" }, { depends: ["libhalf"] });
  const app = makePackage(
    "app",
    {
      "usr/bin/app": makeElf({
        interpreter: LOADER,
        needed: ["libc.so.6"],
        strings: ["libhalf.so.1"],
        imports: ["dlopen"],
      }),
    },
    { depends: ["app-common", "libc6"] },
  );
  assert.ok(idsOf(infer([app, common, half, LIBC], ["app"])).includes("deb/libhalf"));
});

test("the table of manuals in a program of coreutils starts nothing", () => {
  const sums = ["sha224sum", "sha256sum", "sha384sum", "sha512sum"];
  const coreutils = makePackage("coreutils", {
    "usr/bin/env": makeElf({
      interpreter: LOADER,
      needed: ["libc.so.6"],
      imports: ["execvp"],
      strings: sums,
    }),
    ...Object.fromEntries(
      sums.map((name) => [`usr/bin/${name}`, makeElf({ interpreter: LOADER, needed: ["libc.so.6"] })]),
    ),
  });
  const app = makePackage("app", { "usr/bin/app": "#!/usr/bin/env app\n" }, { depends: ["libc6"] });
  const closure = infer([app, coreutils, LIBC], ["app"]);
  const kept = closure.units.flatMap(({ entries }) => entries.map(({ path }) => String(path)));
  assert.ok(kept.includes("usr/bin/env") && !kept.includes("usr/bin/sha512sum"));
});
