// A plan → layers in the cache → an image.

import type { Context } from "../model/context.ts";
import type { Image } from "../model/image.ts";
import type { ImageSpec } from "../model/image-spec.ts";
import type { Lock } from "../model/lock.ts";
import type { LayerSink, PackOptions } from "../pack/pack-layers.ts";
import { fileSize } from "../platform/disk.ts";
import type { ImagePlan } from "./plan.ts";
import type { ReusedPlan } from "./reuse-plan.ts";

/** The seconds since the epoch that files in layers bear, and images unless they say otherwise. */
export const DEFAULT_TIMESTAMP = 1;

/** How an image wants its layers packed. */
export function packOptions({ compression, compressionLevel, mtimeSeconds }: ImageSpec): PackOptions {
  return { compression, level: compressionLevel, mtimeSeconds: mtimeSeconds ?? DEFAULT_TIMESTAMP };
}

/** An image, the seconds since the epoch that it bears, and where its layers go as they are ready. */
export interface Packing {
  readonly spec: ImageSpec;
  readonly createdSeconds: number;
  readonly sink?: LayerSink | undefined;
}

/** Packs what is planned. */
export async function packPlan(
  { spec, createdSeconds, sink }: Packing,
  { config, layers, base }: Pick<ImagePlan, "config" | "layers" | "base">,
  context: Context,
): Promise<Image> {
  const [{ packLayers }, { assembleImage }] = await loadPacking();
  const packed = await packLayers(layers, packOptions(spec), context, sink);
  for (const layer of base?.layers ?? []) sink?.take(layer);
  return assembleImage({ ...spec, config, createdSeconds }, packed, base);
}

/** Packs what is new in an image whose plan is an earlier one's; undefined when the cache lacks another layer. */
export async function packReused(
  { spec, createdSeconds, sink }: Packing,
  { config, layers }: ReusedPlan,
  context: Context,
): Promise<Image | undefined> {
  const [{ packLayers }, { assembleImage }] = await loadPacking();
  const kept = layers.flatMap((one) => (one.kind === "packed" ? [one.layer] : []));
  const gone = kept.filter(({ blob, size }) => fileSize(blob.file) !== size);
  if (gone.length > 0) {
    if (sink === undefined) return undefined;
    if ((await Promise.all(gone.map((layer) => sink.wants(layer)))).includes(true)) return undefined;
  }
  for (const layer of kept) sink?.take(layer);
  const contents = layers.flatMap((one) => (one.kind === "contents" ? [one.contents] : []));
  const packed = await packLayers(contents, packOptions(spec), context, sink);
  const all = layers.map((one) => (one.kind === "packed" ? one.layer : packed.shift()!));
  return assembleImage({ ...spec, config, createdSeconds }, all);
}

/** Builds an image that is only a part of another: no record is kept of it. */
export async function packImage(spec: ImageSpec, lock: Lock, context: Context): Promise<Image> {
  const { planImage } = await import("./plan.ts");
  const { createdSeconds = DEFAULT_TIMESTAMP } = spec;
  return packPlan({ spec, createdSeconds }, await planImage(spec, lock, context), context);
}

function loadPacking() {
  return Promise.all([import("../pack/pack-layers.ts"), import("../pack/assemble-image.ts")]);
}
