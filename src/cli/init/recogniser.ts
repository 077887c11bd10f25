// What a recogniser says of a directory: one file in recognisers/ each, found by the folder.

import type { DockerfileHints, ProjectDirectory } from "./directory.ts";

export interface Recogniser {
  /** Those with a lower number are asked first: what is more specific before what may lie beside anything. */
  readonly rank: number;
  /** @returns Undefined when the directory is none of this kind. */
  recognise(directory: ProjectDirectory, hints: DockerfileHints): Recognition | undefined;
}

/** A project that was recognised. */
export interface Recognition {
  /** For people: `a Node project with package-lock.json`. */
  readonly what: string;
  /** What it calls itself; default: the directory's name. */
  readonly name?: string | undefined;
  /** What the image file imports, beside `buildLayeredImage`. */
  readonly imports: readonly string[];
  /** Lines of code before the image. */
  readonly setup: readonly string[];
  /** Options of `buildLayeredImage` beside `name` and `config`, as code. */
  readonly options?: readonly string[];
  /** Of `config`, as code by name. */
  readonly config: Readonly<Record<string, string>>;
  /** False: the program needs to be root, or says itself who it becomes. */
  readonly unprivileged: boolean;
  /** For people: what was decided among several, and what else there is. */
  readonly notes?: readonly string[];
}

/** A directory that is a project of a kind, and lacks what an image is made of. */
export class NotReadyError extends Error {
  readonly hint: string;

  constructor(problem: string, hint: string) {
    super(problem);
    this.name = "NotReadyError";
    this.hint = hint;
  }
}
