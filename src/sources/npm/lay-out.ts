// A plan of node_modules and the trees of its packages → one tree, with links and `.bin` directories.

import { createHash } from "node:crypto";
import type { NodeModulesPlan, PlacedCommands } from "../../formats/npm/layout.ts";
import { relativeTarget } from "../../formats/npm/layout.ts";
import { readManifest } from "../../formats/npm/manifest.ts";
import type { BytePath } from "../../model/bytes.ts";
import { bytePathProblem, encodeByteString, joinPath, parentPath, ROOT_PATH } from "../../model/bytes.ts";
import type { FileEntry, Tree, TreeEntry } from "../../model/tree.ts";
import { createTree } from "../../model/tree.ts";
import { ContentReader } from "../../platform/content.ts";
import { NpmError } from "./errors.ts";

export interface LayOutOptions {
  /** The trees of packages by their path; those without one are inside of another. */
  readonly trees: ReadonlyMap<string, Tree>;
  /** Where the project is in the tree. */
  readonly prefix?: BytePath | undefined;
  /** Whether a path of the project is a file on this machine. */
  readonly hasProjectFile: (path: string) => boolean;
}

/**
 * Puts packages where the plan says.
 *
 * @throws {NpmError} `LAYOUT_CONFLICT`
 */
export function layOut(plan: NodeModulesPlan, options: LayOutOptions): Tree {
  using builder = new Builder(plan, options);
  return builder.build();
}

class Builder implements Disposable {
  readonly #plan: NodeModulesPlan;
  readonly #options: LayOutOptions;
  /** By path in the project, without the prefix. */
  readonly #entries = new Map<BytePath, TreeEntry>();
  readonly #placed: ReadonlySet<string>;
  readonly #reader = new ContentReader();

  constructor(plan: NodeModulesPlan, options: LayOutOptions) {
    this.#plan = plan;
    this.#options = options;
    this.#placed = new Set([...options.trees.keys()].map(toPath));
  }

  build(): Tree {
    for (const [path, tree] of this.#options.trees) this.#addPackage(toPath(path), tree);
    for (const { path, target } of this.#plan.links) this.#addLink(toPath(path), target);
    for (const [name, placed] of this.#sortCommands()) this.#addCommand(name, placed);
    const { prefix = ROOT_PATH } = this.#options;
    for (const path of [...this.#entries.keys()]) this.#addParents(path);
    return createTree(
      [...this.#entries.values()].map((entry) => ({
        ...entry,
        path: checkPath(`${prefix && `${prefix}/`}${entry.path}`),
      })),
    );
  }

  #addPackage(base: BytePath, tree: Tree): void {
    this.#add(directory(base));
    const entries =
      this.#plan.manager === "npm" ? renameIgnoreFiles(tree.entries) : tree.entries.flatMap(toPnpm);
    for (const entry of entries) {
      const path = checkPath(`${base}/${entry.path}`);
      // What the lock places inside of a package takes the place of what its tarball has there.
      if (!this.#isReplaced(path, base)) this.#add({ ...entry, path });
    }
  }

  #isReplaced(path: BytePath, base: BytePath): boolean {
    if (!path.includes("/node_modules/", base.length)) return false;
    for (let at = path; at.length > base.length; at = parentPath(at)) if (this.#placed.has(at)) return true;
    return false;
  }

  #addLink(path: BytePath, target: string): void {
    this.#add({ type: "symlink", path, mode: 0o777, uid: 0, gid: 0, target: encodeByteString(target) });
  }

  #add(entry: TreeEntry): void {
    const before = this.#entries.get(entry.path);
    if (before !== undefined && (before.type !== "directory" || entry.type !== "directory")) {
      throw conflict(entry.path, "two things would lie there");
    }
    this.#entries.set(entry.path, entry);
  }

  #addParents(path: BytePath): void {
    for (let parent = parentPath(path); parent !== ""; parent = parentPath(parent)) {
      const entry = this.#entries.get(parent);
      if (entry === undefined) this.#entries.set(parent, directory(parent));
      else if (entry.type !== "directory") throw conflict(path, "it would lie below a link or a file");
    }
  }

