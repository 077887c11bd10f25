// Valid paths ⇄ a stream of `nix-store --export`. The stream vouches for nothing: whoever imports one trusts who made it.

import {
  EXPORT_END,
  EXPORT_PATH_BEGIN,
  type ExportedPath,
  ExportReader,
  formatExportedPath,
} from "../formats/nix/export.ts";
import { type NarConsumer, NarReader } from "../formats/nix/nar-reader.ts";
import type { Context } from "../model/context.ts";
import type { StorePath } from "../model/store-path.ts";
import type { ByteOutput } from "../platform/output.ts";
import type { LocalStore, StagedPath } from "../platform/store/local-store.ts";
import { NarHash } from "../platform/store/nar-facts.ts";
import { readStoreNar } from "../platform/store/read-nar.ts";
import { readStoreTree } from "../platform/store/read-tree.ts";
import { NarUnpacker } from "../platform/store-files.ts";
import { StoreCommandError } from "./errors.ts";
import { sortForImport } from "./order.ts";

/** Bytes of a NAR that an import takes. */
const LARGEST_NAR = 2 ** 40;

/**
 * Writes paths, each behind all of them that it refers to; what else they refer to is not written.
 *
 * @throws {StoreError} `STORE_PATH_MISSING`, `STORE_HASH_MISMATCH`; {OutputError}.
 */
export async function exportPaths(
  paths: readonly StorePath[],
  store: LocalStore,
  output: ByteOutput,
  { cache, signal }: Pick<Context, "cache" | "signal">,
): Promise<void> {
  for (const info of sortForImport(paths.map((path) => store.query(path)))) {
    const tree = await readStoreTree(store.physicalPath(info.path), info, { cache, signal });
    await output.write(EXPORT_PATH_BEGIN);
    for await (const chunk of readStoreNar(info, tree, signal)) await output.write(chunk);
    await output.write(formatExportedPath(info));
  }
  await output.write(EXPORT_END);
}

/**
 * Makes the paths of a stream valid, all or none.
 *
 * @returns Those of the stream, in its order.
 * @throws {NixFormatError} `EXPORT_INVALID` or `NAR_INVALID`; {StoreCommandError} `IMPORT_REFUSED`.
 */
export async function importPaths(
  stream: AsyncIterable<Uint8Array>,
  store: LocalStore,
  signal: AbortSignal,
): Promise<StorePath[]> {
  const staged: StagedPath[] = [];
  const imported = new Map<StorePath, string>();
  let present: ImportedNar | undefined;
  const reader = new ExportReader({
    nar() {
      present = new ImportedNar(store.stage({ path: "imported" }));
      return present;
    },
    path(exported) {
      const nar = present!;
      present = undefined;
      staged.push(describe(exported, nar));
      acceptPath(exported, nar.narHash, imported, store);
      imported.set(exported.path, nar.narHash);
    },
  });
  try {
    for await (const chunk of stream) {
      signal.throwIfAborted();
      reader.write(chunk);
    }
    reader.end();
    store.register(staged.splice(0));
    return [...imported.keys()];
  } finally {
    present?.[Symbol.dispose]();
    for (const { staged: place } of [...staged, ...(present === undefined ? [] : [present])])
      store.discard(place);
  }
}

function describe({ path, references, deriver }: ExportedPath, nar: ImportedNar): StagedPath {
  const { narHash, narSize, staged } = nar;
  return { info: { path, narHash, narSize, references, deriver, signatures: [], ultimate: false }, staged };
}

function acceptPath(
  { path, references }: ExportedPath,
  narHash: string,
  imported: ReadonlyMap<StorePath, string>,
  store: LocalStore,
): void {
  const refuse = (problem: string, hint: string) =>
    new StoreCommandError("IMPORT_REFUSED", `Cannot import ${path}: ${problem}`, { hint });
  const missing = references.find(
    (reference) => reference !== path && !imported.has(reference) && !store.isValid(reference),
  );
  if (missing !== undefined) {
    throw refuse(
      `it refers to ${missing}, which is neither in the store nor before it in the stream`,
      "Export the whole closure: tare store export --closure, or nix-store --export $(nix-store -qR PATH)",
    );
  }
  const known = imported.get(path) ?? (store.isValid(path) ? store.query(path).narHash : undefined);
  if (known !== undefined && known !== narHash) {
    throw refuse(
      `the store has it with the NAR hash sha256:${known}, the stream with sha256:${narHash}`,
      "Builds that are not deterministic differ so: delete the one in the store first if the other is meant",
    );
  }
}

/** A NAR of a stream on its way into the staging area. */
class ImportedNar implements NarConsumer, Disposable {
  readonly staged: string;
  readonly #unpacker: NarUnpacker;
  readonly #reader: NarReader;
  readonly #hash = new NarHash();
  #facts: ReturnType<NarHash["facts"]> | undefined;

  constructor(staged: string) {
    this.staged = staged;
    this.#unpacker = new NarUnpacker(staged);
    this.#reader = new NarReader(this.#unpacker, { maxSize: LARGEST_NAR });
  }

  get ended(): boolean {
    return this.#reader.ended;
  }

  get narHash(): string {
    this.#facts ??= this.#hash.facts();
    return this.#facts.narHash;
  }

  get narSize(): number {
    this.#facts ??= this.#hash.facts();
    return this.#facts.narSize;
  }

  read(chunk: Uint8Array): number {
    const length = this.#reader.read(chunk);
    this.#hash.update(chunk.subarray(0, length));
    return length;
  }

  [Symbol.dispose](): void {
    this.#unpacker[Symbol.dispose]();
  }
}
