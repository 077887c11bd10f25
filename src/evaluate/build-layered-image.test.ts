import assert from "node:assert/strict";
import { test } from "node:test";
import type { ArchiveReference, LocalFile, Request } from "../model/image-spec.ts";
import { debian } from "../sources/debian/request.ts";
import { buildLayeredImage, type LayeredImageOptions } from "./build-layered-image.ts";

const bash: Request = {
  source: "debian",
  scope: { architecture: "amd64", suite: "x" },
  name: "bash",
  mirrors: [],
};
const armBash: Request = { ...bash, scope: { architecture: "arm64", suite: "x" } };

test("options become plain data with the defaults filled in", () => {
  const spec = buildLayeredImage({
    name: "registry.example.com:5000/team/app",
    contents: bash,
    config: {
      Env: { A: "1", B: "two words" },
      ExposedPorts: ["80/tcp", "53/udp"],
      Volumes: { "/data": {} },
      Labels: { b: "2", a: "1" },
      Cmd: ["bash"],
    },
  });
  assert.deepEqual(JSON.parse(JSON.stringify(spec)), {
    kind: "image",
    name: "registry.example.com:5000/team/app",
    tag: "latest",
    architecture: "amd64",
    contents: [bash],
    files: [],
    outputs: [],
    mentioned: [],
    graph: {},
    archive: { source: "debian", scope: bash.scope, mirrors: [] },
    config: {
      Cmd: ["bash"],
      Env: ["A=1", "B=two words"],
      ExposedPorts: { "53/udp": {}, "80/tcp": {} },
      Volumes: { "/data": {} },
      Labels: { a: "1", b: "2" },
    },
    closure: "inferred",
    keep: [],
    drop: [],
    forbid: [],
    maxLayers: 100,
    compression: "zstd",
  });
});

test("the architecture is that of the contents", () => {
  assert.equal(buildLayeredImage({ name: "a", contents: [armBash] }).architecture, "arm64");
});

const server: LocalFile = {
  kind: "file",
  path: "./server",
  target: "/usr/bin/server",
  mode: undefined,
  archive: undefined,
};
const contrib: ArchiveReference = {
  source: "debian",
  scope: { architecture: "amd64", suite: "y" },
  mirrors: ["https://mirror.example/debian"],
};

const programs: [summary: string, options: Partial<LayeredImageOptions>, asked: string[]][] = [
  ["a path", { config: { Entrypoint: ["/usr/bin/redis-server"], Cmd: ["-h"] } }, ["/usr/bin/redis-server"]],
  ["a path to be tidied", { config: { Cmd: ["/usr//lib/../bin/x"] } }, ["/usr/bin/x"]],
  ["a name", { config: { Cmd: ["redis-server", "--port", "1"] } }, ["bin:redis-server"]],
  ["an empty Entrypoint", { config: { Entrypoint: [], Cmd: ["x"] } }, ["bin:x"]],
  ["a relative path", { config: { Cmd: ["./x"] } }, []],
  ["nothing to start", { config: { Env: ["A=b"] } }, []],
  ["an image of packages", { contents: bash, config: { Cmd: ["redis-server"] } }, ["bash"]],
  ["a file that is the program", { contents: server, config: { Cmd: ["/bin/server"] } }, []],
  ["a file of that name", { contents: server, config: { Entrypoint: ["server"] } }, []],
  ["a file that is another", { contents: server, config: { Cmd: ["/usr/bin/x"] } }, ["/usr/bin/x"]],
];
for (const [summary, options, asked] of programs) {
  test(`what is asked for by the program to start: ${summary}`, () => {
    const { contents } = buildLayeredImage({ name: "a", architecture: "amd64", ...options });
    assert.deepEqual(
      contents.map(({ name }) => name),
      asked,
    );
  });
}

test("what has no archive of its own is asked of the image's, else of the packages', else of bookworm", () => {
  const Cmd = ["x"];
  assert.deepEqual(buildLayeredImage({ name: "a", archive: contrib, config: { Cmd } }).contents, [
    { ...contrib, name: "bin:x" },
  ]);
  const archiveOf = (options: Partial<LayeredImageOptions>) =>
    buildLayeredImage({ name: "a", architecture: "amd64", ...options }).archive;
  assert.deepEqual(archiveOf({ contents: [server, bash] }), {
    source: "debian",
    scope: bash.scope,
    mirrors: [],
  });
  assert.deepEqual(archiveOf({ contents: [bash], archive: contrib }), contrib);
  assert.deepEqual(archiveOf({ contents: [{ ...server, archive: contrib }] }), contrib);
  const { source, scope, mirrors } = debian("bookworm", { architecture: "arm64" });
  assert.deepEqual(archiveOf({ architecture: "arm64" }), { source, scope, mirrors });
});

test("packages and files may be mixed, and are plain data", () => {
  const { contents, files } = buildLayeredImage({
    name: "a",
    contents: [
      server,
      bash,
      { ...server, mode: 0o700, archive: debian("trixie", { architecture: "amd64" }) },
    ],
  });
  assert.deepEqual(contents, [bash]);
  assert.equal(files.length, 2);
  assert.deepEqual(structuredClone(files), files);
  assert.equal(files[1]!.mode, 0o700);
  assert.equal(files[1]!.archive!.scope["suite"], "trixie");
});

