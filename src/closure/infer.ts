// Reference inference: which files of a declared closure and of Debian's Essential packages the roots need at run
// time. Objects, facts and options in; closure with the evidence of every edge out. Pure. Design: docs/closure.md.

import type { Closure } from "../model/closure.ts";
import { assembleClosure, decideKept } from "./assemble-closure.ts";
import { cutReason } from "./cut-reason.ts";
import { isCompiler } from "./declared.ts";
import { Follower } from "./follow.ts";
import type { InferenceInput } from "./inference-input.ts";
import { type InferenceMode, type InferenceParts, prepareParts } from "./inference-parts.ts";
import { Marks } from "./marks.ts";
import { markKept } from "./overrides.ts";
import { markRoots } from "./roots.ts";
import { markStoreReferences } from "./store-references.ts";
import type { TracedClosure } from "./why.ts";

export type { InferenceInput, InferenceOptions } from "./inference-input.ts";

/**
 * Computes the closure.
 *
 * @throws {ClosureError} `ROOT_NOT_FOUND`, `ENTRYPOINT_NOT_FOUND`, `OVERRIDE_WITHOUT_EFFECT`.
 *
 * Pure: the result does not depend on the order of `objects`.
 */
export function inferClosure(input: InferenceInput): Closure {
  return infer(input, false).closure;
}

/** Computes the same closure as {@link inferClosure}, in more time and memory. */
export function traceClosure(input: InferenceInput): Required<TracedClosure> {
  const { closure, kept, parts, marks } = infer(input, true);
  const { index } = parts;
  const recorder = parts.graph!;
  const graph = recorder.finish(kept, (file) => marks.staysWithUnit(index.units[index.unitOf(file)]!, file));
  return { closure, graph, cutReason: (file) => cutReason(file, index, marks.reasons, recorder, graph) };
}

interface Inference {
  readonly closure: Closure;
  /** For each file 1 when it is in the image. */
  readonly kept: Uint8Array;
  readonly parts: InferenceParts;
  readonly marks: Marks;
}

function infer(input: InferenceInput, traced: boolean): Inference {
  const inference = runInference(input, { traced, keepDevelopmentFiles: false });
  // Files for compilers are in the image when a compiler is.
  if (!inference.closure.units.some(({ object }) => isCompiler(object))) return inference;
  return runInference(input, { traced, keepDevelopmentFiles: true });
}

function runInference(input: InferenceInput, mode: InferenceMode): Inference {
  const parts = prepareParts(input, mode);
  const marks = new Marks(parts);
  const follower = new Follower(parts, marks);
  markRoots(input, parts, marks);
  follower.settle();
  while (markStoreReferences(parts, marks)) follower.settle();
  markKept(input.options?.keep ?? [], parts.index, marks);
  follower.settle();
  parts.drops.check((unit, file) => marks.staysWithUnit(unit, file));
  const kept = decideKept(parts, marks);
  return { closure: assembleClosure(input.roots, kept, parts, marks), kept, parts, marks };
}
