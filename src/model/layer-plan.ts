// What will be packed, before any byte is read: data that can be printed, compared and tested.

import type { TreeEntry } from "./tree.ts";

/** The id of the unit of the root file system's own additions; planners put it into the last layer. */
export const ROOTFS_UNIT_ID = "rootfs";

/** What a planner knows of one store object (or of the root file system's own additions). */
export interface PlanUnit {
  readonly id: string;
  readonly label: string;
  /** Sum of file sizes, bytes. */
  readonly size: number;
  /** How many other units of the image declare to need it. */
  readonly dependents: number;
}

export interface PlannedLayer {
  /** Ids of the units, in the order in which the layer's history names them. */
  readonly units: readonly string[];
  /** Why these are together, for people. */
  readonly reason: string;
}

/** Bottom layer first. Every unit occurs exactly once. */
export interface LayerPlan {
  readonly planner: string;
  readonly layers: readonly PlannedLayer[];
}

/** A layer with the entries that it will hold, sorted; parents of every entry are included. */
export interface LayerContents {
  /** The text of the layer's history entry. */
  readonly comment: string;
  readonly units: readonly string[];
  readonly reason: string;
  readonly entries: readonly TreeEntry[];
}
