import assert from "node:assert/strict";
import { test } from "node:test";
import { type BytePath, encodeByteString, toBytePath } from "../model/bytes.ts";
import type { FixReport, RootFileSystem } from "../model/root-file-system.ts";
import type { TreeEntry } from "../model/tree.ts";
import { listOfferedPaths } from "./offered-paths.ts";

const at = (path: string) => ({ path: toBytePath(path), mode: 0o755, uid: 0, gid: 0 });
const file = (path: string, sha256: string): TreeEntry => ({
  ...at(path),
  type: "file",
  size: 1,
  content: { kind: "bytes", bytes: new Uint8Array(1), sha256 },
});
const link = (path: string, target: string): TreeEntry => ({
  ...at(path),
  type: "symlink",
  target: encodeByteString(target),
});
const did = (action: FixReport["action"], path: string, because?: string): FixReport => ({
  fix: "x",
  action,
  path: toBytePath(path),
  detail: "",
  because,
});

function composed(
  own: readonly TreeEntry[],
  additions: readonly TreeEntry[],
  report: readonly FixReport[],
): RootFileSystem {
  return {
    units: [{ id: "vim", label: "vim", entries: own }],
    additions,
    merged: new Map([...own, ...additions].map((entry): [BytePath, TreeEntry] => [entry.path, entry])),
    directories: new Map(),
    contentsRead: new Set(),
    report,
  };
}

test("a chain of links leads to the file at its end, a written file to its template", () => {
  const offered = listOfferedPaths(
    composed(
      [file("usr/bin/vim.basic", "aa"), file("usr/share/vim/vimrc", "bb")],
      [
        link("usr/bin/vi", "/etc/alternatives/vi"),
        link("etc/alternatives/vi", "/usr/bin/vim.basic"),
        file("etc/vim/vimrc", "bb"),
        file("etc/vim/generated", "cc"),
        link("usr/bin/nowhere", "gone"),
        link("usr/bin/a", "b"),
        link("usr/bin/b", "a"),
      ],
      [
        did("link", "usr/bin/vi", "vim"),
        did("link", "etc/alternatives/vi", "vim"),
        did("write", "etc/vim/vimrc", "vim"),
        did("write", "etc/vim/generated", "vim"),
        did("link", "usr/bin/nowhere", "vim"),
        did("link", "usr/bin/a", "vim"),
        did("link", "usr/bin/vi"),
        did("directory", "etc/vim", "vim"),
      ],
    ),
  );
  assert.deepEqual(offered, [
    { object: "vim", path: "usr/bin/vi", target: "usr/bin/vim.basic" },
    { object: "vim", path: "etc/alternatives/vi", target: "usr/bin/vim.basic" },
    { object: "vim", path: "etc/vim/vimrc", target: "usr/share/vim/vimrc" },
  ]);
});
