// What commands of an image left in it → the outputs whose store paths are named there: as in dockerTools, these come into
// the image, and what the commands only used does not.

import { ReferenceScanner } from "../formats/nix/references.ts";
import type { ImageSpec, PlacedOutput } from "../model/image-spec.ts";
import type { RootFileSystem } from "../model/root-file-system.ts";
import { hashPart, type StorePath } from "../model/store-path.ts";
import type { TreeEntry } from "../model/tree.ts";
import { ContentReader } from "../platform/content.ts";
import { openStore } from "./builds.ts";

/** An image before and after its commands ran. */
export interface Ran {
  /** As it was written. */
  readonly written: ImageSpec;
  /** With store paths as the nodes of its outputs. */
  readonly spec: ImageSpec;
  readonly before: RootFileSystem;
  readonly after: RootFileSystem;
}

/**
 * Finds the outputs that commands mention, that what they wrote refers to, and that are not in the image.
 *
 * @returns As `outputs` of the image as it was written.
 */
export async function findMentionedOutputs({
  written,
  spec,
  before,
  after,
}: Ran): Promise<readonly PlacedOutput[]> {
  const inputs = spec.commands?.inputs ?? [];
  if (inputs.length === 0 || spec.includeStorePaths === false) return [];
  const store = await openStore();
  const present = new Set(after.units.map(({ id }) => id));
  const closures = inputs.map(({ node }) =>
    store
      .closure([node as StorePath])
      .filter(({ path }) => !present.has(path))
      .map(({ path }) => hashPart(path)),
  );
  const scanner = new ReferenceScanner(closures.flat());
  const known = new Set(before.additions);
  using reader = new ContentReader();
  for (const entry of after.additions) {
    if (!known.has(entry)) for (const text of bytesOf(entry, reader)) scanner.update(text);
  }
  return (written.commands?.inputs ?? [])
    .filter((_, i) => closures[i]!.some((part) => scanner.found.has(part)))
    .map((input) => ({ ...input, placement: "store" }));
}

/** What of an entry may name a store path. */
function bytesOf(entry: TreeEntry, reader: ContentReader): readonly Uint8Array[] {
  if (entry.type === "symlink") return [Buffer.from(`${entry.target}\0`, "latin1")];
  return entry.type === "file" ? [reader.read(entry), Buffer.of(0)] : [];
}
