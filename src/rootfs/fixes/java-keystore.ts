// Writes the keystore of trusted certificates that Debian's Java reads, where a link of the image leads to it.
// Source: ca-certificates-java, which runs a Java program for this: aliases and password are the same.

import { formatKeystore } from "../../formats/java-keystore.ts";
import { parseCertificates } from "../../formats/x509.ts";
import type { BytePath } from "../../model/bytes.ts";
import { compareStrings, decodeByteString } from "../../model/bytes.ts";
import { listTrustedFiles } from "../certificates.ts";
import type { Fix, FixContext } from "../fix.ts";

const KEYSTORE = "etc/ssl/certs/java/cacerts" as BytePath;
const PASSWORD = "changeit";
const TIMESTAMP_MS = 1000;

export const fix: Fix = {
  after: ["ca-bundle"],
  create: (context) => ({ run: () => writeKeystore(context) }),
};

function writeKeystore({ root, report }: FixContext): void {
  if (root.get(KEYSTORE) !== undefined) return;
  const link = root.list().find(({ entry }) => entry.type === "symlink" && entry.target === `/${KEYSTORE}`);
  if (link === undefined) return;
  const certificates = listTrustedFiles(root)
    .flatMap(({ linkName, text }) => {
      const [certificate] = parseCertificates(text);
      return certificate === undefined
        ? []
        : [{ alias: `debian:${decodeByteString(linkName).toLowerCase()}`, certificate }];
    })
    .sort((a, b) => compareStrings(a.alias, b.alias));
  if (certificates.length === 0) return;
  root.writeFile(KEYSTORE, formatKeystore(certificates, TIMESTAMP_MS, PASSWORD));
  report("write", `${certificates.length} certificates`, { path: KEYSTORE, because: link.unit });
}
