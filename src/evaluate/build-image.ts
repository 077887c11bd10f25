// `buildImage` and `streamLayeredImage` with the names of nixpkgs' dockerTools: the same images as `buildLayeredImage`
// makes, in one layer or on standard output by default.

import type { Architecture, ImageConfig, ImageSpec, Request } from "../model/image-spec.ts";
import { checkOptions, OptionError, type Rule, show, TEXT } from "../model/options.ts";
import { isPulledImage, type PulledImage } from "./base-image.ts";
import { buildLayeredImage } from "./build-layered-image.ts";
import { CUSTOMISATION, type CustomisationOptions } from "./customisation.ts";
import { isOutput, isRequest, type Output } from "./derivation.ts";
import { type Compressor, LAYERED_IMAGE, type LayeredImageOptions } from "./image-options.ts";
import { place } from "./place.ts";

/** What an image of one layer holds: the arguments of dockerTools.buildImage. */
export interface BuildImageOptions
  extends Omit<CustomisationOptions, "fakeRootCommands" | "enableFakechroot"> {
  readonly name: string;
  readonly tag?: string;
  /** The image that it starts from. Default: none. */
  readonly fromImage?: string | ImageSpec | PulledImage;
  /** Which image of an archive with several. */
  readonly fromImageName?: string;
  readonly fromImageTag?: string;
  /** What is copied to `/`: packages, and the files of something built, whose store closure comes along. */
  readonly copyToRoot?: Output | Request | readonly (Output | Request)[];
  readonly config?: ImageConfig;
  readonly architecture?: Architecture;
  /** As {@link LayeredImageOptions.created}. */
  readonly created?: string | number;
  /** Default: `gz`, as dockerTools has it. */
  readonly compressor?: Compressor;
  /** True: the image has a database of its store paths that Nix accepts. Default: false. */
  readonly includeNixDB?: boolean;
  /** Owner of everything that is copied to `/`. Default: 0. */
  readonly uid?: number;
  readonly gid?: number;
  /**
   * dockerTools' way of merging directories that are links. Here links to directories are always kept, and what lies
   * below them goes where they lead; false is refused, since it would change nothing.
   */
  readonly keepContentsDirlinks?: boolean;
}

const { name, tag, fromImage, config, architecture, created, compressor, includeNixDB, uid, gid } =
  LAYERED_IMAGE;
const { fakeRootCommands: _, enableFakechroot: __, ...CUSTOMISATION_OF_ONE } = CUSTOMISATION;

const OPTIONS: Readonly<Record<keyof BuildImageOptions, Rule>> = {
  ...{ name, tag, fromImage, config, architecture, created, compressor, includeNixDB, uid, gid },
  ...CUSTOMISATION_OF_ONE,
  fromImageName: TEXT,
  fromImageTag: TEXT,
  copyToRoot: {
    expected: "packages and derivations",
    accepts: (value) => [value].flat().every((item) => isOutput(item) || isRequest(item)),
  },
  keepContentsDirlinks: { expected: "true", accepts: (value) => value === true },
};

/**
 * An image of one layer, over a base or alone.
 *
 * @throws {OptionError} `BAD_OPTION` or `UNKNOWN_OPTION`.
 *
 * @example
 * export default buildImage({
 *   name: "redis",
 *   fromImage: pullImage({ imageName: "debian", imageDigest: "sha256:…" }),
 *   copyToRoot: [packages["redis-server"]],
 *   runAsRoot: "mkdir -p /data",
 *   config: { Cmd: ["redis-server"], WorkingDir: "/data" },
 * });
 */
export function buildImage(options: BuildImageOptions): ImageSpec {
  checkOptions("buildImage", options, OPTIONS);
  const {
    copyToRoot = [],
    compressor = "gz",
    fromImage,
    fromImageName,
    fromImageTag,
    keepContentsDirlinks: _always,
    ...rest
  } = options;
  if (fromImage === undefined && (fromImageName ?? fromImageTag) !== undefined)
    throw wrong(
      "fromImageName",
      fromImageName ?? fromImageTag,
      "an archive as fromImage, of which it is one,",
    );
  const copied = [copyToRoot].flat() as (Output | Request)[];
  return buildLayeredImage({
    ...rest,
    ...(fromImage !== undefined && { fromImage: chooseImage(fromImage, fromImageName, fromImageTag) }),
    contents: copied.map((item) => (isOutput(item) ? place("/", item) : item)),
    compressor,
    planner: "single",
    maxLayers: 127,
  });
}

