// Does what update-ca-certificates does: the bundle that GnuTLS, Go, curl and most programs read, a link for every
// authority, and the links by subject hash by which OpenSSL looks in a directory. OpenSSL's own default paths lead
// there as well. Specification: update-ca-certificates(8), openssl-rehash(1).

import { computeSubjectHash, parseCertificates } from "../../formats/x509.ts";
import type { BytePath } from "../../model/bytes.ts";
import { compareStrings, joinPath } from "../../model/bytes.ts";
import type { TrustedFile } from "../certificates.ts";
import { listTrustedFiles } from "../certificates.ts";
import type { Fix, FixContext } from "../fix.ts";

const DIRECTORY = "etc/ssl/certs" as BytePath;
const BUNDLE = joinPath(DIRECTORY, "ca-certificates.crt");

/** OpenSSL's OPENSSLDIR in Debian, and the names of other systems, where programs that were built for these look. */
const LINKS: readonly (readonly [path: string, target: string])[] = [
  ["etc/ssl/certs/ca-bundle.crt", "ca-certificates.crt"],
  ["etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/certs/ca-certificates.crt"],
  ["usr/lib/ssl/cert.pem", "/etc/ssl/certs/ca-certificates.crt"],
  ["usr/lib/ssl/certs", "/etc/ssl/certs"],
];

export const fix: Fix = {
  after: ["maintainer-scripts"],
  create: (context) => ({ run: () => bundle(context) }),
};

function bundle(context: FixContext): void {
  const { root, report } = context;
  const files = listTrustedFiles(root);
  if (files.length === 0) return;
  const because = root.unitOf(files[0]!.entry.path);
  root.writeFile(BUNDLE, files.map((file) => file.text).join(""));
  report("write", `${files.length} certificates`, { path: BUNDLE, because });
  let links = 0;
  const link = (path: BytePath, target: string) => {
    if (root.get(path) !== undefined) return;
    root.makeLink(path, target);
    links++;
  };
  for (const { linkName, entry } of files) link(joinPath(DIRECTORY, linkName), `/${entry.path}`);
  for (const { name, target } of listHashLinks(files)) link(joinPath(DIRECTORY, name), target);
  for (const [path, target] of LINKS) link(path as BytePath, target);
  report("link", `${links} links to certificates`, { path: DIRECTORY, because });
}

/** `<subject hash>.<n>` for every file with one certificate; equal certificates get one link. */
export function listHashLinks(files: readonly TrustedFile[]): { name: string; target: string }[] {
  const links: { name: string; target: string }[] = [];
  const taken = new Map<string, Set<string>>();
  const sorted = [...files].sort((a, b) => compareStrings(a.linkName, b.linkName));
  for (const { text, linkName } of sorted) {
    const certificates = parseCertificates(text);
    const certificate = certificates.length === 1 ? certificates[0] : undefined;
    const hash = certificate === undefined ? undefined : computeSubjectHash(certificate);
    if (certificate === undefined || hash === undefined) continue;
    const bytes = certificate.toString("latin1");
    const namesakes = taken.get(hash) ?? new Set();
    if (namesakes.has(bytes)) continue;
    links.push({ name: `${hash}.${namesakes.size}`, target: linkName });
    taken.set(hash, namesakes.add(bytes));
  }
  return links;
}
