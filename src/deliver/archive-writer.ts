// Members → a tar in an output: the outer archive of oci-archive and docker-archive. Its bytes depend on the members
// only.

import type { TarMember } from "../formats/tar-writer.ts";
import {
  TAR_BLOCK,
  tarEndLength,
  tarHeaderLength,
  tarPadding,
  writeTarHeader,
} from "../formats/tar-writer.ts";
import { InternalError } from "../model/errors.ts";
import type { ByteOutput } from "../platform/output.ts";

/** Modification time of every member, seconds since the epoch. */
const MTIME_SECONDS = 1;

export class ArchiveWriter {
  readonly #output: ByteOutput;
  /** Bytes written. */
  length = 0;

  constructor(output: ByteOutput) {
    this.#output = output;
  }

  async addDirectory(name: string): Promise<void> {
    await this.#writeHeader(`${name}/`, "directory", 0o755, 0);
  }

  async addFile(name: string, bytes: Uint8Array): Promise<void> {
    await this.addStream(name, bytes.length, [bytes]);
  }

  /** @param size The sum of the chunks, bytes. */
  async addStream(
    name: string,
    size: number,
    chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): Promise<void> {
    await this.#writeHeader(name, "file", 0o644, size);
    const start = this.length;
    for await (const chunk of chunks) await this.#write(chunk);
    if (this.length - start !== size) {
      throw new InternalError(`the member ${name} has ${this.length - start} bytes, planned ${size}`);
    }
    await this.#write(Buffer.alloc(tarPadding(size)));
  }

  async end(): Promise<void> {
    await this.#write(Buffer.alloc(tarEndLength(this.length, TAR_BLOCK)));
  }

  async #writeHeader(name: string, type: "file" | "directory", mode: number, size: number): Promise<void> {
    const member: TarMember = {
      name,
      type,
      mode,
      uid: 0,
      gid: 0,
      size,
      linkName: "",
      mtimeSeconds: MTIME_SECONDS,
    };
    const header = Buffer.alloc(tarHeaderLength(member));
    writeTarHeader(header, 0, member);
    await this.#write(header);
  }

  async #write(bytes: Uint8Array): Promise<void> {
    this.length += bytes.length;
    await this.#output.write(bytes);
  }
}
