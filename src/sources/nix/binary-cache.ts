// A binary cache, read: narinfos of which somebody trusted vouches, and the NARs that they name, checked as they stream.

import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { parseCacheInfo } from "../../formats/nix/cache-info.ts";
import { formatHash } from "../../formats/nix/hash.ts";
import {
  isContentAddressed,
  type NarInfo,
  parseNarInfo,
  validSignatures,
} from "../../formats/nix/narinfo.ts";
import type { PublicKey } from "../../formats/nix/signature.ts";
import type { Context } from "../../model/context.ts";
import { hashPart, type StorePath } from "../../model/store-path.ts";
import { type Compression, decompress } from "../../platform/decompress.ts";
import { fileSize } from "../../platform/disk.ts";
import { readRange, readSmallFile, removeFile } from "../../platform/files.ts";
import {
  credentialHeaders,
  fetchArtifact,
  fetchByHash,
  fetchDocument,
  fetchToSpool,
  NetworkError,
  redactUrl,
} from "../../platform/network.ts";
import { narUrl } from "./cache-url.ts";
import { NixSourceError } from "./errors.ts";

/** Bytes; a longer narinfo or nix-cache-info is none. */
const LARGEST_NARINFO = 4 << 20;
const LARGEST_CACHE_INFO = 1 << 16;

/** Called with the number of new bytes of the compressed file; negative when received bytes had to be thrown away. */
export type OnBytes = (count: number) => void;

export class BinaryCache {
  readonly url: string;
  readonly #keys: readonly PublicKey[];
  readonly #context: Context;
  readonly #shown: string;
  #checked: Promise<void> | undefined;

  /** @param url Without a final slash. */
  constructor(url: string, keys: readonly PublicKey[], context: Context) {
    this.url = url;
    this.#keys = keys;
    this.#context = context;
    this.#shown = redactUrl(url);
  }

  /** Whether its files lie on this machine. */
  get isLocal(): boolean {
    return this.url.startsWith("file:");
  }

  /**
   * What the cache says of a path.
   *
   * @returns Undefined when it does not have it.
   * @throws {NixSourceError} `NARINFO_WRONG` or `PATH_UNTRUSTED`; {NixFormatError} `NARINFO_INVALID` or
   *   `CACHE_INFO_INVALID`; {NetworkError}.
   */
  async info(path: StorePath): Promise<NarInfo | undefined> {
    this.#checked ??= this.#checkCache();
    await this.#checked;
    const file = `${hashPart(path)}.narinfo`;
    const bytes = await this.#fetchDocument(file, LARGEST_NARINFO);
    if (bytes === undefined) return undefined;
    const info = parseNarInfo(bytes.toString("utf8"), `${this.#shown}/${file}`);
    if (info.path !== path) {
      throw new NixSourceError(
        "NARINFO_WRONG",
        `Cannot use ${this.#shown}/${file}: it is of ${info.path}, ${path} was asked for`,
      );
    }
    narUrl(this.url, info);
    if (validSignatures(this.#keys, info).length === 0 && !isContentAddressed(info)) {
      throw new NixSourceError(
        "PATH_UNTRUSTED",
        `Cannot use ${path} of ${this.#shown}: ${this.#distrust(info)}`,
        {
          hint: "If you trust who signed it, add the public key to publicKeys or TARE_TRUSTED_PUBLIC_KEYS",
        },
      );
    }
    return info;
  }

  #distrust({ signatures }: NarInfo): string {
    const names = [...new Set(signatures.map((signature) => signature.split(":")[0]))].join(", ");
    const trusted = this.#keys.map(({ name }) => name).join(", ") || "none";
    return names === ""
      ? "nobody has signed it"
      : `no trusted key has signed it (signed by ${names}; trusted: ${trusted})`;
  }

  /**
   * The NAR of a path, uncompressed; no longer than promised. Its hash is for the caller to check.
   *
   * @throws {NixSourceError} `NAR_FILE_WRONG`; {DecompressError}; {NetworkError}.
   */
  async *nar(info: NarInfo, onBytes: OnBytes = () => {}): AsyncGenerator<Uint8Array> {
    const options = { maxSize: info.narSize, name: `the NAR of ${info.path}` };
    yield* decompress(info.compression as Compression, this.#file(info, onBytes), options);
  }

  /** The file of a NAR as it is in the cache. */
  async *#file(info: NarInfo, onBytes: OnBytes): AsyncGenerator<Uint8Array> {
    if (this.isLocal) yield* this.#readLocal(info, onBytes);
    else yield* this.#download(info, onBytes);
  }

