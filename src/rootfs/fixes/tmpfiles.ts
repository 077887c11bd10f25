// Makes what tmpfiles.d asks for at boot: directories, files, links, copies, owners and modes. A container has no
// boot, so /run is filled in the image. Specification: tmpfiles.d(5).

import type { CommandOutcome } from "../../formats/maintainer-script.ts";
import { SUCCESS } from "../../formats/maintainer-script.ts";
import { compileShellPattern, isPattern, toPatternChars } from "../../formats/posix-pattern.ts";
import type { TmpfilesLine } from "../../formats/tmpfiles.ts";
import { parseTmpfiles } from "../../formats/tmpfiles.ts";
import type { BytePath } from "../../model/bytes.ts";
import { baseName, bytePathProblem, comparePaths, joinPath, parentPath } from "../../model/bytes.ts";
import type { TreeEntry } from "../../model/tree.ts";
import { parseArguments } from "../arguments.ts";
import type { ConfigFile } from "../config-folders.ts";
import { readConfigFolders } from "../config-folders.ts";
import type { Fix, FixContext, ScriptCall } from "../fix.ts";
import type { Attributes } from "../root.ts";

const FOLDERS = ["/etc/tmpfiles.d", "/run/tmpfiles.d", "/usr/local/lib/tmpfiles.d", "/usr/lib/tmpfiles.d"];

/** Types that clean up, or that describe what a container runtime or another file system does. */
const WITHOUT_EFFECT = new Set([..."xXrRpbctThHaA"]);

type Line = Extract<TmpfilesLine, { kind: "line" }>;

export const fix: Fix = {
  after: ["sysusers"],
  create: (context) => {
    const tmpfiles = new Tmpfiles(context);
    return {
      commands: { "systemd-tmpfiles": (call) => tmpfiles.runCommand(call) },
      run: () => tmpfiles.applyAll(),
    };
  },
};

class Tmpfiles {
  readonly #context: FixContext;
  readonly #done = new Set<string>();

  constructor(context: FixContext) {
    this.#context = context;
  }

  runCommand(call: ScriptCall): CommandOutcome {
    const { options, operands } = parseArguments(call.args, ["--prefix", "--exclude-prefix", "--root"]);
    if (!options.has("--create")) return SUCCESS;
    const names = operands.map((operand) => operand.text.replace(/^.*\//, ""));
    const files = readConfigFolders(this.#context.root, FOLDERS);
    this.#apply(files.filter(({ name }) => names.length === 0 || names.includes(name)));
    return SUCCESS;
  }

  applyAll(): void {
    this.#apply(readConfigFolders(this.#context.root, FOLDERS));
  }

  #apply(files: readonly ConfigFile[]): void {
    const lines = files
      .filter(({ name }) => !this.#done.has(name))
      .flatMap(({ name, text, unit }) => {
        this.#done.add(name);
        return parseTmpfiles(text).map((line) => ({ line, unit }));
      });
    // Shorter paths first, as systemd does; lines that change what is there come last.
    const order = (line: TmpfilesLine) => (line.kind === "line" && "zZmM".includes(line.type) ? 1 : 0);
    lines.sort(
      (a, b) =>
        order(a.line) - order(b.line) ||
        comparePaths(a.line.kind === "line" ? a.line.path : "", b.line.kind === "line" ? b.line.path : ""),
    );
    for (const { line, unit } of lines) this.#applyLine(line, unit);
  }

  #applyLine(line: TmpfilesLine, because: string | undefined): void {
    const { report } = this.#context;
    if (WITHOUT_EFFECT.has(line.type)) return;
    if (line.kind === "problem") {
      report("skip", `tmpfiles.d "${line.line}": ${line.problem}`, { because });
      return;
    }
    // `!`: only while a machine boots; `^`: what it holds comes from a credential of the machine.
    if (/[!^]/.test(line.modifiers) || /^\/(?:dev|proc|sys)(?:\/|$)/.test(line.path)) return;
    const attributes = this.#attributes(line, because);
    if (attributes === undefined) return;
    if ("zZmMe".includes(line.type)) {
      this.#change(line, attributes, because);
      return;
    }
    const path = this.#context.root.resolve(line.path, line.type !== "L");
    if (path === undefined || path === "" || bytePathProblem(path) !== undefined) return;
    this.#make(line, path, attributes, because);
  }

  #make(line: Line, path: BytePath, attributes: Attributes, because: string | undefined): void {
    switch (line.type) {
      case "d":
      case "D":
      case "v":
      case "q":
      case "Q":
        this.#makeDirectory(path, attributes, because);
        return;
      case "f":
      case "F":
      case "w":
        this.#makeFile(line, path, attributes, because);
        return;
      case "L":
        this.#makeLink(line, path, because);
        return;
      case "C":
        this.#copy(line, path, attributes, because);
        return;
    }
    this.#context.report("skip", `tmpfiles.d type ${line.type} is not emulated`, { path, because });
  }

  /** Owner and mode of a line; undefined when a name in it stands for nobody. */
  #attributes(line: Line, because: string | undefined): Attributes | undefined {
    const { accounts, report } = this.#context;
    const uid = line.user === undefined ? undefined : accounts.userId(line.user);
    const gid = line.group === undefined ? undefined : accounts.groupId(line.group);
    const missing =
      line.user !== undefined && uid === undefined
        ? line.user
        : line.group !== undefined && gid === undefined
          ? line.group
          : undefined;
    if (missing !== undefined) {
      report("skip", `tmpfiles.d ${line.path}: there is no account "${missing}"`, { because });
      return undefined;
    }
    return { mode: line.mode, uid, gid };
  }

