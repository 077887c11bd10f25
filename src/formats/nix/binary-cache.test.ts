// narinfo.ts, signature.ts, cache-info.ts and content-address.ts against caches that nix copy wrote.

import assert from "node:assert/strict";
import { existsSync, globSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { VectorBytes } from "../../../test/kit/nix.ts";
import { fileEntry, loadVectors, narOf, nixError, readVector, vectorBytes } from "../../../test/kit/nix.ts";
import { ROOT_PATH } from "../../model/bytes.ts";
import type { StorePath } from "../../model/store-path.ts";
import { hashPart, nameOf } from "../../model/store-path.ts";
import type { Compression } from "../../platform/decompress.ts";
import { decompress } from "../../platform/decompress.ts";
import { formatCacheInfo, parseCacheInfo } from "./cache-info.ts";
import { ContentAddressHasher } from "./content-address.ts";
import { computeHash, equalHashes, formatHash, parseHash } from "./hash.ts";
import { NarTreeBuilder } from "./nar-tree.ts";
import type { NarInfo } from "./narinfo.ts";
import {
  formatFingerprint,
  formatNarInfo,
  formatNarUrl,
  isContentAddressed,
  parseNarInfo,
  signPathInfo,
  validSignatures,
} from "./narinfo.ts";
import type { PublicKey } from "./signature.ts";
import {
  createSecretKey,
  formatPublicKey,
  formatSecretKey,
  parsePublicKey,
  parseSecretKey,
  publicKeyFor,
  signText,
  verifySignature,
} from "./signature.ts";
import { computeContentAddressedPath, formatContentAddress, parseContentAddress } from "./store-path.ts";

const FIXTURES = join(import.meta.dirname, "../../../test/fixtures/nix");

interface Signed {
  readonly derived_fingerprint: string;
  readonly signatures: string[];
}

const { keys } = loadVectors<{ keys: Record<string, { public: string; secret: string }> }>(
  "binary-cache/keys.json",
);
const { caches } = loadVectors<{ caches: Record<string, Record<string, Signed>> }>(
  "binary-cache/caches.json",
);
const trusted = parsePublicKey(keys["test-cache-1"]!.public);

describe("narinfos as nix copy wrote them", () => {
  for (const [cache, narinfos] of Object.entries(caches)) {
    test(`${cache}, all ${Object.keys(narinfos).length}`, async () => {
      const files = globSync("*.narinfo", { cwd: join(FIXTURES, "binary-cache/caches", cache) });
      assert.deepEqual(files.sort(), Object.keys(narinfos).sort());
      for (const [name, signed] of Object.entries(narinfos)) {
        const text = readVector(`binary-cache/caches/${cache}/${name}`).toString();
        const info = parseNarInfo(text, name);
        assert.equal(formatNarInfo(info), text, name);
        assert.equal(`${hashPart(info.path)}.narinfo`, name);
        assert.equal(formatFingerprint(info), signed.derived_fingerprint);
        assert.deepEqual(info.signatures, signed.signatures);
        assert.deepEqual(validSignatures([trusted], info), signed.signatures);
        for (const signature of signed.signatures) {
          const key = parseSecretKey(keys[signature.split(":")[0]!]!.secret);
          assert.equal(signPathInfo(key, info), signature);
        }
        assert.equal(isContentAddressed(info), info.ca !== undefined);
        const { fileHash, compression, url } = info;
        assert.equal(formatNarUrl(fileHash!, compression), url);
        const bytes = readVector(`binary-cache/caches/${cache}/${url}`);
        assert.ok(equalHashes(computeHash("sha256", bytes), fileHash!));
        assert.equal(bytes.length, info.fileSize);
        await checkNar(info, bytes);
      }
    });
  }
});

/** Reads a NAR as a substituter does; throws when it is not what its narinfo says. */
async function checkNar(info: NarInfo, file: Uint8Array): Promise<void> {
  const builder = new NarTreeBuilder({
    file: "/x",
    maxSize: info.narSize,
    hashParts: info.references.map(hashPart),
  });
  const ca = info.ca === undefined ? undefined : parseContentAddress(info.ca);
  const hasher = ca && new ContentAddressHasher(ca.method, ca.hash.algorithm, info.path);
  const chunks = decompress(info.compression as Compression, [file], { maxSize: info.narSize });
  for await (const chunk of chunks) {
    builder.write(chunk);
    hasher?.update(chunk);
  }
  const { narHash, narSize, references } = builder.end();
  assert.equal(narHash, info.narHash);
  assert.equal(narSize, info.narSize);
  assert.deepEqual(references, info.references.map(hashPart).sort());
  if (ca !== undefined) assert.ok(equalHashes(hasher!.digest(), ca.hash), "the content address is another");
}

interface SigningCase {
  readonly path: StorePath;
  readonly narHash: string;
  readonly narSize: number;
  readonly references: StorePath[];
  readonly derived_fingerprint: string;
  readonly keyName: string;
  readonly signature: string;
}

describe("signs as nix store sign does", () => {
  loadVectors<{ cases: SigningCase[] }>("binary-cache/signing.json").cases.forEach((vector, i) => {
    test(`${i}: ${nameOf(vector.path)} by ${vector.keyName}`, () => {
      const narHash = formatHash(parseHash(vector.narHash), "base16");
      const { path, narSize } = vector;
      const info = { path, narHash, narSize, references: vector.references.toReversed() };
      assert.equal(formatFingerprint(info), vector.derived_fingerprint);
      const { secret, public: publicText } = keys[vector.keyName]!;
      assert.equal(signPathInfo(parseSecretKey(secret), info), vector.signature);
      const publicKeys = Object.values(keys).map((key) => parsePublicKey(key.public));
      const signatures = [vector.signature];
      assert.deepEqual(validSignatures(publicKeys, { ...info, signatures }), signatures);
      const others = publicKeys.filter((key) => formatPublicKey(key) !== publicText);
      assert.deepEqual(validSignatures(others, { ...info, signatures }), []);
      for (const changed of [
        { ...info, narSize: narSize + 1 },
        { ...info, narHash: "0".repeat(64) },
        { ...info, references: [...info.references, `${path}x` as StorePath] },
        { ...info, path: `${path}x` as StorePath },
      ]) {
        assert.deepEqual(validSignatures(publicKeys, { ...changed, signatures }), []);
      }
    });
  });
});

interface Tampered {
  readonly id: string;
  readonly baseCache: string;
  readonly path: StorePath;
  readonly narinfo: string;
  readonly narinfoText: string | null;
  readonly changedFiles: Record<string, VectorBytes | null>;
  readonly trustedPublicKeys: string[];
  readonly args: string[];
  readonly nixAccepts: boolean;
}

describe("takes and refuses changed caches as nix copy does", () => {
  const { cases } = loadVectors<{ cases: Tampered[] }>("binary-cache/tampered.json");
  assert.equal(cases.length, 54);
  for (const vector of cases) {
    test(vector.id, async () => {
      if (vector.nixAccepts) await copyClosure(vector);
      else await assert.rejects(copyClosure(vector), (error: Error) => !(error instanceof TypeError));
    });
  }
});

/** Reads a closure from a cache as a substituter does. */
async function copyClosure(vector: Tampered): Promise<void> {
  const read = (file: string): Buffer => {
    const name = file === vector.narinfo && vector.narinfoText !== null ? undefined : file;
    if (name === undefined) return Buffer.from(vector.narinfoText!);
    const changed = vector.changedFiles[name];
    if (changed !== undefined && changed !== null) return vectorBytes(changed);
    const stored = `binary-cache/caches/${vector.baseCache}/${name}`;
    assert.ok(changed !== null && existsSync(join(FIXTURES, stored)), `the cache has no ${name}`);
    return readVector(stored);
  };
  parseCacheInfo(read("nix-cache-info").toString());
  const publicKeys = vector.trustedPublicKeys.map(parsePublicKey);
  const done = new Set<StorePath>();
  const copy = async (path: StorePath): Promise<void> => {
    if (done.has(path)) return;
    done.add(path);
    const info = parseNarInfo(read(`${hashPart(path)}.narinfo`).toString());
    assert.equal(info.path, path);
    for (const reference of info.references) await copy(reference);
    assert.ok(
      vector.args.includes("--no-check-sigs") || isTrusted(publicKeys, info),
      "it lacks a valid signature",
    );
    await checkNar(info, read(info.url));
  };
  await copy(vector.path);
}

function isTrusted(publicKeys: readonly PublicKey[], info: NarInfo): boolean {
  return validSignatures(publicKeys, info).length > 0 || isContentAddressed(info);
}

const NARINFO = readVector("binary-cache/caches/xz/h5l1idbphdisgzzcf22dg9lv7iyq2ixm.narinfo").toString();

describe("refuses narinfos", () => {
  const set = (key: string, value: string | undefined) => {
    const line = new RegExp(`^${key}: .*\n`, "m");
    return value === undefined ? NARINFO.replace(line, "") : `${NARINFO.replace(line, "")}${key}: ${value}\n`;
  };
  for (const [summary, text, message] of [
    ["that are empty", "", /last line does not end/],
    ["without a last line end", NARINFO.slice(0, -1), /last line does not end/],
    ["with a line without a colon", `${NARINFO}x\n`, /line "x" has no colon/],
    ["with an empty line", `${NARINFO}\n`, /line "" has no colon/],
    ["that are huge", `${"x: y\n".repeat(1 << 20)}`, /more than 4194304/],
    ["without StorePath", set("StorePath", undefined), /no StorePath/],
    ["with a bad StorePath", set("StorePath", "/nix/store/x"), /StorePath is none/],
    ["without URL", set("URL", undefined), /no URL/],
    ["with a blank in the URL", set("URL", "nar/a b"), /URL/],
    ["with an empty URL", set("URL", ""), /URL is empty/],
    ["with an unknown compression", set("Compression", "rar"), /compression "rar" is unknown/],
    ["with the compression constructor", set("Compression", "constructor"), /is unknown/],
    ["without NarHash", set("NarHash", undefined), /no NarHash/],
    ["with a NarHash that is none", set("NarHash", "sha256:x"), /NarHash is no hash/],
    ["with a NarHash of no algorithm", set("NarHash", "0".repeat(64)), /NarHash is no hash/],
    ["with a NarHash of md5", set("NarHash", `md5:${"0".repeat(32)}`), /of md5, sha256 was wanted/],
    ["without NarSize", set("NarSize", undefined), /no NarSize/],
    ["with NarSize 0", set("NarSize", "0"), /NarSize is "0", a number from 1 on/],
    ["with NarSize -1", set("NarSize", "-1"), /NarSize/],
    ["with NarSize 1e3", set("NarSize", "1e3"), /NarSize/],
    ["with NarSize beyond 2^53", set("NarSize", "9007199254740993"), /NarSize/],
    ["with FileSize x", set("FileSize", "x"), /FileSize is "x"/],
    ["with a FileHash that is none", set("FileHash", "x"), /FileHash is no hash/],
    ["with a reference that is none", set("References", "x"), /References has "x"/],
    ["with a whole path as reference", set("References", "/nix/store/x"), /References has/],
    ["with References twice", `${NARINFO}References: \n`, /References twice/],
    ["with Deriver twice", `${NARINFO}Deriver: x\n`, /Deriver twice/],
    ["with a bad Deriver", set("Deriver", "x"), /Deriver has "x"/],
    ["with a bad CA", set("CA", "x"), /CA is no content address/],
    ["with CA twice", `${NARINFO}CA: a\nCA: b\n`, /CA twice/],
    ["with line ends of DOS", NARINFO.replaceAll("\n", "\r\n"), /StorePath is none/],
  ] as const) {
    test(summary, () =>
      assert.throws(() => parseNarInfo(text, "x.narinfo"), nixError("NARINFO_INVALID", message)),
    );
  }

  test("not for what is missing and need not be there", () => {
    const path = "/nix/store/i9pmrzmpshapij2kin22pff6fc2adavx-a";
    const narHash = "ab".repeat(32);
    const text = `StorePath: ${path}\nURL: x\nNarHash: sha256:${narHash}\nNarSize: 1\nX: y\nSig: a\nSig: b\n`;
    const info = parseNarInfo(text);
    assert.deepEqual(
      { ...info },
      {
        path,
        url: "x",
        compression: "bzip2",
        fileHash: undefined,
        fileSize: undefined,
        narHash,
        narSize: 1,
        references: [],
        deriver: undefined,
        signatures: ["a", "b"],
        ca: undefined,
        ultimate: false,
      },
    );
    assert.equal(parseNarInfo(`${text}Deriver: unknown-deriver\nCA: \nCompression: \n`).deriver, undefined);
    assert.match(formatNarInfo(info), /^References: $/m);
    assert.deepEqual(parseNarInfo(formatNarInfo(info)), info);
  });
});

describe("content addresses", () => {
  const narOfFile = (text: string, executable = false) =>
    narOf({ entries: [fileEntry(ROOT_PATH, Buffer.from(text), executable)] });
  const path = computeContentAddressedPath("x", { method: "flat", hash: computeHash("sha1", "abc") });

  test("are of the file, or of the NAR", () => {
    for (const method of ["flat", "text"] as const) {
      const hasher = new ContentAddressHasher(method, "sha256", path);
      for (const byte of narOfFile("abc")) hasher.update(Uint8Array.of(byte));
      assert.ok(equalHashes(hasher.digest(), computeHash("sha256", "abc")));
    }
    const hasher = new ContentAddressHasher("recursive", "sha1", path);
    hasher.update(narOfFile("abc"));
    assert.ok(equalHashes(hasher.digest(), computeHash("sha1", narOfFile("abc"))));
  });

  test("of files are not for other things", () => {
    const hash = (nar: Uint8Array) => () => {
      const hasher = new ContentAddressHasher("flat", "sha256", path);
      hasher.update(nar);
      hasher.digest();
    };
    assert.throws(hash(narOfFile("abc", true)), nixError("NAR_INVALID", /is an executable file/));
    assert.throws(hash(narOf({ entries: [] })), nixError("NAR_INVALID", /is a directory/));
    assert.throws(hash(narOfFile("abc").subarray(0, 100)), nixError("NAR_INVALID", /ends early/));
  });

  test("name paths of their own only", () => {
    const ca = formatContentAddress({ method: "flat", hash: computeHash("sha1", "abc") });
    assert.ok(isContentAddressed({ path, references: [], ca }));
    assert.ok(!isContentAddressed({ path, references: [], ca: undefined }));
    assert.ok(!isContentAddressed({ path, references: [path], ca }), "a file cannot have references");
    assert.ok(!isContentAddressed({ path, references: [], ca: ca.replace(":sha1:", ":r:sha1:") }));
    assert.ok(!isContentAddressed({ path, references: [], ca: "bogus" }));
  });
});

describe("keys", () => {
  test("read and write as Nix has them", () => {
    for (const { public: publicText, secret } of Object.values(keys)) {
      const key = parseSecretKey(`${secret}\n`);
      assert.equal(formatSecretKey(key), secret);
      assert.equal(formatPublicKey(key), publicText);
      assert.equal(formatPublicKey(publicKeyFor(key)), publicText);
      assert.equal(formatPublicKey(parsePublicKey(publicText)), publicText);
    }
  });

  test("sign what only they verify", () => {
    const seed = fc.uint8Array({ minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(seed, seed, fc.string(), fc.string(), (a, b, text, other) => {
        const key = createSecretKey("k-1", a);
        const signature = signText(key, text);
        const publicKey = publicKeyFor(key);
        assert.ok(verifySignature([publicKey], text, signature));
        assert.ok(verifySignature([publicKey], text, signature.replace(/=+$/, "")));
        assert.ok(!verifySignature([{ ...publicKey, name: "k-2" }], text, signature));
        assert.equal(verifySignature([publicKey], other, signature), text === other);
        const stranger = publicKeyFor(createSecretKey("k-1", b));
        assert.equal(verifySignature([stranger], text, signature), Buffer.from(a).equals(b));
        assert.ok(verifySignature([stranger, publicKey], text, signature));
      }),
      { numRuns: 30 },
    );
  });

  for (const text of ["", "x", "x:", ":B5z+OTgTxfy+0rvhzEixrdDYzDwInsBcg9/XTCv3w3U=", "x:AAAA", "x:*"]) {
    test(`${JSON.stringify(text)} is none, and no signature`, () => {
      assert.throws(() => parsePublicKey(text), nixError("SIGNATURE_INVALID", /public key/));
      assert.throws(() => parseSecretKey(text), nixError("SIGNATURE_INVALID", /secret key/));
      assert.equal(verifySignature([trusted], "text", text), false);
    });
  }

  test("of two halves that do not belong together are refused, without showing them", () => {
    const [a, b] = [keys["test-cache-1"]!.secret, keys["wrong-key-3"]!.secret];
    const halves = (text: string) => Buffer.from(text.split(":")[1]!, "base64");
    const mixed = Buffer.concat([halves(a).subarray(0, 32), halves(b).subarray(32)]).toString("base64");
    assert.throws(
      () => parseSecretKey(`k:${mixed}`),
      (error: Error) =>
        nixError("SIGNATURE_INVALID", /does not belong/)(error) && !error.message.includes(mixed),
    );
  });

  test("have names and seeds of the right form", () => {
    for (const [name, size] of [
      ["", 32],
      ["a:b", 32],
      ["a b", 32],
      ["a", 31],
    ] as const) {
      assert.throws(
        () => createSecretKey(name, new Uint8Array(size)),
        nixError("SIGNATURE_INVALID", /key named/),
      );
    }
  });
});

describe("nix-cache-info", () => {
  test("as nix copy writes it", () => {
    const text = readVector("binary-cache/caches/xz/nix-cache-info").toString();
    assert.deepEqual(parseCacheInfo(text), {
      storeDir: "/nix/store",
      wantMassQuery: undefined,
      priority: undefined,
    });
    assert.equal(formatCacheInfo(parseCacheInfo(text)), text);
  });

  test("with all that it may say", () => {
    const text = "StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 40\n";
    const info = { storeDir: "/nix/store", wantMassQuery: true, priority: 40 };
    assert.deepEqual(parseCacheInfo(`${text}Unknown: x\n\nno colon\n`), info);
    assert.equal(formatCacheInfo(info), text);
    assert.equal(parseCacheInfo("WantMassQuery: 0\r\n").wantMassQuery, false);
  });

  test("of another store, or with a priority that is none, is refused", () => {
    assert.throws(
      () => parseCacheInfo("StoreDir: /gnu/store\n"),
      nixError("CACHE_INFO_INVALID", /"\/gnu\/store"/),
    );
    assert.throws(
      () => parseCacheInfo("Priority: high\n"),
      nixError("CACHE_INFO_INVALID", /Priority is "high"/),
    );
  });
});
