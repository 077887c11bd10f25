// An image as a tar of an OCI layout, in one pass: `skopeo copy oci-archive:FILE`, `podman load`.

import { formatIndex, OCI_LAYOUT_FILE, type Platform } from "../../formats/oci.ts";
import { type Content, imageContent } from "../../model/content.ts";
import type { Context } from "../../model/context.ts";
import type { ByteOutput } from "../../platform/output.ts";
import { ArchiveWriter } from "../archive-writer.ts";
import { readBlob } from "../blobs.ts";
import { describeContent, imagePlatform } from "../describe.ts";
import type { Exporter } from "../exporter.ts";
import { deliverFile } from "../file-target.ts";

export const exporter: Exporter = {
  scheme: "oci-archive",
  summary: "an OCI layout in a tar",
  deliver: (image, target, context) =>
    deliverFile("oci-archive", target, (output) =>
      writeOciArchive(imageContent(image), imagePlatform(image), output, context),
    ),
  deliverContent: (content, target, context) =>
    deliverFile("oci-archive", target, (output) => writeOciArchive(content, undefined, output, context)),
};

async function writeOciArchive(
  content: Content,
  platform: Platform | undefined,
  output: ByteOutput,
  context: Context,
): Promise<number> {
  const archive = new ArchiveWriter(output);
  const stage = context.progress.stage("writing");
  stage.expect(content.blobs.length);
  await archive.addDirectory("blobs");
  await archive.addDirectory("blobs/sha256");
  for (const { digest, size, data } of content.blobs) {
    const chunks = "bytes" in data ? [data.bytes] : readBlob({ digest, size, blob: data }, context);
    await archive.addStream(memberName(digest), size, chunks);
    stage.advance(1, size);
  }
  for (const { digest, bytes } of content.documents) await archive.addFile(memberName(digest), bytes);
  const name = `${content.name}:${content.tag}`;
  await archive.addFile("index.json", formatIndex([describeContent(content, name, platform)]));
  await archive.addFile("oci-layout", Buffer.from(OCI_LAYOUT_FILE));
  await archive.end();
  stage.done(name);
  return archive.length;
}

function memberName(digest: string): string {
  return `blobs/${digest.replace(":", "/")}`;
}
