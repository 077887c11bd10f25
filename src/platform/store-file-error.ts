// What can be wrong with a file of a store.

import { TareError } from "../model/errors.ts";

export type StoreFileErrorCode =
  /** A tree has a device, a fifo or a socket, which no store object may have. */
  | "STORE_FILE_UNSUPPORTED"
  /** A file changed while it was read. */
  | "STORE_FILE_CHANGED";

export class StoreFileError extends TareError<StoreFileErrorCode> {}
