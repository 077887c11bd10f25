// Images of registries: pushed while they are packed, copied from anywhere to anywhere, pinned.

import type { Delivered } from "../deliver/exporter.ts";
import type { Pushed } from "../deliver/push.ts";
import type { Content } from "../model/content.ts";
import type { Context } from "../model/context.ts";
import type { Image, Layer } from "../model/image.ts";
import { type BuildOptions, buildImages, type RegistryAccess } from "../pipeline.ts";
import {
  type AdjustOptions,
  type Evaluated,
  type EvaluationOptions,
  evaluateFor,
  type PlatformChoice,
} from "./evaluate.ts";
import { recoverDamage } from "./repair.ts";
import { isImageReference } from "./targets.ts";

/** What `pullImage()` takes. */
export interface ImagePin {
  readonly imageName: string;
  readonly imageDigest: string;
  readonly arch: string;
  readonly finalImageName: string;
  readonly finalImageTag: string;
}

/** Looks up the digest that an image of a registry has now, for one platform; only documents are fetched. */
export async function prefetchImage(
  reference: string,
  options: { readonly platform: PlatformChoice | undefined; readonly registry: RegistryAccess },
  context: Context,
): Promise<ImagePin> {
  const { openContent } = await import("../sources/oci/open.ts");
  const full = reference.startsWith("docker://") ? reference : `docker://${reference}`;
  await using opened = await openContent(full, { ...options, all: false }, context);
  const { host, repository, tag } = opened.registry!;
  const image = opened.image!;
  const { architecture } = JSON.parse(Buffer.from(image.config).toString("utf8")) as { architecture: string };
  const imageName = `${host}/${repository}`;
  return {
    imageName,
    imageDigest: image.digest,
    arch: architecture,
    finalImageName: imageName,
    finalImageTag: tag ?? "latest",
  };
}

export interface PushedImage {
  /** One, or those of an index. */
  readonly images: readonly [Image, ...Image[]];
  readonly pushed: Pushed;
}

/**
 * Pushes an image: the one that an image file describes, or one that lies somewhere. Of the former only those layers
 * are packed that the registry lacks, and each goes as soon as it is packed.
 *
 * @param reference `HOST/NAME:TAG`, with or without `docker://`.
 */
export async function pushTarget(
  target: string | Evaluated,
  reference: string,
  options: BuildOptions & AdjustOptions & EvaluationOptions & { readonly registry: RegistryAccess },
  context: Context,
): Promise<PushedImage> {
  const [{ Pusher }, { parseRegistryReference }, { imageContent }] = await Promise.all([
    import("../deliver/push.ts"),
    import("../platform/registry/reference.ts"),
    import("../model/content.ts"),
  ]);
  const place = parseRegistryReference(reference);
  const { registry } = options;
  if (typeof target === "string" && isImageReference(target)) {
    return recoverDamage(context, async () => {
      const { openContent } = await import("../sources/oci/open.ts");
      const { platform } = options;
      await using opened = await openContent(target, { all: false, registry, platform }, context);
      await using pusher = new Pusher(place, { registry, fetch: opened.fetch }, context);
      return { images: [opened.image!], pushed: await pusher.finish(opened.content) };
    });
  }
  const evaluated = typeof target === "string" ? await evaluateFor(target, options) : target;
  return recoverDamage(context, async () => {
    await using pusher = new Pusher(place, { registry }, context);
    const isLacking = async (layers: readonly Layer[]) =>
      (await Promise.all(layers.map(({ digest }) => pusher.wants(digest)))).includes(true);
    const built = await buildImages(evaluated, options, context, {
      needs: async (image, gone) => !(await pusher.isThere(image.digest)) && (await isLacking(gone)),
      wants: ({ digest }) => pusher.wants(digest),
      take: ({ digest, size, blob }) => pusher.take({ digest, size, data: blob }),
    });
    const images = built.map(({ image }) => image) as [Image, ...Image[]];
    const { assembleIndex } = await import("../pack/assemble-index.ts");
    const content = images.length === 1 ? imageContent(images[0]) : assembleIndex(images);
    return { images, pushed: await pusher.finish(content) };
  });
}

export interface CopyOptions {
  /** True: an index with all its images, as it is. */
  readonly all: boolean;
  /** The image that is wanted of several; default: that for this machine. */
  readonly platform?: PlatformChoice | undefined;
  readonly registry: RegistryAccess;
}

export interface CopiedImage {
  readonly content: Content;
  readonly delivered: Delivered;
}

/**
 * Copies an image from anywhere to anywhere; its digest stays wherever the destination keeps manifests.
 *
 * @param source `oci:DIR`, `oci-archive:FILE`, `docker-archive:FILE`, a path of this machine, or `docker://HOST/NAME:TAG`.
 * @param destination An output as `tare build` takes it; default: `oci:NAME.oci`.
 */
export async function copyImage(
  source: string,
  destination: string | undefined,
  options: CopyOptions,
  context: Context,
): Promise<CopiedImage> {
  const [{ openContent }, { deliver, deliverContent, parseOutput }, { rememberPlace }, registries] =
    await Promise.all([
      import("../sources/oci/open.ts"),
      import("../deliver/deliver.ts"),
      import("../deliver/known-places.ts"),
      import("../platform/registry/reference.ts"),
    ]);
  const outputOf = (text: string) => parseOutput(text, process.cwd());
  const given = destination === undefined ? undefined : outputOf(destination);
  const target = given?.scheme === "registry" ? registries.parseRegistryReference(given.target) : undefined;
  return recoverDamage(context, async () => {
    // What the environment says is meant for the place that is written to.
    const environmentCredentials =
      target === undefined || source.startsWith(`${registries.REGISTRY_TRANSPORT}${target.host}/`);
    await using opened = await openContent(
      source,
      { ...options, registry: { ...options.registry, environmentCredentials } },
      context,
    );
    const { content, image, registry } = opened;
    const output = given ?? outputOf(`oci:${content.name.split("/").at(-1)}.oci`);
    if (target === undefined) await opened.fetchAll();
    if (registry !== undefined)
      for (const { digest } of content.blobs) rememberPlace(digest, registry, context);
    const deliverOptions = {
      registry: options.registry,
      fetch: opened.fetch,
      mountFrom: registry?.host === target?.host ? registry?.repository : undefined,
    };
    const delivered =
      image === undefined
        ? await deliverContent(content, output, context, deliverOptions)
        : await deliver(image, output, context, deliverOptions);
    return { content, delivered };
  });
}
