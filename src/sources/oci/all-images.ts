// An index → its documents and blobs, all of them: images for every platform, and whatever else lies beside them.

import { parseIndex, parseManifest } from "../../formats/oci-documents.ts";
import type { Content, ContentBlob, ContentDocument } from "../../model/content.ts";
import type { Digest } from "../../model/image.ts";
import { parsing } from "./documents.ts";
import { ImageSourceError } from "./errors.ts";
import { type ImageStore, INDEX_TYPES, type IndexItem, MANIFEST_TYPES, unsupported } from "./manifest.ts";

/** How deep indices may lie within each other. */
const DEEPEST = 4;
/** Documents that an index may lead to. */
const MOST_DOCUMENTS = 10_000;

/**
 * Reads a manifest or an index and all documents that it leads to.
 *
 * @throws {ImageSourceError}
 */
export async function readAll(
  store: ImageStore,
  root: IndexItem,
): Promise<Pick<Content, "documents" | "blobs">> {
  const documents = new Map<Digest, ContentDocument>();
  const blobs = new Map<Digest, ContentBlob>();
  const read = async (entry: IndexItem, depth: number): Promise<ContentDocument> => {
    const { mediaType, digest } = entry;
    const isIndex = INDEX_TYPES.includes(mediaType);
    if (!isIndex && !MANIFEST_TYPES.includes(mediaType)) {
      throw unsupported(store, `it has a manifest of the type ${mediaType}`);
    }
    if (depth > DEEPEST || documents.size >= MOST_DOCUMENTS) {
      throw new ImageSourceError(
        "IMAGE_MALFORMED",
        `Cannot open the image ${store.path}: its indices lie too deep, or have too many manifests`,
      );
    }
    const bytes = await store.readManifest(entry);
    const document = { mediaType, digest, bytes };
    if (isIndex) {
      const { manifests } = parsing(store, () => parseIndex(bytes, `the index ${digest}`));
      for (const inner of manifests) if (!documents.has(inner.digest)) await read(inner, depth + 1);
    } else {
      const { config, layers } = parsing(store, () => parseManifest(bytes, `the manifest ${digest}`));
      for (const { digest: blob, size } of [...layers, config]) {
        if (!blobs.has(blob))
          blobs.set(blob, { digest: blob, size, data: store.locate({ digest: blob, size }) });
      }
    }
    // Behind all that it refers to.
    documents.set(digest, document);
    return document;
  };
  const last = await read(root, 0);
  documents.delete(last.digest);
  return { documents: [...documents.values(), last], blobs: [...blobs.values()] };
}
