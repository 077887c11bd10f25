// `place()`: where in an image the files of something built go.

import type { PlacedOutput } from "../model/image-spec.ts";
import { badOption, isOutput, type Output } from "./derivation.ts";

/**
 * Puts the files of something built, or of a source tree, at a path of the image instead of its store path.
 *
 * @param path Absolute; `/` merges it with the root file system.
 * @throws {OptionError} `BAD_OPTION`.
 *
 * @example
 * contents: [packages["nginx-light"], place("/var/www/html", path("./public"))]
 */
export function place(path: string, output: Output): PlacedOutput {
  if (!isOutput(output)) throw badOption("place()'s output", output, "a derivation or a source");
  const parts = typeof path === "string" ? path.split("/").filter((part) => part !== "") : [];
  if (
    typeof path !== "string" ||
    !path.startsWith("/") ||
    /\0/.test(path) ||
    parts.some((part) => /^\.\.?$/.test(part))
  ) {
    throw badOption("place()'s path", path, "an absolute path without . or ..");
  }
  return Object.freeze({
    kind: "output",
    node: output.node,
    output: output.output,
    placement: `/${parts.join("/")}`,
  });
}
