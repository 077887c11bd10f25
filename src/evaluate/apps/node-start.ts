// `scripts.start` of a package.json → what it starts, where that is Node with a file and nothing that needs a shell.

import { posix } from "node:path";
import type { Manifest } from "../../formats/npm/manifest.ts";

/** How Node starts an application. */
export interface NodeStart {
  /** Of the environment, before it starts. */
  readonly variables: Readonly<Record<string, string>>;
  /** Of Node: `--enable-source-maps`. */
  readonly flags: readonly string[];
  /** Relative to the project, normalised. */
  readonly file: string;
  readonly args: readonly string[];
}

/** Flags of Node whose value is the next word. */
const FLAGS_WITH_VALUE = new Set([
  "-r",
  "--require",
  "--import",
  "--env-file",
  "-C",
  "--conditions",
  "--title",
]);

/** What only a shell understands, outside of quotes. */
const SHELL_ONLY = /[|&;<>()$`\\*?[\]{}~#\n]/;

/**
 * Reads a start script such as `NODE_ENV=production node --enable-source-maps dist/server.js --port 80`.
 *
 * @returns Undefined for whatever else it is.
 */
export function parseNodeStart(script: string): NodeStart | undefined {
  const words = splitWords(script);
  if (words === undefined) return undefined;
  const variables: Record<string, string> = {};
  let at = 0;
  const skipVariables = () => {
    for (; at < words.length; at++) {
      const [, name, value] = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s.exec(words[at]!) ?? [];
      if (name === undefined) return;
      variables[name] = value!;
    }
  };
  skipVariables();
  if (words[at] === "cross-env") {
    at++;
    skipVariables();
  }
  if (words[at] === "exec") at++;
  if (words[at++] !== "node") return undefined;
  const flags: string[] = [];
  for (; words[at]?.startsWith("-") === true; at++) {
    flags.push(words[at]!);
    if (!FLAGS_WITH_VALUE.has(words[at]!)) continue;
    if (words[at + 1] === undefined) return undefined;
    flags.push(words[++at]!);
  }
  const file = normalizeFile(words[at]);
  // What runs code from the command line, or watches, is no start of an image.
  if (file === undefined || flags.some((flag) => /^(?:-e|-p|--eval|--print|--watch\b.*)$/.test(flag)))
    return undefined;
  return { variables, flags, file, args: words.slice(at + 1) };
}

/** What a project starts when nobody says: its start script, what it is as a module, then the names that npm knows. */
export function guessStart(manifest: Manifest, exists: (file: string) => boolean): NodeStart | undefined {
  const script = Object.hasOwn(manifest.scripts, "start") ? manifest.scripts["start"] : undefined;
  const said = script === undefined ? undefined : parseNodeStart(script);
  if (said !== undefined) return completeFile(said, exists);
  const candidates = [manifest.main, "server.js", "index.js"].flatMap((file) => normalizeFile(file) ?? []);
  const file = candidates
    .map((candidate) => findFile(candidate, exists))
    .find((found) => found !== undefined);
  return file === undefined ? undefined : startOf(file);
}

export function startOf(file: string): NodeStart {
  return { variables: {}, flags: [], file, args: [] };
}

/** A path inside the project; undefined when it leads out of it. */
export function normalizeFile(file: string | undefined): string | undefined {
  if (file === undefined || file === "" || file.startsWith("/") || file.includes("\0")) return undefined;
  const path = posix.normalize(file).replace(/\/$/, "");
  return path === "." ? "index.js" : path === ".." || path.startsWith("../") ? undefined : path;
}

function completeFile(start: NodeStart, exists: (file: string) => boolean): NodeStart {
  return { ...start, file: findFile(start.file, exists) ?? start.file };
}

/** As Node's CommonJS loader finds the file of a path. */
function findFile(path: string, exists: (file: string) => boolean): string | undefined {
  return [path, `${path}.js`, `${path}.json`, `${path}/index.js`].find(exists);
}

/** A part of a word: quoted either way, or bare. */
const PART = /^(?:'([^']*)'|"([^"$`\\]*)"|([^\s'"]+))/;

/** The words of a command line without anything that is a shell's own; undefined when it has some. */
function splitWords(text: string): string[] | undefined {
  const words: string[] = [];
  let rest = text.trim();
  while (rest !== "") {
    let word = "";
    for (let match = PART.exec(rest); match !== null; match = PART.exec(rest)) {
      if (match[3] !== undefined && SHELL_ONLY.test(match[3])) return undefined;
      word += match[1] ?? match[2] ?? match[3] ?? "";
      rest = rest.slice(match[0].length);
    }
    if (rest !== "" && !/^\s/.test(rest)) return undefined;
    rest = rest.trimStart();
    words.push(word);
  }
  return words;
}