/** Names one image of an archive as references do. */
function chooseImage(
  fromImage: string | ImageSpec | PulledImage,
  name: string | undefined,
  tag: string | undefined,
): string | ImageSpec | PulledImage {
  if (name === undefined && tag === undefined) return fromImage;
  if (typeof fromImage !== "string" || fromImage.startsWith("docker:")) {
    throw wrong("fromImageName", name ?? tag, "an archive as fromImage, which has one image only otherwise");
  }
  const reference = /^(?:oci|oci-archive|docker-archive):/.test(fromImage)
    ? fromImage
    : `docker-archive:${fromImage}`;
  return `${reference}:${name === undefined ? "" : `${name}:`}${tag ?? "latest"}`;
}

/** The same image as buildLayeredImage's; `tare build` writes it to standard output unless `-o` says otherwise. */
export function streamLayeredImage(options: LayeredImageOptions): ImageSpec {
  return { ...buildLayeredImage(options), output: "-" };
}

/**
 * Several images in one: `docker load` of what `tare build -o docker-archive:FILE` writes gives all of them, and layers
 * that they share are there once.
 *
 * @throws {OptionError} `BAD_OPTION`.
 */
export function mergeImages(images: readonly (ImageSpec | PulledImage)[]): ImageSpec {
  const strange = (Array.isArray(images) ? images : [images]).find(
    (image) => image?.kind !== "image" && !isPulledImage(image),
  );
  if (!Array.isArray(images) || images.length === 0 || strange !== undefined) {
    throw new OptionError(
      "BAD_OPTION",
      `Cannot merge ${show(strange ?? images)}: a list of images was expected`,
      { hint: "Write mergeImages([buildLayeredImage({ … }), buildLayeredImage({ … })])" },
    );
  }
  const [first, ...rest] = images
    .map(toImage)
    .flatMap((image) => [{ ...image, merged: undefined }, ...(image.merged ?? [])]) as ImageSpec[];
  return rest.length === 0 ? first! : { ...first!, merged: rest };
}

/** A pulled image by its final name, as it is: what `export default pullImage({ … })` means. */
export function toImage(image: ImageSpec | PulledImage): ImageSpec {
  if (!isPulledImage(image)) return image;
  const { finalImageName: name, finalImageTag: tag, architecture } = image;
  return buildLayeredImage({ name, tag, architecture, fromImage: image, contents: [], maxLayers: 127 });
}

/** The files of an image as one tar: `tare build` writes it to `NAME.tar` unless `-o` says otherwise. */
export interface ExportImageOptions {
  /** The image whose files are written. */
  readonly fromImage: string | ImageSpec | PulledImage;
  /** Default: `exported`. */
  readonly name?: string;
}

const EXPORT: Readonly<Record<keyof ExportImageOptions, Rule>> = {
  fromImage: LAYERED_IMAGE.fromImage,
  name: LAYERED_IMAGE.name,
};

/**
 * The root file system of an image without its layers and configuration, as `docker export` writes a container's.
 *
 * @throws {OptionError} `BAD_OPTION` or `UNKNOWN_OPTION`.
 */
export function exportImage(options: ExportImageOptions): ImageSpec {
  checkOptions("exportImage", options, EXPORT);
  const { fromImage, name = "exported" } = options;
  if (fromImage === undefined)
    throw new OptionError("BAD_OPTION", "Cannot export an image: fromImage was expected");
  return { ...buildLayeredImage({ name, fromImage, contents: [] }), output: `rootfs:${name}.tar` };
}

function wrong(option: string, value: unknown, expected: string): OptionError {
  return new OptionError(
    "BAD_OPTION",
    `Cannot use ${show(value)} as buildImage's "${option}": ${expected} was expected`,
  );
}
