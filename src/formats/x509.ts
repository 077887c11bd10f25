// X.509 certificates: PEM text → DER, and the hash of a subject by which OpenSSL finds a certificate in a directory.
// Specification: RFC 7468, RFC 5280, X.690; OpenSSL's X509_NAME_hash (x509_name_canon in crypto/x509/x_name.c).

import { createHash } from "node:crypto";

/** The DER bytes of every certificate in a PEM text. */
export function parseCertificates(text: string): Buffer[] {
  const found = text.matchAll(/-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END /g);
  return [...found].map(([, body]) => Buffer.from(body!, "base64"));
}

/** ASN.1 tags. */
const SEQUENCE = 0x30;
const SET = 0x31;
const VERSION = 0xa0;
const UTF8_STRING = 0x0c;
const BMP_STRING = 0x1e;
const UNIVERSAL_STRING = 0x1c;
/** Printable, T61, IA5 and visible strings: one byte a character. */
const BYTE_STRINGS = new Set([0x13, 0x14, 0x16, 0x1a]);

interface Element {
  readonly tag: number;
  /** The contents. */
  readonly body: Buffer;
  /** Header and contents. */
  readonly whole: Buffer;
}

class BadEncoding extends Error {}

/**
 * Computes the hash that names a certificate in a directory: eight hex digits, as `openssl x509 -subject_hash`.
 *
 * @returns Undefined when the bytes are no certificate.
 */
export function computeSubjectHash(certificate: Buffer): string | undefined {
  try {
    const subject = findSubject(certificate);
    const canonical = Buffer.concat(readAll(subject.body).map(canonicalizeRdn));
    const digest = createHash("sha1").update(canonical).digest();
    return digest.readUInt32LE(0).toString(16).padStart(8, "0");
  } catch (error) {
    if (error instanceof BadEncoding) return undefined;
    throw error;
  }
}

/** Certificate → TBSCertificate → version?, serial, signature, issuer, validity, subject. */
function findSubject(certificate: Buffer): Element {
  const [outer] = readAll(certificate.subarray(0, lengthOfFirst(certificate)));
  const [body] = outer?.tag === SEQUENCE ? readAll(outer.body) : [];
  if (body?.tag !== SEQUENCE) throw new BadEncoding();
  const fields = readAll(body.body);
  const subject = fields[fields[0]?.tag === VERSION ? 5 : 4];
  if (subject?.tag !== SEQUENCE) throw new BadEncoding();
  return subject;
}

function lengthOfFirst(bytes: Buffer): number {
  return readElement(bytes, 0).whole.length;
}

function readAll(bytes: Buffer): Element[] {
  const elements: Element[] = [];
  for (let at = 0; at < bytes.length; ) {
    const element = readElement(bytes, at);
    elements.push(element);
    at += element.whole.length;
  }
  return elements;
}

function readElement(bytes: Buffer, at: number): Element {
  const tag = bytes[at];
  const first = bytes[at + 1];
  // Tags of several bytes do not occur in what is read here.
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) throw new BadEncoding();
  let start = at + 2;
  let length = first;
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count === 0 || count > 4 || start + count > bytes.length) throw new BadEncoding();
    length = bytes.readUIntBE(start, count);
    start += count;
  }
  if (start + length > bytes.length) throw new BadEncoding();
  return { tag, body: bytes.subarray(start, start + length), whole: bytes.subarray(at, start + length) };
}

/** One relative distinguished name: attributes with canonical values, in DER's order of sets. */
function canonicalizeRdn(rdn: Element): Buffer {
  if (rdn.tag !== SET) throw new BadEncoding();
  const attributes = readAll(rdn.body).map((attribute) => {
    const [type, value] = attribute.tag === SEQUENCE ? readAll(attribute.body) : [];
    if (type === undefined || value === undefined) throw new BadEncoding();
    return encode(SEQUENCE, Buffer.concat([type.whole, canonicalizeValue(value)]));
  });
  return encode(SET, Buffer.concat(attributes.sort(Buffer.compare)));
}

/** Strings become UTF-8 with ASCII in lower case and white space collapsed; other values stay. */
function canonicalizeValue(value: Element): Buffer {
  const text = decodeString(value);
  if (text === undefined) return value.whole;
  const collapsed = text.replace(/^[ \t\n\v\f\r]+|[ \t\n\v\f\r]+$/g, "").replace(/[ \t\n\v\f\r]+/g, " ");
  const lower = collapsed.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  return encode(UTF8_STRING, Buffer.from(lower, "utf8"));
}

function decodeString({ tag, body }: Element): string | undefined {
  if (tag === UTF8_STRING) return body.toString("utf8");
  if (BYTE_STRINGS.has(tag)) return body.toString("latin1");
  if (tag === BMP_STRING) {
    if (body.length % 2 !== 0) throw new BadEncoding();
    return Buffer.from(body).swap16().toString("utf16le");
  }
  if (tag !== UNIVERSAL_STRING || body.length % 4 !== 0) return undefined;
  let text = "";
  for (let at = 0; at < body.length; at += 4) {
    const code = body.readUInt32BE(at);
    if (code > 0x10ffff) throw new BadEncoding();
    text += String.fromCodePoint(code);
  }
  return text;
}

function encode(tag: number, body: Buffer): Buffer {
  if (body.length < 0x80) return Buffer.concat([Buffer.from([tag, body.length]), body]);
  const bytes: number[] = [];
  for (let rest = body.length; rest > 0; rest >>>= 8) bytes.unshift(rest & 0xff);
  return Buffer.concat([Buffer.from([tag, 0x80 | bytes.length, ...bytes]), body]);
}
