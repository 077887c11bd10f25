import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { OptionError } from "../../model/options.ts";
import { machineArchitecture } from "../../platform/machine.ts";
import { DebianError } from "./errors.ts";
import { type DebianOptions, debian } from "./request.ts";
import { parseRequestName } from "./request-name.ts";

test("a package is a request of plain data", () => {
  const { packages } = debian("bookworm", {
    architecture: "arm64",
    mirrors: ["https://mirror.example/debian"],
  });
  const request = packages["redis-server"]!;
  assert.deepEqual(request, {
    source: "debian",
    scope: { architecture: "arm64", suite: "bookworm", components: ["main"], recommends: false },
    name: "redis-server",
    mirrors: ["https://mirror.example/debian"],
  });
  assert.deepEqual(JSON.parse(JSON.stringify(request)), request);
  assert.equal(packages["redis-server"], request);
  assert.ok(Object.isFrozen(request) && Object.isFrozen(request.scope));
});

test("options that change what is chosen are in the scope, mirrors are not", () => {
  const options: DebianOptions = {
    snapshot: "20260901T000000Z",
    components: ["non-free", "main", "main"],
    recommends: true,
    mirrors: ["file:///srv/debian"],
  };
  assert.deepEqual(debian("trixie", options).packages["a0"]!.scope, {
    architecture: machineArchitecture(),
    suite: "trixie",
    components: ["main", "non-free"],
    recommends: true,
    snapshot: "20260901T000000Z",
  });
});

test("what runtimes ask of every object is no package", async () => {
  const { packages } = debian("bookworm");
  assert.equal(await packages, packages);
  assert.equal(JSON.stringify(packages), "{}");
  assert.equal(inspect(packages), "{}");
  assert.equal(String(packages), "[object Object]");
  assert.deepEqual(Object.keys(packages), []);
  assert.equal((packages as unknown as Record<symbol, unknown>)[Symbol.iterator], undefined);
  assert.equal(packages["constructor"] as unknown, Object);
  assert.throws(() => Object.assign(packages, { bash: 1 }), TypeError);
});

test("names are checked at once with BAD_NAME", () => {
  const { packages } = debian("bookworm");
  for (const name of [
    "Redis",
    "redis server",
    "",
    "-a",
    "a_b",
    "a:amd64",
    "a=",
    "a=b c",
    "a=-1",
    "/",
    "/usr//x",
    "/usr/../x",
    "/usr/bin/",
    "lib:",
    "bin:",
    "bin:a/b",
    "lib:..",
  ]) {
    assert.throws(
      () => packages[name],
      (error) => error instanceof DebianError && error.code === "BAD_NAME" && error.hint !== undefined,
      name,
    );
  }
});

test("a request may carry a version", () => {
  assert.equal(
    debian("bookworm").packages["redis-server=5:7.0.15-1~deb12u6"]!.name,
    "redis-server=5:7.0.15-1~deb12u6",
  );
  assert.deepEqual(parseRequestName("a0=1:2-3"), {
    kind: "package",
    name: "a0",
    version: "1:2-3",
  });
  assert.deepEqual(parseRequestName("g++"), { kind: "package", name: "g++", version: undefined });
});

test("a request may be a file that the package ships", () => {
  const { packages } = debian("bookworm");
  for (const name of ["/usr/bin/redis-server", "bin:redis-server", "lib:libssl.so.3"]) {
    assert.equal(packages[name]!.name, name);
  }
  assert.deepEqual(parseRequestName("/usr/bin/é"), { kind: "path", path: "usr/bin/\u00c3\u00a9" });
  assert.deepEqual(parseRequestName("bin:["), { kind: "program", name: "[" });
  assert.deepEqual(parseRequestName("lib:libstdc++.so.6"), { kind: "library", name: "libstdc++.so.6" });
});

test("an archive is plain data beside its packages", () => {
  const { source, scope, mirrors } = debian("trixie", { architecture: "arm64", mirrors: ["file:///srv"] });
  assert.deepEqual(
    { source, scope, mirrors },
    {
      source: "debian",
      scope: { architecture: "arm64", suite: "trixie", components: ["main"], recommends: false },
      mirrors: ["file:///srv"],
    },
  );
});

const WRONG: readonly [summary: string, call: () => unknown, message: RegExp][] = [
  ["no suite", () => (debian as (suite?: string) => void)(), /Cannot use undefined as the suite/],
  ["a suite with a path", () => debian("../x"), /as the suite of debian\(\)/],
  ["options that are no object", () => debian("bookworm", [] as never), /Cannot use \[\] as options/],
  [
    "a wrong architecture",
    () => debian("bookworm", { architecture: "x86_64" as never }),
    /"amd64" or "arm64"/,
  ],
  [
    "a mirror that is no URL",
    () => debian("bookworm", { mirrors: ["mirror.example"] }),
    /http, https or file URLs/,
  ],
  ["mirrors as one text", () => debian("bookworm", { mirrors: "http://a" as never }), /an array/],
  [
    "a snapshot in another form",
    () => debian("bookworm", { snapshot: "2026-09-01" }),
    /20260901T000000Z was expected/,
  ],
  [
    "a snapshot on a day that is none",
    () => debian("bookworm", { snapshot: "20260231T000000Z" }),
    /was expected/,
  ],
  ["no component", () => debian("bookworm", { components: [] }), /component names/],
  ["a component with a path", () => debian("bookworm", { components: ["../main"] }), /component names/],
  ["recommends as text", () => debian("bookworm", { recommends: "yes" as never }), /true or false/],
];

for (const [summary, call, message] of WRONG) {
  test(`refuses ${summary} with BAD_OPTION`, () => {
    assert.throws(
      call,
      (error) => error instanceof OptionError && error.code === "BAD_OPTION" && message.test(error.message),
    );
  });
}

test("refuses an option that does not exist, and offers the one that does", () => {
  assert.throws(() => debian("bookworm", { mirror: [] } as never), {
    code: "UNKNOWN_OPTION",
    message: /option "mirror" of debian\(\)/,
    hint: /"mirrors"/,
  });
});
