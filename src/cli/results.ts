// How builds are told: as data for --json, as text for people.

import { rootDocument } from "../model/content.ts";
import { TareError } from "../model/errors.ts";
import type { Image } from "../model/image.ts";
import type { LockChange } from "../model/lock.ts";
import type { Locked } from "../pipeline/lock.ts";
import type { Delivery, IndexDelivery } from "../pipeline.ts";
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

/** One image, or those of an index, as --json prints them. */
export function describeImages(images: readonly [Image, ...Image[]]): object {
  if (images.length === 1) return describeImage(images[0]);
  const { name, tag } = images[0];
  return {
    name,
    tag,
    images: images.map((image) => ({ platform: showPlatform(image), ...describeImage(image) })),
  };
}

/** `54 layers`, or for an index `linux/amd64: 54 layers, linux/arm64: 54 layers`. */
export function countLayers(images: readonly Image[]): string {
  if (images.length === 1) return count(images[0]!.layers.length, "layer");
  return images.map((image) => `${showPlatform(image)}: ${count(image.layers.length, "layer")}`).join(", ");
}

function showPlatform({ config }: Image): string {
  const { os, architecture } = JSON.parse(Buffer.from(config).toString("utf8")) as Record<string, string>;
  return `${os}/${architecture}`;
}

export function describeIndexBuild({ built, index, delivered, unchanged }: IndexDelivery): object {
  const images = built.map(({ image }) => image) as [Image, ...Image[]];
  return {
    ...describeImages(images),
    digest: rootDocument(index).digest,
    output: delivered.output,
    unchanged,
  };
}

export function formatIndexBuild({ built, index, delivered, unchanged }: IndexDelivery): string {
  const images = built.map(({ image }) => image);
  const size = sum(index.blobs.map((blob) => blob.size));
  return [
    `${index.name}:${index.tag}${unchanged ? " (nothing changed)" : ""}`,
    `  ${countLayers(images)}; ${formatBytes(size)}`,
    `  ${rootDocument(index).digest}`,
    `  ${delivered.output}`,
  ].join("\n");
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
