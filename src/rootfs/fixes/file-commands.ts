// Emulates the commands by which maintainer scripts make, copy, link, own and remove files.
// Specification: the manual pages of GNU coreutils, findutils, sed and dpkg-statoverride(1).

import { createHash } from "node:crypto";
import type { CommandOutcome, ScriptText } from "../../formats/maintainer-script.ts";
import { FAILURE, SUCCESS, UNKNOWN } from "../../formats/maintainer-script.ts";
import { editStream } from "../../formats/sed.ts";
import { readSedOptions } from "../../formats/text-filters.ts";
import type { BytePath } from "../../model/bytes.ts";
import { baseName, bytePathProblem, decodeByteString, joinPath, parentPath } from "../../model/bytes.ts";
import type { TreeEntry } from "../../model/tree.ts";
import { option, parseArguments } from "../arguments.ts";
import type { ActiveFix, Fix, FixContext, ScriptCall } from "../fix.ts";
import { applyMode } from "../mode.ts";
import type { Attributes } from "../root.ts";
import { isTemporary } from "../script-world.ts";

export const fix: Fix = {
  after: [],
  create: (context) => new FileCommands(context).toFix(),
};

/** A scratch file has the mode that mktemp gives. */
const SCRATCH_MODE = 0o600;

class FileCommands {
  readonly #context: FixContext;
  readonly #overrides = new Map<BytePath, string>();
  #scratchFiles = 0;

