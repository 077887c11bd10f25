import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { temporaryDirectory } from "../../test/kit/context.ts";
import { fileEntry, narOf } from "../../test/kit/nix.ts";
import type { NarNode } from "../formats/nix/nar-grammar.ts";
import type { NarHandler } from "../formats/nix/nar-reader.ts";
import type { BytePath } from "../model/bytes.ts";
import { removeTree } from "./directories.ts";
import { listTree } from "./directory-entries.ts";
import { StoreFileError } from "./store-file-error.ts";
import {
  canonicaliseTree,
  copyToPlace,
  existsInStore,
  hashNar,
  moveIntoStore,
  renameDirectory,
  rewriteFiles,
  walkNar,
} from "./store-files.ts";
import { formatDifferences, leadToSameFile, listDifferences } from "./tree-difference.ts";
import { createTreeMaker } from "./tree-maker.ts";

const signal = new AbortController().signal;

function workspace(t: TestContext): string {
  const directory = temporaryDirectory(t);
  t.after(() => removeTree(directory));
  return directory;
}

/** For assert.throws. */
function storeFileError(code: string, message: RegExp): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof StoreFileError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  };
}

describe("walkNar", () => {
  test("hands on the bytes that a NAR has, names that are no UTF-8 too", async (t) => {
    const root = join(workspace(t), "tree");
    mkdirSync(join(root, "b"), { recursive: true });
    writeFileSync(join(root, "b/run"), "#!\n", { mode: 0o755 });
    writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff])]), "odd");
    symlinkSync("a\u00e4", join(root, "a"));
    const chunks: Uint8Array[] = [];
    const { narSize } = await hashNar(root, { signal }, (bytes) => chunks.push(Buffer.from(bytes)));
    const nar = Buffer.concat(chunks);
    assert.equal(nar.length, narSize);
    const expected = narOf({
      entries: [
        { type: "directory", path: "" as BytePath, mode: 0o555, uid: 0, gid: 0 },
        {
          type: "symlink",
          path: "a" as BytePath,
          mode: 0o777,
          uid: 0,
          gid: 0,
          target: "a\u00c3\u00a4" as never,
        },
        { type: "directory", path: "b" as BytePath, mode: 0o555, uid: 0, gid: 0 },
        fileEntry("b/run" as BytePath, Buffer.from("#!\n"), true),
        fileEntry("\u00ff" as BytePath, Buffer.from("odd")),
      ],
    });
    assert.deepEqual(nar, expected);
    const some = await hashNar(root, { signal, include: ["b"] });
    assert.notEqual(some.narHash, (await hashNar(root, { signal })).narHash);
  });

  test("refuses what no store object may have", async (t) => {
    const directory = workspace(t);
    mkdirSync(join(directory, "tree"));
    execFileSync("mkfifo", [join(directory, "tree/pipe")]);
    const error = storeFileError("STORE_FILE_UNSUPPORTED", /Cannot put \S+pipe into the store: it is a fifo/);
    await assert.rejects(hashNar(join(directory, "tree"), { signal }), error);
    assert.throws(() => canonicaliseTree(join(directory, "tree")), error);
    const socket = join(directory, "socket");
    const server = createServer().listen(socket);
    t.after(() => server.close());
    await new Promise((resolve) => server.once("listening", resolve));
    await assert.rejects(
      hashNar(socket, { signal }),
      storeFileError("STORE_FILE_UNSUPPORTED", /it is a socket/),
    );
  });

  test("notices a file that changes while it is read", async (t) => {
    const file = join(workspace(t), "file");
    writeFileSync(file, Buffer.alloc(3 << 20));
    const growing: NarHandler = {
      node(_node: NarNode) {
        appendFileSync(file, "more");
      },
      content() {},
      nodeEnd() {},
    };
    await assert.rejects(
      walkNar(file, growing, { signal }),
      storeFileError("STORE_FILE_CHANGED", /it changed while it was read/),
    );
  });

  test("stops when it is told to", async (t) => {
    const abort = AbortSignal.abort(new Error("enough"));
    await assert.rejects(hashNar(workspace(t), { signal: abort }), /enough/);
  });
});

