// Valid paths → a binary cache that Nix reads: for each the compressed NAR, then the narinfo, signed; references first, so
// that whoever finds a path there finds what it refers to as well.

import { createHash } from "node:crypto";
import { formatCacheInfo } from "../formats/nix/cache-info.ts";
import { formatNarListing } from "../formats/nix/nar-writer.ts";
import { formatNarInfo, formatNarUrl, type NarInfo, signPathInfo } from "../formats/nix/narinfo.ts";
import type { SecretKey } from "../formats/nix/signature.ts";
import { compareStrings } from "../model/bytes.ts";
import type { Context } from "../model/context.ts";
import type { PathInfo } from "../model/path-info.ts";
import { hashPart, STORE_DIR, type StorePath } from "../model/store-path.ts";
import type { Tree } from "../model/tree.ts";
import { type CompressionMethod, compress } from "../platform/compress.ts";
import { inParallel } from "../platform/parallel.ts";
import { SpoolFile } from "../platform/random-access.ts";
import type { LocalStore } from "../platform/store/local-store.ts";
import { readStoreNar } from "../platform/store/read-nar.ts";
import { readStoreTree } from "../platform/store/read-tree.ts";
import { type CacheTarget, openTarget } from "./cache-target.ts";
import { StoreCommandError } from "./errors.ts";
import { sortForImport } from "./order.ts";

export interface PushOptions {
  /** Undefined: paths go with the signatures that they have. */
  readonly key: SecretKey | undefined;
  readonly compression: CompressionMethod;
  /** True: `<hash part>.ls` beside each narinfo, where all names are UTF-8. */
  readonly listings: boolean;
}

export interface PushedPaths {
  /** Paths that the cache had not, in the order in which they were written. */
  readonly pushed: readonly StorePath[];
  /** Paths that it had. */
  readonly present: readonly StorePath[];
  /** Bytes of the NAR files that were written. */
  readonly size: number;
}

/** Paths that are compressed and sent at once. */
const AT_ONCE = 4;

/**
 * Writes paths and all that they refer to.
 *
 * @throws {StoreCommandError} `PUSH_REFUSED`; {StoreError}; {NetworkError}; {DiskError}.
 */
export async function pushPaths(
  paths: readonly StorePath[],
  url: string,
  store: LocalStore,
  options: PushOptions,
  context: Context,
): Promise<PushedPaths> {
  const target = openTarget(url, context);
  const infos = sortForImport(store.closure(paths));
  const missing: PathInfo[] = [];
  const present: StorePath[] = [];
  await inParallel(infos, 2 * AT_ONCE, context.signal, async (info) => {
    if (await target.has(`${hashPart(info.path)}.narinfo`)) present.push(info.path);
    else missing.push(info);
  });
  const wanted = sortForImport(missing);
  refuseUnsigned(wanted, options);
  if (!(await target.has("nix-cache-info"))) {
    await target.put(
      "nix-cache-info",
      Buffer.from(formatCacheInfo({ storeDir: STORE_DIR, wantMassQuery: true })),
    );
  }
  const stage = context.progress.stage("pushing");
  stage.expect(
    wanted.length,
    wanted.reduce((sum, { narSize }) => sum + narSize, 0),
  );
  const finished = new Map<StorePath, Promise<void>>();
  let size = 0;
  await inParallel(wanted, AT_ONCE, context.signal, async (info) => {
    const pushed = pushPath(info, target, store, options, finished, context);
    const done = pushed.then(() => {});
    // Those that wait for it end with the first error, which is told once.
    done.catch(() => {});
    finished.set(info.path, done);
    size += await pushed;
    stage.advance(1, info.narSize);
  });
  stage.done(`${wanted.length} store path${wanted.length === 1 ? "" : "s"}`);
  return { pushed: wanted.map(({ path }) => path), present: present.sort(compareStrings), size };
}

/** What nobody signed nobody can use, unless it is named by its content. */
function refuseUnsigned(infos: readonly PathInfo[], { key }: PushOptions): void {
  const bad = infos.find(
    ({ signatures, ca }) => key === undefined && signatures.length === 0 && ca === undefined,
  );
  if (bad === undefined) return;
  throw new StoreCommandError(
    "PUSH_REFUSED",
    `Cannot push ${bad.path}: nobody has signed it, and no key is given`,
    {
      hint: "Give --key FILE; tare store generate-key makes one",
    },
  );
}

/** @returns Bytes of the NAR's file. */
async function pushPath(
  info: PathInfo,
  target: CacheTarget,
  store: LocalStore,
  options: PushOptions,
  finished: ReadonlyMap<StorePath, Promise<void>>,
  context: Context,
): Promise<number> {
  const tree = await readStoreTree(store.physicalPath(info.path), info, context);
  using spool = new SpoolFile(context.cache.path("tmp", "nar"));
  const hash = createHash("sha256");
  const nar = readStoreNar(info, tree, context.signal);
  for await (const chunk of compress(options.compression, nar)) {
    hash.update(chunk);
    spool.write(chunk);
  }
  const fileHash = { algorithm: "sha256" as const, bytes: hash.digest() };
  const narInfo: NarInfo = {
    ...info,
    signatures: sign(info, options.key),
    url: formatNarUrl(fileHash, options.compression),
    compression: options.compression,
    fileHash,
    fileSize: spool.size,
  };
  if (!(await target.has(narInfo.url))) await target.put(narInfo.url, spool);
  if (options.listings) await putListing(info, tree, target, context);
  await Promise.all(info.references.filter((path) => path !== info.path).map((path) => finished.get(path)));
  await target.put(`${hashPart(info.path)}.narinfo`, Buffer.from(formatNarInfo(narInfo)));
  return spool.size;
}

function sign(info: PathInfo, key: SecretKey | undefined): readonly string[] {
  if (key === undefined) return info.signatures;
  const others = info.signatures.filter((signature) => !signature.startsWith(`${key.name}:`));
  return [...others, signPathInfo(key, info)].sort(compareStrings);
}

async function putListing(
  { path }: PathInfo,
  tree: Tree,
  target: CacheTarget,
  { progress }: Context,
): Promise<void> {
  let listing: string;
  try {
    listing = formatNarListing(tree);
  } catch {
    progress.note(`${path} gets no listing: not all of its names are UTF-8`);
    return;
  }
  await target.put(`${hashPart(path)}.ls`, Buffer.from(listing));
}
