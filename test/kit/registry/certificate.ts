// A certificate for 127.0.0.1 that nobody vouches for, made by OpenSSL.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../tools.ts";

export interface Certificate {
  /** PEM. */
  readonly key: string;
  readonly cert: string;
  /** Absolute path of the certificate. */
  readonly file: string;
}

/** Makes a key and its certificate, valid for two days. */
export function makeCertificate(folder: string, name = "registry"): Certificate {
  const [keyFile, file] = [join(folder, `${name}.key`), join(folder, `${name}.crt`)];
  run("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"],
    ...["-subj", `/CN=${name}`, "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", keyFile, "-out", file],
  ]);
  return { key: readFileSync(keyFile, "utf8"), cert: readFileSync(file, "utf8"), file };
}
