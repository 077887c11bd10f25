// What dockerTools' stream script says about an image: configuration, history and manifest, to the byte, so that an
// image has the same ID whoever made it. Specification: test/fixtures/nix/NOTES.md, section 8.

import type { DiffId, ImageId } from "../model/image.ts";
import { dockerConfigName } from "./docker-archive.ts";
import type { JsonObject, JsonValue } from "./python-json.ts";
import { formatJson, formatPythonList } from "./python-json.ts";

/** What the configuration says of a layer. */
export interface DescribedStoreLayer {
  readonly diffId: DiffId;
  /** The store paths in it, or what else it is called. */
  readonly paths: readonly string[];
}

/** The text of a layer's history entry. */
export function storeLayerComment(paths: readonly string[]): string {
  return `store paths: ${formatPythonList(paths)}`;
}

export interface StoreImageParts {
  /** As `datetime.isoformat()` has it. */
  readonly created: string;
  readonly architecture: string;
  readonly config: JsonValue;
  /** Bottom first. */
  readonly layers: readonly DescribedStoreLayer[];
}

/** Writes the configuration of an image; its SHA-256 is the image ID. */
export function formatStoreConfig({ created, architecture, config, layers }: StoreImageParts): Buffer {
  const document: JsonObject = new Map<string, JsonValue>([
    ["created", created],
    ["architecture", architecture],
    ["os", "linux"],
    ["config", config],
    [
      "rootfs",
      new Map<string, JsonValue>([
        ["diff_ids", layers.map(({ diffId }) => diffId)],
        ["type", "layers"],
      ]),
    ],
    [
      "history",
      layers.map(
        ({ paths }) =>
          new Map([
            ["created", created],
            ["comment", storeLayerComment(paths)],
          ]),
      ),
    ],
  ]);
  return Buffer.from(formatJson(document), "latin1");
}

/** Writes `manifest.json`. @param layers The members that hold the layers. */
export function formatStoreManifest(imageId: ImageId, repoTag: string, layers: readonly string[]): Buffer {
  const entry = new Map<string, JsonValue>([
    ["Config", dockerConfigName(imageId)],
    ["RepoTags", [repoTag]],
    ["Layers", layers],
  ]);
  return Buffer.from(formatJson([entry]), "latin1");
}

/**
 * Adds the environment of a base image: one entry a name, the last value at the place of the first. Nothing else is
 * inherited.
 *
 * @param base Of the base image; undefined without one, when the configuration stays as it is.
 */
export function inheritEnvironment(
  config: JsonObject,
  base: readonly string[] | undefined,
  own: readonly string[],
): JsonObject {
  const entries = [...(base ?? []), ...own];
  if (base === undefined || entries.length === 0) return config;
  const byName = new Map(entries.map((entry) => [entry.split("=", 1)[0]!, entry]));
  return new Map<string, JsonValue>([...config, ["Env", [...byName.values()]]]);
}
