// The images that others start from: references as text, pulled images with their pin, images of Tare.

import type { Architecture, BaseImage, ImageSpec } from "../model/image-spec.ts";
import { checkOptions, OptionError, oneOf, show, TEXT } from "../model/options.ts";
import { machineArchitecture } from "../platform/machine.ts";

/** An image of a registry, pinned by its digest. Plain data. */
export interface PulledImage {
  readonly kind: "pulled-image";
  /** `docker://HOST/NAME@sha256:…` */
  readonly reference: string;
  readonly architecture: Architecture;
  readonly finalImageName: string;
  readonly finalImageTag: string;
}

/** What is pulled: nixpkgs' dockerTools.pullImage, its pin being the digest alone. */
export interface PullImageOptions {
  /** The image's name, with the registry unless that is docker.io: `nginx`, `quay.io/team/app`. */
  readonly imageName: string;
  /** The digest of its manifest or index, as `tare prefetch` prints it: `sha256:…`. */
  readonly imageDigest: string;
  /** The registry, when `imageName` does not name it. */
  readonly registry?: string;
  /** Only `linux` can be had. */
  readonly os?: "linux";
  /** Default: that of this machine. */
  readonly arch?: Architecture;
  /** What it is called here. Default: `imageName`. */
  readonly finalImageName?: string;
  /** Default: `latest`. */
  readonly finalImageTag?: string;
}

const DIGEST = /^sha256:[0-9a-f]{64}$/;

/**
 * An image of a registry, fetched when something is built from it; every byte is checked against its digest.
 *
 * @throws {OptionError} `BAD_OPTION` or `UNKNOWN_OPTION`.
 *
 * @example
 * fromImage: pullImage({ imageName: "debian", imageDigest: "sha256:…" })
 */
export function pullImage(options: PullImageOptions): PulledImage {
  checkOptions("pullImage()", options, {
    imageName: TEXT,
    imageDigest: {
      expected: "a digest such as sha256: and 64 hexadecimal digits",
      accepts: (value) => typeof value === "string" && DIGEST.test(value),
    },
    registry: TEXT,
    os: oneOf("linux"),
    arch: oneOf("amd64", "arm64"),
    finalImageName: TEXT,
    finalImageTag: TEXT,
  });
  const { imageName, imageDigest, registry, arch, finalImageName, finalImageTag } = options;
  if (imageName === undefined || imageDigest === undefined) {
    throw new OptionError("BAD_OPTION", "Cannot pull an image: imageName and imageDigest were expected", {
      hint: "tare prefetch IMAGE prints both",
    });
  }
  const name = registry === undefined ? imageName : `${registry}/${imageName}`;
  return Object.freeze({
    kind: "pulled-image",
    reference: `docker://${name}@${imageDigest}`,
    architecture: arch ?? machineArchitecture(),
    finalImageName: finalImageName ?? imageName,
    finalImageTag: finalImageTag ?? "latest",
  });
}

export function isPulledImage(value: unknown): value is PulledImage {
  return typeof value === "object" && value !== null && (value as PulledImage).kind === "pulled-image";
}

export function isBase(value: unknown): value is string | ImageSpec | PulledImage {
  if (typeof value === "string") return value !== "" && !value.includes("\0");
  return (
    isPulledImage(value) ||
    (typeof value === "object" && value !== null && (value as ImageSpec).kind === "image")
  );
}

/** @throws {OptionError} `BAD_OPTION` when the base is for another architecture. */
export function toBaseImage(
  base: string | ImageSpec | PulledImage,
  inherit: BaseImage["inherit"],
  architecture: Architecture,
): BaseImage {
  const other = typeof base === "string" ? undefined : base.architecture;
  if (other !== undefined && other !== architecture) {
    throw new OptionError(
      "BAD_OPTION",
      `Cannot start an image for ${architecture} from ${show(base)}: that is for ${other}`,
      { hint: `Pull or build the base for ${architecture}` },
    );
  }
  if (typeof base === "string") return { kind: "reference", inherit, reference: base, architecture };
  if (base.kind === "image") return { kind: "image", inherit, spec: base };
  return { kind: "reference", inherit, reference: base.reference, architecture };
}
