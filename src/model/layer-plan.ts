// What will be packed, before any byte is read: data that can be printed, compared and tested.

import type { TreeEntry } from "./tree.ts";

/** The id of the unit of the root file system's own additions; it is the last layer. */
export const ROOTFS_UNIT_ID = "rootfs";

/** What a planner knows of one store object (or of the root file system's own additions). */
export interface PlanUnit {
  readonly id: string;
  readonly label: string;
  /** Bytes: of a store path those of its NAR, else the sum of file sizes. */
  readonly size: number;
  /** Ids of the units that it refers to; its own, and those of no unit, count for nothing. */
  readonly references: readonly string[];
  /**
   * How a layering pipeline calls it, and what ties go by: its store path, the name of its package, the place of a
   * local file.
   */
  readonly name: string;
  /** Units of one origin change together: for a package its source package. Default: what `name` says. */
  readonly origin?: string | undefined;
  /** How often it has been updated since its release, as far as its version tells; undefined when it does not. */
  readonly updates?: number | undefined;
  /** True for what the user makes, which differs from build to build. */
  readonly volatile?: boolean | undefined;
  /** True when no layer is to get it: it is in the base image already. */
  readonly present?: boolean | undefined;
}

export interface PlannedLayer {
  /** Ids of the units, in the order in which the layer's history names them. */
  readonly units: readonly string[];
  /** Why these are together, for people. */
  readonly reason: string;
}

/** Bottom layer first. Every unit that is not present occurs exactly once, in a layer or in `removed`. */
export interface LayerPlan {
  readonly planner: string;
  readonly layers: readonly PlannedLayer[];
  /** Ids of units that a layering pipeline removes from the image, sorted; absent when there are none. */
  readonly removed?: readonly string[] | undefined;
}

/** A layer with the entries that it will hold, sorted; parents of every entry are included. */
export interface LayerContents {
  /** The text of the layer's history entry. */
  readonly comment: string;
  readonly units: readonly string[];
  readonly reason: string;
  readonly entries: readonly TreeEntry[];
  /**
   * The store paths that are all of the layer, but for the directories that hold them, in the order of `units`. Such a
   * layer is written as dockerTools does. Absent when anything else is in it.
   */
  readonly storePaths?: readonly string[] | undefined;
  /** Names of the owner of store paths; absent where that is root. */
  readonly ownerNames?: OwnerNames | undefined;
}

/** The names of a user and a group: byte strings. */
export interface OwnerNames {
  readonly uname: string;
  readonly gname: string;
}

/** What is known of a layer, whether it is planned, packed, or in an image of any tool. */
export interface DescribedLayer {
  /** The text of its history entry; empty when there is none. */
  readonly comment: string;
  /** Equal for layers of equal contents, however they are compressed; undefined for other tools' layers. */
  readonly contents?: string | undefined;
  /** Bytes of its tar; undefined when it would have to be read to know. */
  readonly uncompressedSize?: number | undefined;
  /** Of its blob; undefined when it was not packed yet. */
  readonly digest?: string | undefined;
  /** Bytes of its blob. */
  readonly compressedSize?: number | undefined;
}
