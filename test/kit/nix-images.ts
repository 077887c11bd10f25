// The images of test/fixtures/nix/images, and the stores that they are made of, on disk.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { TestContext } from "node:test";
import { ExportReader } from "../../src/formats/nix/export.ts";
import { NarReader } from "../../src/formats/nix/nar-reader.ts";
import { NarTreeBuilder } from "../../src/formats/nix/nar-tree.ts";
import type { PathInfo } from "../../src/model/path-info.ts";
import { moveIntoStore, NarUnpacker } from "../../src/platform/store-files.ts";
import { loadVectors, readVector } from "./nix.ts";

export const IMAGE_SETS = ["tiny", "odd", "odd-from-tiny", "big"] as const;
export type ImageSet = (typeof IMAGE_SETS)[number];

/** What the stream script made of one configuration. */
export interface VectorImage {
  readonly id: string;
  readonly conf: string;
  readonly cliArgs?: readonly string[];
  readonly outerTarSha256: string;
  readonly outerTarSize: number;
  readonly members: readonly string[];
  readonly manifestJson: string;
  readonly configJson: string;
  readonly imageId: string;
  readonly layers: readonly { readonly tarPath: string; readonly sha256: string; readonly size: number }[];
}

interface ImagesDocument {
  readonly customisationLayer: string;
  readonly customisationLayerSha256: string;
  readonly images: readonly (VectorImage | { readonly id: string; readonly error: string })[];
}

/** The images of a set that could be made. */
export function vectorImages(set: ImageSet): VectorImage[] {
  const { images } = loadVectors<ImagesDocument>(`images/${set}/images.json`);
  return images.filter((image): image is VectorImage => !("error" in image));
}

/** Unpacks the store of a set below a root: its closure, and the store path with its customisation layer. */
export function unpackStore(set: ImageSet, root: string): void {
  mkdirSync(join(root, "nix/store"), { recursive: true });
  const unpacked = join(root, "nix/unpacked");
  const reader = new ExportReader({
    nar: () => new NarReader(new NarUnpacker(unpacked)),
    path: ({ path }) => moveIntoStore(unpacked, join(root, path)),
  });
  reader.write(readVector(`images/${set}/closure.export.gz`));
  reader.end();
}

/** A directory with the store of a set in it; it goes when the test ends, though all of a store is read-only. */
export function temporaryStore(t: TestContext, set: ImageSet): string {
  const root = mkdtempSync(join(tmpdir(), "tare-store-"));
  t.after(() => {
    execFileSync("chmod", ["-R", "u+w", root]);
    rmSync(root, { recursive: true, force: true });
  });
  unpackStore(set, root);
  return root;
}

/** What Nix knew of the paths of a set that are in its export. */
export function closureOf(set: ImageSet): PathInfo[] {
  const infos: PathInfo[] = [];
  let builder: NarTreeBuilder | undefined;
  const reader = new ExportReader({
    nar() {
      builder = new NarTreeBuilder({ file: "/export" });
      return builder;
    },
    path({ path, references }) {
      const { narHash, narSize } = builder!.end();
      infos.push({ path, narHash, narSize, references, signatures: [], ultimate: false });
    },
  });
  reader.write(readVector(`images/${set}/closure.export.gz`));
  reader.end();
  return infos;
}

/** Writes a configuration with the base image's archive in its place; returns its path. */
export function writeConf(set: ImageSet, conf: string, directory: string): string {
  const text = readVector(`images/${set}/${conf}`).toString("utf8");
  const base = /<the uncompressed \.\.\/([a-z]+\/image-[a-z0-9]+\.tar)\.gz>/.exec(text);
  let written = text;
  if (base !== null) {
    const archive = join(directory, basename(base[1]!));
    writeFileSync(archive, readVector(`images/${base[1]!}.gz`));
    written = text.replace(base[0], archive);
  }
  const path = join(directory, conf);
  writeFileSync(path, written);
  return path;
}
