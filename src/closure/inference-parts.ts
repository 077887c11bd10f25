// What an inference works with, made from its input: units and their index, declarations, kinds, rules, and the graph that
// is written down where it is asked for.

import { Declarations } from "./declarations.ts";
import { GranularityRule } from "./granularity.ts";
import { GraphRecorder } from "./graph-recorder.ts";
import { type IndexedUnits, indexUnits } from "./indexed-units.ts";
import type { InferenceInput } from "./inference-input.ts";
import { Interpreters } from "./interpreters.ts";
import { KindTable } from "./kind-table.ts";
import { DropRule } from "./overrides.ts";

export interface InferenceParts extends IndexedUnits {
  readonly declarations: Declarations;
  readonly kinds: KindTable;
  readonly interpreters: Interpreters;
  readonly granularity: GranularityRule;
  readonly drops: DropRule;
  /** Whether only what is named stays, but for libraries of languages. */
  readonly isMinimal: boolean;
  /** Undefined unless all references shall be written down. */
  readonly graph: GraphRecorder | undefined;
}

export interface InferenceMode {
  readonly traced: boolean;
  readonly keepDevelopmentFiles: boolean;
}

/** @throws {ClosureError} `ROOT_NOT_FOUND`. */
export function prepareParts(
  input: InferenceInput,
  { traced, keepDevelopmentFiles }: InferenceMode,
): InferenceParts {
  const { minimal, drop = [], onlyKinds } = input.options ?? {};
  const isMinimal = minimal === "files";
  const units = indexUnits(input, keepDevelopmentFiles);
  const { index } = units;
  const kinds = new KindTable(input.kinds, onlyKinds);
  return {
    ...units,
    declarations: new Declarations(units),
    kinds,
    interpreters: new Interpreters(index, kinds),
    granularity: new GranularityRule(index, isMinimal),
    drops: new DropRule(drop, index),
    isMinimal,
    graph: traced ? new GraphRecorder(index) : undefined,
  };
}
