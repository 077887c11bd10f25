// The text of `tare plan --json` → its layers, as far as two plans are compared by them. Hostile until checked.

import type { DescribedLayer } from "../model/layer-plan.ts";
import { LayersError } from "./errors.ts";

const KEY = /^[0-9a-f]{64}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;

/**
 * Reads the layers of a plan.
 *
 * @param value The parsed JSON.
 * @param name How messages call it: its path.
 * @throws {LayersError} `NOT_COMPARABLE`.
 */
export function parsePlanDocument(value: unknown, name: string): DescribedLayer[] {
  const layers = isRecord(value) ? value["layers"] : undefined;
  if (!Array.isArray(layers)) throw notComparable(name, "it has no layers");
  return layers.map((layer, i) => {
    const described = readLayer(layer);
    if (described === undefined) throw notComparable(name, `its layer ${i + 1} is none of a plan`);
    return described;
  });
}

function readLayer(layer: unknown): DescribedLayer | undefined {
  if (!isRecord(layer)) return undefined;
  const { comment, contents, uncompressedSize, digest, compressedSize } = layer;
  if (typeof comment !== "string" || !isText(contents, KEY) || !isSize(uncompressedSize)) return undefined;
  if (digest === undefined && compressedSize === undefined) return { comment, contents, uncompressedSize };
  if (!isText(digest, DIGEST) || !isSize(compressedSize)) return undefined;
  return { comment, contents, uncompressedSize, digest, compressedSize };
}

function notComparable(name: string, problem: string): LayersError {
  return new LayersError(
    "NOT_COMPARABLE",
    `Cannot compare with ${name}: ${problem}, an image, a tare.lock or the output of tare plan --json was wanted`,
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown, pattern: RegExp): value is string {
  return typeof value === "string" && pattern.test(value);
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
