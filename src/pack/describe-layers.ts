// Contents of layers → what is known of their blobs before they are packed: from earlier builds, and by measuring.

import type { Context } from "../model/context.ts";
import type { CompressionName } from "../model/image-spec.ts";
import type { DescribedLayer, LayerContents } from "../model/layer-plan.ts";
import { selectCodec } from "./codec.ts";
import { findLayer } from "./layer-cache.ts";
import { computeLayerKey } from "./layer-key.ts";
import { measureTar } from "./tar-members.ts";

/** Describes layers; nothing is read but the cache's records. */
export function describeLayers(
  layers: readonly LayerContents[],
  options: {
    readonly compression: CompressionName;
    readonly level?: number | undefined;
    readonly mtimeSeconds: number;
  },
  context: Context,
): DescribedLayer[] {
  const { mtimeSeconds } = options;
  const codec = selectCodec(options.compression, options.level);
  return layers.map((layer) => {
    const record = findLayer(computeLayerKey(layer, codec.id, mtimeSeconds), context);
    return {
      comment: layer.comment,
      contents: computeLayerKey(layer, "", mtimeSeconds),
      uncompressedSize: measureTar(layer, mtimeSeconds),
      digest: record?.digest,
      compressedSize: record?.size,
    };
  });
}