  #makeDirectory(path: BytePath, attributes: Attributes, because: string | undefined): void {
    const { root, report } = this.#context;
    const before = root.get(path);
    if (before === undefined) {
      root.makeDirectory(path, attributes);
      report("directory", "for tmpfiles.d", { path, because });
    } else if (before.type === "directory" && !isShared(before))
      this.#setAttributes(before, attributes, because);
  }

  #setAttributes(entry: TreeEntry, attributes: Attributes, because: string | undefined): void {
    const { mode = entry.mode, uid = entry.uid, gid = entry.gid } = attributes;
    if (mode === entry.mode && uid === entry.uid && gid === entry.gid) return;
    this.#context.root.setAttributes(entry.path, attributes);
    this.#context.report("attributes", `0${mode.toString(8)} ${uid}:${gid} for tmpfiles.d`, {
      path: entry.path,
      because,
    });
  }

  #makeFile(line: Line, path: BytePath, attributes: Attributes, because: string | undefined): void {
    const { root, report } = this.#context;
    const before = root.get(path);
    const replaces =
      line.type === "F" || (line.type === "w" && before !== undefined) || line.modifiers.includes("+");
    if (before !== undefined && !replaces) {
      if (line.type === "f") this.#setAttributes(before, attributes, because);
      return;
    }
    if (line.type === "w" && before === undefined) return;
    root.writeFile(path, line.argument ?? "", attributes);
    report("write", "for tmpfiles.d", { path, because });
  }

  #makeLink(line: Line, path: BytePath, because: string | undefined): void {
    const { root, report } = this.#context;
    if (root.get(path) !== undefined && !line.modifiers.includes("+")) return;
    const target = line.argument ?? `/usr/share/factory/${path}`;
    const end = root.resolve(target.startsWith("/") ? target : `${parentPath(path)}/${target}`, true);
    if (end !== undefined && root.get(end) === undefined && root.peek(end) !== undefined) return;
    if (root.get(path)?.type === "directory") return;
    root.makeLink(path, target);
    report("link", `to ${target} for tmpfiles.d`, { path, because });
  }

  #copy(line: Line, path: BytePath, attributes: Attributes, because: string | undefined): void {
    const { root, report } = this.#context;
    const source = root.resolve(line.argument ?? `/usr/share/factory/${path}`, true);
    if (root.get(path) !== undefined || source === undefined) return;
    const copy = (from: BytePath, to: BytePath) => {
      const entry = root.peek(from);
      if (entry?.type === "file") root.copyFile(entry, to, attributes);
      else if (entry?.type === "symlink") root.makeLink(to, entry.target);
      else if (entry?.type === "directory") {
        root.makeDirectory(to, { mode: entry.mode, ...attributes });
        for (const name of root.names(from)) copy(joinPath(from, name), joinPath(to, name));
      }
    };
    if (root.peek(source) === undefined) return;
    copy(source, path);
    report("write", `copy of /${source} for tmpfiles.d`, { path, because });
  }

  /** Sets owner and mode of what matches; `Z` with all below it. */
  #change(line: Line, attributes: Attributes, because: string | undefined): void {
    for (const entry of this.#match(line.path)) {
      const all = line.type === "Z" ? [entry, ...this.#context.root.below(entry.path)] : [entry];
      for (const one of all) {
        // `~`: a file does not become executable because its directory is.
        const mode =
          attributes.mode !== undefined &&
          (line.masked || line.type === "Z") &&
          one.type === "file" &&
          (one.mode & 0o111) === 0
            ? attributes.mode & ~0o111
            : attributes.mode;
        this.#setAttributes(one, { ...attributes, mode }, because);
      }
    }
  }

  #match(pattern: string): TreeEntry[] {
    const { root } = this.#context;
    const chars = toPatternChars(pattern);
    if (!isPattern(chars)) {
      const path = root.resolve(pattern, true);
      const entry = path === undefined ? undefined : root.get(path);
      return entry === undefined ? [] : [entry];
    }
    const fixed = pattern.slice(0, pattern.search(/[*?[]/));
    const directory = root.resolve(fixed.slice(0, fixed.lastIndexOf("/") + 1), true);
    if (directory === undefined) return [];
    const rest = toPatternChars(pattern.slice(fixed.lastIndexOf("/") + 1));
    const expression = compileShellPattern(rest, "path");
    const prefix = directory === "" ? 0 : directory.length + 1;
    return root.below(directory).filter((entry) => {
      const relative = entry.path.slice(prefix);
      return expression?.test(relative) === true && !baseName(entry.path).startsWith(".");
    });
  }
}

/** A directory in which everybody may write, such as /run/lock, stays one: no other process makes room in a container. */
function isShared(entry: TreeEntry): boolean {
  return (entry.mode & 0o1777) === 0o1777;
}
