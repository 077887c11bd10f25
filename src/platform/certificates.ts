// Whom this machine trusts, for every TLS connection that Tare makes: as curl, Go and Python see it.

import { existsSync } from "node:fs";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { environmentVariable } from "./environment.ts";
import { readSmallFile } from "./files.ts";

/** Where systems keep the bundle of all their authorities; the list of Go's crypto/x509. */
const BUNDLES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/pki/tls/cacert.pem",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

const LARGEST_BUNDLE = 8 << 20;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

let done = false;

/**
 * Adds the authorities of `SSL_CERT_FILE`, or else of the system's bundle, to those that Node comes with and those of
 * `NODE_EXTRA_CA_CERTS`. To be called before the first connection that speaks TLS; later calls do nothing.
 */
export function trustMachineCertificates(): void {
  if (done) return;
  done = true;
  const path = environmentVariable("SSL_CERT_FILE") ?? BUNDLES.find((bundle) => existsSync(bundle));
  const bytes = path === undefined ? undefined : readSmallFile(path, LARGEST_BUNDLE);
  if (!(bytes instanceof Buffer)) return;
  const known = getCACertificates("default");
  try {
    setDefaultCACertificates([...known, ...(bytes.toString("latin1").match(CERTIFICATE) ?? [])]);
  } catch {
    // A bundle that cannot be read changes nothing: connections that need it are refused, with their own reason.
    setDefaultCACertificates(known);
  }
}
