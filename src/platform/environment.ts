// Environment variables, and the machine's own configuration that Tare honours.

import { homedir } from "node:os";
import { join } from "node:path";
import { compareStrings } from "../model/bytes.ts";
import { DiskError } from "./disk.ts";
import { listDirectory, readSmallFile } from "./files.ts";

/** The value of an environment variable; one that is set but empty counts as not set. */
export function environmentVariable(name: string): string | undefined {
  return process.env[name] || undefined;
}

/** The home directory of this user. */
export function homeDirectory(): string {
  return homedir();
}

/** A file of apt's configuration. */
export interface AptSourceFile {
  /** Absolute path. */
  readonly path: string;
  /** Which of apt's two formats it has. */
  readonly format: "one-line" | "deb822";
  readonly text: string;
}

const LARGEST_SOURCES_FILE = 1 << 20;

/**
 * Reads apt's lists of package sources, in the order in which apt does.
 *
 * Files that cannot be read, are too large or are not there are left out: they are only a hint where mirrors are.
 */
export function readAptSources(directory = "/etc/apt"): AptSourceFile[] {
  const folder = join(directory, "sources.list.d");
  let names: string[] = [];
  try {
    names = (listDirectory(folder) ?? []).sort(compareStrings);
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
  }
  return [join(directory, "sources.list"), ...names.map((name) => join(folder, name))].flatMap((path) => {
    // As apt does: other names, such as those of backups, do not count.
    const format = /^[\w.-]+\.list$/.test(baseOf(path))
      ? "one-line"
      : /^[\w.-]+\.sources$/.test(baseOf(path))
        ? "deb822"
        : undefined;
    if (format === undefined) return [];
    try {
      const bytes = readSmallFile(path, LARGEST_SOURCES_FILE);
      return bytes instanceof Buffer ? [{ path, format, text: bytes.toString("utf8") }] : [];
    } catch (error) {
      if (error instanceof DiskError) return [];
      throw error;
    }
  });
}

function baseOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
