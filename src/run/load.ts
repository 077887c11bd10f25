// An image → the store of podman or docker. The engine pulls it from a registry on this machine's loopback, and so
// asks only for layers that it lacks; where it cannot (an engine on another machine), it gets an archive.

import type { Context } from "../model/context.ts";
import { type Image, MEDIA_TYPES } from "../model/image.ts";
import { captureProcess, findProgram } from "../platform/processes.ts";
import { type ServedRepository, serveRepository } from "../platform/registry/server.ts";
import { formatArchive } from "./docker-archive.ts";
import { ENGINES, type EngineName } from "./engines.ts";
import { RunError } from "./errors.ts";
import { readBlob } from "./unpack.ts";

/** Options by which an engine pulls from a registry without TLS; docker does so from the loopback anyway. */
const PLAIN_HTTP: Readonly<Record<EngineName, readonly string[]>> = {
  podman: ["--tls-verify=false"],
  docker: [],
};

export interface LoadedImage {
  readonly engine: EngineName;
  /** What the engine calls the image; docker's newer store does not use the configuration's digest. */
  readonly engineId: string;
  /**
   * `present`: the engine had the image. `registry`: it pulled from Tare what it lacked. `archive`: it was sent all.
   */
  readonly method: "present" | "registry" | "archive";
  /** Bytes that the engine was sent. */
  readonly bytesMoved: number;
}

/**
 * The engine that a user means.
 *
 * @throws {RunError} `NO_RUNTIME` when it is not installed.
 */
export function chooseEngine(wanted: EngineName | undefined): EngineName {
  const names = wanted === undefined ? ENGINES : [wanted];
  const found = names.find((name) => findProgram(name) !== undefined);
  if (found !== undefined) return found;
  throw new RunError(
    "NO_RUNTIME",
    `Cannot load the image: ${names.join(" and ")} ${names.length === 1 ? "is" : "are"} not installed`,
    { hint: "Install podman or docker, or write an archive: tare build -o docker-archive:FILE" },
  );
}

/**
 * Makes sure that an engine answers, before anything is built for it. Podman has no daemon to ask.
 *
 * @throws {RunError} `RUNTIME_FAILED`.
 */
export async function checkEngine(engine: EngineName, context: Context): Promise<void> {
  if (engine === "docker") await new Loader(engine, findProgram(engine) ?? engine, context).check();
}

/**
 * Loads an image into an engine's store, and names it there.
 *
 * @param names Such as `redis:7`; the engine's image of that name becomes this one.
 * @throws {RunError} `RUNTIME_FAILED`, or what a damaged layer is.
 */
export async function loadImage(
  image: Image,
  engine: EngineName,
  names: readonly string[],
  context: Context,
): Promise<LoadedImage> {
  const loader = new Loader(engine, findProgram(engine) ?? engine, context);
  const stage = context.progress.stage(`loading into ${engine}`);
  const loaded = await loader.load(image, names);
  stage.done(`image ${loaded.engineId}`);
  return loaded;
}

class Loader {
  readonly #engine: EngineName;
  readonly #program: string;
  readonly #context: Context;

  constructor(engine: EngineName, program: string, context: Context) {
    this.#engine = engine;
    this.#program = program;
    this.#context = context;
  }

  async check(): Promise<void> {
    await this.#call(["version", "--format", "{{.Server.Version}}"]);
  }

