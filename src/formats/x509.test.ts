import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { formatKeystore } from "./java-keystore.ts";
import { computeSubjectHash, parseCertificates } from "./x509.ts";

const PEM = readFileSync(
  join(import.meta.dirname, "../../test/fixtures/certificates/subject-with-blanks.pem"),
  "latin1",
);

test("computes the hash that OpenSSL computes", () => {
  const [certificate] = parseCertificates(PEM);
  assert.equal(computeSubjectHash(certificate!), "fc6bad77");
});

test("finds every certificate of a bundle, and no other PEM text", () => {
  const key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
  assert.equal(parseCertificates(PEM + key + PEM).length, 2);
  assert.equal(parseCertificates(key).length, 0);
});

test("bytes that are no certificate have no hash", () => {
  const [certificate] = parseCertificates(PEM);
  assert.equal(computeSubjectHash(Buffer.from("")), undefined);
  assert.equal(computeSubjectHash(Buffer.from([0x30, 0x80])), undefined);
  for (let length = 0; length < certificate!.length; length++) {
    assert.equal(computeSubjectHash(certificate!.subarray(0, length)), undefined);
  }
  fc.assert(
    fc.property(fc.nat(certificate!.length - 1), fc.integer({ min: 0, max: 255 }), (at, value) => {
      const damaged = Buffer.from(certificate!);
      damaged[at] = value;
      computeSubjectHash(damaged);
    }),
  );
});

test("writes a keystore that is sealed with its password", () => {
  const certificate = parseCertificates(PEM)[0]!;
  const store = formatKeystore([{ alias: "debian:é", certificate }], 1000, "changeit");
  assert.equal(store.subarray(0, 12).toString("hex"), "feedfeed0000000200000001");
  // Tag, alias in modified UTF-8, time, type, size.
  assert.equal(store.subarray(12, 16).readUInt32BE(), 2);
  assert.equal(store.subarray(16, 18).readUInt16BE(), 9);
  assert.equal(store.subarray(18, 27).toString("utf8"), "debian:é");
  assert.equal(store.readBigUInt64BE(27), 1000n);
  assert.equal(store.subarray(37, 42).toString("latin1"), "X.509");
  const seal = createHash("sha1")
    .update(Buffer.from([..."changeit"].flatMap((char) => [0, char.charCodeAt(0)])))
    .update("Mighty Aphrodite")
    .update(store.subarray(0, -20))
    .digest();
  assert.ok(store.subarray(-20).equals(seal));
});
