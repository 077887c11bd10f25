// The index of an OCI layout, changed: one image replaced, the others as they were; and which blobs nothing needs then.

import { join } from "node:path";
import type { IndexEntry } from "../formats/oci.ts";
import { formatIndex, REF_NAME } from "../formats/oci.ts";
import type { ReadIndex } from "../formats/oci-documents.ts";
import type { Digest } from "../model/image.ts";
import { readSmallFile, removeFile } from "../platform/files.ts";
import { DeliverError } from "./errors.ts";

const LARGEST_DOCUMENT = 4 << 20;
/** How deep indices may lie within each other. */
const DEEPEST = 8;
const SHA256_DIGEST = /^sha256:[0-9a-f]{64}$/;

/** Where a layout keeps a blob. */
export function blobFile(layout: string, digest: Digest): string {
  return join(layout, "blobs", "sha256", digest.slice("sha256:".length));
}

export class LayoutIndex {
  readonly #layout: string;
  readonly #rest: Readonly<Record<string, unknown>>;
  readonly #old: ReadIndex["manifests"];
  #new: readonly IndexEntry[] = [];

  private constructor(layout: string, index: ReadIndex | undefined) {
    const { manifests = [], ...rest } = index ?? {};
    this.#layout = layout;
    this.#rest = rest;
    this.#old = manifests;
  }

  /**
   * Reads the index of a layout; one that is not there is empty.
   *
   * @throws {DeliverError} `TARGET_DAMAGED`
   */
  static async read(layout: string): Promise<LayoutIndex> {
    const path = join(layout, "index.json");
    const bytes = readSmallFile(path, LARGEST_DOCUMENT);
    if (bytes === undefined) return new LayoutIndex(layout, undefined);
    const { FormatError, parseIndex } = await loadDocuments();
    try {
      if (bytes === "too-large") throw new FormatError("BAD_OCI_DOCUMENT", path, "it is too large");
      return new LayoutIndex(layout, parseIndex(bytes, path));
    } catch (cause) {
      if (!(cause instanceof FormatError)) throw cause;
      throw new DeliverError(
        "TARGET_DAMAGED",
        `Cannot add an image to ${layout}: in its index.json ${cause.problem}`,
        { hint: "Name another directory, or remove this one", cause },
      );
    }
  }

  /** Puts an image in the place of what has the same tag, or at the end; the text of the changed index. */
  withImage(image: IndexEntry): Buffer {
    const isReplaced = (entry: IndexEntry) => entry.annotations?.[REF_NAME] === image.annotations?.[REF_NAME];
    const old = this.#old as readonly IndexEntry[];
    const at = old.findIndex(isReplaced);
    this.#new =
      at < 0
        ? [...old, image]
        : old.flatMap((entry, i) => (i === at ? image : isReplaced(entry) ? [] : entry));
    return formatIndex(this.#new, this.#rest);
  }

  /** Removes blobs that replaced images used and no other does; none when any document cannot be understood. */
  removeUnused(): void {
    const replaced = this.#old.filter((entry) => !this.#new.some((one) => one.digest === entry.digest));
    if (replaced.length === 0) return;
    const used = new Set<Digest>();
    const unused = new Set<Digest>();
    if (!this.#new.every((entry) => this.#collect(entry.digest, used, 0))) return;
    for (const entry of replaced) this.#collect(entry.digest, unused, 0);
    for (const digest of unused) if (!used.has(digest)) removeFile(blobFile(this.#layout, digest));
  }

  /** Adds a document and all that it refers to; false when it cannot be read. */
  #collect(digest: Digest, found: Set<Digest>, depth: number): boolean {
    found.add(digest);
    const bytes = readSmallFile(blobFile(this.#layout, digest), LARGEST_DOCUMENT);
    if (bytes === undefined || bytes === "too-large" || depth > DEEPEST) return false;
    let document: { config?: unknown; layers?: unknown; manifests?: unknown } | null;
    try {
      document = JSON.parse(bytes.toString("utf8"));
    } catch {
      return false;
    }
    for (const leaf of [document?.config, ...listOf(document?.layers)]) {
      const leafDigest = digestOf(leaf);
      if (leafDigest !== undefined) found.add(leafDigest);
    }
    return listOf(document?.manifests)
      .map(digestOf)
      .every((inner) => inner !== undefined && this.#collect(inner, found, depth + 1));
  }
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function digestOf(descriptor: unknown): Digest | undefined {
  const digest = (descriptor as { digest?: unknown } | null | undefined)?.digest;
  return typeof digest === "string" && SHA256_DIGEST.test(digest) ? (digest as Digest) : undefined;
}

/** Loaded only where there is an index to be read: it takes longer than all else that a delivery does. */
async function loadDocuments() {
  const [{ parseIndex }, { FormatError }] = await Promise.all([
    import("../formats/oci-documents.ts"),
    import("../formats/errors.ts"),
  ]);
  return { parseIndex, FormatError };
}
