// The reason of a file → what would leave the image without it. Recorded reasons and the graph in, a loss out. Pure.

import type { FileInObject } from "../model/closure.ts";
import type { Loss, ReferenceGraph } from "./graph.ts";
import type { GraphRecorder } from "./graph-recorder.ts";
import { FROM_NOWHERE, type ReasonRecorder } from "./reasons.ts";
import type { TokenIndex } from "./token-index.ts";

/** Kinds of what packages say of each other; no single file does. */
const OF_PACKAGES: ReadonlySet<string> = new Set(["own-data", "compiler", "language-library"]);

/** Computes what goes when the reference that led to a file first is cut. */
export function cutReason(
  file: FileInObject,
  index: TokenIndex,
  reasons: ReasonRecorder,
  recorder: GraphRecorder,
  graph: ReferenceGraph,
): Loss {
  const number = reasons.numberOf(file);
  const reason = number === undefined ? undefined : reasons.at(number);
  if (number === undefined || reason === undefined) return { objects: [], size: 0 };
  const idOf = (of: number) => index.units[index.unitOf(of)]!.object.id;
  const { source, kind, token = "" } = reason;
  const unit = recorder.unit(index.unitOf(number));
  if (kind === "whole-package") {
    return graph.cutEdges((from, to) => from === unit && to === recorder.present(number));
  }
  if (source === FROM_NOWHERE) return graph.cutEdges((from, to) => recorder.isRequest(from, to, number));
  if (OF_PACKAGES.has(kind)) return graph.cutPackages(idOf(source), idOf(number));
  return graph.cutEdges((from, to) => recorder.isMention(from, to, source, kind, token));
}
