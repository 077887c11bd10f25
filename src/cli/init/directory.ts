// A directory that an image.ts shall be written for: what is in it, and what a Dockerfile there says besides.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";

/** Bytes of the largest document that is looked at. */
const LARGEST_DOCUMENT = 8 * 2 ** 20;

/** Directories that never hold a project of their own. */
const SKIPPED =
  /^(?:\.|node_modules$|vendor$|target$|dist$|build$|_build$|deps$|venv$|__pycache__$|examples?$|tests?$)/;

export class ProjectDirectory {
  /** Absolute path. */
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  get name(): string {
    return basename(this.path);
  }

  kindOf(path: string): "file" | "directory" | undefined {
    const stats = statSync(join(this.path, path), { throwIfNoEntry: false });
    return stats?.isFile() ? "file" : stats?.isDirectory() ? "directory" : undefined;
  }

  has(path: string): boolean {
    return this.kindOf(path) === "file";
  }

  /** A document as text; undefined when there is none. */
  read(path: string): string | undefined {
    const stats = statSync(join(this.path, path), { throwIfNoEntry: false });
    if (stats?.isFile() !== true || stats.size > LARGEST_DOCUMENT) return undefined;
    return readFileSync(join(this.path, path), "utf8");
  }

  /** Names in a directory, sorted; empty when there is none. */
  list(path = ""): string[] {
    if (path !== "" && this.kindOf(path) !== "directory") return [];
    return readdirSync(join(this.path, path)).sort();
  }

  /** Directories below, two levels deep, that may be projects of their own. */
  subdirectories(): string[] {
    const below = (path: string) =>
      this.list(path)
        .filter((name) => !SKIPPED.test(name))
        .map((name) => (path === "" ? name : `${path}/${name}`))
        .filter((child) => this.kindOf(child) === "directory");
    return below("").flatMap((path) => [path, ...below(path)]);
  }

  at(path: string): ProjectDirectory {
    return new ProjectDirectory(join(this.path, path));
  }
}

/** What a Dockerfile says of how its image runs. */
export interface DockerfileHints {
  /** `8080/tcp`. */
  readonly ports: readonly string[];
  /** Program and arguments, where they are written as a list. */
  readonly command: readonly string[] | undefined;
  /** A number, with or without a group; names are those of an image that is not made here. */
  readonly user: string | undefined;
}

/** Reads the last stage of a Dockerfile; what is not there is empty. */
export function readDockerfile(directory: ProjectDirectory): DockerfileHints {
  const text = ["Dockerfile", "Containerfile"]
    .map((name) => directory.read(name))
    .find((found) => found !== undefined);
  const lines = (text ?? "").replace(/\\\r?\n/g, " ").split(/\r?\n/);
  const start = lines.findLastIndex((line) => /^\s*FROM\s/i.test(line));
  const all = (instruction: string) =>
    lines.slice(start + 1).flatMap((line) => {
      const [, rest] = new RegExp(`^\\s*${instruction}\\s+(.*)$`, "i").exec(line) ?? [];
      return rest === undefined ? [] : [rest.trim()];
    });
  const ports = all("EXPOSE")
    .flatMap((rest) => rest.split(/\s+/))
    .filter((port) => /^\d{1,5}(?:\/(?:tcp|udp))?$/.test(port))
    .map((port) => (port.includes("/") ? port : `${port}/tcp`));
  const user = all("USER").at(-1);
  const entrypoint = parseList(all("ENTRYPOINT").at(-1));
  const command = parseList(all("CMD").at(-1));
  return {
    ports: [...new Set(ports)],
    command:
      entrypoint === undefined && command === undefined
        ? undefined
        : [...(entrypoint ?? []), ...(command ?? [])],
    user: user !== undefined && /^\d+(?::\d+)?$/.test(user) ? user : undefined,
  };
}

function parseList(text: string | undefined): string[] | undefined {
  if (text?.startsWith("[") !== true) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((item) => typeof item === "string") ? value : undefined;
  } catch {
    return undefined;
  }
}
