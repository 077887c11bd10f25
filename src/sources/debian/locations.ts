// Where a file that is asked for may lie in packages: all spellings of it that merged /usr makes one. Pure.

import type { Architecture } from "../../model/image-spec.ts";
import type { FileRequest } from "./request-name.ts";

const TRIPLETS: Readonly<Record<Architecture, string>> = {
  amd64: "x86_64-linux-gnu",
  arm64: "aarch64-linux-gnu",
};

/** Directories at the root that are links into /usr. */
const MERGED = /^(?:usr\/)?(?=(?:bin|sbin|lib[a-z0-9]*)\/)/;

/**
 * The places of a file, best first; each with the paths by which packages may ship it, without a leading slash.
 *
 * A program is looked for as a shell does in Debian's PATH, a library as the dynamic loader does.
 */
export function locationsOf(request: FileRequest, architecture: Architecture): string[][] {
  return placesOf(request, architecture).map(spellings);
}

function placesOf(request: FileRequest, architecture: Architecture): string[] {
  switch (request.kind) {
    case "path":
      return [request.path];
    case "program":
      return ["usr/bin", "usr/sbin"].map((directory) => `${directory}/${request.name}`);
    case "library":
      return [`usr/lib/${TRIPLETS[architecture]}`, "usr/lib", "usr/lib64"].map(
        (directory) => `${directory}/${request.name}`,
      );
  }
}

/** `bin/x` and `usr/bin/x` are one file. */
function spellings(path: string): string[] {
  const merged = MERGED.exec(path)?.[0];
  if (merged === undefined) return [path];
  const rest = path.slice(merged.length);
  return [`usr/${rest}`, rest];
}
