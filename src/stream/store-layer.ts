// The store paths of one layer → what its tar will be: its entries, its length, and a key that changes with any file.

import { createHash } from "node:crypto";
import { storeLayerComment } from "../formats/docker-tools.ts";
import { describeOwner, type StoreEntry, type StoreOwner } from "../formats/store-layer.ts";
import { compareEscaped } from "../formats/surrogate-escape.ts";
import { encodeByteString } from "../model/bytes.ts";
import type { TarSource } from "../model/tar-source.ts";
import { listStorePath } from "../platform/store-entries.ts";
import { StreamError } from "./errors.ts";
import { type LayerEntries, measureLayer, writeLayer } from "./layer-tar.ts";

/** Changes when the same files would be written as another tar. */
const FLAVOUR = "store-layer-1";

/** A layer of store paths on disk. Its key holds as long as none of its files is touched. */
export class StoreLayer implements TarSource, LayerEntries {
  readonly paths: readonly string[];
  readonly owner: StoreOwner;
  readonly entries: readonly StoreEntry[];
  readonly prefix: string;
  readonly key: string;
  readonly length: number;

  /**
   * @param paths Store paths, in the order of the layer.
   * @param root Where the store is: `/`, or the root of a chroot store.
   * @throws {StreamError} `STORE_PATH_MISSING`; {StoreFileError} `STORE_FILE_UNSUPPORTED`; {DiskError}.
   */
  constructor(paths: readonly string[], owner: StoreOwner, root: string) {
    this.paths = paths;
    this.owner = owner;
    this.prefix = encodeByteString(prefixOf(root));
    const entries: StoreEntry[] = [];
    const hash = createHash("sha256").update(`${FLAVOUR}\0${describeOwner(owner)}\0`, "latin1");
    for (const path of paths) {
      const place = placeOf(path, root);
      const listed = listStorePath(encodeByteString(place), compareEscaped);
      if (listed === undefined) throw missingPath(path, place);
      let records = "";
      for (const { rest, type, mode, size, target, identity } of listed) {
        const name = path + rest;
        entries.push({ name, type, mode, size, target });
        records += `${name}\0${type}\0${mode}\0${size}\0${target}\0${identity}\n`;
      }
      hash.update(records, "latin1");
    }
    this.entries = entries;
    this.key = hash.digest("hex");
    this.length = measureLayer(entries, owner);
  }

  get comment(): string {
    return storeLayerComment(this.paths);
  }

  chunks(): Iterable<Uint8Array> {
    return writeLayer(this);
  }
}

/** Where a store path is on this machine. */
export function placeOf(path: string, root: string): string {
  return prefixOf(root) + path;
}

function prefixOf(root: string): string {
  return root.replace(/\/+$/, "");
}

function missingPath(path: string, place: string): StreamError {
  return new StreamError(
    "STORE_PATH_MISSING",
    `Cannot stream ${path}: there is nothing at ${place}, a store path was wanted`,
    { hint: "Build it first (nix-build, nix build); for a store elsewhere, name it with --store-root" },
  );
}
