// The bundle of certificate authorities: made at installation from the certificates that packages ship, and named
// at the paths where TLS libraries look. Paths: defaults of OpenSSL, GnuTLS and Go's crypto/x509 (root_linux.go).

import { namesCertificates } from "../../formats/static-program.ts";
import type { TokenKind } from "../token-kind.ts";

const BUNDLE =
  /^(?:etc\/ssl\/(?:certs|cert\.pem|ca-bundle\.pem)(?:\/ca-certificates\.crt|\/ca-bundle\.crt)?|usr\/lib\/ssl\/(?:certs|cert\.pem)|etc\/pki\/tls\/(?:certs|certs\/ca-bundle\.crt|cert\.pem|cacert\.pem)|etc\/pki\/ca-trust\/.*|usr\/share\/ca-certificates)$/;
const CERTIFICATE = /^usr\/share\/ca-certificates\/.*\.crt$|^etc\/ca-certificates\.conf$/;

export const tokenKind: TokenKind = {
  name: "ca-bundle",
  strength: "strong",
  everyMatch: true,
  scope: "declared",
  *uses(file) {
    for (const path of file.literals.paths) {
      if (BUNDLE.test(path)) yield "certificates";
    }
    if (file.elf?.static === true && namesCertificates(file.bytes)) yield "certificates";
  },
  *offers({ path }) {
    if (CERTIFICATE.test(path)) yield "certificates";
  },
};
