// Which caches may be asked beside those that an image.ts names, and whom they are trusted by.

import { type PublicKey, parsePublicKey } from "../../formats/nix/signature.ts";
import { environmentVariable } from "../../platform/environment.ts";
import { redactUrl } from "../../platform/network.ts";
import { NixSourceError } from "./errors.ts";

/** Caches, in the order in which they are asked, and the keys that vouch for what they hold. */
export interface Substituters {
  /** `https:`, `http:` or `file:` URLs. */
  readonly urls: readonly string[];
  readonly publicKeys: readonly PublicKey[];
}

const words = (text: string | undefined) => (text ?? "").split(/\s+/).filter((word) => word !== "");

/**
 * The caches of the command line, or those of `TARE_SUBSTITUTERS`, with the keys of `TARE_TRUSTED_PUBLIC_KEYS`; both
 * are lists of words.
 *
 * @param urls From the command line; undefined takes the environment's.
 * @throws {NixSourceError} `CACHE_UNSUPPORTED`; {NixFormatError} `SIGNATURE_INVALID` for what is no public key.
 */
export function configuredSubstituters(
  urls?: readonly string[],
  publicKeys: readonly string[] = [],
): Substituters {
  return {
    urls: (urls ?? words(environmentVariable("TARE_SUBSTITUTERS"))).map(cacheUrl),
    publicKeys: [...publicKeys, ...words(environmentVariable("TARE_TRUSTED_PUBLIC_KEYS"))].map(
      parsePublicKey,
    ),
  };
}

function cacheUrl(text: string): string {
  if (/^(?:https?|file):\/\/\S+$/.test(text)) return text.replace(/\/+$/, "");
  throw new NixSourceError(
    "CACHE_UNSUPPORTED",
    `Cannot ask the binary cache "${redactUrl(text)}": it is no https:, http: or file: URL`,
    { hint: "A cache in a directory is file:///srv/cache" },
  );
}

/** Both, the first ones first; each once. */
export function mergeSubstituters(first: Substituters, second: Substituters): Substituters {
  return {
    urls: [...new Set([...first.urls, ...second.urls])],
    publicKeys: [...first.publicKeys, ...second.publicKeys],
  };
}
