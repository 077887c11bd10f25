import assert from "node:assert/strict";
import { test } from "node:test";
import { makePackage } from "../../../test/kit/make-package.ts";
import { makeTree } from "../../../test/kit/trees.ts";
import type { StoreObject } from "../../model/store-object.ts";
import { findDebianRelease } from "../debian-release.ts";
import { viewEntries } from "../root-view.ts";
import type { MissingThing, RootProblem } from "./problem.ts";
import { describeProblem, nameProviders } from "./providers.ts";
import { refuseErrors, VerifyRootError } from "./refuse.ts";

const redis: StoreObject = makePackage("redis", { "usr/bin/redis-server": "" });
const OBJECTS: readonly StoreObject[] = [
  makePackage("libx1", { "usr/lib/libx.so.1": { target: "libx.so.1.0" }, "lib/libx.so.1.0": "" }),
  makePackage("libx1-alt", { "opt/libx.so.1": "", "libx.so.1/": {} }),
  makePackage("dash", { "bin/sh": { target: "dash" }, "srv/data/": {} }),
  {
    ...redis,
    package: {
      ...redis.package!,
      controlFiles: new Map([["postinst", "set -e\nadduser --system \\\n  --home /x redis\n"]]),
    },
  },
];

const problem = (missing?: MissingThing, code: RootProblem["code"] = "LIBRARY_MISSING"): RootProblem => ({
  code,
  severity: "error",
  path: undefined,
  message: "broken",
  missing,
});

const cases: [summary: string, missing: MissingThing, providers: string[] | undefined, text: string][] = [
  ["a library", { kind: "library", name: "libx.so.1" }, ["libx1", "libx1-alt"], "libx1 or libx1-alt has it"],
  [
    "a symbol version",
    { kind: "symbol-version", name: "X_2", of: "libx.so.1.0" },
    ["libx1"],
    "libx.so.1.0 is of libx1",
  ],
  ["an interpreter", { kind: "interpreter", name: "/usr/bin/sh" }, ["dash"], "dash has it"],
  ["a program by name", { kind: "program", name: "redis-server" }, ["redis"], "redis has it"],
  ["a directory", { kind: "directory", name: "/srv/data" }, ["dash"], "dash has it"],
  ["a user", { kind: "user", name: "redis" }, ["redis"], "redis makes it"],
  ["a user whom nobody makes", { kind: "user", name: "redi" }, undefined, ""],
  ["a file that nobody has", { kind: "file", name: "/usr/lib/none" }, undefined, ""],
];
for (const [summary, missing, providers, text] of cases) {
  test(`who has ${summary}`, async () => {
    const [named] = await nameProviders([problem(missing)], OBJECTS);
    assert.deepEqual(named!.providers, providers);
    assert.equal(describeProblem(named!), providers === undefined ? "broken" : `broken (${text})`);
  });
}

test("the archive is asked once, for what no object has and what it can list", async () => {
  const asked: (readonly string[])[] = [];
  const named = await nameProviders(
    [
      problem({ kind: "library", name: "libx.so.1" }),
      problem({ kind: "library", name: "libz.so.1" }),
      problem({ kind: "program", name: "gawk" }),
      problem({ kind: "interpreter", name: "/usr/bin/ruby" }),
      problem({ kind: "interpreter", name: "/usr/bin/ruby\r" }),
      problem({ kind: "file", name: "../x" }),
      problem({ kind: "library", name: "liby.so.1" }, "LIBRARY_OUT_OF_PATH"),
      problem({ kind: "group", name: "mail" }),
      problem(),
    ],
    OBJECTS,
    async (requests) => {
      asked.push(requests);
      return new Map([["lib:libz.so.1", ["zlib1g"]]]);
    },
  );
  assert.deepEqual(asked, [["/usr/bin/ruby", "bin:gawk", "lib:libz.so.1"]]);
  assert.deepEqual(
    named.map(({ providers }) => providers?.join()),
    ["libx1,libx1-alt", "zlib1g", ...Array(7).fill(undefined)],
  );
});

test("a build is refused with the packages that would mend it", async () => {
  const named = await nameProviders([problem({ kind: "library", name: "libx.so.1.0" })], OBJECTS);
  assert.throws(
    () => refuseErrors("app", named),
    (error) =>
      error instanceof VerifyRootError &&
      error.code === "ROOT_INCOMPLETE" &&
      error.message === "Cannot build app: broken (libx1 has it)" &&
      error.hint === "Add libx1 to contents, or name it in keep",
  );
  refuseErrors("app", [{ ...problem(), severity: "warning" }]);
});

test("the Debian release of an image", () => {
  const releaseOf = (files: Readonly<Record<string, string>>) => {
    using view = viewEntries(makeTree(files).entries);
    return findDebianRelease(view);
  };
  const debian = 'NAME="Debian"\nID=debian\nVERSION_CODENAME=trixie\n';
  assert.equal(releaseOf({ "etc/os-release": debian }), "trixie");
  assert.equal(releaseOf({ "usr/lib/os-release": debian.replace("trixie", '"bookworm"') }), "bookworm");
  assert.equal(releaseOf({ "etc/os-release": "ID=ubuntu\nVERSION_CODENAME=noble\n" }), undefined);
  const base = "Package: base-files\nVersion: 12.4+deb12u5\n";
  assert.equal(releaseOf({ "var/lib/dpkg/status.d/base": base }), "bookworm");
  assert.equal(
    releaseOf({ "etc/os-release": "ID=debian\n", "var/lib/dpkg/status.d/base-files": base }),
    "bookworm",
  );
  assert.equal(releaseOf({ "etc/passwd": "" }), undefined);
});
