import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { createCleartextMessage, type PrivateKey, type PublicKey, revokeKey, sign } from "openpgp";
import { temporaryDirectory } from "../../../test/kit/context.ts";
import { makeSigningKey, useEnvironment } from "../../../test/kit/debian-archive.ts";
import { DebianError } from "./errors.ts";
import { readKeyring, readTrustedKeys, SHIPPED_KEYS } from "./keys.ts";
import { verifyClearsigned } from "./signature.ts";

const TEXT = "Suite: stable\nDate: never\nSHA256:\n a b c\n- dashed\n";
const SIGNED_AT = new Date("2025-01-01T00:00:00Z");
const NOW = Date.parse("2025-06-01T00:00:00Z") / 1000;

let key: PrivateKey;
let other: PrivateKey;
let shortLived: PrivateKey;
let document: string;

before(async () => {
  [key, other, shortLived] = await Promise.all([
    makeSigningKey(),
    makeSigningKey(),
    makeSigningKey({ lifetimeSeconds: 400 * 86_400 }),
  ]);
  document = await signText(TEXT, [key]);
});

async function signText(text: string, keys: PrivateKey[], date = SIGNED_AT): Promise<string> {
  return sign({ message: await createCleartextMessage({ text }), signingKeys: keys, date });
}

async function verify(
  text: string | Uint8Array,
  keys: readonly (PrivateKey | PublicKey)[],
  options: { nowSeconds?: number; historic?: boolean } = {},
): Promise<string> {
  return verifyClearsigned(typeof text === "string" ? Buffer.from(text) : text, {
    name: "the test",
    keys: keys.map((one) => one.toPublic()),
    nowSeconds: NOW,
    historic: false,
    ...options,
  });
}

function fails(code: string, message: RegExp = /./): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof DebianError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    assert.match(error.message, /^Cannot trust the test: /);
    return true;
  };
}

describe("accepts", () => {
  test("what a trusted key signed, and gives back just that", async () => {
    assert.equal(await verify(document, [other, key]), TEXT);
  });
  test("one good signature beside one of an unknown key", async () => {
    assert.equal(await verify(await signText(TEXT, [other, key]), [key]), TEXT);
    assert.equal(await verify(await signText(TEXT, [key, other]), [key]), TEXT);
  });
  test("CRLF line ends and blank lines behind the end", async () => {
    assert.equal(await verify(`${document.replaceAll(/\r?\n/g, "\r\n")}\r\n\n`, [key]), TEXT);
  });
  test("a key that has expired since, in an archive of the past", async () => {
    const signed = await signText(TEXT, [shortLived]);
    const nowSeconds = Date.parse("2026-01-01T00:00:00Z") / 1000;
    assert.equal(await verify(signed, [shortLived], { nowSeconds, historic: true }), TEXT);
    await assert.rejects(
      verify(signed, [shortLived], { nowSeconds }),
      fails("UNTRUSTED_KEY", /not valid any more: .*expired/),
    );
  });
});

