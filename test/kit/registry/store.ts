// What a registry holds, in memory: repositories with blobs, unfinished uploads, manifests and tags.

import { createHash, randomUUID } from "node:crypto";
import { Refusal } from "./answer.ts";

export interface StoredManifest {
  readonly mediaType: string;
  readonly bytes: Buffer;
}

/** An upload that has begun. */
export interface Upload {
  readonly id: string;
  content: Buffer;
  /** A chunk shorter than the registry's minimum came, so it must have been the last. */
  ended: boolean;
}

export interface Repository {
  readonly name: string;
  readonly blobs: Map<string, Buffer>;
  readonly uploads: Map<string, Upload>;
  readonly manifests: Map<string, StoredManifest>;
  /** Digest by tag. */
  readonly tags: Map<string, string>;
}

export class RegistryStore {
  readonly repositories = new Map<string, Repository>();

  /** A repository, made when it is new. */
  repository(name: string): Repository {
    const known = this.repositories.get(name);
    if (known !== undefined) return known;
    const made: Repository = {
      name,
      blobs: new Map(),
      uploads: new Map(),
      manifests: new Map(),
      tags: new Map(),
    };
    this.repositories.set(name, made);
    return made;
  }

  /** A repository that something was pushed to. */
  existing(name: string): Repository {
    const known = this.repositories.get(name);
    if (known === undefined) throw new Refusal("NAME_UNKNOWN", `there is no repository ${name}`);
    return known;
  }

  startUpload(name: string): Upload {
    const upload: Upload = { id: randomUUID(), content: Buffer.alloc(0), ended: false };
    this.repository(name).uploads.set(upload.id, upload);
    return upload;
  }

  loseUploads(): void {
    for (const repository of this.repositories.values()) repository.uploads.clear();
  }
}

const DIGEST = /^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

/** Refuses what is not a digest of a known algorithm. */
export function checkDigest(digest: string | null): string {
  if (digest === null || !DIGEST.test(digest)) throw new Refusal("DIGEST_INVALID", `not a digest: ${digest}`);
  return digest;
}

export function digestOf(content: Uint8Array, algorithm = "sha256"): string {
  return `${algorithm}:${createHash(algorithm).update(content).digest("hex")}`;
}

/** Whether bytes have a digest, by the digest's own algorithm. */
export function matches(content: Uint8Array, digest: string): boolean {
  return digestOf(content, digest.slice(0, digest.indexOf(":"))) === digest;
}
