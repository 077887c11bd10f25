// The store paths of an image → the state by which the image's own Nix knows them: `includeNixDB`.
//
// As dockerTools has it: /nix/var/nix/db/db.sqlite says that the paths are valid and what they refer to, and links below
// gcroots/docker keep what was asked for from being collected as garbage. Who built or signed a path is left out, since
// that may differ between two machines that have the same path; so is its derivation, which is not in the image.

import { createHash } from "node:crypto";
import type { BytePath, ByteString } from "../model/bytes.ts";
import type { Context } from "../model/context.ts";
import type { PathInfo } from "../model/path-info.ts";
import { type StorePath, storeBaseName } from "../model/store-path.ts";
import type { DirectoryEntry, FileEntry, SymlinkEntry, Tree } from "../model/tree.ts";
import { createTree } from "../model/tree.ts";
import { temporaryName } from "../platform/disk.ts";
import { NIX_SCHEMA_VERSION } from "../platform/nix-database.ts";
import { createNixDatabaseFile } from "../platform/nix-database-file.ts";

/** What the image's Nix is to know. */
export interface NixClosure {
  /** Every store path of the image, with all that it refers to. */
  readonly paths: readonly Pick<PathInfo, "path" | "narHash" | "narSize" | "references">[];
  /** Those that were asked for. */
  readonly roots: readonly StorePath[];
}

const STATE = "nix/var/nix";
/** Seconds since the epoch. */
const REGISTRATION_TIME = 1;
const DIRECTORIES = ["nix", "nix/var", STATE, `${STATE}/db`, `${STATE}/gcroots`, `${STATE}/gcroots/docker`];

/**
 * Makes the entries below /nix/var/nix; equal for equal paths.
 *
 * @throws {NixDatabaseError} `STORE_REFERENCE_MISSING` when a path refers to one that is not there.
 * @throws {DiskError}
 */
export function createNixDatabaseLayer({ paths, roots }: NixClosure, context: Context): Tree {
  const registrations = paths.map(({ path, narHash, narSize, references }) => ({
    path,
    narHash,
    narSize,
    references,
    signatures: [],
    ultimate: false,
    registrationTime: REGISTRATION_TIME,
  }));
  const database = createNixDatabaseFile(
    registrations,
    temporaryName(context.cache.path("tmp", "db.sqlite")),
  );
  return createTree([
    ...DIRECTORIES.map(directory),
    file(`${STATE}/db/big-lock`, Buffer.alloc(0), 0o600),
    file(`${STATE}/db/db.sqlite`, database, 0o644),
    file(`${STATE}/db/schema`, Buffer.from(String(NIX_SCHEMA_VERSION)), 0o644),
    ...roots.map((root) => link(`${STATE}/gcroots/docker/${storeBaseName(root)}`, root)),
  ]);
}

const ROOT = { uid: 0, gid: 0 } as const;

function directory(path: string): DirectoryEntry {
  return { type: "directory", path: path as BytePath, mode: 0o755, ...ROOT };
}

function file(path: string, bytes: Uint8Array, mode: number): FileEntry {
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const content = { kind: "bytes", bytes, sha256 } as const;
  return { type: "file", path: path as BytePath, mode, ...ROOT, size: bytes.length, content };
}

function link(path: string, target: string): SymlinkEntry {
  return { type: "symlink", path: path as BytePath, mode: 0o777, ...ROOT, target: target as ByteString };
}
