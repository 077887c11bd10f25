// Indices of a suite as files: the forms in which one is published, and where each lies below a mirror.

import type { Release, ReleaseFile } from "../../formats/debian-release.ts";
import type { Context } from "../../model/context.ts";
import type { Compression } from "../../platform/decompress.ts";
import { NetworkError, type NetworkErrorCode } from "../../platform/network.ts";
import { fetchFile, type MirrorSet } from "./fetch.ts";
import type { Suite } from "./suites.ts";

/** Bytes, unpacked; the largest of Debian, Contents-all, has some 520 MB. */
export const LARGEST_INDEX = 1 << 30;

/** The forms in which an index is published, best first. */
const FORMS: readonly { readonly suffix: string; readonly compression: Compression }[] = [
  { suffix: ".xz", compression: "xz" },
  { suffix: ".gz", compression: "gzip" },
  { suffix: "", compression: "none" },
];

/** Nobody that may be asked has the file: another form of it may be there. */
const ABSENT: readonly NetworkErrorCode[] = ["NOT_FOUND", "OFFLINE"];

/** One form of one index. */
export interface IndexFile extends ReleaseFile {
  /** Relative to the release file's directory. */
  readonly path: string;
  readonly compression: Compression;
}

/** A suite whose release file was verified, and who has its files. */
export interface VerifiedSuite {
  readonly suite: Suite;
  readonly release: Release;
  readonly mirrors: MirrorSet;
}

/** The forms of an index that the release vouches for; none when it has no such index. */
export function listForms(release: Release, path: string): IndexFile[] {
  return FORMS.flatMap(({ suffix, compression }) => {
    const file = release.files.get(path + suffix);
    return file === undefined ? [] : [{ ...file, path: path + suffix, compression }];
  });
}

/** What an index may have at most when it is unpacked, in bytes. */
export function unpackedLimit(form: IndexFile, release: Release): number {
  const plain = release.files.get(form.path.replace(/\.(?:xz|gz)$/, ""));
  return Math.min(plain?.size ?? LARGEST_INDEX, LARGEST_INDEX);
}

/** Does something with the first form that somebody has. */
export async function withFirstForm<T>(
  forms: readonly IndexFile[],
  action: (form: IndexFile) => Promise<T>,
): Promise<T> {
  let missing: NetworkError | undefined;
  for (const form of forms) {
    try {
      return await action(form);
    } catch (error) {
      if (!(error instanceof NetworkError) || !ABSENT.includes(error.code)) throw error;
      missing ??= error;
    }
  }
  throw missing!;
}

/**
 * Fetches one form of an index into the cache, checked as it arrives.
 *
 * @param name What it is, for messages.
 * @returns Its absolute path; what is there already may have been damaged since.
 */
export function fetchForm(
  name: string,
  form: IndexFile,
  { suite, release, mirrors }: VerifiedSuite,
  context: Context,
  onBytes?: (count: number) => void,
): Promise<string> {
  const directory = `dists/${suite.name}`;
  const parent = form.path.slice(0, form.path.lastIndexOf("/"));
  const paths = [
    ...(release.acquireByHash ? [`${directory}/${parent}/by-hash/SHA256/${form.sha256}`] : []),
    `${directory}/${form.path}`,
  ];
  return fetchFile(name, paths, form, mirrors, context, onBytes);
}
