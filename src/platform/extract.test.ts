import assert from "node:assert/strict";
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { temporaryDirectory } from "../../test/kit/context.ts";
import type { ByteString } from "../model/bytes.ts";
import { DiskError } from "./disk.ts";
import { ExtractError, TreeWriter } from "./extract.ts";

const ROOT_OWNED = { mode: 0o644, uid: 0, gid: 0, mtimeSeconds: 1 };
const DIRECTORY = { ...ROOT_OWNED, mode: 0o755 };
const text = (value: string) => Buffer.from(value);
const link = (value: string) => value as ByteString;

/** A writer in a directory that stands beside one that nothing may touch. */
function setUp(t: TestContext) {
  const outside = temporaryDirectory(t);
  const root = join(outside, "root");
  mkdirSync(root);
  writeFileSync(join(outside, "secret"), "untouched");
  return { outside, root, writer: new TreeWriter(root, { owners: process.getuid?.() === 0 }) };
}

function dump(directory: string, prefix = ""): string[] {
  return readdirSync(directory)
    .sort()
    .flatMap((name) => {
      const path = join(directory, name);
      const stats = lstatSync(path);
      const shown = `${prefix}/${name}`;
      if (stats.isSymbolicLink()) return [`${shown} -> ${readlinkSync(path)}`];
      if (stats.isDirectory()) return [`${shown}/`, ...dump(path, shown)];
      return [`${shown}: ${readFileSync(path, "utf8")}`];
    });
}

test("files, directories, symbolic and hard links are written with modes and times", (t) => {
  const { root, writer } = setUp(t);
  writer.directory("./d/", { ...DIRECTORY, mode: 0o750, mtimeSeconds: 77 });
  writer.beginFile("d/f", { ...ROOT_OWNED, mode: 0o4711, mtimeSeconds: 99 });
  writer.write(text("ab"));
  writer.write(text("c"));
  writer.endFile();
  writer.hardLink("d/g", "./d/f");
  writer.symlink("l", link("d/f"), ROOT_OWNED);
  writer.file("/absolute/x", ROOT_OWNED, text("x"));
  writer.finish();
  assert.deepEqual(dump(root), [
    "/absolute/",
    "/absolute/x: x",
    "/d/",
    "/d/f: abc",
    "/d/g: abc",
    "/l -> d/f",
  ]);
  const [file, other, directory] = ["d/f", "d/g", "d"].map((path) => statSync(join(root, path)));
  assert.equal(file!.mode & 0o7777, 0o4711);
  assert.equal(file!.mtimeMs, 99_000);
  assert.equal(file!.ino, other!.ino);
  assert.equal(directory!.mode & 0o7777, 0o750);
  assert.equal(directory!.mtimeMs, 77_000);
});

test("root gives entries their owners", {
  skip: process.getuid?.() !== 0 && "only root can change owners",
}, (t) => {
  const { root, writer } = setUp(t);
  writer.directory("d", { ...DIRECTORY, uid: 5, gid: 6 });
  writer.file("d/f", { ...ROOT_OWNED, mode: 0o2755, uid: 7, gid: 8 }, text(""));
  writer.symlink("d/l", link("nowhere"), { ...ROOT_OWNED, uid: 9, gid: 10 });
  writer.finish();
  const owners = ["d", "d/f", "d/l"]
    .map((path) => lstatSync(join(root, path)))
    .map(({ uid, gid }) => [uid, gid]);
  assert.deepEqual(owners, [
    [5, 6],
    [7, 8],
    [9, 10],
  ]);
  assert.equal(statSync(join(root, "d/f")).mode & 0o7777, 0o2755);
});

test("a name that is not UTF-8 keeps its bytes", (t) => {
  const { root, writer } = setUp(t);
  writer.file("\xff\xe4", ROOT_OWNED, text("x"));
  assert.deepEqual(readdirSync(Buffer.from(root), { encoding: "buffer" }), [Buffer.from([0xff, 0xe4])]);
});

