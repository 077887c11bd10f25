// A locked package → its tarball in the cache, checked by its integrity while it arrives.

import { formatIntegrity, type Integrity } from "../../formats/npm/integrity.ts";
import type { Context } from "../../model/context.ts";
import { fetchByHash, fetchDocument, NetworkError } from "../../platform/network.ts";
import type { RegistryConfig } from "./config.ts";
import { NpmError } from "./errors.ts";
import { type Packument, parsePackument } from "./packument.ts";

/** Bytes of the largest tarball that is taken. */
const LARGEST_TARBALL = 2 ** 31;
const LARGEST_PACKUMENT = 256 * 2 ** 20;

/** A tarball of a registry or of another server. */
export interface TarballRequest {
  readonly name: string;
  readonly version: string | undefined;
  /** As the lock has it; undefined when the registry's convention says where it is. */
  readonly resolved: string | undefined;
  readonly integrity: Integrity;
}

/**
 * Fetches a tarball.
 *
 * @returns Its path in the cache.
 * @throws {NpmError} `INTEGRITY_MISMATCH` or `UNAUTHORIZED`.
 * @throws {NetworkError}
 */
export async function fetchTarball(
  tarball: TarballRequest,
  config: RegistryConfig,
  context: Context,
  onBytes?: (count: number) => void,
): Promise<string> {
  const { name, version = "", resolved } = tarball;
  const fetch = (urls: readonly string[]) => fetchFrom(tarball, urls, config, context, onBytes);
  try {
    return await fetch(config.tarballUrls(name, version, resolved));
  } catch (error) {
    const isElsewhere = resolved === undefined && error instanceof NetworkError && error.code === "NOT_FOUND";
    if (!isElsewhere) throw error;
    // Some registries keep tarballs where only their documents say.
    const said = await readTarballUrl(name, version, config, context).catch(() => undefined);
    if (said === undefined) throw error;
    return fetch([said]);
  }
}

async function readTarballUrl(
  name: string,
  version: string,
  config: RegistryConfig,
  context: Context,
): Promise<string | undefined> {
  const { versions } = await fetchPackument(name, config, context);
  const url = versions.get(version)?.tarball;
  return url === undefined ? undefined : config.mapUrl(url);
}

async function fetchFrom(
  { name, version = "", integrity }: TarballRequest,
  urls: readonly string[],
  config: RegistryConfig,
  context: Context,
  onBytes: ((count: number) => void) | undefined,
): Promise<string> {
  const label = `${name} ${version}`.trim();
  const expected = { ...integrity, maxSize: LARGEST_TARBALL };
  try {
    return await fetchByHash(label, urls, expected, context, onBytes, (url) => config.headersOf(url));
  } catch (error) {
    if (error instanceof NetworkError && error.code === "HASH_MISMATCH")
      throw mismatch(label, integrity, error);
    throw explainRefusal(error, label);
  }
}

/** The error of bytes that the lock does not mean. */
export function mismatch(label: string, integrity: Integrity, cause: unknown): NpmError {
  const wanted = integrity.digests.map((digest) => formatIntegrity(integrity.algorithm, digest)).join(" or ");
  const hint =
    "The registry serves other bytes than those that were locked, or the lock was changed: compare it with version control, and trust neither before you know why";
  return new NpmError(
    "INTEGRITY_MISMATCH",
    `Cannot install ${label}: its tarball does not have the integrity ${wanted}`,
    {
      cause,
      hint,
    },
  );
}

function explainRefusal(error: unknown, label: string): unknown {
  if (!(error instanceof NetworkError) || !/the server answered 40[13]\b/.test(error.message)) return error;
  return new NpmError(
    "UNAUTHORIZED",
    `${error.message.replace(/^Cannot fetch [^:]*/, `Cannot fetch ${label}`)}`,
    {
      cause: error,
      hint: "Log in with npm login, or put //HOST/:_authToken=TOKEN into .npmrc",
    },
  );
}

/**
 * Fetches what the registry says of a package.
 *
 * @throws {NpmError} `UNKNOWN_PACKAGE`, `BAD_PACKUMENT` or `UNAUTHORIZED`.
 * @throws {NetworkError}
 */
export async function fetchPackument(
  name: string,
  config: RegistryConfig,
  context: Context,
): Promise<Packument> {
  const headersOf = (url: string) => ({
    // The short form has all that is needed; file: and simple servers have only the long one.
    accept: "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8",
    ...config.headersOf(url),
  });
  try {
    const urls = config.packumentUrls(name);
    const { bytes } = await fetchDocument(
      `the versions of ${name}`,
      urls,
      LARGEST_PACKUMENT,
      context,
      headersOf,
    );
    return parsePackument(bytes.toString("utf8"), name);
  } catch (error) {
    if (error instanceof NetworkError && error.code === "NOT_FOUND") {
      throw new NpmError(
        "UNKNOWN_PACKAGE",
        `Cannot find the package ${name}: the registry does not have it`,
        {
          cause: error,
          hint: "Check the name, and the registry in .npmrc",
        },
      );
    }
    throw explainRefusal(error, name);
  }
}
