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
  /** The file that the token means, in the object that is referred to. */
  readonly target?: BytePath | undefined;
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
  /** `files` when files beyond the pruned classes were left out; absent when nothing was inferred. */
  readonly granularity?: "whole" | "files" | undefined;
}

/** A declared object that nothing refers to: it is not in the image. */
export interface DroppedObject {
  readonly id: string;
  /** Ids of the objects in the image that declare to need it. */
  readonly declaredBy: readonly string[];
}

/** A script that was left out since no package of the declared closure runs it. */
export interface DroppedScript {
  readonly object: string;
  readonly path: BytePath;
  /** The path, or the name that `env` is asked for. */
  readonly interpreter: string;
}

/** Something that a file of the image cannot do without, and that the image lacks. */
export interface DanglingReference {
  readonly object: string;
  readonly path: BytePath;
  readonly kind: string;
  readonly token: string;
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
  /** Sorted by id; these and what follows are absent when nothing was inferred. */
  readonly dropped?: readonly DroppedObject[] | undefined;
  readonly droppedScripts?: readonly DroppedScript[] | undefined;
  readonly dangling?: readonly DanglingReference[] | undefined;
}

/** A path that will exist in the image though no tree has it: what an alternative, a link or a template makes. */
export interface OfferedPath {
  /** Id of the object whose installation makes it. */
  readonly object: string;
  readonly path: BytePath;
  /** The file of a tree that is found there: the target of a link, the template of a configuration file. */
  readonly target: BytePath;
}
