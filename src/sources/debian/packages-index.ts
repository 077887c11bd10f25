// Packages indices: fetched as the release file vouches for them, parsed, and kept in the cache as what was parsed.

import { createHash } from "node:crypto";
import { formatPackages, type PackageRecord, parsePackages } from "../../formats/debian-packages.ts";
import type { Release } from "../../formats/debian-release.ts";
import type { Context } from "../../model/context.ts";
import { TareError } from "../../model/errors.ts";
import type { Architecture } from "../../model/image-spec.ts";
import { decompress } from "../../platform/decompress.ts";
import { writeFileAtomically } from "../../platform/disk.ts";
import { readSmallFile, removeFile } from "../../platform/files.ts";
import { DebianError } from "./errors.ts";
import type { MirrorSet } from "./fetch.ts";
import {
  fetchForm,
  type IndexFile,
  LARGEST_INDEX,
  listForms,
  unpackedLimit,
  type VerifiedSuite,
  withFirstForm,
} from "./index-file.ts";
import type { Suite } from "./suites.ts";

/**
 * The indices that list the packages of a component for an architecture, each in all its published forms.
 *
 * @throws {DebianError} `INDEX_MISSING` when the release names none.
 */
export function listIndices(
  release: Release,
  suite: Suite,
  component: string,
  architecture: Architecture,
): IndexFile[][] {
  const architectures = release.mergesArchitectureAll ? [architecture] : [architecture, "all"];
  return architectures.map((name) => {
    const path = `${component}/binary-${name}/Packages`;
    const forms = listForms(release, path);
    if (forms.length > 0) return forms;
    throw new DebianError(
      "INDEX_MISSING",
      `Cannot read the packages of ${suite.name}: its release file does not list ${path}`,
      { hint: "The archive is incomplete: name another mirror, or leave the component out" },
    );
  });
}

/**
 * Fetches and parses an index.
 *
 * @param forms The same index in several forms; the first that a mirror has is taken.
 * @throws {DebianError} `BAD_INDEX`; {NetworkError} when no mirror has it as the release file says.
 */
export async function fetchIndex(
  forms: readonly IndexFile[],
  release: Release,
  suite: Suite,
  mirrors: MirrorSet,
  context: Context,
  onBytes?: (count: number) => void,
): Promise<PackageRecord[]> {
  for (const form of forms) {
    const known = readParsed(form, context);
    if (known !== undefined) return known;
  }
  const name = `the package index ${forms[0]!.path} of ${suite.name}`;
  return withFirstForm(forms, async (form) => {
    const bytes =
      form.size === 0
        ? Buffer.alloc(0)
        : await fetchBytes(name, form, { suite, release, mirrors }, context, onBytes);
    const records = await parse(name, bytes, form, release);
    writeParsed(form, records, context);
    return records;
  });
}

/** The bytes of an index file. A file in the cache that is damaged is fetched again. */
async function fetchBytes(
  name: string,
  form: IndexFile,
  suite: VerifiedSuite,
  context: Context,
  onBytes: ((count: number) => void) | undefined,
): Promise<Buffer> {
  for (;;) {
    const file = await fetchForm(name, form, suite, context, onBytes);
    const bytes = readSmallFile(file, form.size);
    if (bytes instanceof Buffer && createHash("sha256").update(bytes).digest("hex") === form.sha256)
      return bytes;
    removeFile(file);
    onBytes?.(-form.size);
  }
}

async function parse(
  name: string,
  bytes: Buffer,
  form: IndexFile,
  release: Release,
): Promise<PackageRecord[]> {
  const maxSize = unpackedLimit(form, release);
  try {
    const chunks: Uint8Array[] = [];
    for await (const chunk of decompress(form.compression, [bytes], { maxSize, name })) chunks.push(chunk);
    return parsePackages(Buffer.concat(chunks).toString("latin1"), name);
  } catch (cause) {
    if (!(cause instanceof TareError)) throw cause;
    throw new DebianError("BAD_INDEX", cause.message, {
      hint: "The archive itself is faulty: its release file vouches for this index",
      cause,
    });
  }
}

/** Changes whenever {@link formatPackages} writes something else. */
const PARSED_FORMAT = "tare-packages-1";

function parsedPath(form: IndexFile, context: Context): string {
  return context.cache.path("indices", `${form.sha256}.packages`);
}

/** What was parsed of an index before, if it is there and undamaged. */
function readParsed(form: IndexFile, context: Context): PackageRecord[] | undefined {
  const path = parsedPath(form, context);
  const bytes = readSmallFile(path, LARGEST_INDEX);
  if (!(bytes instanceof Buffer)) return undefined;
  const end = bytes.indexOf("\n");
  const body = bytes.subarray(end + 1);
  if (end < 0 || bytes.toString("latin1", 0, end) !== parsedHeader(body)) {
    removeFile(path);
    return undefined;
  }
  return parsePackages(body.toString("latin1"));
}

function writeParsed(form: IndexFile, records: readonly PackageRecord[], context: Context): void {
  const body = Buffer.from(formatPackages(records), "latin1");
  writeFileAtomically(
    parsedPath(form, context),
    Buffer.concat([Buffer.from(`${parsedHeader(body)}\n`), body]),
  );
}

function parsedHeader(body: Uint8Array): string {
  return `${PARSED_FORMAT} ${createHash("sha256").update(body).digest("hex")}`;
}
