// The store beside Nix's programs: adding a tree, closures from metadata, paths from a local binary cache.

import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { computeHash } from "../src/formats/nix/hash.ts";
import { parsePublicKey } from "../src/formats/nix/signature.ts";
import { computeOutputPath } from "../src/formats/nix/store-path.ts";
import type { Context } from "../src/model/context.ts";
import type { PathInfo } from "../src/model/path-info.ts";
import { SILENT_PROGRESS } from "../src/model/progress.ts";
import type { StorePath } from "../src/model/store-path.ts";
import { Cache } from "../src/platform/cache.ts";
import { removeTree } from "../src/platform/directories.ts";
import { NixDatabase } from "../src/platform/nix-database.ts";
import { LocalStore } from "../src/platform/store/local-store.ts";
import { substitute } from "../src/sources/nix/substitute.ts";
import { generateKeyFile, readKeyFile } from "../src/store/keys.ts";
import { pushPaths } from "../src/store/push.ts";

export interface StoreRow {
  readonly what: string;
  readonly seconds: number;
  /** Of work; undefined where bytes are not what matters. */
  readonly bytes?: number | undefined;
}

const RUNS = 3;
const signal = new AbortController().signal;

/** Directories of this machine that a tree is copied from, until it is large enough. */
const SAMPLES = [
  "/usr/lib/python3",
  "/usr/lib/gcc",
  "/usr/share/perl",
  "/usr/lib/python3.11",
  "/usr/lib/git-core",
];
const SAMPLE_SIZE = 250e6;

async function best(prepare: (run: number) => void, action: (run: number) => Promise<void>): Promise<number> {
  let fastest = Number.POSITIVE_INFINITY;
  for (let run = 0; run < RUNS; run++) {
    prepare(run);
    fastest = Math.min(fastest, await time(() => action(run)));
  }
  return fastest;
}

async function time(action: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await action();
  return (performance.now() - start) / 1000;
}

const hasNix = () => spawnSync("nix-store", ["--version"]).status === 0;

function nix(work: string, program: string, args: readonly string[]): void {
  const config =
    "experimental-features = nix-command\nsandbox = false\nsubstituters =\nbuild-users-group =\nrequire-sigs = true\n";
  const env = {
    PATH: process.env["PATH"],
    HOME: work,
    XDG_CACHE_HOME: work,
    NIX_REMOTE: "",
    NIX_CONFIG: config,
  };
  const result = spawnSync(program, args, { env, encoding: "utf8" });
  if (result.status !== 0) throw new Error(`${program} ${args.join(" ")}: ${result.stderr}`);
}

/** Measures everything, on the disk of the temporary directory. */
export async function benchStore(): Promise<StoreRow[]> {
  const work = mkdtempSync(join(tmpdir(), "tare-bench-store-"));
  try {
    return [...(await benchAdding(work)), await benchClosure(work), ...(await benchSubstitution(work))];
  } finally {
    removeTree(work);
  }
}

function sizeOf(path: string): number {
  return readdirSync(path, { recursive: true, withFileTypes: true }).reduce(
    (sum, entry) => sum + (entry.isFile() ? statSync(join(entry.parentPath, entry.name)).size : 0),
    0,
  );
}

async function benchAdding(work: string): Promise<StoreRow[]> {
  const tree = join(work, "tree");
  mkdirSync(tree);
  let bytes = 0;
  for (const sample of SAMPLES.filter((path) => existsSync(path) && bytes < SAMPLE_SIZE)) {
    cpSync(sample, join(tree, sample.replaceAll("/", "-")), { recursive: true, verbatimSymlinks: true });
    bytes = sizeOf(tree);
  }
  const root = (program: string, run: number) => join(work, `${program}-${run}`);
  const candidates = Array.from({ length: 1000 }, (_, i) => pathOf(`candidate-${i}`));
  using scanning = new LocalStore(join(work, "scan"));
  const rows: StoreRow[] = [
    {
      what: "NAR, SHA-256 and scan for 1,000 references of the tree",
      seconds: await best(
        () => {},
        async () => void (await scanning.scan(tree, candidates, signal)),
      ),
      bytes,
    },
  ];
  const adding = { tare: Number.POSITIVE_INFINITY, nix: Number.POSITIVE_INFINITY };
  // In turn: what is written by one is written back to the disk while the other runs.
  for (let run = 0; run < RUNS; run++) {
    const addTare = async () => {
      using store = new LocalStore(root("tare", run));
      await store.addSource("tree", tree, { signal });
    };
    adding.tare = Math.min(adding.tare, await time(addTare));
    const addNix = async () =>
      nix(work, "nix-store", ["--store", `local?root=${root("nix", run)}`, "--add", tree]);
    if (hasNix()) adding.nix = Math.min(adding.nix, await time(addNix));
  }
  rows.push({ what: "`tare store add` of the tree, in this process", seconds: adding.tare, bytes });
  if (hasNix()) rows.push({ what: "`nix-store --add` of the tree", seconds: adding.nix, bytes });
  return rows;
}