  constructor(context: FixContext) {
    this.#context = context;
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
        chown: (call) => this.#changeOwner(call),
        chgrp: (call) => this.#changeOwner(call),
        chmod: (call) => this.#changeMode(call),
        "dpkg-statoverride": (call) => this.#overrideStatus(call),
        mktemp: (call) => this.#makeScratch(call),
        tempfile: (call) => this.#makeScratch(call),
        tee: (call) => this.#tee(call),
        sed: (call) => this.#editInPlace(call),
        readlink: (call) => this.#readLink(call),
        realpath: (call) => this.#readLink({ ...call, args: [{ text: "-f", known: true }, ...call.args] }),
        stat: (call) => this.#showStatus(call),
        setcap: (call) => this.#setCapabilities(call),
        getcap: () => ({ status: 0, output: "" }),
        cmp: (call) => this.#compare(call),
        diff: (call) => this.#compare(call),
        ls: (call) => this.#list(call),
        md5sum: (call) => this.#sum(call, "md5"),
        sha1sum: (call) => this.#sum(call, "sha1"),
        sha256sum: (call) => this.#sum(call, "sha256"),
      },
    };
  }

  // Helpers

  #skip(call: ScriptCall, reason: string): CommandOutcome {
    this.#context.report("skip", `${call.name} at line ${call.line}: ${decodeByteString(reason)}`, {
      because: call.object.id,
    });
    return UNKNOWN;
  }

  #done(call: ScriptCall, action: Parameters<FixContext["report"]>[0], path: BytePath, detail: string): void {
    if (!isTemporary(path)) this.#context.report(action, detail, { path, because: call.object.id });
  }

  /** The canonical path that an operand means; undefined, and reported, when it means none. */
  #path(call: ScriptCall, operand: ScriptText, follow: boolean): BytePath | undefined {
    if (!operand.known) {
      this.#skip(call, `${operand.text} is not known`);
      return undefined;
    }
    const text = operand.text.startsWith("/") ? operand.text : `${call.directory}/${operand.text}`;
    const path = this.#context.root.resolve(text, follow);
    if (operand.text === "" || path === undefined || bytePathProblem(path) !== undefined) return undefined;
    // What a kernel or a container runtime puts there is not the image's.
    return /^(?:dev|proc|sys)(?:\/|$)/.test(path) ? undefined : path;
  }

  #paths(call: ScriptCall, operands: readonly ScriptText[], follow: boolean): BytePath[] {
    return operands.flatMap((operand) => this.#path(call, operand, follow) ?? []);
  }

  /** Owner and mode from options such as `-m 0750 -o redis`; undefined, and reported, when they are not known. */
  #attributes(
    call: ScriptCall,
    mode?: ScriptText,
    owner?: ScriptText,
    group?: ScriptText,
  ): Attributes | undefined {
    const { accounts } = this.#context;
    const unknown = [mode, owner, group].find((one) => one?.known === false);
    if (unknown !== undefined) {
      this.#skip(call, `${unknown.text} is not known`);
      return undefined;
    }
    const uid = owner === undefined ? undefined : accounts.userId(owner.text);
    const gid = group === undefined ? undefined : accounts.groupId(group.text);
    if ((owner !== undefined && uid === undefined) || (group !== undefined && gid === undefined)) {
      this.#skip(
        call,
        `there is no account "${uid === undefined && owner !== undefined ? owner.text : group?.text}"`,
      );
      return undefined;
    }
    return { mode: mode === undefined ? undefined : applyMode(mode.text, 0o755, true), uid, gid };
  }

  /** Where a copy, move or link goes: into the last operand when that is a directory. */
  #destination(
    call: ScriptCall,
    operand: ScriptText,
    name: string,
    intoDirectory: boolean,
  ): BytePath | undefined {
    const path = this.#path(call, operand, true);
    const isDirectory = path !== undefined && this.#context.root.peek(path)?.type === "directory";
    if (intoDirectory && (isDirectory || operand.text.endsWith("/")))
      return path === undefined ? undefined : joinPath(path, name);
    return this.#path(call, operand, false);
  }

  /** Whether the image lacks what a path leads to, though a package ships it. */
  #isLeftOut(path: string): boolean {
    const { root } = this.#context;
    const end = root.resolve(path, true);
    return end !== undefined && root.get(end) === undefined && root.peek(end) !== undefined;
  }

  /** Canonical paths of operands at which something may be made. */
  #targets(call: ScriptCall, operands: readonly ScriptText[]): BytePath[] {
    return this.#paths(call, operands, true).filter((path) => !this.#context.root.isLeftOut(path));
  }

  // Making

  #makeDirectories(call: ScriptCall): CommandOutcome {
    const args = parseArguments(call.args, ["-m", "--mode"]);
    const attributes = this.#attributes(call, option(args, "-m", "--mode"));
    if (attributes === undefined) return UNKNOWN;
    const parents = option(args, "-p", "--parents") !== undefined;
    let status = 0;
    for (const path of this.#targets(call, args.operands)) {
      if (
        this.#context.root.makeDirectory(path, {
          ...attributes,
          mode: attributes.mode ?? 0o777 & ~call.umask,
        })
      )
        this.#done(call, "directory", path, "mkdir");
      else if (!parents) status = 1;
    }
    return { status, output: "" };
  }

  #install(call: ScriptCall): CommandOutcome {
    const args = parseArguments(call.args, ["-m", "--mode", "-o", "--owner", "-g", "--group", "-t", "-S"]);
    const attributes = this.#attributes(
      call,
      option(args, "-m", "--mode"),
      option(args, "-o", "--owner"),
      option(args, "-g", "--group"),
    );
    if (attributes === undefined) return UNKNOWN;
    if (option(args, "-d", "--directory") !== undefined) {
      for (const path of this.#targets(call, args.operands)) {
        const made = this.#context.root.makeDirectory(path, attributes);
        if (!made) this.#context.root.setAttributes(path, { mode: 0o755, ...attributes });
        this.#done(call, made ? "directory" : "attributes", path, "install -d");
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
      { mode: 0o755, uid: 0, gid: 0, ...defined(attributes) },
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
          ? this.#path(call, last, false)
          : this.#destination(call, into, name, true);
      if (path === undefined || !target.known)
        status = this.#skip(call, `${target.text} to ${last.text} is not known`).status;
      else status = this.#linkOne(call, target.text, path, args) ?? status;
    }
    return { status, output: "" };
  }

  #linkOne(
    call: ScriptCall,
    target: string,
    path: BytePath,
    args: ReturnType<typeof parseArguments>,
  ): number | undefined {
    const { root } = this.#context;
    if (root.isLeftOut(path)) return 0;
    const existing = root.peek(path);
    const force = option(args, "-f", "--force") !== undefined;
    if (existing !== undefined && (!force || existing.type === "directory" || !call.certain)) return 1;
    if (option(args, "-s", "--symbolic") === undefined) {
      const source = root.find(target);
      if (source?.type !== "file") return 1;
      root.copyFile(source, path, { mode: source.mode, uid: source.uid, gid: source.gid });
      this.#done(call, "link", path, `copy of ${target}`);
      return 0;
    }
    const end = target.startsWith("/") ? target : `${parentPath(path)}/${target}`;
    if (this.#isLeftOut(end)) {
      this.#done(call, "skip", path, `no link, since ${target} is left out of the image`);
      return 0;
    }
    root.makeLink(path, target);
    this.#done(call, "link", path, `to ${target}`);
    return 0;
  }

  #copy(call: ScriptCall): CommandOutcome {
    const args = parseArguments(call.args, ["-t", "-S", "--target-directory", "--suffix"]);
    const target = option(args, "-t", "--target-directory");
    const sources = target === undefined ? args.operands.slice(0, -1) : args.operands;
    const destination = target ?? args.operands.at(-1);
    if (destination === undefined) return FAILURE;
    if (option(args, "-n", "-u", "--no-clobber", "--update") !== undefined) {
      const path = this.#destination(call, destination, sources[0]?.text.replace(/^.*\//, "") ?? "", true);
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
      const from = this.#path(call, source, true);
      if (source.known && source.text === "/dev/null") {
        const path = this.#destination(call, destination, "null", intoDirectory);
        if (path !== undefined)
          this.#context.root.writeFile(path, "", attributes === "preserve" ? {} : attributes);
        continue;
      }
      const to = this.#destination(
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
      this.#done(call, "write", to, `copy of /${decodeByteString(from)}`);
    }
    return { status, output: "" };
  }

  /** Content that is not known does not take the place of a file that is. */
  #isOpaqueOver(call: ScriptCall, from: BytePath, to: BytePath): boolean {
    const { root } = this.#context;
    if (!root.isOpaque(from) || root.get(to) === undefined || root.isOpaque(to)) return false;
    this.#done(call, "skip", to, `what ${call.name} at line ${call.line} would make of it is not known`);
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
        ...defined(kept),
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
    if (!call.certain) return this.#skip(call, "whether it is reached is not known");
    for (const source of args.operands.slice(0, -1)) {
      const from = this.#path(call, source, false);
      if (from === undefined) continue;
      const to = this.#destination(call, destination, baseName(from), option(args, "-T") === undefined);
      if (to === undefined || this.#context.root.get(from) === undefined) return FAILURE;
      if (this.#isOpaqueOver(call, from, to)) {
        this.#context.root.remove(from);
        continue;
      }
      this.#context.root.rename(from, to);
      this.#done(call, "write", to, `moved from /${decodeByteString(from)}`);
    }
    return SUCCESS;
  }

  #remove(call: ScriptCall): CommandOutcome {
    const args = parseArguments(call.args, []);
    const recursive = option(args, "-r", "-R", "--recursive") !== undefined;
    for (const path of this.#paths(call, args.operands, false)) {
      const entry = this.#context.root.peek(path);
      if (entry === undefined || path === "") continue;
      if (!call.certain) return this.#skip(call, "whether it is reached is not known");
      if (entry.type === "directory" && !recursive) continue;
      const wasThere = this.#context.root.get(path) !== undefined;
      this.#context.root.remove(path);
      if (wasThere) this.#done(call, "remove", path, "rm");
    }
    return SUCCESS;
  }

  #removeDirectories(call: ScriptCall): CommandOutcome {
    const { root } = this.#context;
    for (const path of this.#paths(call, parseArguments(call.args, []).operands, false)) {
      if (!call.certain || root.get(path)?.type !== "directory" || root.names(path).length > 0) continue;
      root.remove(path);
      this.#done(call, "remove", path, "rmdir");
    }
    return SUCCESS;
  }

  #touch(call: ScriptCall): CommandOutcome {
    for (const path of this.#targets(call, parseArguments(call.args, ["-r", "-d", "-t"]).operands)) {
      if (this.#context.root.peek(path) !== undefined) continue;
      this.#context.root.writeFile(path, "", { mode: 0o666 & ~call.umask });
      this.#done(call, "write", path, "touch");
    }
    return SUCCESS;
  }

  // Owners and modes

  #changeOwner(call: ScriptCall): CommandOutcome {
    const args = parseArguments(call.args, ["--from"]);
    const reference = option(args, "--reference");
    const operands = reference === undefined ? args.operands.slice(1) : args.operands;
    const attributes =
      reference === undefined
        ? this.#parseOwner(call, args.operands[0])
        : this.#referenceOwner(call, reference);
    if (attributes === undefined) return FAILURE;
    const recursive = option(args, "-R", "--recursive") !== undefined;
    const follow = option(args, "-h", "--no-dereference") === undefined;
    return this.#changeAll(call, operands, recursive, follow, () => attributes);
  }

  #referenceOwner(call: ScriptCall, reference: ScriptText): Attributes | undefined {
    const path = this.#path(call, reference, true);
    const entry = path === undefined ? undefined : this.#context.root.peek(path);
    if (entry === undefined) return undefined;
    return call.name === "chgrp" ? { gid: entry.gid } : { uid: entry.uid, gid: entry.gid };
  }

  #parseOwner(call: ScriptCall, text: ScriptText | undefined): Attributes | undefined {
    if (text === undefined) return undefined;
    if (!text.known) {
      this.#skip(call, `${text.text} is not known`);
      return undefined;
    }
    if (call.name === "chgrp") return this.#attributes(call, undefined, undefined, text);
    const match = /^([^:.]*)(?:[:.](.*))?$/.exec(text.text) ?? [];
    const [, owner = "", group] = match;
    const known = (one: string): ScriptText => ({ text: one, known: true });
    const own = group === "" ? this.#context.accounts.user(owner)?.gid : undefined;
    const attributes = this.#attributes(
      call,
      undefined,
      owner === "" ? undefined : known(owner),
      group === undefined || group === "" ? undefined : known(group),
    );
    return attributes === undefined ? undefined : { ...attributes, gid: own ?? attributes.gid };
  }

  #changeMode(call: ScriptCall): CommandOutcome {
    const reference = call.args.some((arg) => arg.text.startsWith("--reference"));
    // A mode such as `-x` looks like an option.
    const modeAt = call.args.findIndex(
      (arg) => /^(?:[0-7]+|[ugoa]*[-+=][rwxXstugo]*(?:,.*)?)$/.test(arg.text) && !/^-R$/.test(arg.text),
    );
    const mode = call.args[modeAt];
    if (reference || mode === undefined) return this.#skip(call, "its mode is not known");
    const rest = parseArguments(call.args.toSpliced(modeAt, 1), []);
    return this.#changeAll(
      call,
      rest.operands,
      option(rest, "-R", "--recursive") !== undefined,
      true,
      (entry) => {
        const changed = applyMode(mode.text, entry.mode, entry.type === "directory");
        return changed === undefined ? undefined : { mode: changed };
      },
    );
  }

  #changeAll(
    call: ScriptCall,
    operands: readonly ScriptText[],
    recursive: boolean,
    follow: boolean,
    change: (entry: TreeEntry) => Attributes | undefined,
  ): CommandOutcome {
    const { root } = this.#context;
    let status = 0;
    for (const path of this.#paths(call, operands, follow)) {
      if (root.peek(path) === undefined && path !== "") status = 1;
      const entry = root.get(path);
      if (entry === undefined) continue;
      const all = recursive ? [entry, ...root.below(path)] : [entry];
      for (const one of all) {
        const attributes = change(one);
        if (attributes === undefined || (one.type === "symlink" && attributes.mode !== undefined)) continue;
        this.#setAttributes(call, one, attributes);
      }
    }
    return { status, output: "" };
  }

  #setAttributes(call: ScriptCall, entry: TreeEntry, attributes: Attributes): void {
    const { mode = entry.mode, uid = entry.uid, gid = entry.gid } = attributes;
    if (mode === entry.mode && uid === entry.uid && gid === entry.gid) return;
    // Changing the owner takes setuid and setgid off a file, as the kernel does.
    const cleared = uid !== entry.uid || gid !== entry.gid ? 0o1777 : 0o7777;
    const kept = attributes.mode === undefined && entry.type === "file" ? mode & cleared : mode;
    this.#context.root.setAttributes(entry.path, { mode: kept, uid, gid });
    this.#done(call, "attributes", entry.path, `${call.name}: 0${kept.toString(8)} ${uid}:${gid}`);
  }

  #overrideStatus(call: ScriptCall): CommandOutcome {
    const { options, operands } = parseArguments(call.args, ["--admindir", "--root", "--instdir"]);
    const add = options.has("--add");
    const path = this.#path(call, operands.at(add ? 3 : 0) ?? { text: "", known: true }, true);
    if (path === undefined) return options.has("--list") ? FAILURE : UNKNOWN;
    if (options.has("--list")) {
      const line = this.#overrides.get(path);
      return line === undefined ? FAILURE : { status: 0, output: `${line}\n` };
    }
    if (options.has("--remove")) return { status: this.#overrides.delete(path) ? 0 : 2, output: "" };
    if (!add) return SUCCESS;
    const [owner, group, mode] = operands;
    const strip = (text: ScriptText | undefined) => text && { ...text, text: text.text.replace(/^#/, "") };
    const attributes = this.#attributes(call, mode, strip(owner), strip(group));
    if (attributes === undefined) return FAILURE;
    this.#overrides.set(path, `${owner?.text} ${group?.text} ${mode?.text} /${path}`);
    const entry = this.#context.root.get(path);
    if (entry !== undefined && options.has("--update")) this.#setAttributes(call, entry, attributes);
    return SUCCESS;
  }

  /** A tree has no file capabilities; scripts that are told so fall back to setuid. */
  #setCapabilities(call: ScriptCall): CommandOutcome {
    const { options, operands } = parseArguments(call.args, []);
    if (options.has("-r")) return SUCCESS;
    for (const path of this.#paths(call, operands.slice(1), true)) {
      this.#done(call, "skip", path, `no file capabilities: ${operands[0]?.text}`);
    }
    return FAILURE;
  }

  // Content

  #makeScratch(call: ScriptCall): CommandOutcome {
    const args = parseArguments(call.args, ["-p", "--suffix", "--tmpdir"]);
    const template = args.operands[0]?.text.replace(/^.*\//, "").replace(/X+/, "") ?? "tmp.";
    const given =
      args.operands[0]?.known === true && args.operands[0].text.startsWith("/")
        ? args.operands[0].text
        : undefined;
    const directory = given === undefined ? "/tmp" : given.slice(0, given.lastIndexOf("/"));
    const path = `${directory}/${template}tare${++this.#scratchFiles}`;
    const resolved = this.#context.root.resolve(path, false);
    if (resolved === undefined || bytePathProblem(resolved) !== undefined) return UNKNOWN;
    if (option(args, "-d", "--directory") !== undefined)
      this.#context.root.makeDirectory(resolved, { mode: 0o700 });
    else this.#context.root.writeFile(resolved, "", { mode: SCRATCH_MODE });
    return { status: 0, output: `${path}\n` };
  }

  #tee(call: ScriptCall): CommandOutcome {
    const args = parseArguments(call.args, []);
    for (const path of this.#paths(call, args.operands, true)) {
      if (call.input === undefined) this.#context.root.writeOpaque(path);
      else {
        const before =
          option(args, "-a", "--append") === undefined ? "" : (this.#context.root.readText(`/${path}`) ?? "");
        this.#context.root.writeFile(path, before + call.input);
        this.#done(call, "write", path, "tee");
      }
    }
    return { status: 0, output: call.input };
  }

  #editInPlace(call: ScriptCall): CommandOutcome {
    const texts = call.args.map((arg) => arg.text);
    const { options, operands, unknown } = readSedOptions(texts);
    if (!options.has("i")) return UNKNOWN;
    const script = options.get("e") ?? operands.shift();
    if (unknown || script === undefined || !call.args.every((arg) => arg.known)) {
      return this.#skip(call, "its script is not known");
    }
    for (const operand of operands) {
      const path = this.#path(call, { text: operand, known: true }, true);
      const text = path === undefined ? undefined : this.#context.root.readText(`/${path}`);
      if (path === undefined || text === undefined || text === null) continue;
      const edited = editStream(script, text, { extended: options.has("E"), quiet: options.has("n") });
      if (edited === undefined || !call.certain) {
        this.#skip(call, `what it makes of /${path} is not known`);
        continue;
      }
      if (edited === text) continue;
      this.#context.root.writeFile(path, edited);
      this.#done(call, "write", path, "sed -i");
    }
    return SUCCESS;
  }

  // Questions

  #readLink(call: ScriptCall): CommandOutcome {
    const args = parseArguments(call.args, []);
    const operand = args.operands[0];
    if (operand === undefined || !operand.known) return UNKNOWN;
    const { root } = this.#context;
    if (option(args, "-f", "-e", "-m", "--canonicalize") !== undefined) {
      const path = root.resolve(operand.text, true);
      return path === undefined ? FAILURE : { status: 0, output: `/${path}\n` };
    }
    const path = this.#path(call, operand, false);
    const entry = path === undefined ? undefined : root.peek(path);
    return entry?.type === "symlink" ? { status: 0, output: `${entry.target}\n` } : FAILURE;
  }

  #showStatus(call: ScriptCall): CommandOutcome {
    const args = parseArguments(call.args, ["-c", "--format", "--printf"]);
    const format = option(args, "-c", "--format");
    const operand = args.operands[0];
    const path = operand === undefined ? undefined : this.#path(call, operand, args.options.has("-L"));
    const entry = path === undefined ? undefined : this.#context.root.peek(path);
    if (entry === undefined) return FAILURE;
    if (format === undefined || !format.known) return UNKNOWN;
    const { accounts } = this.#context;
    const values: Readonly<Record<string, string | undefined>> = {
      a: entry.mode.toString(8),
      u: String(entry.uid),
      g: String(entry.gid),
      U: accounts.users.find((user) => user.uid === entry.uid)?.name,
      G: accounts.groups.find((group) => group.gid === entry.gid)?.name,
      s: entry.type === "file" ? String(entry.size) : "4096",
      n: operand?.text,
    };
    let isKnown = true;
    const text = format.text.replace(/%(.)/g, (_, letter: string) => {
      const value = values[letter];
      isKnown &&= value !== undefined;
      return value ?? "";
    });
    return { status: 0, output: isKnown ? `${text}\n` : undefined };
  }

  #compare(call: ScriptCall): CommandOutcome {
    const [first, second] = parseArguments(call.args, []).operands;
    const { root } = this.#context;
    if (first?.known !== true || second?.known !== true) return UNKNOWN;
    const a = root.readText(first.text);
    const b = root.readText(second.text);
    if (a === null || b === null) return UNKNOWN;
    return { status: a === undefined || b === undefined ? 2 : a === b ? 0 : 1, output: undefined };
  }

  #list(call: ScriptCall): CommandOutcome {
    const { options, operands } = parseArguments(call.args, []);
    if (options.has("-l") || operands.some((operand) => !operand.known)) return UNKNOWN;
    const { root } = this.#context;
    const names: string[] = [];
    let status = 0;
    for (const operand of operands.length > 0 ? operands : [{ text: call.directory, known: true }]) {
      const path = this.#path(call, operand, true);
      const entry = path === undefined ? undefined : root.peek(path);
      if (entry === undefined || path === undefined) status = 2;
      else if (entry.type !== "directory" || options.has("-d")) names.push(operand.text);
      else names.push(...root.names(path).filter((name) => !name.startsWith(".") || options.has("-A")));
    }
    return { status, output: names.map((name) => `${name}\n`).join("") };
  }

  #sum(call: ScriptCall, algorithm: string): CommandOutcome {
    const operand = parseArguments(call.args, []).operands[0];
    const text =
      operand === undefined ? call.input : operand.known ? this.#context.root.readText(operand.text) : null;
    if (text === undefined) return operand === undefined ? UNKNOWN : FAILURE;
    if (text === null) return UNKNOWN;
    const digest = createHash(algorithm).update(Buffer.from(text, "latin1")).digest("hex");
    return { status: 0, output: `${digest}  ${operand?.text ?? "-"}\n` };
  }
}

function defined(attributes: Attributes): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));
}
