// An OCI layout, directory or tar → one image of it. Specification: OCI Image Format 1.1, and docker's manifests.

import { basename } from "node:path";
import { REF_NAME } from "../../formats/oci.ts";
import {
  checkLayoutFile,
  LARGEST_CONFIG,
  LARGEST_MANIFEST,
  parseIndex,
} from "../../formats/oci-documents.ts";
import type { Content } from "../../model/content.ts";
import type { Context } from "../../model/context.ts";
import type { Image } from "../../model/image.ts";
import { readAll } from "./all-images.ts";
import type { Container } from "./container.ts";
import { findBlob, parsing, readBlobDocument, readNamedDocument } from "./documents.ts";
import { IMAGE_FORMS, ImageSourceError } from "./errors.ts";
import {
  chooseManifest,
  type ImageStore,
  type IndexItem,
  openManifest,
  type PlatformChoice,
} from "./manifest.ts";

/** The annotation of containerd that holds the whole name. */
const CONTAINERD_NAME = "io.containerd.image.name";
const LARGEST_LAYOUT_FILE = 4096;

/** @throws {ImageSourceError} */
export async function openLayout(
  container: Container,
  tag: string | undefined,
  platform: PlatformChoice,
  context: Context,
): Promise<Image> {
  const named = chooseTag(container, await readEntries(container, context), tag);
  const store = storeOf(container, context);
  const entry = await chooseManifest(store, named, platform);
  return openManifest(store, entry, nameOf(container, named[0] ?? entry));
}

/**
 * Opens what a tag stands for with all that it refers to.
 *
 * @throws {ImageSourceError} `SEVERAL_IMAGES` when the tag stands for several things that are no index.
 */
export async function openWholeLayout(
  container: Container,
  tag: string | undefined,
  context: Context,
): Promise<Content> {
  const named = chooseTag(container, await readEntries(container, context), tag);
  const [entry] = named;
  if (entry === undefined || named.length > 1) {
    throw new ImageSourceError(
      entry === undefined ? "NO_SUCH_IMAGE" : "SEVERAL_IMAGES",
      `Cannot open all of the image ${container.path}: it has ${named.length} entries for it, one index was wanted`,
    );
  }
  return { ...nameOf(container, entry), ...(await readAll(storeOf(container, context), entry)) };
}

async function readEntries(container: Container, context: Context): Promise<readonly IndexItem[]> {
  const layoutFile = await readNamedDocument(container, "oci-layout", LARGEST_LAYOUT_FILE, context);
  const indexFile = await readNamedDocument(container, "index.json", LARGEST_MANIFEST, context);
  if (layoutFile === undefined || indexFile === undefined) {
    throw new ImageSourceError(
      "NOT_AN_IMAGE",
      `Cannot open the image ${container.path}: it has no ${layoutFile === undefined ? "oci-layout" : "index.json"}`,
      { hint: IMAGE_FORMS },
    );
  }
  parsing(container, () => checkLayoutFile(layoutFile, "oci-layout"));
  return parsing(container, () => parseIndex(indexFile, "index.json")).manifests;
}

function storeOf(container: Container, context: Context): ImageStore {
  return {
    path: container.path,
    readManifest: (claim) => readBlobDocument(container, claim, LARGEST_MANIFEST, context),
    readConfig: (claim) => readBlobDocument(container, claim, LARGEST_CONFIG, context),
    locate: (claim) => {
      const { file, offset } = findBlob(container, claim);
      return { file, offset };
    },
  };
}

/** The entries that a tag means, or all when there is just one thing to mean. */
function chooseTag(
  container: Container,
  entries: readonly IndexItem[],
  tag: string | undefined,
): readonly IndexItem[] {
  const tags = [...new Set(entries.flatMap((entry) => tagsOf(entry)[0] ?? []))];
  if (tag === undefined) {
    if (tags.length > 1) {
      throw new ImageSourceError(
        "SEVERAL_IMAGES",
        `Cannot open the image ${container.path}: it holds the images ${tags.join(", ")}, one was wanted`,
        { hint: `Name one of them: ${container.path}:${tags[0]}` },
      );
    }
    return entries;
  }
  const chosen = entries.filter((entry) => tagsOf(entry).includes(tag));
  if (chosen.length === 0) {
    throw new ImageSourceError(
      "NO_SUCH_IMAGE",
      `Cannot open the image ${container.path}: it holds no image "${tag}", only ${tags.join(", ") || "one without a name"}`,
    );
  }
  return chosen;
}

/** What an entry may be called by, the tag first. */
function tagsOf({ annotations }: IndexItem): string[] {
  const names = [annotations?.[REF_NAME], annotations?.[CONTAINERD_NAME]].filter(
    (name) => name !== undefined,
  );
  return [...names, ...names.map(tagOf)];
}

/** The tag of `host/name:tag`; a text without a colon behind its last slash is a tag by itself. */
function tagOf(name: string): string {
  const colon = name.lastIndexOf(":");
  return colon > name.lastIndexOf("/") ? name.slice(colon + 1) : name;
}

function nameOf(container: Container, entry: IndexItem): { name: string; tag: string } {
  const { [REF_NAME]: reference, [CONTAINERD_NAME]: full = reference } = entry.annotations ?? {};
  const fallback = basename(container.path).replace(/\.[^.]*$/, "");
  const tag = tagOf(reference ?? full ?? "latest");
  const colon = full === undefined ? -1 : full.lastIndexOf(":");
  const name = full !== undefined && colon > full.lastIndexOf("/") ? full.slice(0, colon) : fallback;
  return { name, tag };
}
