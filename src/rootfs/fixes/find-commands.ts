// Emulates find and xargs over the merged root file system, as far as scripts use them to own, set and remove files.
// Specification: find(1) and xargs(1) of GNU findutils.

import type { CommandOutcome, ScriptText } from "../../formats/maintainer-script.ts";
import { SUCCESS, UNKNOWN } from "../../formats/maintainer-script.ts";
import { compileShellPattern, toPatternChars } from "../../formats/posix-pattern.ts";
import { baseName, decodeByteString } from "../../model/bytes.ts";
import type { TreeEntry } from "../../model/tree.ts";
import type { Fix, FixContext, ScriptCall } from "../fix.ts";

/** One found entry. */
interface Found {
  readonly entry: TreeEntry;
  readonly depth: number;
  /** As find prints it: the starting point as written, and the rest. */
  readonly shown: string;
}

type Predicate = (found: Found) => boolean;

/** Alternatives of `-o`; each is a list of tests and what is done with what passes them. */
interface Expression {
  readonly alternatives: readonly {
    readonly tests: readonly Predicate[];
    readonly actions: readonly Action[];
  }[];
}

type Action =
  | { readonly kind: "print"; readonly end: string }
  | { readonly kind: "delete" }
  | { readonly kind: "execute"; readonly words: readonly string[]; readonly together: boolean };

export const fix: Fix = {
  after: [],
  create: (context) => {
    const commands = new FindCommands(context);
    return {
      commands: { find: (call) => commands.find(call), xargs: (call) => commands.runWithInput(call) },
    };
  },
};

class FindCommands {
  readonly #context: FixContext;

  constructor(context: FixContext) {
    this.#context = context;
  }

  find(call: ScriptCall): CommandOutcome {
    const unknown = call.args.find((arg) => !arg.known);
    if (unknown !== undefined) return this.#skip(call, `${unknown.text} is not known`);
    const words = call.args.map((arg) => arg.text).filter((word) => !/^-[LHPD]$/.test(word));
    const split = words.findIndex((word) => word.startsWith("-") || word === "!" || word === "(");
    const starts = split < 0 ? words : words.slice(0, split);
    const expression = new ExpressionParser(this.#context, split < 0 ? [] : words.slice(split)).parse();
    if (expression === undefined) return this.#skip(call, `find ${words.join(" ")} is not understood`);
    const found = (starts.length > 0 ? starts : ["."]).flatMap((start) => this.#walk(call, start));
    let output = "";
    for (const { tests, actions } of expression.alternatives) {
      const hits = found.filter((one) => tests.every((test) => test(one)));
      for (const action of actions) output += this.#act(call, action, hits);
    }
    return { status: 0, output };
  }

  /** Runs a command with words from standard input behind its own. */
  runWithInput(call: ScriptCall): CommandOutcome {
    let at = 0;
    let separator = /\s+/;
    for (; call.args[at]?.text.startsWith("-") === true; at++) {
      const { text } = call.args[at]!;
      if (text === "-0" || text === "--null") separator = /\0/;
      else if (/^-[nILPsd]$/.test(text)) at++;
    }
    if (call.input === undefined) return this.#skip(call, "its input is not known");
    const words = call.input.split(separator).filter((word) => word !== "");
    // Without input GNU xargs runs the command once; nothing that scripts use does anything then.
    if (words.length === 0) return SUCCESS;
    return this.#execute(call, [...call.args.slice(at), ...words.map(known)]);
  }

  #skip(call: ScriptCall, reason: string): CommandOutcome {
    if (!call.asked) {
      this.#context.report("skip", `${call.name} at line ${call.line}: ${decodeByteString(reason)}`, {
        because: call.object.id,
      });
    }
    return UNKNOWN;
  }

  #walk(call: ScriptCall, start: string): Found[] {
    const { root } = this.#context;
    const absolute = start.startsWith("/") ? start : `${call.directory}/${start}`;
    const path = root.resolve(absolute, start.endsWith("/"));
    if (path === undefined) return [];
    const shownStart = start.replace(/(.)\/+$/, "$1");
    return [path, ...root.pathsBelow(path)].flatMap((one) => {
      const entry = root.peek(one);
      if (entry === undefined) return [];
      const rest = path === "" ? one : one.slice(path.length + 1);
      const depth = one === path ? 0 : rest.split("/").length;
      return [{ entry, depth, shown: depth === 0 ? shownStart : `${shownStart}/${rest}`.replace("//", "/") }];
    });
  }

  #act(call: ScriptCall, action: Action, hits: readonly Found[]): string {
    switch (action.kind) {
      case "print":
        return hits.map((hit) => hit.shown + action.end).join("");
      case "delete":
        this.#execute(call, ["rm", "-rf", ...hits.map((hit) => `/${hit.entry.path}`)].map(known));
        return "";
      case "execute": {
        const runs = action.together ? [hits] : hits.map((hit) => [hit]);
        for (const run of runs) {
          const words = action.words.flatMap((word) =>
            word === "{}"
              ? run.map((hit) => `/${hit.entry.path}`)
              : [word.replaceAll("{}", run[0]?.shown ?? "")],
          );
          if (run.length > 0) this.#execute(call, words.map(known));
        }
        return "";
      }
    }
  }

  #execute(call: ScriptCall, words: readonly ScriptText[]): CommandOutcome {
    const [name, ...args] = words[0]?.text === "sudo" ? words.slice(1) : words;
    const handler =
      name?.known === true ? this.#context.commands.get(name.text.replace(/^.*\//, "")) : undefined;
    if (name === undefined || handler === undefined) return this.#skip(call, `${name?.text} is not emulated`);
    return handler({ ...call, name: name.text, args });
  }
}

