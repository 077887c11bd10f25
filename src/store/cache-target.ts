// Where a binary cache is written to: a directory of this machine, or a server that takes PUT.

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Context } from "../model/context.ts";
import { fileSize, makeDirectories, writeFileAtomically } from "../platform/disk.ts";
import { FileCopy } from "../platform/files.ts";
import { isOnServer, type UploadSource, uploadToServer } from "../platform/http-upload.ts";
import { credentialHeaders, redactUrl } from "../platform/network.ts";
import { StoreCommandError } from "./errors.ts";

export interface CacheTarget {
  has(name: string): Promise<boolean>;
  /** Appears whole. */
  put(name: string, source: UploadSource): Promise<void>;
}

/** @throws {StoreCommandError} `PUSH_REFUSED` */
export function openTarget(url: string, context: Context): CacheTarget {
  const base = url.replace(/\/+$/, "");
  if (/^file:\/\/\//.test(base)) return new DirectoryTarget(fileURLToPath(base));
  if (/^https?:\/\/./.test(base)) return new ServerTarget(base, context);
  throw new StoreCommandError(
    "PUSH_REFUSED",
    `Cannot push to "${redactUrl(url)}": it is no file:, http: or https: URL`,
    { hint: `Write file://${url.startsWith("/") ? url : "/DIRECTORY"}, or https://cache.example.org` },
  );
}

class DirectoryTarget implements CacheTarget {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
    makeDirectories(join(directory, "nar"));
  }

  async has(name: string): Promise<boolean> {
    return fileSize(join(this.#directory, name)) !== undefined;
  }

  async put(name: string, source: UploadSource): Promise<void> {
    const place = join(this.#directory, name);
    if (source instanceof Uint8Array) {
      writeFileAtomically(place, source);
      return;
    }
    using copy = new FileCopy(source.path, place);
    copy.commit();
  }
}

class ServerTarget implements CacheTarget {
  readonly #base: string;
  readonly #context: Context;

  constructor(base: string, context: Context) {
    this.#base = base;
    this.#context = context;
  }

  has(name: string): Promise<boolean> {
    return isOnServer(`${this.#base}/${name}`, this.#context, credentialHeaders);
  }

  put(name: string, source: UploadSource): Promise<void> {
    return uploadToServer(`${this.#base}/${name}`, source, this.#context, credentialHeaders);
  }
}
