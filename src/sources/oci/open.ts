// A reference to an image on this machine, made by any tool → the image: documents read and checked, layers where
// they are. Nothing is copied or unpacked; the bytes of layers are checked by whoever reads them.

import type { Context } from "../../model/context.ts";
import type { Image } from "../../model/image.ts";
import { machineArchitecture } from "../../platform/machine.ts";
import { openArchive, openDirectory } from "./container.ts";
import { openDockerArchive } from "./docker-archive.ts";
import { ImageSourceError } from "./errors.ts";
import { openLayout } from "./layout.ts";
import { parseImageReference } from "./reference.ts";

export interface OpenOptions {
  /** Taken where an image is there for several architectures; default: that of this machine. */
  readonly architecture?: string;
}

/**
 * Opens an image.
 *
 * @param reference `oci:DIR[:TAG]`, `oci-archive:FILE[:TAG]`, `docker-archive:FILE[:TAG]`, or the path alone, whose
 *   form is then seen from what is there. Without a tag there must be one image only.
 * @throws {ImageSourceError}
 */
export async function openImage(
  reference: string,
  context: Context,
  options: OpenOptions = {},
): Promise<Image> {
  const { transport, path, kind, tag } = parseImageReference(reference);
  const choice = { tag, architecture: options.architecture ?? machineArchitecture() };
  const container = kind === "directory" ? openDirectory(path) : await openArchive(path, context);
  const isLayout = container.find("oci-layout") !== undefined && container.find("index.json") !== undefined;
  switch (transport ?? (isLayout ? "oci" : "docker-archive")) {
    case "oci":
    case "oci-archive":
      return openLayout(container, choice, context);
    case "docker-archive":
      if (kind === "directory") {
        throw new ImageSourceError(
          "NOT_AN_IMAGE",
          `Cannot open the image ${reference}: ${path} is no OCI layout, a directory with oci-layout and index.json was wanted`,
        );
      }
      return openDockerArchive(container, tag, context);
  }
}
