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

/** A file whose place in the image a file of the user's own takes. */
export interface ReplacedFile {
  readonly object: string;
  readonly path: BytePath;
  /** Id of the object that takes its place. */
  readonly by: string;
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

/** A file or link of a store object, by its path in the object's tree. */
export interface FileInObject {
  /** Id of the object. */
  readonly object: string;
  readonly path: BytePath;
}

/** Why a file is in the image: what led to it first. */
export interface FileReason {
  /**
   * A token kind; or `root`, `metapackage`, `entrypoint` and `keep` for what the image itself asks for, `whole-package`
   * for what stays since another file of its package does, and what packages say of each other: `own-data`,
   * `compiler`, `virtual-provider`, `language-library`.
   */
  readonly kind: string;
  /** What was found in the referring file, as people know it; the name or pattern that was asked for. */
  readonly token?: string | undefined;
  /** The referring file; absent for what the image asks for. */
  readonly from?: FileInObject | undefined;
}

/** The reason of every file of the image; following them from any file leads to what the image asks for. */
export interface FileReasons {
  /** Undefined for a file that is not in the image. */
  of(file: FileInObject): FileReason | undefined;
}

/** An object of which the image itself asks for a file: a root, or what an entrypoint or `keep` names. */
export interface ClosureStart {
  readonly object: string;
  /** As of {@link FileReason}. */
  readonly kind: string;
}

export interface Closure {
  /** Ids of the objects that the image asks for. */
  readonly roots: readonly string[];
  /** References before referrers where there is no cycle; the order is stable. */
  readonly units: readonly ClosureUnit[];
  readonly edges: readonly ReferenceEdge[];
  readonly pruned: readonly PrunedClass[];
  /** In the order of the objects' ids; absent when there is none. */
  readonly replaced?: readonly ReplacedFile[] | undefined;
  /** Sorted by id; these and what follows are absent when nothing was inferred. */
  readonly dropped?: readonly DroppedObject[] | undefined;
  readonly droppedScripts?: readonly DroppedScript[] | undefined;
  readonly dangling?: readonly DanglingReference[] | undefined;
  /** Where chains of references begin, sorted by id, each object once. */
  readonly starts?: readonly ClosureStart[] | undefined;
  readonly reasons?: FileReasons | undefined;
}

/** A path that will exist in the image though no tree has it: what an alternative, a link or a template makes. */
export interface OfferedPath {
  /** Id of the object whose installation makes it. */
  readonly object: string;
  readonly path: BytePath;
  /** The file of a tree that is found there: the target of a link, the template of a configuration file. */
  readonly target: BytePath;
}
