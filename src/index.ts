// What an image.ts imports from "tare". Nothing else is public.

export type { ImageContent, LayeredImageOptions } from "./evaluate/build-layered-image.ts";
export { buildLayeredImage } from "./evaluate/build-layered-image.ts";
export { TareError } from "./model/errors.ts";
export type {
  Architecture,
  ArchiveReference,
  CompressionName,
  ImageConfig,
  ImageSpec,
  LocalFile,
  Request,
} from "./model/image-spec.ts";
export { OptionError } from "./model/options.ts";
export type { DebianArchive, DebianOptions } from "./sources/debian/request.ts";
export { debian } from "./sources/debian/request.ts";
export type { FileOptions } from "./sources/path/file.ts";
export { file } from "./sources/path/file.ts";
