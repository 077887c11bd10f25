// Answers what maintainer scripts ask about files: where links lead, owners, sums, whether two files are equal.
// Specification: readlink(1), stat(1), cmp(1), diff(1), ls(1), md5sum(1) and its kin.

import { createHash } from "node:crypto";
import type { CommandOutcome } from "../../formats/maintainer-script.ts";
import { FAILURE, UNKNOWN } from "../../formats/maintainer-script.ts";
import { option, parseArguments } from "../arguments.ts";
import type { ActiveFix, Fix, FixContext, ScriptCall } from "../fix.ts";
import { Operands } from "../operands.ts";

export const fix: Fix = {
  after: [],
  create: (context) => new FileQuestions(context).toFix(),
};

class FileQuestions {
  readonly #context: FixContext;
  readonly #operands: Operands;

  constructor(context: FixContext) {
    this.#context = context;
    this.#operands = new Operands(context);
  }

  toFix(): ActiveFix {
    return {
      commands: {
        readlink: (call) => this.#readLink(call),
        realpath: (call) => this.#readLink({ ...call, args: [{ text: "-f", known: true }, ...call.args] }),
        stat: (call) => this.#showStatus(call),
        cmp: (call) => this.#compare(call),
        diff: (call) => this.#compare(call),
        ls: (call) => this.#list(call),
        md5sum: (call) => this.#sum(call, "md5"),
        sha1sum: (call) => this.#sum(call, "sha1"),
        sha256sum: (call) => this.#sum(call, "sha256"),
      },
    };
  }

  #readLink(call: ScriptCall): CommandOutcome {
    const args = parseArguments(call.args, []);
    const operand = args.operands[0];
    if (operand === undefined || !operand.known) return UNKNOWN;
    const { root } = this.#context;
    if (option(args, "-f", "-e", "-m", "--canonicalize") !== undefined) {
      const path = root.resolve(operand.text, true);
      return path === undefined ? FAILURE : { status: 0, output: `/${path}\n` };
    }
    const path = this.#operands.path(call, operand, false);
    const entry = path === undefined ? undefined : root.peek(path);
    return entry?.type === "symlink" ? { status: 0, output: `${entry.target}\n` } : FAILURE;
  }

  #showStatus(call: ScriptCall): CommandOutcome {
    const args = parseArguments(call.args, ["-c", "--format", "--printf"]);
    const format = option(args, "-c", "--format");
    const operand = args.operands[0];
    const path =
      operand === undefined ? undefined : this.#operands.path(call, operand, args.options.has("-L"));
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
      const path = this.#operands.path(call, operand, true);
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
