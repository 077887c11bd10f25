// Members → the docker archive as dockerTools' stream script writes it: Python's headers, filled to whole records.

import { rootOwner, STORE_RECORD } from "../formats/store-layer.ts";
import type { TarMember } from "../formats/tar-writer.ts";
import { tarEndLength, tarHeaderLength, tarPadding, writeTarHeader } from "../formats/tar-writer.ts";
import { encodeByteString } from "../model/bytes.ts";
import { InternalError } from "../model/errors.ts";
import type { ByteOutput } from "../platform/output.ts";

type Chunks = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** Bytes that are gathered before they are written. */
const BUFFER = 1 << 18;

export class StreamArchive {
  readonly #output: ByteOutput;
  readonly #buffer = Buffer.allocUnsafe(BUFFER);
  #used = 0;
  readonly #mtimeSeconds: number;
  /** Bytes written. */
  length = 0;

  /** @param mtimeSeconds Of the members that are made here. */
  constructor(output: ByteOutput, mtimeSeconds: number) {
    this.#output = output;
    this.#mtimeSeconds = mtimeSeconds;
  }

  /** Adds a member that Python makes of a name and bytes: it is root's by number, and of nobody by name. */
  async addFile(name: string, size: number, chunks: Chunks): Promise<void> {
    await this.add({ ...this.#member(name, size), mode: 0o644, uname: "", gname: "" }, chunks);
  }

  /** Adds a member that Python makes of a file of the store. */
  async addStoreFile(name: string, size: number, chunks: Chunks): Promise<void> {
    await this.add({ ...this.#member(name, size), mode: 0o444 }, chunks);
  }

  #member(name: string, size: number): Omit<TarMember, "mode"> {
    return {
      ...rootOwner(this.#mtimeSeconds),
      name: encodeByteString(name),
      type: "file",
      size,
      linkName: "",
      announcesBytes: true,
    };
  }

  async add(member: TarMember, chunks: Chunks): Promise<void> {
    const header = Buffer.alloc(tarHeaderLength(member));
    writeTarHeader(header, 0, member);
    await this.#write(header);
    const start = this.length;
    if (member.size > 0) for await (const chunk of chunks) await this.#write(chunk);
    const size = this.length - start;
    if (size !== member.size)
      throw new InternalError(`the member ${member.name} has ${size} bytes, planned ${member.size}`);
    await this.#write(Buffer.alloc(tarPadding(size)));
  }

  async end(): Promise<void> {
    await this.#write(Buffer.alloc(tarEndLength(this.length, STORE_RECORD)));
    await this.#flush();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    this.length += bytes.length;
    const isLarge = bytes.length >= BUFFER / 2;
    if (isLarge || this.#used + bytes.length > BUFFER) await this.#flush();
    if (isLarge) return void (await this.#output.write(bytes));
    this.#buffer.set(bytes, this.#used);
    this.#used += bytes.length;
  }

  async #flush(): Promise<void> {
    if (this.#used === 0) return;
    await this.#output.write(this.#buffer.subarray(0, this.#used));
    this.#used = 0;
  }
}
