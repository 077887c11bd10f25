// Cargo's settings → where the tarballs of crates are: crates.io, or the registry that stands for it on this machine.
// Source: the Cargo Book, "Source Replacement" and "Index Format".

import { join } from "node:path";
import { parse } from "smol-toml";
import * as z from "zod";
import type { Context } from "../../model/context.ts";
import { environmentVariable, homeDirectory } from "../../platform/environment.ts";
import { readSmallFile } from "../../platform/files.ts";
import { fetchDocument } from "../../platform/network.ts";
import { CargoError } from "./errors.ts";

const CRATES_IO = "https://static.crates.io/crates/{crate}/{crate}-{version}.crate";

/** Bytes of the largest settings, and of the largest answer about a registry, that are read. */
const LARGEST_SETTINGS = 1 << 20;

const Settings = z.looseObject({
  source: z
    .record(
      z.string(),
      z.looseObject({ "replace-with": z.string().optional(), registry: z.string().optional() }),
    )
    .optional(),
});
const IndexConfig = z.looseObject({ dl: z.string() });

/**
 * The template of the URLs of crates, with `{crate}`, `{version}`, `{sha256-checksum}`…
 *
 * @throws {CargoError} `CARGO_REGISTRY_UNUSABLE`
 */
export async function readDownloadTemplate(context: Context): Promise<string> {
  const registry = readReplacement();
  if (registry === undefined) return CRATES_IO;
  if (!registry.startsWith("sparse+")) {
    throw new CargoError(
      "CARGO_REGISTRY_UNUSABLE",
      `Cannot fetch crates from ${registry}: it is no sparse registry`,
      { hint: "Name one that begins with sparse+ in Cargo's config.toml, or run cargo vendor" },
    );
  }
  const url = `${registry.slice("sparse+".length).replace(/\/+$/, "")}/config.json`;
  const { bytes } = await fetchDocument("the registry's settings", [url], LARGEST_SETTINGS, context);
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString("utf8"));
  } catch {
    value = undefined;
  }
  const parsed = IndexConfig.safeParse(value);
  if (parsed.success)
    return /\{[a-z0-9-]+\}/.test(parsed.data.dl)
      ? parsed.data.dl
      : `${parsed.data.dl}/{crate}/{version}/download`;
  throw new CargoError(
    "CARGO_REGISTRY_UNUSABLE",
    `Cannot fetch crates from ${registry}: its config.json has no dl`,
  );
}

/** The registry that replaces crates.io, as Cargo's own settings have it. */
function readReplacement(): string | undefined {
  const home = environmentVariable("CARGO_HOME") ?? join(homeDirectory(), ".cargo");
  for (const name of ["config.toml", "config"]) {
    const bytes = readSmallFile(join(home, name), LARGEST_SETTINGS);
    if (!(bytes instanceof Buffer)) continue;
    const { source = {} } = readSettings(bytes.toString("utf8"));
    for (let at = "crates-io", steps = 0; steps < 8; steps++) {
      const next = source[at]?.["replace-with"];
      if (next === undefined) return at === "crates-io" ? undefined : source[at]?.registry;
      at = next;
    }
  }
  return undefined;
}

function readSettings(text: string): z.infer<typeof Settings> {
  try {
    return Settings.parse(parse(text));
  } catch (cause) {
    throw new CargoError(
      "CARGO_REGISTRY_UNUSABLE",
      "Cannot read Cargo's config.toml: it is not what Cargo reads",
      {
        cause,
      },
    );
  }
}

/** The URL of a crate. */
export function formatCrateUrl(template: string, name: string, version: string, sha256: string): string {
  const lower = name.toLowerCase();
  const values: Readonly<Record<string, string>> = {
    crate: name,
    version,
    prefix: prefixOf(name),
    lowerprefix: prefixOf(lower),
    "sha256-checksum": sha256,
  };
  return template.replace(/\{([a-z0-9-]+)\}/g, (whole, key: string) => {
    const value = Object.hasOwn(values, key) ? values[key]! : whole;
    return key === "version" ? encodeURIComponent(value) : value;
  });
}

function prefixOf(name: string): string {
  if (name.length <= 2) return String(name.length);
  return name.length === 3 ? `3/${name[0]}` : `${name.slice(0, 2)}/${name.slice(2, 4)}`;
}
