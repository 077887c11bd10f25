// A reference to an image, made by any tool → the image: documents read and checked, layers where they are, on this
// machine or in a registry. Nothing is unpacked; the bytes of layers are checked by whoever reads them.

import { type Content, type ContentBlob, imageContent } from "../../model/content.ts";
import type { Context } from "../../model/context.ts";
import type { Image } from "../../model/image.ts";
import { machineArchitecture } from "../../platform/machine.ts";
import type { RegistryOptions } from "../../platform/registry/client.ts";
import {
  parseRegistryReference,
  REGISTRY_TRANSPORT,
  type RegistryReference,
} from "../../platform/registry/reference.ts";
import { openArchive, openDirectory } from "./container.ts";
import { openDockerArchive } from "./docker-archive.ts";
import { IMAGE_FORMS, ImageSourceError } from "./errors.ts";
import { openLayout, openWholeLayout } from "./layout.ts";
import type { PlatformChoice } from "./manifest.ts";
import { parseImageReference } from "./reference.ts";
import { RegistryImage } from "./registry.ts";

export interface OpenOptions {
  /** Taken where an image is there for several architectures; default: that of this machine. */
  readonly architecture?: string;
  /** The image that is wanted, and no other. */
  readonly platform?: PlatformChoice | undefined;
  readonly registry?: Omit<RegistryOptions, "access"> | undefined;
}

/** An image, or an index with all its images, and how its blobs come to this machine. Dispose of it when done. */
export interface OpenedContent extends AsyncDisposable {
  readonly content: Content;
  /** Undefined for an index. */
  readonly image: Image | undefined;
  /** The registry that it is in; undefined for content of this machine. */
  readonly registry: RegistryReference | undefined;
  /** Brings a blob to where the content says it is; nothing to do for what is on this machine. */
  fetch(blob: ContentBlob): Promise<void>;
  /** Brings all blobs there. */
  fetchAll(): Promise<void>;
}

/**
 * Opens an image.
 *
 * @param reference `oci:DIR[:TAG]`, `oci-archive:FILE[:TAG]`, `docker-archive:FILE[:TAG]`, or the path alone, whose
 *   form is then seen from what is there; or `docker://HOST/NAME[:TAG][@DIGEST]`, whose layers are then fetched into
 *   the cache. Without a tag there must be one image only.
 * @throws {ImageSourceError}
 * @throws {RegistryError}
 */
export async function openImage(
  reference: string,
  context: Context,
  options: OpenOptions = {},
): Promise<Image> {
  if (!reference.startsWith(REGISTRY_TRANSPORT)) return openLocalImage(reference, context, options);
  await using opened = await openContent(reference, { ...options, all: false }, context);
  await opened.fetchAll();
  return opened.image!;
}

/**
 * Opens an image, or an index with all its images; layers stay where they are until they are fetched.
 *
 * @param options `all`: what the reference stands for as it is; otherwise one image.
 */
export async function openContent(
  reference: string,
  options: OpenOptions & { readonly all: boolean },
  context: Context,
): Promise<OpenedContent> {
  if (!reference.startsWith(REGISTRY_TRANSPORT)) {
    const image = options.all ? undefined : await openLocalImage(reference, context, options);
    const content = image === undefined ? await openLocalContent(reference, context) : imageContent(image);
    return {
      content,
      image,
      registry: undefined,
      fetch: async () => {},
      fetchAll: async () => {},
      [Symbol.asyncDispose]: async () => {},
    };
  }
  const registry = parseRegistryReference(reference);
  const remote = new RegistryImage(registry, options.registry ?? {}, context);
  try {
    const image = options.all ? undefined : await remote.openImage(platformOf(options));
    if (image !== undefined) checkPlatform(image, reference, options);
    const content = image === undefined ? await remote.openAll() : imageContent(image);
    return {
      content,
      image,
      registry,
      fetch: (blob) => remote.fetch(blob),
      fetchAll: () => remote.fetchAll(content.blobs.filter(({ data }) => "file" in data)),
      [Symbol.asyncDispose]: () => remote[Symbol.asyncDispose](),
    };
  } catch (error) {
    await remote[Symbol.asyncDispose]();
    throw error;
  }
}

function platformOf({ architecture, platform }: OpenOptions): PlatformChoice {
  return platform ?? { architecture: architecture ?? machineArchitecture() };
}

/** Without an index nothing was chosen: an image that is alone must be the one that is wanted, too. */
function checkPlatform(image: Image, reference: string, { platform }: OpenOptions): void {
  if (platform === undefined) return;
  const { architecture } = JSON.parse(Buffer.from(image.config).toString("utf8")) as { architecture: string };
  if (architecture === platform.architecture) return;
  throw new ImageSourceError(
    "NO_SUCH_IMAGE",
    `Cannot open the image ${reference}: it is for linux/${architecture}, linux/${platform.architecture} was wanted`,
  );
}

async function openLocalContent(reference: string, context: Context): Promise<Content> {
  const { transport, path, kind, tag } = parseImageReference(reference);
  const container = kind === "directory" ? openDirectory(path) : await openArchive(path, context);
  const isLayout = container.find("oci-layout") !== undefined && container.find("index.json") !== undefined;
  if ((transport ?? (isLayout ? "oci" : "docker-archive")) !== "docker-archive") {
    return openWholeLayout(container, tag, context);
  }
  return imageContent(await openLocalImage(reference, context, {}));
}

async function openLocalImage(reference: string, context: Context, options: OpenOptions): Promise<Image> {
  const image = await readLocalImage(reference, context, platformOf(options));
  checkPlatform(image, reference, options);
  return image;
}

async function readLocalImage(reference: string, context: Context, platform: PlatformChoice): Promise<Image> {
  const { transport, path, kind, tag } = parseImageReference(reference);
  const container = kind === "directory" ? openDirectory(path) : await openArchive(path, context);
  const isLayout = container.find("oci-layout") !== undefined && container.find("index.json") !== undefined;
  switch (transport ?? (isLayout ? "oci" : "docker-archive")) {
    case "oci":
    case "oci-archive":
      return openLayout(container, tag, platform, context);
    case "docker-archive":
      if (kind === "directory") {
        throw new ImageSourceError(
          "NOT_AN_IMAGE",
          `Cannot open the image ${reference}: ${path} is no OCI layout, a directory with oci-layout and index.json was wanted`,
          { hint: IMAGE_FORMS },
        );
      }
      return openDockerArchive(container, tag, context);
  }
}
