// Infers the closure of packages that a test makes.

import { decodeFacts } from "../../src/closure/facts.ts";
import { computeObjectFacts, entriesWithFacts } from "../../src/closure/facts-of-object.ts";
import { type InferenceInput, type InferenceOptions, inferClosure } from "../../src/closure/infer.ts";
import { loadTokenKinds } from "../../src/closure/kinds.ts";
import type { Closure, OfferedPath } from "../../src/model/closure.ts";
import type { StoreObject } from "../../src/model/store-object.ts";
import type { FileEntry } from "../../src/model/tree.ts";

const KINDS = await loadTokenKinds();

/** @param roots Names of packages, or ids of other objects. */
export function inferenceInput(
  objects: readonly StoreObject[],
  roots: readonly string[],
  options: InferenceOptions = {},
  offeredPaths: readonly OfferedPath[] = [],
): InferenceInput {
  const read = ({ content }: FileEntry) => (content.kind === "bytes" ? content.bytes : new Uint8Array(0));
  const facts = new Map(
    objects.map((object) => [
      object.id,
      decodeFacts(computeObjectFacts(entriesWithFacts(object.tree.entries), KINDS, read))!,
    ]),
  );
  return {
    objects,
    roots: roots.map((name) => (name.includes("/") ? name : `deb/${name}`)),
    facts,
    kinds: KINDS,
    offeredPaths,
    options,
  };
}

export function infer(...args: Parameters<typeof inferenceInput>): Closure {
  return inferClosure(inferenceInput(...args));
}