function pathOf(name: string): StorePath {
  return computeOutputPath(name, "out", computeHash("sha256", name));
}

async function benchClosure(work: string): Promise<StoreRow> {
  const file = join(work, "closure.sqlite");
  const paths = Array.from({ length: 10_000 }, (_, i) => pathOf(`path-${i}`));
  const registrations = paths.map((path, i) => ({
    path,
    narHash: computeHash("sha256", path).bytes.reduce(
      (text, byte) => text + byte.toString(16).padStart(2, "0"),
      "",
    ),
    narSize: 1000,
    references: [...new Set([1, 2, 3, 5, 8, 100, 1000].map((step) => paths[Math.max(0, i - step)]!))].sort(),
    signatures: [],
    ultimate: false,
    registrationTime: 1,
  }));
  {
    using database = new NixDatabase(file, "write");
    database.register(registrations);
  }
  const seconds = await best(
    () => {},
    async () => {
      using database = new NixDatabase(file, "read");
      const { length } = database.closure([paths.at(-1)!]);
      if (length !== paths.length) throw new Error(`the closure has ${length} paths`);
    },
  );
  return { what: "closure of 10,000 paths from metadata", seconds };
}

async function benchSubstitution(work: string): Promise<StoreRow[]> {
  const context: Context = {
    cache: new Cache(join(work, "cache")),
    progress: SILENT_PROGRESS,
    signal,
    offline: true,
    jobs: 2,
  };
  using store = new LocalStore(join(work, "filled"));
  const paths: StorePath[] = [];
  for (let i = 0; i < 500; i++) {
    const references = [...new Set([i - 1, i - 7].flatMap((at) => paths[at] ?? []))].sort();
    paths.push(await addPath(store, i, references));
  }
  const key = join(work, "key");
  const publicKey = generateKeyFile("bench-1", key);
  const rows: StoreRow[] = [];
  for (const compression of ["zstd", "xz", "none"] as const) {
    const url = pathToFileURL(join(work, `cache-${compression}`)).href;
    const options = { key: readKeyFile(key), compression, listings: false };
    await pushPaths([paths.at(-1)!], url, store, options, context);
    const bytes = paths.reduce((sum, path) => sum + store.query(path).narSize, 0);
    const substituters = { urls: [url], publicKeys: [parsePublicKey(publicKey)] };
    const args = ["copy", "--option", "trusted-public-keys", publicKey, "--from", url, paths.at(-1)!, "--to"];
    const [ours, theirs] = [[], []] as [number[], number[]];
    // In turns, so that what else the machine does, and what its disk has done, counts for both.
    for (let run = 0; run < RUNS; run++) {
      ours.push(
        await time(async () => {
          using target = new LocalStore(join(work, `tare-${compression}-${run}`));
          const valid = await substitute([paths.at(-1)!], target, substituters, context);
          if (valid.size !== 1 || target.database.all().length !== paths.length)
            throw new Error("paths are missing");
        }),
      );
      if (!hasNix()) continue;
      const target = `local?root=${join(work, `nix-${compression}-${run}`)}`;
      theirs.push(await time(async () => nix(work, "nix", [...args, target])));
    }
    rows.push({ what: `500 paths from a local cache, ${compression}`, seconds: Math.min(...ours), bytes });
    if (theirs.length > 0)
      rows.push({ what: `\`nix copy\` of the same, ${compression}`, seconds: Math.min(...theirs), bytes });
  }
  return rows;
}

async function addPath(store: LocalStore, i: number, references: readonly StorePath[]): Promise<StorePath> {
  const path = pathOf(`package-${i}`);
  const staged = store.stage({ path });
  mkdirSync(join(staged, "bin"), { recursive: true });
  for (let file = 0; file < 8; file++) {
    const lines = Array.from(
      { length: 200 },
      (_, line) => `${i} ${file} ${(line * 7919 * (i + 3)) % 99991} text\n`,
    );
    writeFileSync(join(staged, `bin/file-${file}`), [...references, ...lines].join("\n"));
  }
  store.canonicalise(staged);
  const facts = await store.scan(staged, references, signal);
  const info: PathInfo = { path, ...facts, signatures: [], ultimate: true };
  store.register([{ info, staged }]);
  return path;
}

/** The measurements as Markdown. */
export async function formatStoreTable(): Promise<string> {
  const rows = await benchStore();
  return [
    "| what | time | MB/s |",
    "|---|---|---|",
    ...rows.map(({ what, seconds, bytes }) => {
      const rate = bytes === undefined ? "" : (bytes / seconds / 1e6).toFixed(0);
      return `| ${what} | ${seconds.toPrecision(3)} s | ${rate} |`;
    }),
  ].join("\n");
}
