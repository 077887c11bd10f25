// An image as a tar of an OCI layout, in one pass: `skopeo copy oci-archive:FILE`, `podman load`.

import { formatIndex, OCI_LAYOUT_FILE } from "../../formats/oci.ts";
import type { Context } from "../../model/context.ts";
import type { Image } from "../../model/image.ts";
import type { ByteOutput } from "../../platform/output.ts";
import { ArchiveWriter } from "../archive-writer.ts";
import { readBlob } from "../blobs.ts";
import { describeImage } from "../describe.ts";
import type { Exporter } from "../exporter.ts";
import { deliverFile } from "../file-target.ts";

export const exporter: Exporter = {
  scheme: "oci-archive",
  summary: "an OCI layout in a tar",
  deliver: (image, target, context) =>
    deliverFile("oci-archive", target, (output) => writeOciArchive(image, output, context)),
};

async function writeOciArchive(image: Image, output: ByteOutput, context: Context): Promise<number> {
  const archive = new ArchiveWriter(output);
  const stage = context.progress.stage("writing");
  stage.expect(image.layers.length);
  await archive.addDirectory("blobs");
  await archive.addDirectory("blobs/sha256");
  for (const layer of new Map(image.layers.map((one) => [one.digest, one])).values()) {
    await archive.addStream(memberName(layer.digest), layer.size, readBlob(layer, context));
    stage.advance(1, layer.size);
  }
  await archive.addFile(memberName(image.imageId), image.config);
  await archive.addFile(memberName(image.digest), image.manifest);
  await archive.addFile("index.json", formatIndex([describeImage(image, `${image.name}:${image.tag}`)]));
  await archive.addFile("oci-layout", Buffer.from(OCI_LAYOUT_FILE));
  await archive.end();
  stage.done(`${image.name}:${image.tag}`);
  return archive.length;
}

function memberName(digest: string): string {
  return `blobs/${digest.replace(":", "/")}`;
}
