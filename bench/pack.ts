// How fast layers are packed, beside `tar | zstd -3 -T2` on the same bytes and beside sha256 alone.
//
// Tare reads a tree as it keeps trees: one archive with an index beside it. tar reads the directory that the archive
// was made of. Both are read once before, so that the disk does not count.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  closeSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeSync,
} from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import type { BytePath, ByteString } from "../src/model/bytes.ts";
import { comparePaths } from "../src/model/bytes.ts";
import type { Context } from "../src/model/context.ts";
import type { LayerContents } from "../src/model/layer-plan.ts";
import { SILENT_PROGRESS } from "../src/model/progress.ts";
import type { TreeEntry } from "../src/model/tree.ts";
import { packLayers } from "../src/pack/pack-layers.ts";
import { Cache } from "../src/platform/cache.ts";

/** One line of the table. */
export interface Row {
  readonly what: string;
  readonly seconds: number;
  /** Bytes of the tree for each second. */
  readonly bytesPerSecond?: number;
}

const DIRECTORIES = ["usr/share", "usr/lib"];
const LARGEST_TREE = 600e6;
const RUNS = 3;

/** Measures packing; the best of three runs of each. */
export async function benchPack(): Promise<Row[]> {
  const work = mkdtempSync(join(tmpdir(), "tare-bench-"));
  try {
    const { entries, list, size } = gather(join(work, "tree.bin"));
    const contents: LayerContents = { comment: "bench", units: ["bench"], reason: "bench", entries };
    const listFile = join(work, "list");
    const fd = openSync(listFile, "w");
    writeSync(fd, list.map((path) => `${path}\0`).join(""));
    closeSync(fd);
    const tar = `tar -C / --no-recursion --null -T ${listFile} -cf - 2>/dev/null`;
    const jobs = cpus().length;
    const rows: Row[] = [];
    const measure = async (what: string, action: () => unknown) => {
      let best = Number.POSITIVE_INFINITY;
      for (let run = 0; run < RUNS; run++) {
        const start = performance.now();
        await action();
        best = Math.min(best, (performance.now() - start) / 1000);
      }
      rows.push({ what, seconds: best, bytesPerSecond: size / best });
    };
    const shell = (command: string) => () => spawnSync("sh", ["-c", command], { stdio: "ignore" });
    await measure(`tar | zstd -3 -T${jobs}`, shell(`${tar} | zstd -q -3 -T${jobs} -o ${work}/out.zst -f`));
    await measure("pack zstd:3", () => packOnce(contents, "zstd", work, jobs));
    await measure("pack none", () => packOnce(contents, "none", work, jobs));
    await measure("sha256 of the tree", () => {
      const hash = createHash("sha256");
      hash.update(readFileSync(join(work, "tree.bin"))).digest();
    });
    return rows;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function packOnce(
  contents: LayerContents,
  compression: "zstd" | "none",
  work: string,
  jobs: number,
): Promise<void> {
  const cache = mkdtempSync(join(work, "cache-"));
  const context: Context = {
    cache: new Cache(cache),
    progress: SILENT_PROGRESS,
    signal: new AbortController().signal,
    offline: true,
    jobs,
  };
  await packLayers([contents], { compression, level: undefined, mtimeSeconds: 1 }, context);
  rmSync(cache, { recursive: true });
}

/** Reads directories of this machine into one archive, up to a size. */
function gather(archive: string): { entries: TreeEntry[]; list: string[]; size: number } {
  const entries: TreeEntry[] = [];
  const fd = openSync(archive, "w");
  let offset = 0;
  const visit = (path: string) => {
    if (offset > LARGEST_TREE) return;
    const stats = lstatSync(Buffer.from(`/${path}`, "latin1"));
    const common = { path: path as BytePath, mode: stats.mode & 0o7777, uid: stats.uid, gid: stats.gid };
    if (stats.isSymbolicLink()) {
      const target = readlinkSync(Buffer.from(`/${path}`, "latin1"), "latin1") as ByteString;
      entries.push({ ...common, type: "symlink", target });
    } else if (stats.isDirectory()) {
      entries.push({ ...common, type: "directory" });
      for (const name of readdirSync(Buffer.from(`/${path}`, "latin1"), "latin1")) visit(`${path}/${name}`);
    } else if (stats.isFile()) {
      const bytes = readFileSync(Buffer.from(`/${path}`, "latin1"));
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      const content = { kind: "range", file: archive, offset, crc32: crc32(bytes), sha256 } as const;
      entries.push({ ...common, type: "file", size: bytes.length, content });
      offset += writeSync(fd, bytes);
    }
  };
  for (const directory of DIRECTORIES) visit(directory);
  closeSync(fd);
  entries.sort((a, b) => comparePaths(a.path, b.path));
  return { entries, list: entries.map((entry) => entry.path), size: offset };
}

if (import.meta.main) console.table(await benchPack());
