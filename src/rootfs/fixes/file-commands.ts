// Emulates the commands by which maintainer scripts make, copy, link, move and remove files.
// Specification: the manual pages of GNU coreutils.

import type { CommandOutcome, ScriptText } from "../../formats/maintainer-script.ts";
import { FAILURE, SUCCESS, UNKNOWN } from "../../formats/maintainer-script.ts";
import type { BytePath } from "../../model/bytes.ts";
import { baseName, decodeByteString, joinPath, parentPath } from "../../model/bytes.ts";
import type { Arguments } from "../arguments.ts";
import { option, parseArguments } from "../arguments.ts";
import type { ActiveFix, Fix, FixContext, ScriptCall } from "../fix.ts";
import { definedAttributes, Operands } from "../operands.ts";
import type { Attributes } from "../root.ts";

export const fix: Fix = {
  after: [],
  create: (context) => new FileCommands(context).toFix(),
};

class FileCommands {
  readonly #context: FixContext;
  readonly #operands: Operands;

  constructor(context: FixContext) {
    this.#context = context;
    this.#operands = new Operands(context);
  }

  toFix(): ActiveFix {
    return {
      commands: {
        mkdir: (call) => this.#makeDirectories(call),
        install: (call) => this.#install(call),
        ln: (call) => this.#link(call),
        cp: (call) => this.#copy(call),
        mv: (call) => this.#move(call),
        rm: (call) => this.#remove(call),
        unlink: (call) => this.#remove(call),
        rmdir: (call) => this.#removeDirectories(call),
        touch: (call) => this.#touch(call),
      },
    };
  }

