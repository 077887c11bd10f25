// The error of Nix's formats.

import { TareError } from "../../model/errors.ts";

export type NixFormatErrorCode =
  /** A text is no hash: unknown algorithm, wrong length, a character that its encoding does not have. */
  | "HASH_INVALID"
  /** A text is no store path, a name no name, or a content address cannot have what it is asked for. */
  | "STORE_PATH_INVALID"
  /** Bytes are no NAR in the one form that it has, or a tree cannot be written as one. */
  | "NAR_INVALID"
  /** A .drv is not what Nix would write, or attributes make no derivation. */
  | "DERIVATION_INVALID"
  /** A narinfo lacks what it must have, or a field of it is damaged. */
  | "NARINFO_INVALID"
  /** A nix-cache-info is damaged. */
  | "CACHE_INFO_INVALID"
  /** A key or a signature is not `NAME:BASE64` of the right length. */
  | "SIGNATURE_INVALID"
  /** A stream of `nix-store --export` is damaged. */
  | "EXPORT_INVALID"
  /** A dump of the database, as `nix-store --dump-db` writes it, is damaged. */
  | "DATABASE_DUMP_INVALID";

/** Thrown when bytes or texts are not what Nix's formats say. */
export class NixFormatError extends TareError<NixFormatErrorCode> {}
