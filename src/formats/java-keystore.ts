// Java keystores of trusted certificates. Specification: the JKS format of sun.security.provider.JavaKeyStore.

import { createHash } from "node:crypto";

export interface TrustedCertificate {
  /** Lower-case name, unique in the keystore. */
  readonly alias: string;
  /** DER. */
  readonly certificate: Uint8Array;
}

const MAGIC = 0xfeedfeed;
const VERSION = 2;
const TRUSTED_CERTIFICATE = 2;

/**
 * Writes a keystore.
 *
 * @param timestampMs When the certificates were added, milliseconds since the epoch.
 * @param password Seals the store against changes; Java's convention for public certificates is `changeit`.
 */
export function formatKeystore(
  certificates: readonly TrustedCertificate[],
  timestampMs: number,
  password: string,
): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt32BE(MAGIC, 0);
  head.writeUInt32BE(VERSION, 4);
  head.writeUInt32BE(certificates.length, 8);
  const entries = certificates.map(({ alias, certificate }) => {
    const tag = Buffer.alloc(4);
    tag.writeUInt32BE(TRUSTED_CERTIFICATE);
    const time = Buffer.alloc(8);
    time.writeBigInt64BE(BigInt(timestampMs));
    const size = Buffer.alloc(4);
    size.writeUInt32BE(certificate.length);
    return Buffer.concat([tag, formatText(alias), time, formatText("X.509"), size, certificate]);
  });
  const body = Buffer.concat([head, ...entries]);
  const seal = createHash("sha1")
    .update(Buffer.from(password, "utf16le").swap16())
    .update("Mighty Aphrodite")
    .update(body)
    .digest();
  return Buffer.concat([body, seal]);
}

/** Java's modified UTF-8 behind its length: every UTF-16 unit is encoded by itself. */
function formatText(text: string): Buffer {
  const bytes: number[] = [];
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 1 && unit < 0x80) bytes.push(unit);
    else if (unit < 0x800) bytes.push(0xc0 | (unit >> 6), 0x80 | (unit & 0x3f));
    else bytes.push(0xe0 | (unit >> 12), 0x80 | ((unit >> 6) & 0x3f), 0x80 | (unit & 0x3f));
  }
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), Buffer.from(bytes)]);
}
