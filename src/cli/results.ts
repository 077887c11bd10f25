// How builds are told: as data for --json, as text for people.

import { TareError } from "../model/errors.ts";
import type { Image } from "../model/image.ts";
import type { LockChange } from "../model/lock.ts";
import type { Delivery, Locked } from "../pipeline.ts";
import { count, formatBytes, formatTable } from "./text.ts";

export class UsageValueError extends TareError<"BAD_SOURCE_DATE_EPOCH"> {}

/** SOURCE_DATE_EPOCH, by the specification of reproducible-builds.org: whole seconds since the epoch. */
export function createdFromEnvironment(environment: NodeJS.ProcessEnv = process.env): number | undefined {
  const value = environment["SOURCE_DATE_EPOCH"];
  if (value === undefined || value === "") return undefined;
  if (!/^\d{1,12}$/.test(value)) {
    throw new UsageValueError(
      "BAD_SOURCE_DATE_EPOCH",
      `Cannot use "${value}" as SOURCE_DATE_EPOCH: whole seconds since the epoch were expected`,
    );
  }
  return Number(value);
}

/** An image as --json prints it. */
export function describeImage(image: Image): object {
  const { name, tag, digest, imageId, layers } = image;
  return {
    name,
    tag,
    digest,
    imageId,
    size: sum(layers.map(({ size }) => size)),
    uncompressedSize: sum(layers.map(({ uncompressedSize }) => uncompressedSize ?? 0)),
    layers: layers.map(({ blob, ...layer }) => layer),
  };
}

export function describeBuild({ image, delivered, unchanged }: Delivery): object {
  return { ...describeImage(image), output: delivered.output, unchanged };
}

export function formatBuild({ image, delivered, unchanged }: Delivery): string {
  const size = sum(image.layers.map((layer) => layer.size));
  const uncompressed = sum(image.layers.map((layer) => layer.uncompressedSize ?? 0));
  return [
    `${image.name}:${image.tag}${unchanged ? " (nothing changed)" : ""}`,
    `  ${count(image.layers.length, "layer")}, ${formatBytes(size)} (${formatBytes(uncompressed)} uncompressed)`,
    `  ${image.digest}`,
    `  ${delivered.output}`,
  ].join("\n");
}

/** A lock as --json prints it. */
export function describeLock(file: string, { lock, written }: Locked): object {
  return {
    file,
    written,
    sections: lock.sections.map(({ source, scope, requests, releases, packages }) => ({
      source,
      scope,
      requests,
      releases,
      packages: Object.keys(packages).length,
    })),
  };
}

export function formatLockChanges(
  file: string,
  { lock, previous }: Locked,
  changes: readonly LockChange[],
): string {
  const total = sum(lock.sections.map(({ packages }) => Object.keys(packages).length));
  if (previous === undefined) return `${file}: ${count(total, "package")} pinned`;
  if (changes.length === 0) return `${file}: ${count(total, "package")}, all as before`;
  const signs = { added: "+", removed: "-", upgraded: "↑", downgraded: "↓", replaced: "≠" };
  const rows = changes.map(({ kind, name, from, to }) => [
    signs[kind],
    name,
    [from, to].filter((version) => version !== undefined).join(" → "),
  ]);
  return `${formatTable(rows)}\n${file}: ${count(changes.length, "change")}, ${count(total, "package")}`;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
