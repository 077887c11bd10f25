// Pages of a package index → the files of a project. Specifications: PEP 691 (JSON), PEP 503 (HTML), PEP 700 (sizes).

import { PythonFormatError } from "./errors.ts";
import { fileNameOfUrl } from "./locked-file.ts";

/** What a client asks for: JSON, else HTML. */
export const SIMPLE_INDEX_ACCEPT =
  "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01";

/** A file that an index offers. */
export interface IndexFile {
  readonly name: string;
  /** Absolute. */
  readonly url: string;
  /** Lower-case hex; undefined when the index does not say. */
  readonly sha256: string | undefined;
  /** Bytes; undefined when the index does not say. */
  readonly size: number | undefined;
}

/**
 * Parses the page of one project.
 *
 * @param url Where it was got: links are relative to it.
 * @throws {PythonFormatError} `INDEX_INVALID`
 */
export function parseSimpleIndex(text: string, url: string): IndexFile[] {
  return /^\s*\{/.test(text) ? parseJson(text, url) : parseHtml(text, url);
}

function parseJson(text: string, url: string): IndexFile[] {
  const fail = (problem: string, cause?: unknown) =>
    new PythonFormatError("INDEX_INVALID", "read the page of a package index", problem, { cause });
  let page: unknown;
  try {
    page = JSON.parse(text);
  } catch (error) {
    throw fail("it is no JSON", error);
  }
  const { files, meta } = page as { files?: unknown; meta?: { "api-version"?: unknown } };
  const version = meta?.["api-version"];
  if (typeof version === "string" && !version.startsWith("1."))
    throw fail(`its API version is ${version}, 1.x was expected`);
  if (!Array.isArray(files)) throw fail("it has no list of files");
  return files.flatMap((file: unknown) => {
    if (typeof file !== "object" || file === null) return [];
    const { filename, url: link, hashes, size } = file as Record<string, unknown>;
    const absolute = typeof link === "string" ? resolveUrl(link, url) : undefined;
    if (typeof filename !== "string" || absolute === undefined) return [];
    const sha256 = (hashes as Record<string, unknown> | null | undefined)?.["sha256"];
    return [
      {
        name: filename,
        url: absolute,
        sha256:
          typeof sha256 === "string" && /^[0-9a-f]{64}$/i.test(sha256) ? sha256.toLowerCase() : undefined,
        size: typeof size === "number" && Number.isSafeInteger(size) && size >= 0 ? size : undefined,
      },
    ];
  });
}

const ANCHOR = /<a\s[^>]*?href\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+))/gi;

function parseHtml(text: string, url: string): IndexFile[] {
  const base = resolveUrl(/<base\s[^>]*?href\s*=\s*["']([^"']*)["']/i.exec(text)?.[1] ?? "", url) ?? url;
  return [...text.matchAll(ANCHOR)].flatMap(([, double, single, bare]) => {
    const link = resolveUrl(decodeEntities(double ?? single ?? bare!), base);
    const name = link === undefined ? undefined : fileNameOfUrl(link);
    if (link === undefined || name === undefined) return [];
    return [
      {
        name,
        url: link.replace(/#.*$/s, ""),
        sha256: /#(?:.*&)?sha256=([0-9a-f]{64})/i.exec(link)?.[1]?.toLowerCase(),
        size: undefined,
      },
    ];
  });
}

function decodeEntities(text: string): string {
  const named: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
  return text.replace(
    /&(?:#(\d{1,6})|#x([0-9a-f]{1,5})|([a-z]+));/gi,
    (whole, decimal?: string, hex?: string, name?: string) =>
      name === undefined
        ? String.fromCodePoint(
            Math.min(0x10ffff, decimal === undefined ? Number.parseInt(hex!, 16) : Number(decimal)),
          )
        : (named[name.toLowerCase()] ?? whole),
  );
}

function resolveUrl(link: string, base: string): string | undefined {
  return URL.canParse(link, base) ? new URL(link, base).href : undefined;
}