  /** Whether the image lacks what a path leads to, though a package ships it. */
  #isLeftOut(path: string): boolean {
    const { root } = this.#context;
    const end = root.resolve(path, true);
    return end !== undefined && root.get(end) === undefined && root.peek(end) !== undefined;
  }

  #makeDirectories(call: ScriptCall): CommandOutcome {
    const args = parseArguments(call.args, ["-m", "--mode"]);
    const attributes = this.#operands.attributes(call, option(args, "-m", "--mode"));
    if (attributes === undefined) return UNKNOWN;
    const parents = option(args, "-p", "--parents") !== undefined;
    let status = 0;
    if (parents) this.#makeKnownParents(call, args.operands);
    for (const path of this.#operands.targets(call, args.operands)) {
      if (
        this.#context.root.makeDirectory(path, {
          ...attributes,
          mode: attributes.mode ?? 0o777 & ~call.umask,
        })
      )
        this.#operands.done(call, "directory", path, "mkdir");
      else if (!parents) status = 1;
    }
    return { status, output: "" };
  }

  /** A directory named after something of the machine, such as its host name, is not known, but those above it are. */
  #makeKnownParents(call: ScriptCall, operands: readonly ScriptText[]): void {
    const starts = operands.flatMap((operand) => this.#operands.knownParent(operand) ?? []);
    for (const path of this.#operands.targets(call, starts)) {
      if (this.#context.root.makeDirectory(path, { mode: 0o755 }))
        this.#operands.done(call, "directory", path, `above what ${call.name} makes`);
    }
  }

  #install(call: ScriptCall): CommandOutcome {
    const args = parseArguments(call.args, ["-m", "--mode", "-o", "--owner", "-g", "--group", "-t", "-S"]);
    const attributes = this.#operands.attributes(
      call,
      option(args, "-m", "--mode"),
      option(args, "-o", "--owner"),
      option(args, "-g", "--group"),
    );
    if (attributes === undefined) return UNKNOWN;
    if (option(args, "-d", "--directory") !== undefined) {
      this.#makeKnownParents(call, args.operands);
      for (const path of this.#operands.targets(call, args.operands)) {
        const made = this.#context.root.makeDirectory(path, attributes);
        if (!made) this.#context.root.setAttributes(path, { mode: 0o755, ...attributes });
        this.#operands.done(call, made ? "directory" : "attributes", path, "install -d");
      }
      return SUCCESS;
    }
    const target = option(args, "-t");
    const sources = target === undefined ? args.operands.slice(0, -1) : args.operands;
    const destination = target ?? args.operands.at(-1);
    if (destination === undefined) return FAILURE;
    return this.#copyAll(
      call,
      sources,
      destination,
      { mode: 0o755, uid: 0, gid: 0, ...definedAttributes(attributes) },
      true,
    );
  }

  #link(call: ScriptCall): CommandOutcome {
    const args = parseArguments(call.args, ["-t", "-S", "--target-directory", "--suffix"]);
    const { options } = args;
    const operands =
      option(args, "-t") === undefined ? args.operands : [...args.operands, option(args, "-t")!];
    const last = operands.at(-1);
    if (last === undefined) return FAILURE;
    const targets = operands.length === 1 ? operands : operands.slice(0, -1);
    const into: ScriptText = operands.length === 1 ? { text: call.directory, known: true } : last;
    const plain = options.has("-n") || options.has("-T") || options.has("--no-dereference");
    let status: number | undefined = 0;
    for (const target of targets) {
      const name = target.text.slice(target.text.replace(/\/+$/, "").lastIndexOf("/") + 1);
      const path =
        plain && operands.length > 1
          ? this.#operands.path(call, last, false)
          : this.#operands.destination(call, into, name, true);
      if (path === undefined || !target.known)
        status = this.#operands.skip(call, `${target.text} to ${last.text} is not known`).status;
      else status = this.#linkOne(call, target.text, path, args) ?? status;
    }
    return { status, output: "" };
  }

  #linkOne(call: ScriptCall, target: string, path: BytePath, args: Arguments): number | undefined {
    const { root } = this.#context;
    if (root.isLeftOut(path)) return 0;
    const existing = root.peek(path);
    const force = option(args, "-f", "--force") !== undefined;
    if (existing !== undefined && (!force || existing.type === "directory" || !call.certain)) return 1;
    if (option(args, "-s", "--symbolic") === undefined) {
      const source = root.find(target);
      if (source?.type !== "file") return 1;
      root.copyFile(source, path, { mode: source.mode, uid: source.uid, gid: source.gid });
      this.#operands.done(call, "link", path, `copy of ${target}`);
      return 0;
    }
    const end = target.startsWith("/") ? target : `${parentPath(path)}/${target}`;
    if (this.#isLeftOut(end)) {
      this.#operands.done(call, "skip", path, `no link, since ${target} is left out of the image`);
      return 0;
    }
    root.makeLink(path, target);
    this.#operands.done(call, "link", path, `to ${target}`);
    return 0;
  }

  #copy(call: ScriptCall): CommandOutcome {
    const args = parseArguments(call.args, ["-t", "-S", "--target-directory", "--suffix"]);
    const target = option(args, "-t", "--target-directory");
    const sources = target === undefined ? args.operands.slice(0, -1) : args.operands;
    const destination = target ?? args.operands.at(-1);
    if (destination === undefined) return FAILURE;
    if (option(args, "-n", "-u", "--no-clobber", "--update") !== undefined) {
      const path = this.#operands.destination(
        call,
        destination,
        sources[0]?.text.replace(/^.*\//, "") ?? "",
        true,
      );
      if (path !== undefined && this.#context.root.peek(path) !== undefined) return SUCCESS;
    }
    const preserve = option(args, "-p", "-a", "--preserve", "--archive") !== undefined;
    return this.#copyAll(
      call,
      sources,
      destination,
      preserve ? "preserve" : {},
      option(args, "-T") === undefined,
    );
  }

  #copyAll(
    call: ScriptCall,
    sources: readonly ScriptText[],
    destination: ScriptText,
    attributes: Attributes | "preserve",
    intoDirectory: boolean,
  ): CommandOutcome {
    let status = 0;
    for (const source of sources) {
      const from = this.#operands.path(call, source, true);
      if (source.known && source.text === "/dev/null") {
        const path = this.#operands.destination(call, destination, "null", intoDirectory);
        if (path !== undefined)
          this.#context.root.writeFile(path, "", attributes === "preserve" ? {} : attributes);
        continue;
      }
      const to = this.#operands.destination(
        call,
        destination,
        source.text.replace(/\/+$/, "").replace(/^.*\//, ""),
        intoDirectory,
      );
      if (from === undefined || to === undefined || this.#context.root.peek(from) === undefined) {
        status = 1;
        continue;
      }
      if (!call.certain && this.#context.root.peek(to) !== undefined) continue;
      if (this.#isOpaqueOver(call, from, to)) continue;
      this.#copyOne(from, to, attributes);
      this.#operands.done(call, "write", to, `copy of /${decodeByteString(from)}`);
    }
    return { status, output: "" };
  }

  /** Content that is not known does not take the place of a file that is. */
  #isOpaqueOver(call: ScriptCall, from: BytePath, to: BytePath): boolean {
    const { root } = this.#context;
    if (!root.isOpaque(from) || root.get(to) === undefined || root.isOpaque(to)) return false;
    this.#operands.done(
      call,
      "skip",
      to,
      `what ${call.name} at line ${call.line} would make of it is not known`,
    );
    return true;
  }

  #copyOne(from: BytePath, to: BytePath, attributes: Attributes | "preserve"): void {
    const { root } = this.#context;
    const entry = root.peek(from);
    if (entry === undefined || from === to || to.startsWith(`${from}/`) || root.isLeftOut(to)) return;
    const kept =
      attributes === "preserve" ? { mode: entry.mode, uid: entry.uid, gid: entry.gid } : attributes;
    if (entry.type === "file") {
      const before = root.peek(to);
      const mode = before?.type === "file" ? before.mode : entry.mode;
      root.copyFile(entry, to, {
        mode,
        ...(before?.type === "file" ? { uid: before.uid, gid: before.gid } : {}),
        ...definedAttributes(kept),
      });
    } else if (entry.type === "symlink") root.makeLink(to, entry.target);
    else {
      root.makeDirectory(to, attributes === "preserve" ? kept : { mode: entry.mode });
      for (const name of root.names(from))
        this.#copyOne(joinPath(from, name), joinPath(to, name), attributes);
    }
  }

  #move(call: ScriptCall): CommandOutcome {
    const args = parseArguments(call.args, ["-t", "-S"]);
    const destination = args.operands.at(-1);
    if (destination === undefined) return FAILURE;
    if (!call.certain) return this.#operands.skip(call, "whether it is reached is not known");
    for (const source of args.operands.slice(0, -1)) {
      const from = this.#operands.path(call, source, false);
      if (from === undefined) continue;
      const to = this.#operands.destination(
        call,
        destination,
        baseName(from),
        option(args, "-T") === undefined,
      );
      if (to === undefined || this.#context.root.get(from) === undefined) return FAILURE;
      if (this.#isOpaqueOver(call, from, to)) {
        this.#context.root.remove(from);
        continue;
      }
      this.#context.root.rename(from, to);
      this.#operands.done(call, "write", to, `moved from /${decodeByteString(from)}`);
    }
    return SUCCESS;
  }

  #remove(call: ScriptCall): CommandOutcome {
    const args = parseArguments(call.args, []);
    const recursive = option(args, "-r", "-R", "--recursive") !== undefined;
    for (const path of this.#operands.paths(call, args.operands, false)) {
      const entry = this.#context.root.peek(path);
      if (entry === undefined || path === "") continue;
      if (!call.certain) return this.#operands.skip(call, "whether it is reached is not known");
      if (entry.type === "directory" && !recursive) continue;
      const wasThere = this.#context.root.get(path) !== undefined;
      this.#context.root.remove(path);
      if (wasThere) this.#operands.done(call, "remove", path, "rm");
    }
    return SUCCESS;
  }

  #removeDirectories(call: ScriptCall): CommandOutcome {
    const { root } = this.#context;
    for (const path of this.#operands.paths(call, parseArguments(call.args, []).operands, false)) {
      if (!call.certain || root.get(path)?.type !== "directory" || root.names(path).length > 0) continue;
      root.remove(path);
      this.#operands.done(call, "remove", path, "rmdir");
    }
    return SUCCESS;
  }

  #touch(call: ScriptCall): CommandOutcome {
    for (const path of this.#operands.targets(call, parseArguments(call.args, ["-r", "-d", "-t"]).operands)) {
      if (this.#context.root.peek(path) !== undefined) continue;
      this.#context.root.writeFile(path, "", { mode: 0o666 & ~call.umask });
      this.#operands.done(call, "write", path, "touch");
    }
    return SUCCESS;
  }
}
