// Pieces that lock files have in common: hashes, and where a file lies.

/** The sha256 of `sha256:HEX`, lower-case; undefined for other algorithms and for what is none. */
export function parseSha256(text: string): string | undefined {
  return /^sha256[:=]([0-9a-f]{64})$/i.exec(text)?.[1]?.toLowerCase();
}

/** The file name at the end of a URL or path; undefined when there is none. */
export function fileNameOfUrl(location: string): string | undefined {
  const path = location.replace(/[?#].*$/s, "");
  const last = path.slice(path.lastIndexOf("/") + 1);
  try {
    return decodeURIComponent(last) || undefined;
  } catch {
    return last || undefined;
  }
}

export function isUrl(text: string): boolean {
  return /^[a-z][a-z0-9+.-]+:\/\//i.test(text);
}

/**
 * Tells a URL from a path of this machine.
 *
 * @param base Index that a relative location is meant against: a URL, or a directory.
 */
export function toPathOrUrl(
  url: string | undefined,
  path: string | undefined,
  base: string | undefined,
): { readonly url: string | undefined; readonly path: string | undefined } {
  if (url !== undefined) return { url, path: undefined };
  if (path === undefined || path.startsWith("/") || base === undefined) return { url: undefined, path };
  if (isUrl(base)) return { url: `${base.replace(/\/$/, "")}/${path}`, path: undefined };
  return { url: undefined, path: `${base.replace(/\/$/, "")}/${path}` };
}
