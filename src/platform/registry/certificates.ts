// Whom to trust, and as whom to appear, when speaking TLS with a host: certificates of this machine, of --ca, and of
// the directories that docker and podman keep for each registry (dockerd "certs.d", containers-certs.d(5)).

import { X509Certificate } from "node:crypto";
import { homedir } from "node:os";
import { join } from "node:path";
import { getCACertificates } from "node:tls";
import { compareStrings } from "../../model/bytes.ts";
import { trustMachineCertificates } from "../certificates.ts";
import { DiskError } from "../disk.ts";
import { environmentVariable } from "../environment.ts";
import { listDirectory, readSmallFile } from "../files.ts";
import { RegistryError } from "./errors.ts";

/** Options of Node's TLS; absent ones have Node's defaults. */
export interface TlsOptions {
  readonly ca?: string[];
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly rejectUnauthorized?: false;
}

export interface TrustOptions {
  /** No certificate is checked. */
  readonly insecure: boolean;
  readonly caFile: string | undefined;
  readonly certificateDirectories: readonly string[] | undefined;
}

const LARGEST_FILE = 8 << 20;

function defaultDirectories(): string[] {
  const config = environmentVariable("XDG_CONFIG_HOME") ?? join(homedir(), ".config");
  return [join(config, "containers/certs.d"), "/etc/containers/certs.d", "/etc/docker/certs.d"];
}

/**
 * The TLS options for a host.
 *
 * @param host With its port, as it is in references.
 * @throws {RegistryError} `REGISTRY_UNTRUSTED` when a file that the user names cannot be used.
 */
export function tlsOptions(host: string, options: TrustOptions): TlsOptions {
  const extra: string[] = [];
  if (options.caFile !== undefined) extra.push(readCertificates(options.caFile));
  const named = environmentVariable("SSL_CERT_FILE");
  if (named !== undefined) readCertificates(named);
  trustMachineCertificates();
  const { authorities, client } = readHostDirectories(
    host,
    options.certificateDirectories ?? defaultDirectories(),
  );
  extra.push(...authorities);
  return {
    ...(extra.length === 0 ? {} : { ca: [...getCACertificates("default"), ...extra] }),
    ...client,
    ...(options.insecure ? { rejectUnauthorized: false } : {}),
  };
}

/** Checks certificates that the user names, so that a wrong file is told before anything is tried. */
export function readCertificates(path: string): string {
  const refuse = (problem: string, cause?: unknown) =>
    new RegistryError("REGISTRY_UNTRUSTED", `Cannot use the certificates in ${path}: ${problem}`, {
      hint: "A PEM file with BEGIN CERTIFICATE is wanted",
      cause,
    });
  const bytes = readSmallFile(path, LARGEST_FILE);
  if (bytes === undefined) throw refuse("there is no such file");
  if (bytes === "too-large") throw refuse(`it is larger than ${LARGEST_FILE} bytes`);
  try {
    new X509Certificate(bytes);
  } catch (cause) {
    throw refuse("it has no certificate in it", cause);
  }
  return bytes.toString("latin1");
}

/** `*.crt` are authorities; the first `NAME.cert` with a `NAME.key` is who Tare is. */
function readHostDirectories(host: string, directories: readonly string[]) {
  const authorities: string[] = [];
  let client: { readonly cert: Buffer; readonly key: Buffer } | undefined;
  for (const directory of directories.map((parent) => join(parent, host))) {
    const names = readNames(directory);
    const read = (name: string) => {
      const bytes = readSmallFile(join(directory, name), LARGEST_FILE);
      return bytes instanceof Buffer ? bytes : undefined;
    };
    for (const name of names) {
      if (name.endsWith(".crt")) authorities.push(readCertificates(join(directory, name)));
      if (!name.endsWith(".cert") || client !== undefined) continue;
      const [cert, key] = [read(name), read(name.replace(/\.cert$/, ".key"))];
      if (cert !== undefined && key !== undefined) client = { cert, key };
    }
  }
  return { authorities, client };
}

/** The names in a directory, sorted; none where it may not be read. */
function readNames(directory: string): string[] {
  try {
    return (listDirectory(directory) ?? []).sort(compareStrings);
  } catch (error) {
    if (error instanceof DiskError) return [];
    throw error;
  }
}
