import { TareError } from "../model/errors.ts";

export type PackErrorCode =
  /** The compressor of this Node writes other bytes than the codec promises. */
  | "CODEC_DRIFT"
  /** The compression has no such level. */
  | "BAD_LEVEL"
  /** The tar of a layer is not what was said of it: its source is damaged. */
  | "LAYER_MISMATCH"
  /** A time that an archive cannot hold. */
  | "BAD_TIME";

export class PackError extends TareError<PackErrorCode> {}
