// Contents indices: which package ships which path. They are read as a stream, and only when a path is asked for.

import { ContentsReader } from "../../formats/debian-contents.ts";
import type { Context } from "../../model/context.ts";
import { TareError } from "../../model/errors.ts";
import { decompress } from "../../platform/decompress.ts";
import { removeFile } from "../../platform/files.ts";
import { HashedFile } from "../../platform/hashed-file.ts";
import { NetworkError } from "../../platform/network.ts";
import { DebianError } from "./errors.ts";
import {
  fetchForm,
  type IndexFile,
  listForms,
  unpackedLimit,
  type VerifiedSuite,
  withFirstForm,
} from "./index-file.ts";

/** One index in all its published forms. */
export interface ContentsIndex {
  readonly suite: VerifiedSuite;
  readonly forms: readonly IndexFile[];
}

/**
 * The indices of some suites for one architecture, in the order of the suites.
 *
 * Updates have partial indices or none: what is found is resolved in all suites, whichever index named it.
 *
 * @param architecture `all` for the packages of every architecture: most archives list them apart.
 */
export function listContents(
  suites: readonly VerifiedSuite[],
  components: readonly string[],
  architecture: string,
): ContentsIndex[] {
  return suites.flatMap((suite) =>
    components.flatMap((component) => {
      const forms = listForms(suite.release, `${component}/Contents-${architecture}`);
      const isEmpty = forms.some(({ compression, size }) => compression === "none" && size === 0);
      return forms.length === 0 || isEmpty ? [] : [{ suite, forms }];
    }),
  );
}

/**
 * Reads an index from front to back.
 *
 * @param visit Makes what is called for every line: the path without a leading slash (a byte string), and where it is.
 *   It is called again when bytes in the cache prove damaged; what was seen before then counts for nothing.
 * @throws {DebianError} `BAD_INDEX`; {NetworkError} when no mirror has it as the release file says.
 */
export async function readContents<T>(
  { suite, forms }: ContentsIndex,
  collect: () => { readonly visit: (path: string, location: string) => void; readonly result: T },
  context: Context,
  onBytes: (count: number) => void,
): Promise<T> {
  const name = `the index ${forms[0]!.path} of ${suite.suite.name}`;
  return withFirstForm(forms, async (form) => {
    for (;;) {
      const file = await fetchForm(name, form, suite, context, onBytes);
      const { visit, result } = collect();
      try {
        if (await readFile(file, name, form, suite, visit, context)) return result;
      } catch (error) {
        if (!(error instanceof TareError) || error instanceof NetworkError || (await isIntact(file, form))) {
          throw toBadIndex(error);
        }
      }
      removeFile(file);
      onBytes(-form.size);
    }
  });
}

/** @returns Whether the bytes were those that the release file means. */
async function readFile(
  file: string,
  name: string,
  form: IndexFile,
  { release }: VerifiedSuite,
  visit: (path: string, location: string) => void,
  context: Context,
): Promise<boolean> {
  using hashed = new HashedFile(file);
  const reader = new ContentsReader(name, visit);
  const options = { maxSize: unpackedLimit(form, release), name };
  for await (const chunk of decompress(form.compression, hashed.chunks(0, hashed.size), options)) {
    context.signal.throwIfAborted();
    reader.push(chunk);
  }
  reader.end();
  return (await hashed.digest()) === form.sha256;
}

async function isIntact(file: string, { sha256 }: IndexFile): Promise<boolean> {
  using hashed = new HashedFile(file);
  return (await hashed.digest()) === sha256;
}

function toBadIndex(error: unknown): unknown {
  if (!(error instanceof TareError) || error instanceof NetworkError) return error;
  return new DebianError("BAD_INDEX", error.message, {
    hint: "The archive itself is faulty: its release file vouches for this index",
    cause: error,
  });
}
