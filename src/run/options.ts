// What a user may ask of a run, and what a runtime is.

import type { Context } from "../model/context.ts";
import type { Image } from "../model/image.ts";
import type { InputSource, OutputTarget } from "../platform/processes.ts";
import type { ImageConfiguration, Program } from "./image-configuration.ts";

/** A file or directory of this machine that the program shall see. */
export interface BindMount {
  /** A path of this machine; relative ones start at the working directory. */
  readonly source: string;
  /** Absolute path in the image; made when it is not there. */
  readonly target: string;
  readonly readOnly: boolean;
}

export interface RunOptions {
  /** Takes the place of the image's Cmd. */
  readonly command?: readonly string[] | undefined;
  /** Takes the place of the image's Entrypoint, and drops its Cmd. */
  readonly entrypoint?: readonly string[] | undefined;
  /** User or uid, optionally `:group`, of the image's own /etc/passwd and /etc/group. */
  readonly user?: string | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Absolute path; made when it is not there. */
  readonly workdir?: string | undefined;
  readonly mounts?: readonly BindMount[] | undefined;
  /** `[IP:]HOST:CONTAINER[/tcp|udp]`, or `PORT`. */
  readonly publish?: readonly string[] | undefined;
  /** `host`, `none`, or what the engine knows; default is the engine's default, and for namespaces `host`. */
  readonly network?: string | undefined;
  /** `auto`, or the name of a runtime; default `auto`. */
  readonly runtime?: string | undefined;
  /** The image's file system cannot be written to; volumes and mounts can. */
  readonly readOnly?: boolean | undefined;
  readonly hostname?: string | undefined;
  /** A terminal of its own; default: when Tare's standard input, output and error are one. */
  readonly tty?: boolean | undefined;
  /** Default `inherit`, all three. */
  readonly stdin?: InputSource | undefined;
  readonly stdout?: OutputTarget | undefined;
  readonly stderr?: OutputTarget | undefined;
}

/** A run with every choice made. */
export interface RunRequest {
  readonly image: Image;
  readonly configuration: ImageConfiguration;
  readonly program: Program;
  readonly options: RunOptions;
  readonly mounts: readonly BindMount[];
  /** Ports to publish, as the user wrote them; empty where this machine has no network. */
  readonly publish: readonly string[];
  readonly tty: boolean;
}

/**
 * A way to start an image: one file in runtimes/, which exports it as `runtime`.
 *
 * Of those that are usable, `auto` takes the one of the least `order`.
 */
export interface Runtime {
  readonly order: number;
  /** Why this machine cannot have it; undefined when it may work. Asks nothing of the network or a daemon. */
  absence(): string | undefined;
  /**
   * Starts the program and waits for its end. Signals that this process gets are passed on to it; when the context's
   * signal is aborted, it is asked to stop and 10 seconds later killed.
   *
   * @returns The exit status: the program's own, 128 + N when signal N ended it, 126 when it cannot be executed, 127
   *   when it is not there.
   * @throws {RunError} `RUNTIME_FAILED` when the program was not started for reasons of the runtime's own; other
   *   codes when no runtime could start it.
   */
  start(request: RunRequest, context: Context): Promise<number>;
}
