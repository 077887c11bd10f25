// Layers of an image, and those that are there already → which are new, and the bytes that a push and a pull move. Pure.

import type { DescribedLayer } from "../model/layer-plan.ts";

/** A layer by what is in it. */
export interface ComparedLayer {
  /** Equal for layers of equal contents, and for no others. */
  readonly key: string;
  /** Bytes that it takes to send. */
  readonly size: number;
}

/** Bytes. */
export interface Transfer {
  /** To a registry that has the earlier layers: also what an engine fetches that keeps blobs by their digests. */
  readonly push: number;
  /** To an engine that knows a layer by all the layers below it: all that is from the first difference on. */
  readonly pullByChain: number;
}

/**
 * Computes what delivering an image moves.
 *
 * @param stored Layers that a registry has, of whatever images.
 * @param previous The image that an engine has, bottom first.
 */
export function computeTransfer(
  layers: readonly ComparedLayer[],
  stored: readonly ComparedLayer[],
  previous: readonly ComparedLayer[] = stored,
): Transfer {
  const known = new Set(stored.map(({ key }) => key));
  const firstChange = layers.findIndex(({ key }, i) => key !== previous[i]?.key);
  return {
    push: sumSizes(layers.filter(({ key }) => !known.has(key))),
    pullByChain: firstChange < 0 ? 0 : sumSizes(layers.slice(firstChange)),
  };
}

/** How a layer of the new image stands to those of the old one. */
export type LayerState =
  | "new"
  /** Its blob, or its contents, are the same. */
  | "kept"
  /** It was never packed here, and the old image has a layer whose history names the same packages and versions. */
  | "presumed";

export interface LayerComparison {
  readonly state: LayerState;
  /** Bytes to send. */
  readonly size: number;
  /** Whether `size` is that of the compressed blob; else of the tar, of which a blob is a half to a third. */
  readonly compressed: boolean;
}

export interface PlanComparison extends Transfer {
  /** For each layer of the new image. */
  readonly layers: readonly LayerComparison[];
  /** Layers of the old image that the new one has not. */
  readonly gone: readonly DescribedLayer[];
}

/** Compares the layers of two images, bottom first. */
export function compareLayers(
  next: readonly DescribedLayer[],
  previous: readonly DescribedLayer[],
): PlanComparison {
  const matches = next.map((layer) => findMatch(layer, previous));
  const layers = next.map(
    (layer, i): LayerComparison => ({
      state: matches[i]?.state ?? "new",
      size: layer.compressedSize ?? layer.uncompressedSize ?? 0,
      compressed: layer.compressedSize !== undefined,
    }),
  );
  const old = previous.map((_, i) => ({ key: `old ${i}`, size: 0 }));
  const compared = layers.map(({ size }, i) => ({
    key: matches[i] === undefined ? `new ${i}` : `old ${matches[i].index}`,
    size,
  }));
  const kept = new Set(matches.map((match) => match?.index));
  return {
    ...computeTransfer(compared, old),
    layers,
    gone: previous.filter((_, i) => !kept.has(i)),
  };
}

function findMatch(
  layer: DescribedLayer,
  previous: readonly DescribedLayer[],
): { readonly index: number; readonly state: LayerState } | undefined {
  const exact = previous.findIndex((other) => isSame(layer, other) === true);
  if (exact >= 0) return { index: exact, state: "kept" };
  // A history that names versions tells what is in a layer; the root file system's additions have none.
  if (!/\d/.test(layer.comment)) return undefined;
  const presumed = previous.findIndex(
    (other) => isSame(layer, other) === undefined && other.comment === layer.comment,
  );
  return presumed < 0 ? undefined : { index: presumed, state: "presumed" };
}

/** Whether two layers are the same; undefined when that cannot be known. */
function isSame(a: DescribedLayer, b: DescribedLayer): boolean | undefined {
  if (a.digest !== undefined && b.digest !== undefined) return a.digest === b.digest;
  if (a.contents !== undefined && b.contents !== undefined) return a.contents === b.contents;
  return undefined;
}

function sumSizes(layers: readonly ComparedLayer[]): number {
  return layers.reduce((total, { size }) => total + size, 0);
}
