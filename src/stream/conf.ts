// The JSON that a stream script of dockerTools reads → what is to be streamed. Hostile until checked.
// Source: nixpkgs, pkgs/build-support/docker/stream_layered_image.py; test/fixtures/nix/images has samples.

import { type IsoTime, parseIsoTime } from "../formats/iso-time.ts";
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from "../formats/python-json.ts";
import { type StoreOwner, toOwner } from "../formats/store-layer.ts";
import { storePathOfBaseName } from "../model/store-path.ts";
import { formatTimestamp } from "../platform/clock.ts";
import { StreamError } from "./errors.ts";

export interface StreamConf {
  readonly architecture: string;
  readonly config: JsonObject;
  /** `/nix/store`, or another directory. */
  readonly storeDir: string;
  /** Path of a docker archive; undefined for an image without a base. */
  readonly fromImage: string | undefined;
  /** Store paths of each layer, bottom first. */
  readonly storeLayers: readonly (readonly string[])[];
  /** A store path with the last layer and its checksum. */
  readonly customisationLayer: string;
  /** `NAME:TAG`. */
  readonly repoTag: string;
  readonly created: IsoTime;
  /** Owner and time of every entry. */
  readonly owner: StoreOwner;
}

/**
 * Parses a configuration.
 *
 * @param file Its name, for messages.
 * @param nowSeconds What `now` means: seconds since the epoch.
 * @throws {StreamError} `CONF_INVALID` or `OUTSIDE_STORE`; {FormatError} `BAD_JSON`.
 */
export function parseConf(bytes: Uint8Array, file: string, nowSeconds: number): StreamConf {
  const value = parseJson(bytes, file);
  if (!isJsonObject(value)) throw invalid(file, "it is no object");
  const conf = new Fields(value, file);
  const storeDir = conf.text("store_dir");
  if (!/^(?:\/(?!\.{1,2}(?:\/|$))[^/\0]+)+$/.test(storeDir)) {
    throw invalid(file, `store_dir is ${JSON.stringify(storeDir)}, an absolute path was expected`);
  }
  const time = (key: string): IsoTime => {
    const text = conf.text(key);
    const parsed = parseIsoTime(text === "now" ? formatTimestamp(nowSeconds) : text);
    if (parsed === undefined) {
      throw invalid(
        file,
        `${key} is ${JSON.stringify(text)}, a time such as 1970-01-01T00:00:01+00:00 was expected`,
      );
    }
    return parsed;
  };
  const owner = toOwner(
    { uid: conf.id("uid"), gid: conf.id("gid"), mtimeSeconds: time("mtime").seconds },
    conf.text("uname"),
    conf.text("gname"),
  );
  return {
    architecture: conf.text("architecture"),
    config: conf.object("config"),
    storeDir,
    fromImage: conf.value("from_image") === null ? undefined : conf.text("from_image"),
    storeLayers: conf
      .layers("store_layers")
      .map((paths) => paths.map((path) => checkPath(path, storeDir, file))),
    customisationLayer: checkPath(conf.text("customisation_layer"), storeDir, file),
    repoTag: conf.text("repo_tag"),
    created: time("created"),
    owner,
  };
}

function checkPath(path: string, storeDir: string, file: string): string {
  const name = path.startsWith(`${storeDir}/`) ? path.slice(storeDir.length + 1) : "";
  if (storePathOfBaseName(name) === undefined) {
    throw new StreamError(
      "OUTSIDE_STORE",
      `Cannot stream the image of ${file}: ${JSON.stringify(path)} is no store path of ${storeDir}`,
    );
  }
  return path;
}

function invalid(file: string, problem: string): StreamError {
  return new StreamError("CONF_INVALID", `Cannot stream the image of ${file}: ${problem}`, {
    hint: "Name the conf.json that a stream script of dockerTools reads: the script's last line has its path",
  });
}

class Fields {
  readonly #values: JsonObject;
  readonly #file: string;

  constructor(values: JsonObject, file: string) {
    this.#values = values;
    this.#file = file;
  }

  value(key: string): JsonValue {
    const value = this.#values.get(key);
    if (value === undefined) throw invalid(this.#file, `it has no "${key}"`);
    return value;
  }

  text(key: string): string {
    const value = this.value(key);
    if (typeof value !== "string" || !value.isWellFormed() || value.includes("\0")) {
      throw this.#wrong(key, "a string");
    }
    return value;
  }

  object(key: string): JsonObject {
    const value = this.value(key);
    if (!isJsonObject(value)) throw this.#wrong(key, "an object");
    return value;
  }

  layers(key: string): readonly (readonly string[])[] {
    const value = this.value(key);
    const isLayer = (layer: JsonValue) =>
      Array.isArray(layer) && layer.every((path) => typeof path === "string");
    if (!Array.isArray(value) || !value.every(isLayer))
      throw this.#wrong(key, "an array of arrays of strings");
    return value as readonly (readonly string[])[];
  }

  /** A number, as itself or as a string. */
  id(key: string): number {
    const value = this.value(key);
    const text =
      typeof value === "string" ? value : ((value as { readonly number?: string } | null)?.number ?? "");
    const id = Number(text);
    if (!/^[0-9]+$/.test(text) || !Number.isSafeInteger(id))
      throw this.#wrong(key, "a whole number, 0 or more");
    return id;
  }

  #wrong(key: string, wanted: string): StreamError {
    return invalid(this.#file, `"${key}" is not ${wanted}`);
  }
}