const hostile: readonly { summary: string; act: (writer: TreeWriter) => void; code: string }[] = [
  { summary: "`..` in front", act: (w) => w.file("../secret", ROOT_OWNED, text("x")), code: "UNSAFE_PATH" },
  {
    summary: "`..` inside",
    act: (w) => w.file("a/../../secret", ROOT_OWNED, text("x")),
    code: "UNSAFE_PATH",
  },
  { summary: "a NUL byte", act: (w) => w.directory("a\0b", DIRECTORY), code: "UNSAFE_PATH" },
  {
    summary: "a file that is the root",
    act: (w) => w.file("./", ROOT_OWNED, text("x")),
    code: "UNSAFE_PATH",
  },
  { summary: "an empty link", act: (w) => w.symlink("l", link(""), ROOT_OWNED), code: "UNSAFE_PATH" },
  { summary: "a hard link to `..`", act: (w) => w.hardLink("l", "../secret"), code: "UNSAFE_PATH" },
  { summary: "a hard link to nothing", act: (w) => w.hardLink("l", "/etc/passwd"), code: "BAD_HARD_LINK" },
  {
    summary: "a hard link through a link that leads out",
    act: (w) => {
      w.symlink("out", link("../"), ROOT_OWNED);
      w.hardLink("l", "out/secret");
    },
    code: "BAD_HARD_LINK",
  },
  {
    summary: "a hard link to a directory",
    act: (w) => {
      w.directory("d", DIRECTORY);
      w.hardLink("l", "d");
    },
    code: "BAD_HARD_LINK",
  },
  {
    summary: "links in a circle",
    act: (w) => {
      w.symlink("a", link("b"), ROOT_OWNED);
      w.symlink("b", link("a"), ROOT_OWNED);
      w.file("a/x", ROOT_OWNED, text("x"));
    },
    code: "UNSAFE_PATH",
  },
];

for (const { summary, act, code } of hostile) {
  test(`refused: ${summary}`, (t) => {
    const { outside, writer } = setUp(t);
    assert.throws(
      () => act(writer),
      (error) => error instanceof ExtractError && error.code === code,
    );
    assert.equal(readFileSync(join(outside, "secret"), "utf8"), "untouched");
  });
}

test("a parent that is a link leads on inside the tree, whatever it says", (t) => {
  const { outside, root, writer } = setUp(t);
  for (const [name, target] of Object.entries({
    a: outside,
    b: "..",
    c: "../../..",
    d: "/",
    e: "/made/here",
  })) {
    writer.symlink(name, link(target), ROOT_OWNED);
    writer.file(`${name}/${name}-file`, ROOT_OWNED, text(name));
  }
  assert.deepEqual(readdirSync(outside).sort(), ["root", "secret"]);
  assert.equal(readFileSync(join(root, outside.slice(1), "a-file"), "utf8"), "a");
  for (const name of ["b", "c", "d"]) assert.equal(readFileSync(join(root, `${name}-file`), "utf8"), name);
  assert.equal(readFileSync(join(root, "made/here/e-file"), "utf8"), "e");
});

test("a later entry takes the place of an earlier one", (t) => {
  const { root, outside, writer } = setUp(t);
  writer.file("f", ROOT_OWNED, text("old"));
  writer.file("f", ROOT_OWNED, text("new"));
  writer.file("d/inside", ROOT_OWNED, text("x"));
  writer.directory("d", { ...DIRECTORY, mode: 0o711 });
  writer.symlink("l", link(join(outside, "secret")), ROOT_OWNED);
  writer.file("l", ROOT_OWNED, text("a file now"));
  writer.symlink("m", link(outside), ROOT_OWNED);
  writer.directory("m", DIRECTORY);
  writer.file("gone/deep/x", ROOT_OWNED, text("x"));
  writer.symlink("gone", link("f"), ROOT_OWNED);
  writer.finish();
  assert.deepEqual(dump(root), ["/d/", "/d/inside: x", "/f: new", "/gone -> f", "/l: a file now", "/m/"]);
  assert.equal(statSync(join(root, "d")).mode & 0o777, 0o711);
  assert.equal(readFileSync(join(outside, "secret"), "utf8"), "untouched");
});

