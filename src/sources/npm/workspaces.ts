// Patterns of workspaces → the directories of a project that they mean.

import { join } from "node:path";
import { compareStrings } from "../../model/bytes.ts";
import { isPlainFile, listDirectory, pathKind } from "../../platform/files.ts";

/** Directories below each other that `**` follows. */
const DEEPEST = 32;

/**
 * Lists the directories with a package.json that patterns mean, as npm and pnpm read them: `packages/*`, `libs/**`,
 * and `!packages/old` to leave out.
 *
 * @param root Absolute path of the project.
 * @returns Relative paths, sorted; never the project itself.
 */
export function listWorkspaces(root: string, patterns: readonly string[]): string[] {
  const found = new Set<string>();
  for (const pattern of patterns) {
    const isNegative = pattern.startsWith("!");
    const segments = splitPattern(isNegative ? pattern.slice(1) : pattern);
    if (segments === undefined) continue;
    if (isNegative) {
      for (const path of found) if (matches(path.split("/"), segments)) found.delete(path);
    } else {
      for (const path of expand(root, "", segments, 0)) {
        if (path !== "" && isPlainFile(join(root, path, "package.json"))) found.add(path);
      }
    }
  }
  return [...found].sort(compareStrings);
}

/** Undefined for patterns that lead out of the project. */
function splitPattern(pattern: string): string[] | undefined {
  const segments = pattern.split("/").filter((segment) => segment !== "" && segment !== ".");
  return segments.includes("..") || pattern.startsWith("/") ? undefined : segments;
}

function* expand(root: string, path: string, segments: readonly string[], depth: number): Generator<string> {
  const [first, ...rest] = segments;
  if (first === undefined) {
    yield path;
    return;
  }
  if (depth > DEEPEST) return;
  if (first === "**") yield* expand(root, path, rest, depth);
  const next = first === "**" ? segments : rest;
  for (const name of namesIn(root, path, first)) {
    yield* expand(root, path === "" ? name : `${path}/${name}`, next, depth + 1);
  }
}

function namesIn(root: string, path: string, segment: string): string[] {
  const pattern = toPattern(segment);
  const isDirectory = (name: string) => pathKind(join(root, path, name)) === "directory";
  if (pattern === undefined) return isDirectory(segment) ? [segment] : [];
  return (listDirectory(join(root, path)) ?? [])
    .filter(
      (name) => name !== "node_modules" && !name.startsWith(".") && pattern.test(name) && isDirectory(name),
    )
    .sort(compareStrings);
}

/** Undefined for a segment that means itself. */
function toPattern(segment: string): RegExp | undefined {
  if (!/[*?{]/.test(segment)) return undefined;
  if (segment === "**") return /^/;
  const source = segment
    .replace(/[.+^$()|[\]\\]/g, "\\$&")
    .replace(/\*+/g, "[^/]*")
    .replace(/\?/g, "[^/]")
    .replace(/\{([^{}]*)\}/g, (_, list: string) => `(?:${list.replaceAll(",", "|")})`)
    .replace(/[{}]/g, "\\$&");
  return new RegExp(`^${source}$`);
}

function matches(parts: readonly string[], segments: readonly string[]): boolean {
  const [first, ...rest] = segments;
  if (first === undefined) return parts.length === 0;
  if (first === "**" && matches(parts, rest)) return true;
  const [part, ...others] = parts;
  if (part === undefined) return false;
  const pattern = toPattern(first);
  if (!(pattern?.test(part) ?? part === first)) return false;
  return matches(others, first === "**" ? segments : rest);
}
