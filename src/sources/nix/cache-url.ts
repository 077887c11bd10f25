// Where things are in a binary cache: what a narinfo says is hostile, and never leads out of the cache.

import type { NarInfo } from "../../formats/nix/narinfo.ts";
import { NixSourceError } from "./errors.ts";

/**
 * The URL of a path's NAR.
 *
 * @param base Of the cache, without a final slash.
 * @throws {NixSourceError} `NARINFO_WRONG` when it would be elsewhere than in the cache.
 */
export function narUrl(base: string, { path, url }: Pick<NarInfo, "path" | "url">): string {
  const problem = urlProblem(url);
  if (problem === undefined) return `${base}/${url}`;
  throw new NixSourceError(
    "NARINFO_WRONG",
    `Cannot fetch ${path}: its narinfo names the file "${url}", ${problem}`,
    {
      hint: "The cache is damaged or hostile: use another one",
    },
  );
}

function urlProblem(url: string): string | undefined {
  if (/^[a-z][a-z0-9+.-]*:/i.test(url)) return "which is a URL of its own and not a file of the cache";
  if (url.startsWith("/") || url.includes("\\")) return "which is no path below the cache";
  const path = url.replace(/[?#].*$/s, "");
  const components = path.split("/").map((part) => part.replaceAll(/%2e/gi, "."));
  if (/%2f|%5c|%00/i.test(path) || components.some((part) => part === "" || part === "." || part === "..")) {
    return "which leads out of the cache or is no plain path";
  }
  return undefined;
}
