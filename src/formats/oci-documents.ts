// OCI documents of any tool → checked values. Specification: OCI Image Format 1.1, and docker's Image Manifest V2,
// Schema 2, which has the same shapes. All input is hostile.

import { z } from "zod";
import type { DiffId, Digest } from "../model/image.ts";
import { FormatError } from "./errors.ts";

/** Bytes that a manifest or an index may have. */
export const LARGEST_MANIFEST = 4 << 20;
/** Bytes that an image configuration may have. */
export const LARGEST_CONFIG = 16 << 20;

const MOST_ITEMS = 10_000;

const digest = z
  .string()
  .regex(/^sha256:[0-9a-f]{64}$/, "is no SHA-256 digest")
  .transform((text) => text as Digest);
const diffId = digest.transform((text) => text as string as DiffId);
const size = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const mediaType = z.string().min(1).max(255);
const annotations = z.record(z.string(), z.string());

const descriptor = z.looseObject({ mediaType, digest, size, annotations: annotations.optional() });

const platform = z.looseObject({
  architecture: z.string(),
  os: z.string(),
  variant: z.string().optional(),
});

const indexEntry = z.looseObject({
  ...descriptor.shape,
  platform: platform.optional(),
});

const index = z.looseObject({
  schemaVersion: z.literal(2),
  mediaType: mediaType.optional(),
  manifests: z.array(indexEntry).max(MOST_ITEMS),
});

const manifest = z.looseObject({
  schemaVersion: z.literal(2),
  mediaType: mediaType.optional(),
  config: descriptor,
  layers: z.array(descriptor).max(MOST_ITEMS),
});

const config = z.looseObject({
  architecture: z.string(),
  os: z.string(),
  rootfs: z.looseObject({ type: z.literal("layers"), diff_ids: z.array(diffId).max(MOST_ITEMS) }),
  history: z
    .array(z.looseObject({ comment: z.string().optional(), empty_layer: z.boolean().optional() }))
    .max(MOST_ITEMS)
    .nullish(),
});

const layout = z.looseObject({ imageLayoutVersion: z.string().regex(/^1\.[0-9]+\.[0-9]+$/) });

const memberName = z
  .string()
  .min(1)
  .max(1024)
  .refine((name) => !name.split("/").includes(".."), "has the component ..");

const dockerManifest = z
  .array(
    z.looseObject({
      Config: memberName,
      RepoTags: z.array(z.string()).max(MOST_ITEMS).nullish(),
      Layers: z.array(memberName).max(MOST_ITEMS).nullish(),
    }),
  )
  .min(1)
  .max(MOST_ITEMS);

export type ReadDescriptor = z.infer<typeof descriptor>;
export type ReadIndexEntry = z.infer<typeof indexEntry>;
export type ReadIndex = z.infer<typeof index>;
export type ReadManifest = z.infer<typeof manifest>;
export type ReadConfig = z.infer<typeof config>;
export type ReadDockerManifest = z.infer<typeof dockerManifest>;

/**
 * Reads an index or docker's manifest list.
 *
 * @param thing What it is, for messages: `the index of out.oci`.
 * @throws {FormatError} `BAD_OCI_DOCUMENT`, naming the place; so do the functions below.
 */
export function parseIndex(bytes: Uint8Array, thing: string): ReadIndex {
  return parse(index, bytes, thing);
}

export function parseManifest(bytes: Uint8Array, thing: string): ReadManifest {
  return parse(manifest, bytes, thing);
}

export function parseConfig(bytes: Uint8Array, thing: string): ReadConfig {
  return parse(config, bytes, thing);
}

/** Checks the content of the file `oci-layout`. */
export function checkLayoutFile(bytes: Uint8Array, thing: string): void {
  parse(layout, bytes, thing);
}

/** Reads the `manifest.json` of a docker archive. */
export function parseDockerManifest(bytes: Uint8Array, thing: string): ReadDockerManifest {
  return parse(dockerManifest, bytes, thing);
}

/** What the history says of each layer, bottom first; empty where it says nothing or does not fit the layers. */
export function layerComments({ history, rootfs }: ReadConfig): string[] {
  const comments = (history ?? [])
    .filter((entry) => entry.empty_layer !== true)
    .map((entry) => entry.comment ?? "");
  return comments.length === rootfs.diff_ids.length ? comments : rootfs.diff_ids.map(() => "");
}

const UTF8 = new TextDecoder("utf-8", { fatal: true });

function parse<Schema extends z.ZodType>(schema: Schema, bytes: Uint8Array, thing: string): z.infer<Schema> {
  let value: unknown;
  try {
    value = JSON.parse(UTF8.decode(bytes));
  } catch (cause) {
    throw new FormatError("BAD_OCI_DOCUMENT", thing, "it is no JSON", cause);
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const place = issue.path.length === 0 ? "it" : issue.path.join(".");
  throw new FormatError("BAD_OCI_DOCUMENT", thing, `${place}: ${issue.message}`, result.error);
}
