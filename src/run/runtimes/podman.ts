// Starts an image with podman, which reads it from an OCI layout made of links to the blobs.

import { basename, join } from "node:path";
import { formatIndex, OCI_LAYOUT_FILE } from "../../formats/oci.ts";
import { encodeByteString } from "../../model/bytes.ts";
import type { Context } from "../../model/context.ts";
import { type Image, MEDIA_TYPES } from "../../model/image.ts";
import { makePrivateDirectory, removeTree } from "../../platform/directories.ts";
import { fileSize, makeDirectories, temporaryName } from "../../platform/disk.ts";
import { TreeWriter } from "../../platform/extract.ts";
import { captureProcess, findProgram } from "../../platform/processes.ts";
import { callEngine, runContainer } from "../engine.ts";
import type { Runtime } from "../options.ts";
import { readBlob } from "../unpack.ts";

export const runtime: Runtime = {
  order: 10,

  absence() {
    return findProgram("podman") === undefined ? "it is not installed" : undefined;
  },

  async start(request, context) {
    const program = findProgram("podman")!;
    const directory = temporaryName(context.cache.path("tmp", "podman"));
    makePrivateDirectory(directory);
    try {
      await loadImage(program, request.image, directory, context);
      const pidFile = join(directory, "pid");
      const engine = {
        name: "podman",
        program,
        // With an init, signals that the program does not catch end it, as they do outside.
        extraOptions: [`--pidfile=${pidFile}`, ...(hasInit() ? ["--init"] : [])],
        containerName: `tare${basename(directory)}`,
        wasStarted: async () => (fileSize(pidFile) ?? 0) > 0,
      };
      return await runContainer(engine, request, context);
    } finally {
      removeTree(directory);
    }
  },
};

/** Whether podman's init is installed: a package of its own in Debian. */
function hasInit(): boolean {
  const places = ["/usr/libexec/podman/catatonit", "/usr/lib/podman/catatonit"];
  return findProgram("catatonit") !== undefined || places.some((path) => fileSize(path) !== undefined);
}

/** The layout's directory; podman makes it the name of the image in its store: `localhost/tare-run`. */
const LAYOUT = "tare-run";

/** Gives podman the image, unless it has it. */
async function loadImage(program: string, image: Image, directory: string, context: Context): Promise<void> {
  const found = await captureProcess(program, ["image", "exists", image.imageId], { signal: context.signal });
  if (found.exitCode === 0) return;
  const stage = context.progress.stage("loading into podman");
  await writeLayout(join(directory, LAYOUT), image, context.signal);
  // The name is relative, since podman refuses the paths that are no image names.
  await callEngine("podman", program, ["pull", "--quiet", `oci:${LAYOUT}`], context, {
    workingDirectory: directory,
  });
  stage.done(`image ${image.imageId}`);
}

const PLAIN = { mode: 0o644, uid: 0, gid: 0, mtimeSeconds: 1 };

/** Writes an OCI layout with one image; blobs that are files of their own are linked to, others copied. */
async function writeLayout(layout: string, image: Image, signal: AbortSignal): Promise<void> {
  makeDirectories(layout);
  const writer = new TreeWriter(layout, { owners: false });
  const blobPath = (digest: string) => `blobs/${digest.replace(":", "/")}`;
  const manifest = { mediaType: manifestType(image), digest: image.digest, size: image.manifest.length };
  writer.file("oci-layout", PLAIN, Buffer.from(OCI_LAYOUT_FILE));
  writer.file("index.json", PLAIN, formatIndex([manifest]));
  writer.file(blobPath(image.digest), PLAIN, image.manifest);
  writer.file(blobPath(image.imageId), PLAIN, image.config);
  for (const layer of image.layers) {
    const { file, offset } = layer.blob;
    if (offset === 0 && fileSize(file) === layer.size) {
      writer.symlink(blobPath(layer.digest), encodeByteString(file), PLAIN);
      continue;
    }
    writer.beginFile(blobPath(layer.digest), PLAIN);
    for await (const chunk of readBlob(layer, signal)) writer.write(chunk);
    writer.endFile();
  }
  writer.finish();
}

/** The type that a manifest says to be of: docker's own differs from OCI's, and nothing else tells them apart. */
function manifestType({ manifest }: Image): string {
  const { mediaType } = JSON.parse(Buffer.from(manifest).toString("utf8")) as { mediaType?: unknown };
  return typeof mediaType === "string" ? mediaType : MEDIA_TYPES.manifest;
}
