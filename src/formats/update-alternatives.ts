// The arguments of update-alternatives → what they ask for. Specification: update-alternatives(1) of dpkg 1.22.

import type { ScriptText } from "./script-text.ts";

/** A link, the name of its group and what it leads to. */
export interface AlternativeLink {
  /** Absolute path of the generic name: `/usr/bin/editor`. */
  readonly link: string;
  /** `editor`. */
  readonly name: string;
  /** `/usr/bin/vim.tiny`. */
  readonly path: string;
}

export interface AlternativeChoice extends AlternativeLink {
  readonly priority: number;
  readonly slaves: readonly AlternativeLink[];
}

export type AlternativesCommand =
  | { readonly kind: "install"; readonly choice: AlternativeChoice }
  | { readonly kind: "set" | "remove"; readonly name: string; readonly path: string }
  | { readonly kind: "auto" | "list"; readonly name: string }
  /** A query or an action without effect on a fresh system. */
  | { readonly kind: "other" }
  | { readonly kind: "problem"; readonly problem: string };

/** Reads one command line. */
export function parseAlternativesCommand(args: readonly ScriptText[]): AlternativesCommand {
  const words = args.map((arg) => arg.text);
  const action = words.findIndex((word) => /^--(?:install|set|remove|auto|list)$/.test(word));
  if (action < 0) return { kind: "other" };
  const name = words[action + 1] ?? "";
  if (words[action] === "--install") return parseInstall(args, action);
  const operands = words[action] === "--set" || words[action] === "--remove" ? 2 : 1;
  const unknown = args.slice(action, action + operands + 1).find((arg) => !arg.known);
  if (unknown !== undefined) return problem(`${unknown.text} is not known`);
  switch (words[action]) {
    case "--set":
      return { kind: "set", name, path: words[action + 2] ?? "" };
    case "--remove":
      return { kind: "remove", name, path: words[action + 2] ?? "" };
    case "--auto":
      return { kind: "auto", name };
    default:
      return { kind: "list", name };
  }
}

function problem(text: string): AlternativesCommand {
  return { kind: "problem", problem: text };
}

function parseInstall(args: readonly ScriptText[], action: number): AlternativesCommand {
  const master = args.slice(action + 1, action + 5);
  const unknown = master.find((arg) => !arg.known);
  if (unknown !== undefined) return problem(`${unknown.text} is not known`);
  const [link, name, path, priority] = master.map((arg) => arg.text);
  if (priority === undefined || !/^-?\d+$/.test(priority))
    return problem(`"${priority ?? ""}" is no priority`);
  const main = toLink(link!, name!, path!);
  if (main === undefined) return problem(`${link} ${name} ${path} is no alternative`);
  const slaves: AlternativeLink[] = [];
  for (let i = action + 5; i < args.length; i++) {
    if (args[i]!.text !== "--slave") continue;
    const slave = args.slice(i + 1, i + 4);
    const one = slave.length === 3 && slave.every((arg) => arg.known) ? toLink(...texts(slave)) : undefined;
    // A slave that is not known does not keep the others from being linked.
    if (one !== undefined) slaves.push(one);
    i += 3;
  }
  return { kind: "install", choice: { ...main, priority: Number(priority), slaves } };
}

function texts(args: readonly ScriptText[]): [string, string, string] {
  return [args[0]!.text, args[1]!.text, args[2]!.text];
}

function toLink(link: string, name: string, path: string): AlternativeLink | undefined {
  if (!link.startsWith("/") || !path.startsWith("/") || name === "" || /[/\s]/.test(name)) return undefined;
  return { link, name, path };
}
