// An image and where it shall go → delivered, by the exporter whose name the output begins with.

import { resolve } from "node:path";
import type { Context } from "../model/context.ts";
import type { Image } from "../model/image.ts";
import { didYouMean } from "../model/suggest.ts";
import { importModule, moduleNames } from "../platform/discover.ts";
import { DeliverError } from "./errors.ts";
import type { Delivered, Exporter } from "./exporter.ts";
import { findReceipt, writeReceipt } from "./receipt.ts";

const EXPORTERS = new URL("./exporters/", import.meta.url);

/** The exporter that `-` means. */
const STANDARD_OUTPUT = "stdout";

/** Where an image shall go. */
export interface Output {
  readonly scheme: string;
  /** Absolute path; empty for standard output. */
  readonly target: string;
}

/** All exporters, sorted by scheme. */
export async function listExporters(): Promise<Exporter[]> {
  return Promise.all(moduleNames(EXPORTERS).map(loadExporter));
}

async function loadExporter(scheme: string): Promise<Exporter> {
  return (await importModule<{ exporter: Exporter }>(EXPORTERS, scheme)).exporter;
}

/**
 * Reads an output as it is written on the command line: `oci:DIR`, `oci-archive:FILE`, `docker-archive:FILE` or `-`.
 *
 * @param directory What relative paths are relative to.
 * @throws {DeliverError} `UNKNOWN_OUTPUT`
 */
export function parseOutput(text: string, directory: string): Output {
  if (text === "-") return { scheme: STANDARD_OUTPUT, target: "" };
  const schemes = moduleNames(EXPORTERS).filter((scheme) => scheme !== STANDARD_OUTPUT);
  const colon = text.indexOf(":");
  const scheme = text.slice(0, Math.max(colon, 0));
  const target = text.slice(colon + 1);
  if (schemes.includes(scheme) && target !== "") return { scheme, target: resolve(directory, target) };
  const wanted = [...schemes.map((name) => `${name}:PATH`), "-"].join(", ");
  throw new DeliverError("UNKNOWN_OUTPUT", `Cannot write to "${text}": the output is no ${wanted}`, {
    hint: colon < 0 ? `For a directory, write oci:${text}` : didYouMean(scheme, schemes),
  });
}

/**
 * Delivers an image. Where an earlier delivery of it is still untouched, nothing is done.
 *
 * @throws {DeliverError}
 * @throws {ContentError} `CACHE_DAMAGED`, with the blob that is to be made again.
 */
export async function deliver(image: Image, output: Output, context: Context): Promise<Delivered> {
  const exporter = await loadExporter(output.scheme);
  if (output.scheme === STANDARD_OUTPUT) return exporter.deliver(image, output.target, context);
  const name = `${output.scheme}:${output.target}`;
  const files = findReceipt(name, image, context);
  if (files !== undefined) {
    return { output: name, bytesWritten: 0, bytesReused: files.size, unchanged: true, files: files.paths };
  }
  const delivered = await exporter.deliver(image, output.target, context);
  writeReceipt(name, image, delivered.files, context);
  return delivered;
}