test("what lower layers have is removed, what this layer has stays", (t) => {
  const { root, writer } = setUp(t);
  for (const path of ["d/low", "d/sub/low", "opaque/low", "opaque/sub/low", "f"]) {
    writer.file(path, ROOT_OWNED, text(path));
  }
  writer.beginLayer();
  writer.file("d/high", ROOT_OWNED, text("high"));
  writer.file("opaque/sub/high", ROOT_OWNED, text("high"));
  writer.removeLower("d");
  writer.clearLower("opaque");
  writer.removeLower("f");
  writer.removeLower("not/there");
  writer.removeLower("");
  assert.deepEqual(dump(root), [
    "/d/",
    "/d/high: high",
    "/opaque/",
    "/opaque/sub/",
    "/opaque/sub/high: high",
  ]);
});

test("removal never leaves the tree", (t) => {
  const { outside, writer } = setUp(t);
  writer.symlink("out", link(outside), ROOT_OWNED);
  writer.beginLayer();
  writer.removeLower("out/secret");
  writer.clearLower("out");
  assert.throws(() => writer.removeLower("../secret"), { code: "UNSAFE_PATH" });
  assert.equal(readFileSync(join(outside, "secret"), "utf8"), "untouched");
});

test("resolve and ensure follow links inside the tree", (t) => {
  const { root, writer } = setUp(t);
  writer.symlink("etc", link("/usr/etc"), ROOT_OWNED);
  writer.symlink("usr/etc/conf", link("../../run/conf"), ROOT_OWNED);
  assert.equal(writer.resolve("etc/conf"), undefined);
  const { path, type } = writer.ensure("/etc/conf", "file");
  assert.deepEqual({ path, type }, { path: "run/conf", type: "file" });
  assert.equal(writer.ensure("etc", "file").type, "directory");
  assert.deepEqual(dump(root), [
    "/etc -> /usr/etc",
    "/run/",
    "/run/conf: ",
    "/usr/",
    "/usr/etc/",
    "/usr/etc/conf -> ../../run/conf",
  ]);
});

test("a name that the file system refuses is told as its error", (t) => {
  const { writer } = setUp(t);
  assert.throws(() => writer.file("x".repeat(300), ROOT_OWNED, text("")), DiskError);
});

test("whatever is written, nothing outside changes", (t) => {
  const name = fc.constantFrom("a", "b", "c", "..", ".", "", "/");
  const path = fc.array(name, { minLength: 1, maxLength: 5 }).map((parts) => parts.join("/"));
  const step = fc.tuple(
    fc.constantFrom("file", "directory", "symlink", "hardLink", "removeLower", "clearLower"),
    path,
    path,
  );
  const { outside } = setUp(t);
  let run = 0;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      const root = join(outside, `run${run++}`);
      mkdirSync(root);
      const writer = new TreeWriter(root, { owners: false });
      const before = dump(outside).filter((line) => !line.startsWith(`/run${run - 1}/`));
      for (const [action, at, other] of steps) {
        try {
          if (action === "file") writer.file(at, ROOT_OWNED, text("x"));
          else if (action === "directory") writer.directory(at, DIRECTORY);
          else if (action === "symlink") writer.symlink(at, link(other), ROOT_OWNED);
          else if (action === "hardLink") writer.hardLink(at, other);
          else if (action === "removeLower") writer.removeLower(at);
          else writer.clearLower(at);
          writer.beginLayer();
        } catch (error) {
          if (!(error instanceof ExtractError) && !(error instanceof DiskError)) throw error;
          writer.close();
        }
      }
      writer.finish();
      const written = [...writer.entries()].length - 1;
      assert.equal(dump(root).length, written, "what the writer knows is what is there");
      assert.deepEqual(
        dump(outside).filter((line) => !line.startsWith(`/run${run - 1}/`)),
        before,
      );
      assert.equal(readFileSync(join(outside, "secret"), "utf8"), "untouched");
    }),
    { numRuns: 60 },
  );
});
