// The command line of an image → the files that it names: what it starts, what that is told to start, and the paths
// among its arguments. Image configuration in, places to look at out. Pure.

import { type BytePath, bytePathProblem, encodeByteString } from "../model/bytes.ts";
import { DEFAULT_PATH, type NormalizedImageConfig } from "../model/image-spec.ts";
import { commandWords } from "./interfaces/shell-command.ts";

/** A file that the image's configuration names. */
export interface EntryPoint {
  /** As people wrote it. */
  readonly word: string;
  /** Where it may lie, best first. */
  readonly paths: readonly BytePath[];
  /** Whether the image cannot start without it; other words may be anything. */
  readonly required: boolean;
}

const SHELL = /(?:^|\/)(?:ba|da|a|k|z)?sh$/;
/** Absolute paths in a word: the whole of it, or behind what options put before them. */
const PATHS = /(?:^|[=:,\s"'(])(\/[^\s"',:;()]+)/g;

/**
 * Lists what a command line names.
 *
 * The first word is the program. Also programs are the first word of Cmd behind an Entrypoint, the word behind `--`, and
 * the commands of a shell's `-c`; every absolute path in a word may be a file that the program opens.
 */
export function listEntryPoints(config: NormalizedImageConfig): EntryPoint[] {
  const { Entrypoint = [], Cmd = [] } = config;
  const words = [...Entrypoint, ...Cmd];
  const directories = searchPath(config);
  const found = new Map<string, EntryPoint>();
  const add = (word: string, required: boolean) => {
    const paths = placesOf(word, directories);
    if (paths.length > 0 && !found.has(word)) found.set(word, { word, paths, required });
  };
  if (words[0] !== undefined) add(words[0], true);
  if (Entrypoint.length > 0 && Cmd[0] !== undefined) add(Cmd[0], false);
  for (const [i, word] of words.entries()) {
    if (words[i - 1] === "--") add(word, false);
    if (words[i - 1] === "-c" && SHELL.test(words[i - 2] ?? "")) {
      for (const command of commandWords(word)) add(command, false);
    }
    for (const [, path] of word.matchAll(PATHS)) add(path!, false);
  }
  return [...found.values()];
}

function searchPath({ Env = [] }: NormalizedImageConfig): string[] {
  const own = Env.findLast((pair) => pair.startsWith("PATH="))?.slice("PATH=".length);
  return (own ?? DEFAULT_PATH).split(":").filter((directory) => directory.startsWith("/"));
}

function placesOf(word: string, directories: readonly string[]): BytePath[] {
  const candidates = word.includes("/") ? [word] : directories.map((directory) => `${directory}/${word}`);
  return candidates.flatMap((candidate) => {
    const path = encodeByteString(
      candidate
        .split("/")
        .filter((part) => part !== "")
        .join("/"),
    );
    return path === "" || bytePathProblem(path) !== undefined ? [] : [path as string as BytePath];
  });
}
