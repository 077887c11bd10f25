// The archive that an image is made from when image.ts names none, as plain data: what `debian("bookworm")` is.

import type { Architecture, ArchiveReference } from "./image-spec.ts";

export function defaultArchive(architecture: Architecture): ArchiveReference {
  return {
    source: "debian",
    scope: { architecture, suite: "bookworm", components: ["main"], recommends: false },
    mirrors: [],
  };
}
