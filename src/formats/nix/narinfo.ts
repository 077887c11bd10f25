// `<hash part>.narinfo` ⇄ what a binary cache says of a store path, and the text that its signatures sign.

import { compareStrings } from "../../model/bytes.ts";
import type { PathInfo } from "../../model/path-info.ts";
import type { StorePath } from "../../model/store-path.ts";
import { asStorePath, nameOf, storeBaseName, storePathOfBaseName } from "../../model/store-path.ts";
import { NixFormatError } from "./errors.ts";
import type { Hash } from "./hash.ts";
import { encodeNix32, formatHash, formatTypedHash, parseHash } from "./hash.ts";
import type { PublicKey, SecretKey } from "./signature.ts";
import { signText, verifySignature } from "./signature.ts";
import { computeContentAddressedPath, formatContentAddress, parseContentAddress } from "./store-path.ts";

export type NarCompression = "none" | "xz" | "bzip2" | "gzip" | "zstd" | "br" | "lzip" | "lz4" | "lzma";

/** What a file name of that compression ends in, as Nix names the NARs that it writes. */
const EXTENSIONS: Readonly<Record<NarCompression, string>> = {
  none: "",
  xz: ".xz",
  bzip2: ".bz2",
  gzip: "",
  zstd: ".zst",
  br: ".br",
  lzip: ".lzip",
  lz4: ".lz4",
  lzma: "",
};

export interface NarInfo extends PathInfo {
  /** Of the compressed NAR, relative to the cache. Not protected by signatures. */
  readonly url: string;
  readonly compression: NarCompression;
  /** Of the file at `url`. */
  readonly fileHash?: Hash | undefined;
  /** Bytes. */
  readonly fileSize?: number | undefined;
}

/** Bytes of text; a narinfo names at most a few thousand references. */
const LONGEST_NARINFO = 1 << 22;

/**
 * Reads a narinfo. As in Nix, fields may come in any order, those that are unknown are passed over, and a hash or size
 * given twice counts as given last.
 *
 * @param name What to call it in errors, such as its URL.
 * @throws {NixFormatError} `NARINFO_INVALID`
 */
export function parseNarInfo(text: string, name = "the narinfo"): NarInfo {
  const fail = (problem: string, cause?: unknown): never => {
    throw new NixFormatError("NARINFO_INVALID", `Cannot read ${name}: ${problem}`, { cause });
  };
  const fields = new Fields(fail);
  if (text.length > LONGEST_NARINFO) fail(`it has more than ${LONGEST_NARINFO} characters`);
  if (!text.endsWith("\n")) fail("its last line does not end");
  for (const line of text.slice(0, -1).split("\n")) {
    const colon = line.indexOf(": ");
    if (colon < 0) fail(`the line ${JSON.stringify(line)} has no colon and blank`);
    fields.add(line.slice(0, colon), line.slice(colon + 2));
  }
  return {
    path: asStorePath(fields.need("StorePath")) ?? fail("its StorePath is none"),
    url: fields.url(),
    compression: fields.compression(),
    fileHash: fields.hash("FileHash"),
    fileSize: fields.size("FileSize"),
    narHash: fields.narHash(),
    narSize: fields.size("NarSize", 1) ?? fail("it has no NarSize"),
    references: fields.references(),
    deriver: fields.deriver(),
    signatures: fields.all("Sig"),
    ca: fields.ca(),
    ultimate: false,
  };
}

type Fail = (problem: string, cause?: unknown) => never;

class Fields {
  readonly #values = new Map<string, string[]>();
  readonly #fail: Fail;

  constructor(fail: Fail) {
    this.#fail = fail;
  }

  add(key: string, value: string): void {
    const values = this.#values.get(key);
    if (values === undefined) this.#values.set(key, [value]);
    else values.push(value);
  }

  all(key: string): readonly string[] {
    return this.#values.get(key) ?? [];
  }

  need(key: string): string {
    return this.all(key).at(-1) ?? this.#fail(`it has no ${key}`);
  }

  /** A field that Nix refuses to have twice. */
  single(key: string): string | undefined {
    const values = this.all(key);
    if (values.length > 1) this.#fail(`it has ${key} twice`);
    return values[0];
  }

  url(): string {
    const url = this.need("URL");
    return /^[!-~]+$/.test(url) ? url : this.#fail("its URL is empty or has blanks or control characters");
  }

  compression(): NarCompression {
    const text = this.all("Compression").at(-1) || "bzip2";
    return Object.hasOwn(EXTENSIONS, text)
      ? (text as NarCompression)
      : this.#fail(`its compression ${JSON.stringify(text)} is unknown`);
  }

