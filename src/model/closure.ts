// What is in an image and why: the result of the closure stage, whichever way it was found.

import type { BytePath } from "./bytes.ts";
import type { StoreObject } from "./store-object.ts";
import type { TreeEntry } from "./tree.ts";

/** Why one store object refers to another. */
export interface Evidence {
  /** Such as `declared`, or a token kind. */
  readonly kind: string;
  /** The referring file, where there is one. */
  readonly file?: BytePath | undefined;
  /** What was found in it: a dependency as declared, or a token. */
  readonly token?: string | undefined;
}

export interface ReferenceEdge {
  readonly from: string;
  readonly to: string;
  readonly evidence: readonly Evidence[];
}

/** A store object of the image with those of its entries that stay. */
export interface ClosureUnit {
  readonly object: StoreObject;
  /** Sorted; a subset of the object's tree. */
  readonly entries: readonly TreeEntry[];
}

/** Files that were left out, by the rule that left them out. */
export interface PrunedClass {
  readonly name: string;
  readonly files: number;
  /** Bytes. */
  readonly size: number;
}

export interface Closure {
  /** Ids of the objects that the image asks for. */
  readonly roots: readonly string[];
  /** References before referrers where there is no cycle; the order is stable. */
  readonly units: readonly ClosureUnit[];
  readonly edges: readonly ReferenceEdge[];
  readonly pruned: readonly PrunedClass[];
}
