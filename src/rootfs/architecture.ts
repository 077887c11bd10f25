// Names that depend on the architecture. Source: dpkg-architecture(1), Debian's multiarch tuples.

import type { Architecture } from "../model/image-spec.ts";

/** The library directory's name: `/usr/lib/x86_64-linux-gnu`. */
export const MULTIARCH: Readonly<Record<Architecture, string>> = {
  amd64: "x86_64-linux-gnu",
  arm64: "aarch64-linux-gnu",
};
