// The error of stores on disk.

import { TareError } from "../../model/errors.ts";

export type StoreErrorCode =
  /** A path that is wanted is not valid in this store. */
  | "STORE_PATH_MISSING"
  /** Bytes of a path are not those that were promised or registered. */
  | "STORE_HASH_MISMATCH";

export class StoreError extends TareError<StoreErrorCode> {}