  hash(key: string): Hash | undefined {
    const text = this.all(key).at(-1);
    if (text === undefined) return undefined;
    try {
      return parseHash(text);
    } catch (error) {
      return this.#fail(`its ${key} is no hash`, error);
    }
  }

  narHash(): string {
    const hash = this.hash("NarHash") ?? this.#fail("it has no NarHash");
    if (hash.algorithm !== "sha256") this.#fail(`its NarHash is of ${hash.algorithm}, sha256 was wanted`);
    return formatHash(hash, "base16");
  }

  size(key: string, least = 0): number | undefined {
    const text = this.all(key).at(-1);
    if (text === undefined) return undefined;
    const size = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
    return Number.isSafeInteger(size) && size >= least
      ? size
      : this.#fail(`its ${key} is ${JSON.stringify(text)}, a number from ${least} on was wanted`);
  }

  references(): readonly StorePath[] {
    const names = (this.single("References") ?? "").split(" ").filter((name) => name !== "");
    return [...new Set(names.map((name) => this.#pathOf("References", name)))].sort(compareStrings);
  }

  deriver(): StorePath | undefined {
    const name = this.single("Deriver");
    return name === undefined || name === "" || name === "unknown-deriver"
      ? undefined
      : this.#pathOf("Deriver", name);
  }

  ca(): string | undefined {
    const text = this.single("CA");
    if (text === undefined || text === "") return undefined;
    try {
      return formatContentAddress(parseContentAddress(text));
    } catch (error) {
      return this.#fail("its CA is no content address", error);
    }
  }

  #pathOf(key: string, baseName: string): StorePath {
    return (
      storePathOfBaseName(baseName) ??
      this.#fail(`its ${key} has ${JSON.stringify(baseName)}, which is no name of a store path`)
    );
  }
}

/** Writes a narinfo with its fields in Nix's order; what is not known is left out. */
export function formatNarInfo(info: NarInfo): string {
  const references = [...info.references].sort(compareStrings).map(storeBaseName);
  const lines = [
    `StorePath: ${info.path}`,
    `URL: ${info.url}`,
    `Compression: ${info.compression}`,
    info.fileHash && `FileHash: ${formatTypedHash(info.fileHash, "nix32")}`,
    info.fileSize !== undefined && `FileSize: ${info.fileSize}`,
    `NarHash: sha256:${narHashText(info)}`,
    `NarSize: ${info.narSize}`,
    `References: ${references.join(" ")}`,
    info.deriver && `Deriver: ${storeBaseName(info.deriver)}`,
    ...info.signatures.map((signature) => `Sig: ${signature}`),
    info.ca && `CA: ${info.ca}`,
  ];
  return `${lines.filter((line) => line).join("\n")}\n`;
}

function narHashText({ narHash }: Pick<PathInfo, "narHash">): string {
  return encodeNix32(Buffer.from(narHash, "hex"));
}

/** Where Nix puts a NAR of that content, relative to the cache. */
export function formatNarUrl(fileHash: Hash, compression: NarCompression): string {
  return `nar/${formatHash(fileHash, "nix32")}.nar${EXTENSIONS[compression]}`;
}

/** What a signature protects of a path. */
export type SignedInfo = Pick<PathInfo, "path" | "narHash" | "narSize" | "references">;

/** The text that signatures sign: path, NAR hash, NAR size, references. */
export function formatFingerprint(info: SignedInfo): string {
  const references = [...new Set(info.references)].sort(compareStrings).join(",");
  return `1;${info.path};sha256:${narHashText(info)};${info.narSize};${references}`;
}

/** Signs what is said of a path: `NAME:BASE64`. */
export function signPathInfo(key: SecretKey, info: SignedInfo): string {
  return signText(key, formatFingerprint(info));
}

/** The signatures of a path that are by a trusted key; none when it is not to be trusted for them. */
export function validSignatures(
  keys: readonly PublicKey[],
  info: SignedInfo & Pick<PathInfo, "signatures">,
): readonly string[] {
  const fingerprint = formatFingerprint(info);
  return info.signatures.filter((signature) => verifySignature(keys, fingerprint, signature));
}

/**
 * Whether a path is named by its content address: such a path needs no signature, since whoever has its bytes can
 * check that they belong to the name. The bytes must still be checked against the content address.
 */
export function isContentAddressed(info: Pick<PathInfo, "path" | "references" | "ca">): boolean {
  if (info.ca === undefined) return false;
  const references = info.references.filter((path) => path !== info.path);
  const selfReference = references.length < info.references.length;
  try {
    const address = parseContentAddress(info.ca);
    return (
      computeContentAddressedPath(nameOf(info.path), address, { references, selfReference }) === info.path
    );
  } catch (error) {
    if (error instanceof NixFormatError) return false;
    throw error;
  }
}
