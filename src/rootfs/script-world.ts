// The world that a maintainer script finds: the merged root file system and the commands that fixes emulate.

import type {
  CommandOutcome,
  ScriptCommand,
  ScriptFileStatus,
  ScriptWorld,
  ScriptWrite,
} from "../formats/maintainer-script.ts";
import { UNKNOWN } from "../formats/maintainer-script.ts";
import { isTextFilter } from "../formats/text-filters.ts";
import type { BytePath } from "../model/bytes.ts";
import { bytePathProblem, decodeByteString } from "../model/bytes.ts";
import type { FixContext, PackageObject } from "./fix.ts";

/** Where a script's commands are looked for, as dpkg sets PATH. */
export const SEARCH_PATH = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** Trees that a running kernel fills. */
const RUNTIME_TREES = /^\/(?:proc|sys|dev)(?:\/|$)/;

export interface ScriptOrigin {
  readonly object: PackageObject;
  /** `preinst` or `postinst`. */
  readonly script: string;
  /** True: the package's own files are not there yet. */
  readonly beforeUnpacking: boolean;
}

export class RootWorld implements ScriptWorld {
  readonly #context: FixContext;
  readonly #origin: ScriptOrigin;
  /** Files that were reported: scripts write line by line. */
  readonly #reported = new Set<BytePath>();

  constructor(context: FixContext, origin: ScriptOrigin) {
    this.#context = context;
    this.#origin = origin;
  }

  status(path: string, follow: boolean): ScriptFileStatus | "unknown" | undefined {
    if (RUNTIME_TREES.test(path)) return "unknown";
    const { root, helpers, commands } = this.#context;
    const resolved = root.resolve(path, follow);
    const entry = resolved === undefined ? undefined : root.peek(resolved);
    if (entry !== undefined && resolved !== undefined && !this.#isHidden(resolved)) {
      const size = entry.type === "file" ? entry.size : 0;
      return root.isOpaque(resolved)
        ? { type: "file", mode: entry.mode, size: 1 }
        : { type: entry.type, mode: entry.mode, size };
    }
    const program = /^(?:\/usr(?:\/local)?)?\/s?bin\/([^/]+)$/.exec(path)?.[1];
    if (helpers.has(path) || (program !== undefined && commands.has(program))) {
      return { type: "file", mode: 0o755, size: 1 };
    }
    return undefined;
  }

  #isHidden(path: BytePath): boolean {
    return this.#origin.beforeUnpacking && this.#context.root.unitOf(path) === this.#origin.object.id;
  }

  readFile(path: string): string | null | undefined {
    if (RUNTIME_TREES.test(path)) return null;
    const { root, helpers } = this.#context;
    const resolved = root.resolve(path, true);
    if (resolved !== undefined && this.#isHidden(resolved)) return undefined;
    // What a helper defines is emulated by commands; reading it would only hide them.
    return helpers.has(path) ? "" : root.readText(path);
  }

  listDirectory(path: string): readonly string[] {
    const resolved = this.#context.root.resolve(path, true);
    return resolved === undefined ? [] : this.#context.root.names(resolved);
  }

  writeFile(path: string, text: string | undefined, { append, line, certain, umask }: ScriptWrite): void {
    const { root } = this.#context;
    if (RUNTIME_TREES.test(path)) return;
    const resolved = root.resolve(path, true);
    if (resolved === undefined || bytePathProblem(resolved) !== undefined) return;
    if (!certain && root.peek(resolved) !== undefined) {
      this.skip(line, `whether /${decodeByteString(resolved)} is written anew is not known`);
      return;
    }
    const before = append ? root.readText(path) : "";
    if (root.isLeftOut(resolved)) return;
    if (text === undefined || before === null) {
      // What an earlier command wrote whole is better than nothing.
      const existing = root.get(resolved);
      const isEmpty = existing?.type === "file" && existing.size === 0;
      if (append || existing === undefined || isEmpty) root.writeOpaque(resolved);
      this.#noteOutput(resolved, line);
      return;
    }
    const mode = root.peek(resolved) === undefined ? 0o666 & ~umask : undefined;
    root.writeFile(resolved, (before ?? "") + text, { mode });
    if (isTemporary(resolved) || this.#reported.has(resolved)) return;
    this.#reported.add(resolved);
    this.#context.report("write", `${this.#origin.script} line ${line}`, {
      path: resolved,
      because: this.#origin.object.id,
    });
  }

  /** The output of a program that would have to run goes to this file. */
  #noteOutput(path: BytePath, line: number): void {
    const { unemulated } = this.#context;
    const last = unemulated.at(-1);
    if (last?.line === line && last.object === this.#origin.object && last.run.output === undefined) {
      unemulated[unemulated.length - 1] = { ...last, run: { ...last.run, output: path } };
    } else if (!isTemporary(path) && !this.#reported.has(path)) {
      this.#reported.add(path);
      this.skip(line, `what /${decodeByteString(path)} would hold is not known`);
    }
  }

  hasCommand(name: string): boolean {
    return this.#context.commands.has(name) || this.#findProgram(name) !== undefined;
  }

  #findProgram(name: string): BytePath | undefined {
    const candidates = name.includes("/") ? [name] : SEARCH_PATH.map((directory) => `${directory}/${name}`);
    for (const candidate of candidates) {
      const resolved = this.#context.root.resolve(candidate, true);
      const entry = resolved === undefined ? undefined : this.#context.root.peek(resolved);
      if (entry?.type === "file" && (entry.mode & 0o111) !== 0) {
        return this.#context.root.resolve(candidate, false);
      }
    }
    return undefined;
  }

  run(command: ScriptCommand): CommandOutcome {
    const { object } = this.#origin;
    const base = command.name.replace(/^(?:\/usr(?:\/local)?)?\/s?bin\//, "");
    const handler = this.#context.commands.get(base) ?? this.#context.commands.get(command.name);
    if (handler !== undefined) return handler({ ...command, object });
    if (isTextFilter(base)) return UNKNOWN;
    const program = this.#findProgram(command.name);
    if (program === undefined)
      return { status: command.name.includes("/") ? 127 : undefined, output: undefined };
    // A question changes nothing.
    if (command.asked) return UNKNOWN;
    const unknown = command.args.find((arg) => !arg.known);
    if (unknown !== undefined) {
      this.skip(command.line, `${base} is run with ${unknown.text}, which is not known`);
    } else {
      this.#context.unemulated.push({
        object,
        line: command.line,
        run: { program, args: command.args.map((arg) => arg.text) },
      });
    }
    return UNKNOWN;
  }

  skip(line: number, reason: string): void {
    this.#context.report("skip", `${this.#origin.script} line ${line}: ${decodeByteString(reason)}`, {
      because: this.#origin.object.id,
    });
  }
}

/** Whether a path is a script's scratch file, which no image keeps. */
export function isTemporary(path: BytePath): boolean {
  return /^(?:var\/)?tmp\//.test(path);
}