describe("refuses", () => {
  test("an unknown key", async () => {
    await assert.rejects(
      verify(document, [other]),
      fails("UNTRUSTED_KEY", /which is not known for this archive$/),
    );
  });
  test("no key at all", async () => {
    await assert.rejects(verify(document, []), fails("UNTRUSTED_KEY"));
  });
  test("every changed byte of the text", async () => {
    const start = document.indexOf("Suite");
    for (let index = start; index < start + TEXT.length - 1; index += 3) {
      const bytes = Buffer.from(document);
      bytes[index] = bytes[index]! ^ 1;
      await assert.rejects(
        verify(bytes, [key]),
        (error) => error instanceof DebianError && error.code === "BAD_SIGNATURE",
      );
    }
  });
  test("a line added or taken away", async () => {
    await assert.rejects(
      verify(document.replace("Suite", "X: y\nSuite"), [key]),
      fails("BAD_SIGNATURE", /does not fit/),
    );
    await assert.rejects(
      verify(document.replace(/Date: never\r?\n/, ""), [key]),
      fails("BAD_SIGNATURE", /does not fit/),
    );
  });
  test("text before, behind and between", async () => {
    const frame = fails("BAD_SIGNATURE", /not one clearsigned message and nothing else/);
    await assert.rejects(verify(`Suite: evil\n\n${document}`, [key]), frame);
    await assert.rejects(verify(`${document}\nSuite: evil\n`, [key]), frame);
    await assert.rejects(verify(document + document, [key]), frame);
    await assert.rejects(verify(TEXT, [key]), frame);
    await assert.rejects(verify("", [key]), frame);
    const evil = document.replace(
      "-----BEGIN PGP SIGNATURE",
      "-----BEGIN PGP SIGNED MESSAGE-----\n\nx\n-----BEGIN PGP SIGNATURE",
    );
    await assert.rejects(verify(evil, [key]), frame);
  });
  test("text smuggled into the armor's header", async () => {
    await assert.rejects(
      verify(
        document.replace(/^Hash: .*$/m, (hash) => `${hash}\nSuite: evil`),
        [key],
      ),
      (error) => error instanceof DebianError && error.code === "BAD_SIGNATURE",
    );
  });
  test("a damaged signature", async () => {
    const lines = document.split("\n");
    const index = lines.findIndex((line) => line.startsWith("-----BEGIN PGP SIGNATURE")) + 3;
    lines[index] = [...lines[index]!].reverse().join("");
    await assert.rejects(
      verify(lines.join("\n"), [key]),
      (error) => error instanceof DebianError && error.code === "BAD_SIGNATURE",
    );
    const empty = document.replace(/(BEGIN PGP SIGNATURE-----\n)[\s\S]*(\n-----END PGP SIG)/, "$1\nAAAA\n$2");
    await assert.rejects(verify(empty, [key]), fails("BAD_SIGNATURE"));
  });
  test("another text under a good signature", async () => {
    const second = await signText("Suite: other\n", [key]);
    const signature = (text: string): string => text.slice(text.indexOf("-----BEGIN PGP SIGNATURE"));
    await assert.rejects(
      verify(document.replace(signature(document), signature(second)), [key]),
      fails("BAD_SIGNATURE", /does not fit/),
    );
  });
  test("what is no UTF-8", async () => {
    const bytes = Buffer.from(document);
    bytes[document.indexOf("never")] = 0xff;
    await assert.rejects(verify(bytes, [key]), fails("BAD_SIGNATURE", /no UTF-8/));
  });
  test("a revoked key, also in an archive of the past", async () => {
    const { publicKey } = await revokeKey({ key, date: new Date("2025-03-01T00:00:00Z"), format: "object" });
    for (const historic of [false, true]) {
      await assert.rejects(
        verify(document, [publicKey], { historic }),
        (error) => error instanceof DebianError && ["UNTRUSTED_KEY", "BAD_SIGNATURE"].includes(error.code),
      );
    }
  });
  test("a signature of the future", async () => {
    const nowSeconds = SIGNED_AT.getTime() / 1000 - 3 * 86_400;
    await assert.rejects(
      verify(document, [key], { nowSeconds }),
      fails("RELEASE_NOT_YET_VALID", /signed in the future/),
    );
  });
});

describe("keys", () => {
  test("those that are shipped are what the table says", async () => {
    const fingerprints: string[] = [];
    for (const archive of ["debian", "debian-security"] as const) {
      for (const one of await readTrustedKeys(archive)) {
        assert.ok(!one.isPrivate());
        fingerprints.push(`${archive} ${one.getFingerprint()}`);
      }
    }
    assert.deepEqual(
      fingerprints.sort(),
      SHIPPED_KEYS.map((one) => `${one.archive} ${one.fingerprint}`).sort(),
    );
  });

  test("those of TARE_DEBIAN_KEYRING are added: armored, several blocks, binary", async (t) => {
    const path = join(temporaryDirectory(t), "keys");
    useEnvironment(t, { TARE_DEBIAN_KEYRING: path });
    const publicKeys = [key.toPublic(), other.toPublic()];
    const wanted = publicKeys.map((one) => one.getFingerprint());
    for (const content of [
      publicKeys.map((one) => one.armor()).join("\n"),
      Buffer.concat(publicKeys.map((one) => one.write())),
    ]) {
      writeFileSync(path, content);
      const found = (await readTrustedKeys("debian")).map((one) => one.getFingerprint());
      assert.deepEqual(found.slice(-2), wanted);
    }
  });

  test("a keyring that is none fails with BAD_KEYRING", async (t) => {
    const path = join(temporaryDirectory(t), "keys");
    const bad = (message: RegExp) => (error: unknown) =>
      error instanceof DebianError && error.code === "BAD_KEYRING" && message.test(error.message);
    await assert.rejects(readKeyring(path), bad(/there is no such file/));
    writeFileSync(path, "hello");
    await assert.rejects(readKeyring(path), bad(/holds no/));
    writeFileSync(path, "");
    await assert.rejects(readKeyring(path), bad(/holds no/));
    writeFileSync(path, key.armor());
    await assert.rejects(readKeyring(path), bad(/holds no OpenPGP public keys/));
    writeFileSync(path, key.write());
    await assert.rejects(readKeyring(path), bad(/private key/));
    writeFileSync(path, "x".repeat((4 << 20) + 1));
    await assert.rejects(readKeyring(path), bad(/larger than/));
  });
});
