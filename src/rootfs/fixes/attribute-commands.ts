// Emulates the commands by which maintainer scripts give files owners and modes.
// Specification: chown(1), chgrp(1), chmod(1), dpkg-statoverride(1), setcap(8).

import type { CommandOutcome, ScriptText } from "../../formats/maintainer-script.ts";
import { FAILURE, SUCCESS, UNKNOWN } from "../../formats/maintainer-script.ts";
import type { BytePath } from "../../model/bytes.ts";
import type { TreeEntry } from "../../model/tree.ts";
import { option, parseArguments } from "../arguments.ts";
import type { ActiveFix, Fix, FixContext, ScriptCall } from "../fix.ts";
import { applyMode } from "../mode.ts";
import { Operands } from "../operands.ts";
import type { Attributes } from "../root.ts";

export const fix: Fix = {
  after: [],
  create: (context) => new AttributeCommands(context).toFix(),
};

class AttributeCommands {
  readonly #context: FixContext;
  readonly #operands: Operands;
  /** By path, as dpkg-statoverride lists them. */
  readonly #overrides = new Map<BytePath, string>();

  constructor(context: FixContext) {
    this.#context = context;
    this.#operands = new Operands(context);
  }

  toFix(): ActiveFix {
    return {
      commands: {
        chown: (call) => this.#changeOwner(call),
        chgrp: (call) => this.#changeOwner(call),
        chmod: (call) => this.#changeMode(call),
        "dpkg-statoverride": (call) => this.#overrideStatus(call),
        setcap: (call) => this.#setCapabilities(call),
        getcap: () => ({ status: 0, output: "" }),
      },
    };
  }

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
    const path = this.#operands.path(call, reference, true);
    const entry = path === undefined ? undefined : this.#context.root.peek(path);
    if (entry === undefined) return undefined;
    return call.name === "chgrp" ? { gid: entry.gid } : { uid: entry.uid, gid: entry.gid };
  }

  #parseOwner(call: ScriptCall, text: ScriptText | undefined): Attributes | undefined {
    if (text === undefined) return undefined;
    if (!text.known) {
      this.#operands.skip(call, `${text.text} is not known`);
      return undefined;
    }
    if (call.name === "chgrp") return this.#operands.attributes(call, undefined, undefined, text);
    const match = /^([^:.]*)(?:[:.](.*))?$/.exec(text.text) ?? [];
    const [, owner = "", group] = match;
    const known = (one: string): ScriptText => ({ text: one, known: true });
    const own = group === "" ? this.#context.accounts.user(owner)?.gid : undefined;
    const attributes = this.#operands.attributes(
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
    if (reference || mode === undefined) return this.#operands.skip(call, "its mode is not known");
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
    for (const path of this.#operands.paths(call, operands, follow)) {
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
    this.#operands.done(call, "attributes", entry.path, `${call.name}: 0${kept.toString(8)} ${uid}:${gid}`);
  }

  #overrideStatus(call: ScriptCall): CommandOutcome {
    const { options, operands } = parseArguments(call.args, ["--admindir", "--root", "--instdir"]);
    const add = options.has("--add");
    const path = this.#operands.path(call, operands.at(add ? 3 : 0) ?? { text: "", known: true }, true);
    if (path === undefined) return options.has("--list") ? FAILURE : UNKNOWN;
    if (options.has("--list")) {
      const line = this.#overrides.get(path);
      return line === undefined ? FAILURE : { status: 0, output: `${line}\n` };
    }
    if (options.has("--remove")) return { status: this.#overrides.delete(path) ? 0 : 2, output: "" };
    if (!add) return SUCCESS;
    const [owner, group, mode] = operands;
    const strip = (text: ScriptText | undefined) => text && { ...text, text: text.text.replace(/^#/, "") };
    const attributes = this.#operands.attributes(call, mode, strip(owner), strip(group));
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
    for (const path of this.#operands.paths(call, operands.slice(1), true)) {
      this.#operands.done(call, "skip", path, `no file capabilities: ${operands[0]?.text}`);
    }
    return FAILURE;
  }
}
