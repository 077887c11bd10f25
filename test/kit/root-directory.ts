// A directory of this machine as the root file system of an image.

import { closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from "node:fs";
import { type RootEntry, type RootFile, RootView } from "../../src/inspect/root-view.ts";
import type { BytePath, ByteString } from "../../src/model/bytes.ts";

/** Looks at a directory, or at some of the directories in it; names are read as they are. */
export function viewDirectory(root: string, only: readonly string[] = [""]): RootView {
  const entries: RootEntry[] = [];
  const visit = (path: string) => {
    const stats = lstatSync(Buffer.from(`${root}/${path}`, "latin1"), { throwIfNoEntry: false });
    if (stats === undefined) return;
    const common = { path: path as BytePath, mode: stats.mode & 0o7777, uid: stats.uid, gid: stats.gid };
    const at = Buffer.from(`${root}/${path}`, "latin1");
    if (stats.isSymbolicLink()) {
      const target = readlinkSync(at, "buffer").toString("latin1") as ByteString;
      entries.push({ ...common, type: "symlink", target });
    } else if (stats.isFile()) entries.push({ ...common, type: "file", size: stats.size });
    else if (!stats.isDirectory()) entries.push({ ...common, type: "special" });
    else {
      entries.push({ ...common, type: "directory" });
      for (const name of readdirSync(at, "latin1")) visit(path === "" ? name : `${path}/${name}`);
    }
  };
  for (const path of only) visit(path);
  return new RootView(entries, {
    readInto(file: RootFile, position: number, target: Uint8Array): void {
      const fd = openSync(Buffer.from(`${root}/${file.path}`, "latin1"), "r");
      try {
        for (let done = 0; done < target.length; ) {
          done += readSync(fd, target, done, target.length - done, position + done);
        }
      } finally {
        closeSync(fd);
      }
    },
    compare: (a, b) => (a.path < b.path ? -1 : 1),
    [Symbol.dispose]() {},
  });
}
