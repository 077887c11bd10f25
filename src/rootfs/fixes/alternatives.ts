// Emulates update-alternatives in automatic mode: the choice of highest priority that is in the image gets the links.
// Specification: update-alternatives(1).

import type { CommandOutcome } from "../../formats/maintainer-script.ts";
import { FAILURE, SUCCESS, UNKNOWN } from "../../formats/maintainer-script.ts";
import type { AlternativeChoice } from "../../formats/update-alternatives.ts";
import { parseAlternativesCommand } from "../../formats/update-alternatives.ts";
import type { BytePath } from "../../model/bytes.ts";
import { decodeByteString, joinPath } from "../../model/bytes.ts";
import type { Fix, FixContext, ScriptCall } from "../fix.ts";

/** Where the middle links are. */
const DIRECTORY = "etc/alternatives" as BytePath;

interface Group {
  readonly choices: { readonly choice: AlternativeChoice; readonly because: string }[];
  /** The path that `--set` named. */
  chosen: string | undefined;
  /** Links that this group made. */
  readonly links: Map<BytePath, string>;
}

export const fix: Fix = {
  after: [],
  create: (context) => {
    const alternatives = new Alternatives(context);
    return { commands: { "update-alternatives": (call) => alternatives.run(call) } };
  },
};

class Alternatives {
  readonly #context: FixContext;
  readonly #groups = new Map<string, Group>();

  constructor(context: FixContext) {
    this.#context = context;
  }

  run(call: ScriptCall): CommandOutcome {
    const command = parseAlternativesCommand(call.args);
    switch (command.kind) {
      case "problem":
        this.#context.report(
          "skip",
          `${call.name} at line ${call.line}: ${decodeByteString(command.problem)}`,
          {
            because: call.object.id,
          },
        );
        return UNKNOWN;
      case "install":
        this.#install(command.choice, call.object.id);
        return SUCCESS;
      case "set":
        return this.#set(command.name, command.path);
      case "auto":
        return this.#set(command.name, undefined);
      case "remove":
        return this.#remove(command.name, command.path, call);
      case "list":
        return this.#list(command.name);
      case "other":
        return SUCCESS;
    }
  }

  #install(choice: AlternativeChoice, because: string): void {
    let group = this.#groups.get(choice.name);
    if (group === undefined) {
      group = { choices: [], chosen: undefined, links: new Map() };
      this.#groups.set(choice.name, group);
    }
    const at = group.choices.findIndex((one) => one.choice.path === choice.path);
    if (at >= 0) group.choices[at] = { choice, because };
    else group.choices.push({ choice, because });
    if (!this.#context.root.has(choice.path)) {
      this.#context.report("skip", `${choice.name}: ${choice.path} is not in the image`, { because });
    }
    this.#relink(group);
  }

  #set(name: string, path: string | undefined): CommandOutcome {
    const group = this.#groups.get(name);
    if (group === undefined) return { status: 2, output: "" };
    group.chosen = path;
    this.#relink(group);
    return SUCCESS;
  }

  #remove(name: string, path: string, call: ScriptCall): CommandOutcome {
    const group = this.#groups.get(name);
    const at = group?.choices.findIndex((one) => one.choice.path === path) ?? -1;
    if (group === undefined || at < 0 || !call.certain) return SUCCESS;
    group.choices.splice(at, 1);
    this.#relink(group);
    return SUCCESS;
  }

  #list(name: string): CommandOutcome {
    const group = this.#groups.get(name);
    if (group === undefined) return FAILURE;
    return { status: 0, output: group.choices.map(({ choice }) => `${choice.path}\n`).join("") };
  }

  /** Links what the group's best choice says, and takes back what it linked before. */
  #relink(group: Group): void {
    const { root } = this.#context;
    const present = group.choices.filter(({ choice }) => root.has(choice.path));
    // Of equal priorities the one that was there first stays.
    const best =
      present.find(({ choice }) => choice.path === group.chosen) ??
      present.reduce<(typeof present)[number] | undefined>(
        (top, one) => (top === undefined || one.choice.priority > top.choice.priority ? one : top),
        undefined,
      );
    const wanted = new Map<BytePath, string>();
    if (best !== undefined) {
      for (const { link, name, path } of [best.choice, ...best.choice.slaves]) {
        const at = root.resolve(link, false);
        const target = root.find(path);
        if (at === undefined || target === undefined || !root.has(path) || root.isLeftOut(at)) continue;
        wanted.set(joinPath(DIRECTORY, name), path);
        wanted.set(at, `/${DIRECTORY}/${name}`);
      }
    }
    for (const [path, target] of group.links) {
      const entry = root.get(path);
      if (!wanted.has(path) && entry?.type === "symlink" && entry.target === target) root.remove(path);
    }
    group.links.clear();
    for (const [path, target] of wanted) this.#link(group, path, target, best!.because);
  }

  #link(group: Group, path: BytePath, target: string, because: string): void {
    const { root, report } = this.#context;
    const before = root.get(path);
    if (before !== undefined && before.type !== "symlink") {
      report("skip", `a file is in the place of the link to ${target}`, { path, because });
      return;
    }
    group.links.set(path, target);
    if (before?.target === target) return;
    root.makeLink(path, target);
    report("link", `to ${target}`, { path, because });
  }
}