function known(text: string): ScriptText {
  return { text, known: true };
}

class ExpressionParser {
  readonly #context: FixContext;
  readonly #words: readonly string[];
  #position = 0;

  constructor(context: FixContext, words: readonly string[]) {
    this.#context = context;
    this.#words = words;
  }

  parse(): Expression | undefined {
    const alternatives: { tests: Predicate[]; actions: Action[] }[] = [{ tests: [], actions: [] }];
    while (this.#position < this.#words.length) {
      const word = this.#words[this.#position++]!;
      const current = alternatives.at(-1)!;
      if (word === "-o" || word === "-or") alternatives.push({ tests: [], actions: [] });
      else if (
        word === "-follow" ||
        word === "-a" ||
        word === "-and" ||
        word === "-depth" ||
        /^-x?dev$/.test(word)
      )
        continue;
      else if (word === "!" || word === "-not") {
        const test = this.#parseTest(this.#words[this.#position++] ?? "");
        if (test === undefined) return undefined;
        current.tests.push((found) => !test(found));
      } else {
        const action = this.#parseAction(word);
        const test = action === undefined ? this.#parseTest(word) : undefined;
        if (action !== undefined) current.actions.push(action);
        else if (test !== undefined) current.tests.push(test);
        else return undefined;
      }
    }
    if (alternatives.every(({ actions }) => actions.length === 0)) {
      for (const { actions } of alternatives) actions.push({ kind: "print", end: "\n" });
    }
    return { alternatives };
  }

  #parseAction(word: string): Action | undefined {
    if (word === "-print") return { kind: "print", end: "\n" };
    if (word === "-print0") return { kind: "print", end: "\0" };
    if (word === "-delete") return { kind: "delete" };
    if (word !== "-exec") return undefined;
    const end = this.#words.findIndex(
      (one, index) => index >= this.#position && (one === ";" || one === "+"),
    );
    if (end < 0) return undefined;
    const words = this.#words.slice(this.#position, end);
    const together = this.#words[end] === "+";
    this.#position = end + 1;
    return { kind: "execute", words, together };
  }

  #parseTest(word: string): Predicate | undefined {
    if (word === "-empty") {
      return ({ entry }) =>
        entry.type === "file"
          ? entry.size === 0
          : entry.type === "directory" && this.#context.root.names(entry.path).length === 0;
    }
    const value = this.#words[this.#position++];
    if (value === undefined) return undefined;
    const { accounts } = this.#context;
    switch (word) {
      case "-type": {
        const types: Readonly<Record<string, TreeEntry["type"]>> = {
          f: "file",
          d: "directory",
          l: "symlink",
        };
        return ({ entry }) => entry.type === types[value];
      }
      case "-name":
      case "-path":
      case "-wholename": {
        const expression = compileShellPattern(toPatternChars(value), "text");
        if (expression === undefined) return undefined;
        return ({ entry, shown }) => expression.test(word === "-name" ? baseName(entry.path) : shown);
      }
      case "-maxdepth":
        return ({ depth }) => depth <= Number(value);
      case "-mindepth":
        return ({ depth }) => depth >= Number(value);
      case "-user":
      case "-uid": {
        const uid = accounts.userId(value);
        return uid === undefined ? undefined : ({ entry }) => entry.uid === uid;
      }
      case "-group":
      case "-gid": {
        const gid = accounts.groupId(value);
        return gid === undefined ? undefined : ({ entry }) => entry.gid === gid;
      }
      case "-perm":
        return parsePermissionTest(value);
    }
    return undefined;
  }
}

/** `0644` exactly, `-0644` all of these bits, `/0644` any of them. */
function parsePermissionTest(value: string): Predicate | undefined {
  const match = /^([-/]?)([0-7]{1,5})$/.exec(value);
  if (match === null) return undefined;
  const bits = Number.parseInt(match[2]!, 8);
  if (match[1] === "-") return ({ entry }) => (entry.mode & bits) === bits;
  if (match[1] === "/") return ({ entry }) => (entry.mode & bits) !== 0;
  return ({ entry }) => entry.mode === bits;
}
