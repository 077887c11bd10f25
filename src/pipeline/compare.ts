// The layers of a plan → what of them is known before they are packed, and how they differ from an earlier state.

import type { PlanComparison } from "../layers/compare.ts";
import type { Context } from "../model/context.ts";
import type { ImageSpec } from "../model/image-spec.ts";
import type { DescribedLayer } from "../model/layer-plan.ts";
import { pathKind, readStart, readText } from "../platform/files.ts";
import { packOptions } from "./pack.ts";
import { type ImagePlan, planImage } from "./plan.ts";

/** What is known of the layers of a plan before they are packed. */
export async function describePlannedLayers(
  spec: ImageSpec,
  { layers }: ImagePlan,
  context: Context,
): Promise<DescribedLayer[]> {
  const { describeLayers } = await import("../pack/describe-layers.ts");
  return describeLayers(layers, packOptions(spec), context);
}

/**
 * Compares the layers of an image with those of an earlier state of it.
 *
 * @param against A reference to an image of any tool, or the path of a lock file or of a plan as JSON.
 * @throws {LayersError} `NOT_COMPARABLE`.
 */
export async function comparePlan(
  spec: ImageSpec,
  layers: readonly DescribedLayer[],
  against: string,
  context: Context,
): Promise<PlanComparison> {
  const { compareLayers } = await import("../layers/compare.ts");
  return compareLayers(layers, await describeEarlier(spec, against, context));
}

async function describeEarlier(
  spec: ImageSpec,
  against: string,
  context: Context,
): Promise<readonly DescribedLayer[]> {
  const text = startsAsJson(against) ? readText(against) : undefined;
  if (text === undefined) {
    const { openImage } = await import("../sources/oci/open.ts");
    const { layers } = await openImage(against, context);
    return layers.map((layer) => ({ ...layer, compressedSize: layer.size }));
  }
  const value = parseJson(text);
  if (typeof value === "object" && value !== null && "sections" in value) {
    const { parseLock } = await import("../formats/lock-file.ts");
    return describePlannedLayers(spec, await planImage(spec, parseLock(text, against), context), context);
  }
  const { parsePlanDocument } = await import("../layers/plan-document.ts");
  return parsePlanDocument(value, against);
}

function startsAsJson(path: string): boolean {
  return pathKind(path) === "file" && readStart(path, 1).toString("latin1") === "{";
}

/** The value of a JSON text; undefined when it is none. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