  /** All commands, those that win first. */
  #sortCommands(): (readonly [command: string, target: PlacedCommands & { readonly file: string }])[] {
    const commands = this.#plan.commands.flatMap((placed) => {
      const { bin, name } = this.#readBin(placed);
      return Object.entries(bin).map(([command, file]) => ({
        command,
        placed: { ...placed, file },
        // With pnpm a package's own name is its own in any case.
        isOwn: name === command || name?.startsWith(`@${command}/`) === true,
      }));
    });
    if (this.#plan.manager === "pnpm") commands.sort((a, b) => Number(b.isOwn) - Number(a.isOwn));
    return commands.map(({ command, placed }) => [command, placed]);
  }

  #readBin({ path, commands }: PlacedCommands) {
    if (commands !== undefined) return { bin: commands, name: undefined };
    const entry = this.#entries.get(checkPath(`${toPath(path)}/package.json`));
    return entry?.type === "file" ? parseLoosely(this.#reader.read(entry)) : { bin: {}, name: undefined };
  }

  #addCommand(
    command: string,
    { directory, via, path, file }: PlacedCommands & { readonly file: string },
  ): void {
    const link = checkPath(joinPath(toPath(directory), encodeByteString(command)));
    if (this.#entries.has(link)) return;
    const target = checkPath(joinPath(toPath(path), encodeByteString(file)));
    const entry = this.#entries.get(target);
    if (entry === undefined && !this.#options.hasProjectFile(`${path}/${file}`)) return;
    if (entry !== undefined && entry.type !== "file") return;
    this.#addLink(link, relativeTarget(`${directory}/${command}`, `${via}/${file}`));
    if (entry !== undefined) this.#entries.set(target, this.#toProgram(entry));
  }

  /** A file that can be executed, whose first line a kernel understands: not one that ends in a carriage return. */
  #toProgram(entry: FileEntry): FileEntry {
    const mode = 0o755;
    const start = Buffer.alloc(Math.min(entry.size, 2048));
    this.#reader.readInto(entry, 0, start);
    if (!/^#![^\n]+\r\n/.test(start.toString("latin1"))) return { ...entry, mode };
    const text = Buffer.from(this.#reader.read(entry)).toString("latin1");
    const bytes = Buffer.from(text.replace(/^(#![^\n]+)\r\n/, "$1\n"), "latin1");
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    return { ...entry, mode, size: bytes.length, content: { kind: "bytes", bytes, sha256 } };
  }

  [Symbol.dispose](): void {
    this.#reader[Symbol.dispose]();
  }
}

function parseLoosely(bytes: Uint8Array): {
  bin: Readonly<Record<string, string>>;
  name: string | undefined;
} {
  try {
    const { bin, name } = readManifest(
      JSON.parse(
        Buffer.from(bytes)
          .toString("utf8")
          .replace(/^\uFEFF/, ""),
      ) ?? {},
    );
    return { bin, name };
  } catch {
    return { bin: {}, name: undefined };
  }
}

/** npm calls a package's .gitignore .npmignore, where there is none. */
function renameIgnoreFiles(entries: readonly TreeEntry[]): TreeEntry[] {
  const paths = new Set(entries.map(({ path }) => path));
  return entries.flatMap((entry) => {
    if (entry.type !== "file" || !/(?:^|\/)\.gitignore$/.test(entry.path)) return [entry];
    const path = entry.path.replace(/\.gitignore$/, ".npmignore") as BytePath;
    return paths.has(path) ? [] : [{ ...entry, path }];
  });
}

/** pnpm keeps files only, and of their modes whether they can be executed. */
function toPnpm(entry: TreeEntry): TreeEntry[] {
  if (entry.type === "directory") return [];
  return [{ ...entry, mode: entry.type === "file" && (entry.mode & 0o111) === 0 ? 0o644 : 0o755 }];
}

function directory(path: BytePath): TreeEntry {
  return { type: "directory", path, mode: 0o755, uid: 0, gid: 0 };
}

function toPath(text: string): BytePath {
  return checkPath(encodeByteString(text));
}

function checkPath(path: string): BytePath {
  const problem = bytePathProblem(path);
  if (problem !== undefined) throw conflict(path, problem);
  return path as BytePath;
}

function conflict(path: string, problem: string): NpmError {
  return new NpmError("LAYOUT_CONFLICT", `Cannot install at ${path}: ${problem}`, {
    hint: "The lock contradicts itself: make it anew",
  });
}