describe("trees of a store", () => {
  test("are canonical: modes, times, and nothing that the owner could not remove", (t) => {
    const root = join(workspace(t), "tree");
    mkdirSync(join(root, "closed"), { recursive: true });
    writeFileSync(join(root, "closed/file"), "x", { mode: 0o600 });
    writeFileSync(join(root, "setuid"), "x");
    chmodSync(join(root, "setuid"), 0o6711);
    linkSync(join(root, "setuid"), join(root, "linked"));
    symlinkSync("nowhere", join(root, "link"));
    chmodSync(join(root, "closed"), 0o000);
    canonicaliseTree(root);
    const modes = ["", "closed", "closed/file", "setuid", "linked"].map((path) =>
      (statSync(join(root, path)).mode & 0o7777).toString(8),
    );
    assert.deepEqual(modes, ["555", "555", "444", "555", "555"]);
    for (const path of ["", "closed/file", "link"]) assert.equal(lstatSync(join(root, path)).mtimeMs, 1000);
    assert.equal(statSync(join(root, "linked")).nlink, 2);
  });

  test("are moved, rewritten in place and copied", async (t) => {
    const directory = workspace(t);
    const root = join(directory, "tree");
    mkdirSync(root);
    writeFileSync(join(root, "a"), "secret here");
    linkSync(join(root, "a"), join(root, "b"));
    writeFileSync(join(root, "c"), "nothing");
    canonicaliseTree(root);
    let reads = 0;
    await rewriteFiles(
      root,
      (bytes) => {
        reads++;
        const at = bytes.indexOf("secret");
        return at < 0 ? undefined : Buffer.from("blanked");
      },
      signal,
    );
    assert.equal(reads, 2);
    assert.equal(readFileSync(join(root, "b"), "utf8"), "blanked");
    assert.equal(statSync(join(root, "a")).nlink, 2);
    assert.equal(statSync(join(root, "a")).mode & 0o777, 0o444);
    assert.equal(statSync(join(root, "a")).mtimeMs, 1000);
    const moved = join(directory, "moved");
    moveIntoStore(root, moved);
    assert.deepEqual([existsInStore(root), existsInStore(moved)], [false, true]);
    assert.equal(statSync(moved).mode & 0o777, 0o555);
    assert.equal(statSync(moved).mtimeMs, 1000);
    symlinkSync("nowhere", join(directory, "dangling"));
    assert.equal(existsInStore(join(directory, "dangling")), true);
    copyToPlace(join(moved, "a"), join(directory, "copy"), true);
    assert.equal(statSync(join(directory, "copy")).mode & 0o777, 0o755);
    assert.throws(() => copyToPlace(join(moved, "a"), join(directory, "copy"), true), /exists|EEXIST/);
  });

  test("get a name that another process may have given first", (t) => {
    const directory = workspace(t);
    for (const name of ["one", "two"]) {
      mkdirSync(join(directory, name));
      writeFileSync(join(directory, name, "file"), name);
      renameDirectory(join(directory, name), join(directory, "final"));
    }
    assert.deepEqual(readdirSync(directory), ["final"]);
    assert.equal(readFileSync(join(directory, "final/file"), "utf8"), "one");
    assert.throws(() => renameDirectory(join(directory, "none"), join(directory, "other")));
  });
});

describe("differences of two trees", () => {
  test("are told by path, with the bytes that differ first", (t) => {
    const directory = workspace(t);
    const [first, second] = ["first", "second"].map((name) => join(directory, name));
    for (const root of [first!, second!]) {
      mkdirSync(join(root, "sub"), { recursive: true });
      writeFileSync(join(root, "same"), "same");
      utimesSync(join(root, "same"), 1, root === first ? 1 : 2);
    }
    assert.deepEqual(listDifferences(first!, second!), []);
    writeFileSync(join(first!, "text"), "built at noon");
    writeFileSync(join(second!, "text"), "built at night, later");
    writeFileSync(join(first!, "sub/only"), "");
    writeFileSync(join(second!, "run"), "", { mode: 0o755 });
    writeFileSync(join(first!, "run"), "", { mode: 0o644 });
    symlinkSync("a", join(first!, "link"));
    symlinkSync("b", join(second!, "link"));
    writeFileSync(join(first!, "type"), "");
    mkdirSync(join(second!, "type"));
    writeFileSync(join(second!, "zlast"), "");
    assert.deepEqual(formatDifferences(listDifferences(first!, second!)), [
      'link: a link to "a", then to "b"',
      "run: executable in one of them",
      "sub/only: only the first has it",
      'text: at byte 10 "oon", then "ight, later"',
      "type: of another type",
      "zlast: only the second has it",
    ]);
    assert.deepEqual(formatDifferences(listDifferences(join(first!, "type"), join(second!, "type"))), [
      "the output itself: of another type",
    ]);
  });

  test("are none when two paths lead to equal files, over links", (t) => {
    const directory = workspace(t);
    for (const [name, text, mode] of [
      ["a", "x", 0o644],
      ["b", "x", 0o644],
      ["c", "y", 0o644],
      ["d", "x", 0o755],
    ] as const)
      writeFileSync(join(directory, name), text, { mode });
    symlinkSync("a", join(directory, "relative"));
    symlinkSync("/tree/b", join(directory, "absolute"));
    symlinkSync("loop", join(directory, "loop"));
    symlinkSync("/etc/passwd", join(directory, "outside"));
    const isSame = (first: string, second: string) =>
      leadToSameFile(`/tree/${first}`, `/tree/${second}`, (path) =>
        path.startsWith("/tree/") ? join(directory, path.slice(6)) : undefined,
      );
    assert.deepEqual(
      [
        ["a", "a"],
        ["a", "b"],
        ["relative", "absolute"],
        ["a", "c"],
        ["a", "d"],
        ["loop", "loop"],
        ["outside", "outside"],
        ["a", "none"],
      ].map(([x, y]) => isSame(x!, y!)),
      [true, true, true, false, false, false, false, false],
    );
  });
});

test("trees are made entry by entry, and listed with the bytes of their names", (t) => {
  const root = join(workspace(t), "made");
  const maker = createTreeMaker(root, (path) => path);
  maker.file("a/b\u00ff", Buffer.from("x"), true);
  maker.symlink("a/link", "to\u00ff");
  maker.directory("empty");
  maker.finish();
  assert.throws(() => maker.file("a/b\u00ff", Buffer.from("again"), false));
  assert.deepEqual(
    readlinkSync(join(root, "a/link"), { encoding: "buffer" }),
    Buffer.from("to\u00ff", "latin1"),
  );
  const listed = listTree(root)!.entries();
  assert.deepEqual(
    listed.map(({ name }) => name),
    ["a", "empty"],
  );
  assert.deepEqual(
    listed[0]!.directory!.entries().map(({ name }) => name),
    ["b\u00ff", "link"],
  );
  assert.equal(listTree(join(root, "a/link")), undefined);
  const nothing = join(workspace(t), "nothing");
  createTreeMaker(nothing).finish();
  assert.deepEqual(readdirSync(nothing), []);
  assert.equal(existsSync(nothing), true);
});
