// A directory → what it is, asked of all recognisers; where it is nothing itself, what lies below it.

import { TareError } from "../../model/errors.ts";
import { importModules } from "../../platform/discover.ts";
import { type DockerfileHints, ProjectDirectory, readDockerfile } from "./directory.ts";
import { NotReadyError, type Recogniser, type Recognition } from "./recogniser.ts";

export type InitErrorCode =
  /** Nothing in the directory, or below it, is a project. */
  | "PROJECT_NOT_RECOGNISED"
  /** Several projects lie below the directory. */
  | "PROJECT_AMBIGUOUS"
  /** A project that lacks what an image is made of. */
  | "PROJECT_NOT_READY"
  /** There is an image file already. */
  | "IMAGE_FILE_EXISTS";

/** Thrown by `tare init`. */
export class InitError extends TareError<InitErrorCode> {}

export interface RecognisedProject {
  readonly directory: ProjectDirectory;
  readonly recognition: Recognition;
  readonly hints: DockerfileHints;
  /** For people: what else there is. */
  readonly others: readonly string[];
}

/**
 * Recognises a directory.
 *
 * @param path Absolute.
 * @throws {InitError}
 */
export async function recogniseProject(path: string): Promise<RecognisedProject> {
  const modules = await importModules<{ recogniser: Recogniser }>(new URL("./recognisers/", import.meta.url));
  const recognisers = modules.map(({ module }) => module.recogniser).sort((a, b) => a.rank - b.rank);
  const directory = new ProjectDirectory(path);
  const hints = readDockerfile(directory);
  const { found, problems } = askAll(recognisers, directory, hints);
  const [first, ...more] = found;
  const below = listBelow(directory, first === undefined ? recognisers : recognisers.filter(isOfLanguage));
  const describe = below.map(({ child, recognition }) => `${recognition.what} in ${child}`);
  if (first !== undefined) {
    return { directory, recognition: first, hints, others: [...more.map(({ what }) => what), ...describe] };
  }
  const [problem] = problems;
  if (problem !== undefined) {
    throw new InitError("PROJECT_NOT_READY", `Cannot write an image file for ${path}: ${problem.message}`, {
      hint: problem.hint,
    });
  }
  const [only, ...others] = below;
  if (only !== undefined && others.length === 0) {
    return { directory: only.at, recognition: only.recognition, hints: readDockerfile(only.at), others: [] };
  }
  if (only !== undefined) {
    throw new InitError(
      "PROJECT_AMBIGUOUS",
      `Cannot write an image file for ${path}: it is no project itself, and there are ${describe.join("; ")}`,
      { hint: `Say which: tare init ${only.child}` },
    );
  }
  throw new InitError(
    "PROJECT_NOT_RECOGNISED",
    `Cannot write an image file for ${path}: nothing there is known, such as package.json, uv.lock, mix.exs, rebar.config, go.mod, Cargo.toml, a program or an index.html`,
    {
      hint: 'Write image.ts yourself: export default buildLayeredImage({ name: "redis", contents: [packages["redis-server"]] }), see examples/',
    },
  );
}

/** Whether it recognises sources: files and programs lie in many a project that is none of theirs. */
function isOfLanguage({ rank }: Recogniser): boolean {
  return rank < 80;
}

/** The projects below a directory; what lies in one of them is its own. */
function listBelow(directory: ProjectDirectory, recognisers: readonly Recogniser[]) {
  const found: {
    readonly child: string;
    readonly at: ProjectDirectory;
    readonly recognition: Recognition;
  }[] = [];
  for (const child of directory.subdirectories()) {
    if (found.some((other) => child.startsWith(`${other.child}/`))) continue;
    const at = directory.at(child);
    const [recognition] = askAll(recognisers, at, readDockerfile(at)).found;
    if (recognition !== undefined) found.push({ child, at, recognition });
  }
  return found;
}

interface Answers {
  readonly found: readonly Recognition[];
  readonly problems: readonly NotReadyError[];
}

function askAll(
  recognisers: readonly Recogniser[],
  directory: ProjectDirectory,
  hints: DockerfileHints,
): Answers {
  const found: Recognition[] = [];
  const problems: NotReadyError[] = [];
  for (const recogniser of recognisers) {
    try {
      const recognition = recogniser.recognise(directory, hints);
      if (recognition !== undefined) found.push(recognition);
    } catch (error) {
      if (!(error instanceof NotReadyError)) throw error;
      problems.push(error);
    }
  }
  return { found, problems };
}