  async *#readLocal(info: NarInfo, onBytes: OnBytes): AsyncGenerator<Uint8Array> {
    const url = narUrl(this.url, info);
    const file = fileURLToPath(url);
    const size = fileSize(file) ?? this.#lacks(info, url);
    const { fileSize: promised } = info;
    if (promised !== undefined && size !== promised)
      wrongFile(info, url, `has ${size} bytes, ${promised} were promised`);
    const fileHash = isHashedAsNar(info) ? undefined : info.fileHash;
    const hash = fileHash && createHash(fileHash.algorithm);
    const { signal } = this.#context;
    for await (const chunk of readRange({ file, offset: 0, size }, signal, () => this.#lacks(info, url))) {
      hash?.update(chunk);
      onBytes(chunk.length);
      yield chunk;
    }
    if (fileHash === undefined || hash === undefined || hash.digest().equals(fileHash.bytes)) return;
    wrongFile(info, url, `does not have the promised hash ${formatHash(fileHash, "sri")}`);
  }

  async *#download(info: NarInfo, onBytes: OnBytes): AsyncGenerator<Uint8Array> {
    const url = narUrl(this.url, info);
    const what = `the NAR of ${info.path}`;
    const known = knownFile(info);
    const { signal } = this.#context;
    if (known === undefined) {
      using spool = await fetchToSpool(
        what,
        [url],
        longestFile(info),
        this.#context,
        onBytes,
        credentialHeaders,
      );
      yield* readRange({ file: spool.path, offset: 0, size: spool.size }, signal, () =>
        this.#lacks(info, url),
      );
      return;
    }
    const file =
      known.size === undefined
        ? await fetchByHash(
            what,
            [url],
            { algorithm: known.algorithm, digests: [known.digest], maxSize: longestFile(info) },
            this.#context,
            onBytes,
            credentialHeaders,
          )
        : await fetchArtifact(
            what,
            [url],
            { sha256: known.digest, size: known.size },
            this.#context,
            onBytes,
            credentialHeaders,
          );
    const size = fileSize(file) ?? this.#lacks(info, url);
    yield* readRange({ file, offset: 0, size }, signal, () => this.#lacks(info, url));
    // The store has it now: nobody needs it twice.
    removeFile(file);
  }

  #lacks({ path }: NarInfo, url: string): never {
    throw new NixSourceError(
      "PATH_UNAVAILABLE",
      `Cannot fetch ${path}: the cache describes it, but does not have ${redactUrl(url)}`,
    );
  }

  /** Refuses what is for another store directory. A cache that says nothing of itself is taken. */
  async #checkCache(): Promise<void> {
    const bytes = await this.#fetchDocument("nix-cache-info", LARGEST_CACHE_INFO);
    if (bytes !== undefined) parseCacheInfo(bytes.toString("utf8"), `${this.#shown}/nix-cache-info`);
  }

  async #fetchDocument(file: string, maxSize: number): Promise<Buffer | undefined> {
    const url = `${this.url}/${file}`;
    if (this.isLocal) {
      const bytes = readSmallFile(fileURLToPath(url), maxSize);
      if (bytes !== "too-large") return bytes;
    }
    try {
      return (await fetchDocument(redactUrl(url), [url], maxSize, this.#context, credentialHeaders)).bytes;
    } catch (error) {
      if (error instanceof NetworkError && error.code === "NOT_FOUND") return undefined;
      throw error;
    }
  }
}

function wrongFile({ path }: NarInfo, url: string, problem: string): never {
  throw new NixSourceError("NAR_FILE_WRONG", `Cannot fetch ${path}: ${redactUrl(url)} ${problem}`, {
    hint: "The cache is damaged: use another one",
  });
}

/** Whether the file of a NAR is the NAR itself, by the same hash: who checks the one has checked the other. */
function isHashedAsNar({ compression, fileHash, narHash }: NarInfo): boolean {
  return (
    compression === "none" &&
    fileHash?.algorithm === "sha256" &&
    Buffer.from(fileHash.bytes).toString("hex") === narHash
  );
}

/** The most bytes of a file whose size is not said: compression makes what cannot be compressed a little longer. */
function longestFile({ fileSize: promised, narSize }: NarInfo): number {
  return promised ?? narSize + (narSize >> 3) + (1 << 16);
}

/** What is known of the file of a NAR before it comes. */
function knownFile(info: NarInfo) {
  const { fileHash, fileSize: size, compression, narHash, narSize } = info;
  if (fileHash === undefined)
    return compression === "none"
      ? { algorithm: "sha256" as const, digest: narHash, size: narSize }
      : undefined;
  const { algorithm, bytes } = fileHash;
  if (algorithm === "md5") return undefined;
  const digest = Buffer.from(bytes).toString("hex");
  // Of unknown size, or of another hash than downloads are continued by.
  return { algorithm, digest, size: algorithm === "sha256" ? size : undefined };
}
