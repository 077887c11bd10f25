// Who knows store paths: several binary caches, asked in order, or the database of a Nix store on this machine.

import { join, resolve } from "node:path";
import type { NarInfo } from "../../formats/nix/narinfo.ts";
import { parsePublicKey } from "../../formats/nix/signature.ts";
import type { Context } from "../../model/context.ts";
import type { RequestScope } from "../../model/image-spec.ts";
import type { PathInfo } from "../../model/path-info.ts";
import type { StorePath } from "../../model/store-path.ts";
import { pathKind } from "../../platform/files.ts";
import { redactUrl } from "../../platform/network.ts";
import { NixDatabase } from "../../platform/nix-database.ts";
import { BinaryCache } from "./binary-cache.ts";
import { NixSourceError } from "./errors.ts";
import { configuredSubstituters, mergeSubstituters, type Substituters } from "./settings.ts";

/** Says what is known of store paths. */
export interface PathProvider {
  /** For messages. */
  readonly name: string;
  /** Undefined when it does not have the path. */
  info(path: StorePath): Promise<PathInfo | undefined>;
}

/** A path with the cache that has it. */
export interface OfferedPath {
  readonly info: NarInfo;
  readonly cache: BinaryCache;
}

/** Several caches as one. */
export class Caches implements PathProvider {
  readonly name: string;
  readonly #caches: readonly BinaryCache[];
  readonly #offers = new Map<StorePath, Promise<OfferedPath | undefined>>();

  constructor({ urls, publicKeys }: Substituters, context: Context) {
    this.#caches = urls.map((url) => new BinaryCache(url, publicKeys, context));
    this.name = urls.map(redactUrl).join(", ");
  }

  /** Whether reading them takes the processor's time and not the network's. */
  get isLocal(): boolean {
    return this.#caches.every((cache) => cache.isLocal);
  }

  async info(path: StorePath): Promise<PathInfo | undefined> {
    return (await this.offer(path))?.info;
  }

  /** The first cache that has a path and is trusted for it; asked once. */
  offer(path: StorePath): Promise<OfferedPath | undefined> {
    let offer = this.#offers.get(path);
    if (offer === undefined) {
      offer = this.#ask(path);
      this.#offers.set(path, offer);
    }
    return offer;
  }

  async #ask(path: StorePath): Promise<OfferedPath | undefined> {
    let failure: { readonly error: unknown } | undefined;
    for (const cache of this.#caches) {
      try {
        const info = await cache.info(path);
        if (info !== undefined) return { info, cache };
      } catch (error) {
        // Another cache may do better; if none does, the first failure says why.
        failure ??= { error };
      }
    }
    if (failure !== undefined) throw failure.error;
    return undefined;
  }
}

/** The database of a store that belongs to Nix, read only. Dispose of it when done. */
export class MachineStore implements PathProvider, Disposable {
  readonly name: string;
  readonly root: string;
  readonly #database: NixDatabase;

  /** @throws {NixSourceError} `NIX_STORE_MISSING`; {NixDatabaseError}. */
  constructor(root: string) {
    this.root = resolve(root);
    this.name = join(this.root, "nix/store");
    const file = join(this.root, "nix/var/nix/db/db.sqlite");
    if (pathKind(file) !== "file") {
      throw new NixSourceError("NIX_STORE_MISSING", `Cannot read ${this.name}: ${file} is not there`, {
        hint: 'Install Nix, name another root with nixStore({ root }), or use binaryCache("https://cache.nixos.org", …)',
      });
    }
    this.#database = new NixDatabase(file, "read");
  }

  async info(path: StorePath): Promise<PathInfo | undefined> {
    return this.#database.query(path);
  }

  /** Where a path really is. */
  physicalPath(path: StorePath): string {
    return join(this.root, path);
  }

  [Symbol.dispose](): void {
    this.#database[Symbol.dispose]();
  }
}

/** The root of the store that a scope of kind `store` means. */
export function storeRoot(mirrors: readonly string[]): string {
  return mirrors[0] ?? "/";
}

/** The caches that a scope of kind `cache` means, then those of the environment. */
export function scopeCaches(scope: RequestScope, mirrors: readonly string[]): Substituters {
  const keys = (scope["publicKeys"] as readonly string[] | undefined) ?? [];
  return mergeSubstituters({ urls: mirrors, publicKeys: keys.map(parsePublicKey) }, configuredSubstituters());
}
