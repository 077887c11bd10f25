// Files of an index, by hash; and the download of a file from wherever it is: where the lock says, or where an index
// has the same bytes.

import { PythonFormatError } from "../../formats/python/errors.ts";
import { type IndexFile, parseSimpleIndex, SIMPLE_INDEX_ACCEPT } from "../../formats/python/simple-index.ts";
import type { Context } from "../../model/context.ts";
import { fileSize } from "../../platform/disk.ts";
import {
  fetchArtifact,
  fetchByHash,
  fetchDocument,
  NetworkError,
  redactUrl,
} from "../../platform/network.ts";
import { PypiError } from "./errors.ts";
import { type IndexSettings, isPublicUrl } from "./index-settings.ts";

/** Bytes; the page of the project with the most files has some 30 MB. */
const LARGEST_PAGE = 1 << 27;
/** Bytes; of files whose size nobody knows. */
const LARGEST_FILE = 8 * 2 ** 30;

/** A file that is wanted: what it is called, where it may be, and what its bytes are. */
export interface WantedFile {
  /** Normalised name of the project. */
  readonly project: string;
  readonly fileName: string;
  /** Of the lock; `file:` for files of this machine. */
  readonly url: string | undefined;
  /** Lower-case hex. */
  readonly sha256: string;
  /** Bytes; undefined when the lock does not say. */
  readonly size: number | undefined;
}

/** Indexes for the length of one command. */
export class PackageIndex {
  readonly #settings: IndexSettings;
  readonly #pages = new Map<string, Promise<readonly IndexFile[]>>();
  /** Origins that did not answer. */
  readonly #silent = new Set<string>();

  constructor(settings: IndexSettings) {
    this.#settings = settings;
  }

  /**
   * The files of a project, of all indexes that have it.
   *
   * @throws {NetworkError} When no index answers, or none has the project.
   */
  list(project: string, context: Context): Promise<readonly IndexFile[]> {
    let page = this.#pages.get(project);
    if (page === undefined) {
      page = this.#list(project, context);
      this.#pages.set(project, page);
    }
    return page;
  }

  async #list(project: string, context: Context): Promise<readonly IndexFile[]> {
    const files: IndexFile[] = [];
    let failure: unknown;
    let answered = false;
    for (const base of this.#settings.urls) {
      try {
        files.push(...(await this.#page(base, project, context)));
        answered = true;
      } catch (error) {
        if (!(error instanceof NetworkError || error instanceof PythonFormatError)) throw error;
        failure ??= error;
      }
    }
    if (!answered && failure !== undefined) throw failure;
    return files;
  }

  async #page(base: string, project: string, context: Context): Promise<IndexFile[]> {
    const url = `${base}/${project}/${base.startsWith("file:") ? "index.html" : ""}`;
    const { bytes, url: found } = await fetchDocument(
      `the list of files of ${project}`,
      [withoutCredentials(url)],
      LARGEST_PAGE,
      context,
      () => ({ accept: SIMPLE_INDEX_ACCEPT, ...authorization(url) }),
    );
    return parseSimpleIndex(bytes.toString("utf8"), found);
  }

  /**
   * Fetches a file into the cache.
   *
   * @param onBytes As {@link fetchArtifact}.
   * @returns Its absolute path there; the bytes have the sha256.
   * @throws {NetworkError} What the first place said, when no place has the file.
   */
  async fetch(file: WantedFile, context: Context, onBytes: (count: number) => void): Promise<string> {
    const cached = cachedDownload(file.sha256, context);
    if (cached !== undefined) {
      onBytes(cached.size);
      return cached.path;
    }
    const locked = async () => (file.url === undefined ? [] : [{ url: file.url, size: file.size }]);
    const indexed = async () =>
      (await this.list(file.project, context)).filter(
        ({ sha256, url }) => sha256 === file.sha256 && url !== file.url,
      );
    const isLockedFirst = file.url !== undefined && !this.#prefersIndex(file.url);
    let failure: unknown;
    for (const places of isLockedFirst ? [locked, indexed] : [indexed, locked]) {
      try {
        for (const { url, size } of await places()) {
          return await this.#download(file, url, file.size ?? size, context, onBytes);
        }
      } catch (error) {
        if (!(error instanceof NetworkError || error instanceof PythonFormatError)) throw error;
        if (error instanceof NetworkError && error.code === "UNREACHABLE" && file.url !== undefined)
          this.#silent.add(originOf(file.url));
        failure = graver(failure, error);
      }
    }
    throw failure ?? this.#notFound(file);
  }

  /** Whether an index is asked before the place that the lock names. */
  #prefersIndex(url: string): boolean {
    return (this.#settings.isNamed && isPublicUrl(url)) || this.#silent.has(originOf(url));
  }

  #download(
    file: WantedFile,
    url: string,
    size: number | undefined,
    context: Context,
    onBytes: (count: number) => void,
  ): Promise<string> {
    const { fileName, sha256 } = file;
    const headers = authorization(url) ?? this.#authorizationOf(url);
    const bare = withoutCredentials(url);
    if (size !== undefined && headers === undefined)
      return fetchArtifact(fileName, [bare], { sha256, size }, context, onBytes);
    const expected = { algorithm: "sha256", digests: [sha256], maxSize: size ?? LARGEST_FILE } as const;
    return fetchByHash(fileName, [bare], expected, context, onBytes, () => headers ?? {});
  }

  /** Files of an index's own host are asked for as the index is. */
  #authorizationOf(url: string): Readonly<Record<string, string>> | undefined {
    const index = this.#settings.urls.find((base) => originOf(base) === originOf(url));
    return index === undefined ? undefined : authorization(index);
  }

  #notFound({ fileName, sha256 }: WantedFile): PypiError {
    return new PypiError(
      "FILE_NOT_FOUND",
      `Cannot fetch ${fileName}: ${this.describe()} has no file with the sha256 ${sha256}`,
      { hint: "Name an index that has it with TARE_PYPI_INDEX, or lock again" },
    );
  }

  /** The indexes, for messages. */
  describe(): string {
    return this.#settings.urls.map(redactUrl).join(", ");
  }
}

/** A download of an earlier command; its bytes were right when it was written. */
function cachedDownload(sha256: string, { cache }: Context): { path: string; size: number } | undefined {
  for (const name of [sha256, `sha256-${sha256}`]) {
    const path = cache.path("downloads", name);
    const size = fileSize(path);
    if (size !== undefined) return { path, size };
  }
  return undefined;
}

/** What says more of two failures: wrong bytes, then the first. */
function graver(first: unknown, second: unknown): unknown {
  const isWrong = (error: unknown) => error instanceof NetworkError && /_MISMATCH$/.test(error.code);
  return first === undefined || (isWrong(second) && !isWrong(first)) ? second : first;
}

function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : "";
}

function withoutCredentials(url: string): string {
  return url.replace(/^(https?:\/\/)[^/@]*@/i, "$1");
}

/** What user name and password of a URL are as a header; undefined when it has none. */
function authorization(url: string): { authorization: string } | undefined {
  if (!URL.canParse(url)) return undefined;
  const { username, password } = new URL(url);
  if (username === "" && password === "") return undefined;
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { authorization: `Basic ${Buffer.from(pair).toString("base64")}` };
}