const dates: [LayeredImageOptions["created"], number][] = [
  ["1970-01-01T00:00:01Z", 1],
  ["2026-01-31T12:00:00+02:00", 1769853600],
  ["2026-01-31", 1769817600],
  [0, 0],
  [1700000000, 1700000000],
];
for (const [created, seconds] of dates) {
  test(`created ${created} is ${seconds} seconds after the epoch`, () => {
    assert.equal(buildLayeredImage({ name: "a", created: created! }).createdSeconds, seconds);
  });
}

const refused: { summary: string; options: unknown; code?: string; message: RegExp; hint?: RegExp }[] = [
  { summary: "no object", options: "redis", message: /"redis" as options of buildLayeredImage: an object/ },
  { summary: "no name", options: {}, message: /undefined as buildLayeredImage's "name": a string/ },
  { summary: "upper case in the name", options: { name: "Redis" }, message: /"name": lower-case letters/ },
  { summary: "empty name", options: { name: "" }, message: /"name"/ },
  { summary: "tag with a colon", options: { name: "a", tag: "b:c" }, message: /"tag": at most 128/ },
  {
    summary: "mistyped option",
    options: { name: "a", content: [] },
    code: "UNKNOWN_OPTION",
    message: /"content" of buildLayeredImage/,
    hint: /Did you mean "contents"\?/,
  },
  {
    summary: "mistyped config key",
    options: { name: "a", config: { cmd: [] } },
    code: "UNKNOWN_OPTION",
    message: /"cmd" of buildLayeredImage's config/,
    hint: /"Cmd"/,
  },
  {
    summary: "contents of strings",
    options: { name: "a", contents: ["bash"] },
    message: /an array of packages and files/,
  },
  {
    summary: "shell string as Cmd",
    options: { name: "a", config: { Cmd: "redis" } },
    message: /an array of strings/,
  },
  { summary: "Env without =", options: { name: "a", config: { Env: ["A"] } }, message: /NAME=value/ },
  {
    summary: "relative WorkingDir",
    options: { name: "a", config: { WorkingDir: "x" } },
    message: /an absolute path/,
  },
  { summary: "the clock", options: { name: "a", created: "now" }, message: /a date such as/ },
  { summary: "a year too far", options: { name: "a", created: 1e15 }, message: /a date such as/ },
  {
    summary: "a pipeline with an operation that is none",
    options: { name: "a", layeringPipeline: [["frobnicate"]] },
    message: /"layeringPipeline": operation 1 \(frobnicate\): there is no operation "frobnicate"/,
  },
  {
    summary: "a pipeline that is no array",
    options: { name: "a", layeringPipeline: "popularity_contest" },
    message: /an array of operations such as/,
  },
  { summary: "a planner that is no name", options: { name: "a", planner: 1 }, message: /a string/ },
  { summary: "one layer", options: { name: "a", maxLayers: 1 }, message: /a whole number from 2 to 127/ },
  {
    summary: "unknown compressor",
    options: { name: "a", compression: "xz" },
    message: /"zstd", "gzip", "none"/,
  },
  {
    summary: "level too high",
    options: { name: "a", compression: { name: "gzip", level: 12 } },
    message: /1 to 9 for gzip/,
  },
  {
    summary: "a level whose bytes were never fixed",
    options: { name: "a", compression: { name: "zstd", level: 20 } },
    message: /1 to 19 or 22 for zstd/,
  },
  { summary: "another minimum", options: { name: "a", minimal: "all" }, message: /"files" was expected/ },
  {
    summary: "a minimum of what is declared",
    options: { name: "a", minimal: "files", closure: "declared", config: { Cmd: ["a"] } },
    message: /closure: "inferred"/,
  },
  {
    summary: "a minimum without a command line",
    options: { name: "a", minimal: "files" },
    message: /an Entrypoint or Cmd in config/,
  },
  {
    summary: "unknown architecture",
    options: { name: "a", architecture: "riscv64" },
    message: /"amd64" or "arm64"/,
  },
  {
    summary: "mixed architectures",
    options: { name: "a", contents: [bash, armBash] },
    message: /bash for arm64 into an image for amd64/,
  },
  {
    summary: "an archive that is none",
    options: { name: "a", archive: "bookworm" },
    message: /"archive": an archive such as debian\("bookworm"\) was expected/,
  },
  {
    summary: "an archive for another architecture",
    options: { name: "a", contents: bash, archive: { ...contrib, scope: { architecture: "arm64" } } },
    message: /packages of the archive for arm64 into an image for amd64/,
  },
  {
    summary: "a file whose archive is for another architecture",
    options: {
      name: "a",
      contents: [bash, { ...server, archive: { ...contrib, scope: { architecture: "arm64" } } }],
    },
    message: /what \/usr\/bin\/server needs for arm64/,
  },
  { summary: "a NUL byte", options: { name: "a", config: { User: "a\0" } }, message: /"User"/ },
];
for (const { summary, options, code = "BAD_OPTION", message, hint } of refused) {
  test(`refused: ${summary}`, () => {
    assert.throws(
      () => buildLayeredImage(options as LayeredImageOptions),
      (error: Error & { code: string; hint?: string }) => {
        assert.equal(error.code, code);
        assert.match(error.message, message);
        if (hint !== undefined) assert.match(error.hint ?? "", hint);
        return true;
      },
    );
  });
}