  async load(image: Image, names: readonly string[]): Promise<LoadedImage> {
    const engine = this.#engine;
    const present = await this.#findId(image.imageId);
    if (present !== undefined) {
      await this.#name(present, names);
      return { engine, engineId: present, method: "present", bytesMoved: 0 };
    }
    await using repository = await serveRepository({
      documents: [{ digest: image.digest, mediaType: manifestType(image), bytes: image.manifest }],
      blobs: this.#listBlobs(image),
    });
    const problem = await this.#pull(repository, names);
    if (repository.failure !== undefined) throw repository.failure;
    if (typeof problem === "object")
      return { engine, engineId: problem.id, method: "registry", bytesMoved: repository.bytesSent };
    const isZstd = image.layers.some(({ mediaType }) => mediaType.endsWith("+zstd"));
    const hint = isZstd ? "; engines older than 2023 want --compression gzip" : "";
    this.#context.progress.note(
      `${engine} cannot pull from this machine (${problem}): an archive with all layers is sent instead${hint}`,
    );
    return this.#sendArchive(image, names);
  }

  #listBlobs({ layers, config, imageId }: Image) {
    const { signal } = this.#context;
    async function* openConfig() {
      yield config;
    }
    return [
      { digest: imageId, size: config.length, open: openConfig },
      ...layers.map((layer) => ({
        digest: layer.digest,
        size: layer.size,
        open: () => readBlob(layer, signal),
      })),
    ];
  }

  /** Lets the engine pull; returns the image's id, or why it did not. */
  async #pull(
    repository: ServedRepository,
    names: readonly string[],
  ): Promise<{ readonly id: string } | string> {
    const reference = `${repository.name}:latest`;
    const pulled = await this.#try(["pull", "--quiet", ...PLAIN_HTTP[this.#engine], reference]);
    if (pulled.exitCode !== 0) return lastLine(pulled.stderr) ?? `its status is ${pulled.exitCode}`;
    const id = await this.#findId(reference);
    if (id === undefined) return "it does not have what it pulled";
    await this.#name(id, names);
    // The name of a registry that is gone when this ends.
    await this.#try(this.#engine === "podman" ? ["untag", id, reference] : ["rmi", reference]);
    return { id };
  }

  async #sendArchive(image: Image, names: readonly string[]): Promise<LoadedImage> {
    let bytesMoved = 0;
    const archive = formatArchive(image, names.map(withTag), this.#context.signal);
    async function* count() {
      for await (const chunk of archive) {
        bytesMoved += chunk.length;
        yield chunk;
      }
    }
    await this.#call(["load", "--quiet"], count());
    const engineId = (await this.#findId(image.imageId)) ?? (names[0] && (await this.#findId(names[0])));
    if (engineId === undefined) throw this.#failure("it does not have what it loaded");
    return { engine: this.#engine, engineId, method: "archive", bytesMoved };
  }

  async #name(id: string, names: readonly string[]): Promise<void> {
    for (const name of names) await this.#call(["tag", id, name]);
  }

  /** The id by which the engine has an image; undefined when it does not. */
  async #findId(reference: string): Promise<string | undefined> {
    const found = await this.#try(["image", "inspect", "--format", "{{.Id}}", reference]);
    return found.exitCode === 0 ? found.stdout.trim() : undefined;
  }

  #try(args: readonly string[], stdin?: AsyncIterable<Uint8Array>) {
    const { signal } = this.#context;
    return captureProcess(this.#program, args, { signal, ...(stdin !== undefined && { stdin }) });
  }

  async #call(args: readonly string[], stdin?: AsyncIterable<Uint8Array>): Promise<void> {
    const { exitCode, stderr } = await this.#try(args, stdin);
    if (exitCode !== 0) throw this.#failure(lastLine(stderr) ?? `${args[0]} ended with status ${exitCode}`);
  }

  #failure(problem: string): RunError {
    return new RunError("RUNTIME_FAILED", `Cannot load the image into ${this.#engine}: ${problem}`, {
      hint: "Write an archive instead: tare build -o docker-archive:FILE",
    });
  }
}

function lastLine(text: string): string | undefined {
  return text.trim().split("\n").at(-1) || undefined;
}

/** Archives name images with their tags only. */
function withTag(name: string): string {
  return /:[^/]*$/.test(name) ? name : `${name}:latest`;
}

/** The type that a manifest says to be of: docker's own differs from OCI's, and nothing else tells them apart. */
function manifestType({ manifest }: Image): string {
  const { mediaType } = JSON.parse(Buffer.from(manifest).toString("utf8")) as { mediaType?: unknown };
  return typeof mediaType === "string" ? mediaType : MEDIA_TYPES.manifest;
}
