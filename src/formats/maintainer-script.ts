// Reads a maintainer script statically: follows it as the shell would on a fresh installation, with values that
// may be unknown, and hands every command to a world that says what it means. Nothing is executed.
// Specification: Debian Policy chapter 6 (arguments and environment), POSIX.1-2017 Shell Command Language.

import { compileShellPattern } from "./posix-pattern.ts";
import type { ScriptText } from "./script-text.ts";
import { joinTexts, known } from "./script-text.ts";
import type { Command, Redirection, SimpleCommand, Statement, Word } from "./shell.ts";
import { parseShell } from "./shell.ts";
import { Expander, ScriptTooLong } from "./shell-expansion.ts";
import { evaluateTest } from "./shell-test.ts";
import { isTextFilter, runTextFilter } from "./text-filters.ts";

export type { ScriptText } from "./script-text.ts";

/** One command that a script reaches, its words expanded. */
export interface ScriptCommand {
  readonly name: string;
  readonly args: readonly ScriptText[];
  /** Line of the script, from 1. */
  readonly line: number;
  /** False when it depends on something unknown whether the script gets here. */
  readonly certain: boolean;
  /** Standard input when it comes from the script; undefined when it is not known. */
  readonly input: string | undefined;
  /** The working directory, absolute. */
  readonly directory: string;
  /** The permission bits that new files do not get. */
  readonly umask: number;
  /** True when the script only wants to know: the output becomes part of a word, or the status decides an `if`. */
  readonly asked: boolean;
}

export interface CommandOutcome {
  /** Exit status; undefined when it is not known. */
  readonly status: number | undefined;
  /** Standard output; undefined when it is not known. */
  readonly output: string | undefined;
  /** Variables that the command sets, as shell functions of debconf do. */
  readonly variables?: Readonly<Record<string, ScriptText>>;
}

export interface ScriptFileStatus {
  readonly type: "file" | "directory" | "symlink";
  readonly mode: number;
  /** Bytes. */
  readonly size: number;
}

/** How a redirection writes. */
export interface ScriptWrite {
  readonly append: boolean;
  /** Line of the script, from 1. */
  readonly line: number;
  readonly certain: boolean;
  /** The permission bits that a new file does not get. */
  readonly umask: number;
}

/** What a script finds around it. Paths are absolute byte strings. */
export interface ScriptWorld {
  /** Undefined: there is nothing; `unknown`: only a running system can say. */
  status(path: string, follow: boolean): ScriptFileStatus | "unknown" | undefined;
  /** Undefined: there is no such file; null: its content is not known. */
  readFile(path: string): string | null | undefined;
  /** The names in a directory, sorted. */
  listDirectory(path: string): readonly string[];
  /** A redirection; `text` is undefined when it is not known. */
  writeFile(path: string, text: string | undefined, how: ScriptWrite): void;
  /** Whether a program of this name can be run. */
  hasCommand(name: string): boolean;
  run(command: ScriptCommand): CommandOutcome;
  /** Something of the script that cannot be followed. */
  skip(line: number, reason: string): void;
}

export interface ScriptOptions {
  /** `$0`. */
  readonly name: string;
  /** `$1`…: `configure` and the old version, which is empty on a fresh installation. */
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** More commands than this are not followed: the script may loop for ever. */
const MOST_STEPS = 20_000;
const DEEPEST_CALL = 40;

/** What a command returns that did what it was asked, and printed nothing. */
export const SUCCESS: CommandOutcome = { status: 0, output: "" };
export const FAILURE: CommandOutcome = { status: 1, output: "" };
/** What a command returns whose effect only a running system knows. */
export const UNKNOWN: CommandOutcome = { status: undefined, output: undefined };

/**
 * Follows a script from its first to its last line.
 *
 * A condition that is not known makes both ways be followed, with commands marked as not certain; an `exit` on such
 * a way ends only that way. A `case` over an unknown value is skipped and reported.
 */
export function followScript(text: string, options: ScriptOptions, world: ScriptWorld): void {
  const script = parseShell(text);
  if ("problem" in script) {
    world.skip(script.line, `the script cannot be parsed: ${script.problem}`);
    return;
  }
  const follower = new Follower(options, world);
  follower.followAll(script.statements);
}

type Flow =
  | { readonly kind: "exit" }
  | { readonly kind: "return" }
  | { readonly kind: "break" | "continue"; readonly levels: number }
  | undefined;

interface Sink {
  text: string;
  known: boolean;
  readonly uncertainty: number;
}

interface Input {
  readonly text: string | undefined;
  position: number;
}

interface ShellFunction {
  readonly body: Command;
  /** Defined in a file that the script reads in. */
  readonly sourced: boolean;
}

const NO_INPUT: Input = { text: "", position: 0 };

class Follower {
  readonly #world: ScriptWorld;
  readonly #name: string;
  readonly #expander: Expander;
  #variables: Map<string, ScriptText>;
  #functions = new Map<string, ShellFunction>();
  #positional: readonly ScriptText[];
  #locals: Map<string, ScriptText | undefined>[] = [];
  #status: number | undefined = 0;
  #sink: Sink = { text: "", known: true, uncertainty: 0 };
  #input: Input = NO_INPUT;
  #directory = "/";
  #umask = 0o022;
  #uncertainty = 0;
  #asking = 0;
  #steps = 0;
  #calls = 0;
  #sourcing = 0;
  #line = 1;

  constructor(options: ScriptOptions, world: ScriptWorld) {
    this.#world = world;
    this.#name = options.name;
    this.#positional = options.args.map(known);
    const positional = () => this.#positional;
    this.#expander = new Expander({
      get positional() {
        return positional();
      },
      parameter: (name) => this.#parameter(name),
      assign: (name, value) => this.#setVariable(name, value),
      substitute: (script) => this.#substitute(script),
      exists: (path) => this.#world.status(this.#absolute(path), false) !== undefined,
      listDirectory: (path) => this.#world.listDirectory(this.#absolute(path).replace(/(.)\/$/, "$1")),
    });
    this.#variables = new Map(Object.entries(options.environment).map(([name, text]) => [name, known(text)]));
  }

  followAll(statements: readonly Statement[]): void {
    try {
      this.#follow(statements);
    } catch (error) {
      if (!(error instanceof ScriptTooLong)) throw error;
      this.#world.skip(this.#line, error.message);
    }
  }

  // Control flow

  #follow(statements: readonly Statement[]): Flow {
    for (const statement of statements) {
      const flow = this.#followStatement(statement);
      if (flow !== undefined) return flow;
    }
    return undefined;
  }

  #followStatement(statement: Statement): Flow {
    return this.#followAndOr(statement.pipelines, 0);
  }

  #followAndOr(pipelines: Statement["pipelines"], from: number): Flow {
    for (let i = from; i < pipelines.length; i++) {
      const { operator, pipeline } = pipelines[i]!;
      if (i > from && operator !== "") {
        const wanted = operator === "&&";
        if (this.#status === undefined) {
          const flow = this.#fork([() => this.#followPipeline(pipeline), () => undefined]);
          this.#status = undefined;
          if (flow !== undefined) return flow;
          continue;
        }
        if ((this.#status === 0) !== wanted) continue;
      }
      const flow = this.#followPipeline(pipeline);
      if (flow !== undefined) return flow;
    }
    return undefined;
  }

  #followPipeline(pipeline: Statement["pipelines"][number]["pipeline"]): Flow {
    const { commands } = pipeline;
    let flow: Flow;
    if (commands.length === 1) flow = this.#followCommand(commands[0]!);
    else {
      let input = this.#input;
      for (const [index, command] of commands.entries()) {
        const stdin = input;
        if (index === commands.length - 1)
          this.#isolated(() => this.#withInput(stdin, () => this.#followCommand(command)));
        else {
          const output = this.#capture(() =>
            this.#isolated(() => this.#withInput(stdin, () => this.#followCommand(command))),
          );
          input = { text: output.known ? output.text : undefined, position: 0 };
        }
      }
    }
    if (pipeline.negated && this.#status !== undefined) this.#status = this.#status === 0 ? 1 : 0;
    return flow;
  }

  /** Follows several ways of which only one is taken; what they agree on stays known. */
  #fork(ways: readonly (() => Flow)[]): Flow {
    const before = this.#variables;
    const ends: Map<string, ScriptText>[] = [];
    let lastFlow: Flow;
    this.#uncertainty++;
    for (const way of ways) {
      this.#variables = new Map(before);
      const flow = way();
      if (flow === undefined) ends.push(this.#variables);
      else lastFlow = flow;
    }
    this.#uncertainty--;
    this.#variables = ends.length === 0 ? before : mergeVariables(ends);
    return ends.length === 0 ? lastFlow : undefined;
  }

  #followCommand(command: Command): Flow {
    this.#line = command.line;
    if (++this.#steps > MOST_STEPS) throw new ScriptTooLong(`the script takes more than ${MOST_STEPS} steps`);
    if (command.kind === "simple") return this.#followSimple(command);
    if (command.kind === "function") {
      this.#functions.set(command.name, { body: command.body, sourced: this.#sourcing > 0 });
      this.#status = 0;
      return undefined;
    }
    return this.#redirected(command.redirections, command.line, () => this.#followCompound(command));
  }

  #followCompound(command: Exclude<Command, { kind: "simple" | "function" }>): Flow {
    switch (command.kind) {
      case "if":
        return this.#followIf(command.branches, 0, command.otherwise);
      case "loop":
        return this.#followLoop(command);
      case "for":
        return this.#followFor(command);
      case "case":
        return this.#followCase(command);
      case "group":
        if (!command.subshell) return this.#follow(command.body);
        this.#isolated(() => this.#follow(command.body));
        return undefined;
    }
  }

  #followIf(
    branches: readonly { readonly condition: readonly Statement[]; readonly body: readonly Statement[] }[],
    index: number,
    otherwise: readonly Statement[],
  ): Flow {
    const branch = branches[index];
    if (branch === undefined) {
      this.#status = 0;
      return this.#follow(otherwise);
    }
    const flow = this.#ask(() => this.#follow(branch.condition));
    if (flow !== undefined) return flow;
    if (this.#status === 0) return this.#follow(branch.body);
    if (this.#status !== undefined) return this.#followIf(branches, index + 1, otherwise);
    const forked = this.#fork([
      () => this.#follow(branch.body),
      () => this.#followIf(branches, index + 1, otherwise),
    ]);
    this.#status = undefined;
    return forked;
  }

  #followLoop(loop: Extract<Command, { kind: "loop" }>): Flow {
    for (;;) {
      const flow = this.#follow(loop.condition);
      if (flow !== undefined) return flow;
      if (this.#status === undefined) {
        const forked = this.#fork([() => endLoop(this.#follow(loop.body)).flow, () => undefined]);
        this.#status = undefined;
        return forked;
      }
      if ((this.#status === 0) === loop.until) break;
      const end = endLoop(this.#follow(loop.body));
      if (end.stop) return end.flow;
    }
    this.#status = 0;
    return undefined;
  }

  #followFor(loop: Extract<Command, { kind: "for" }>): Flow {
    const values = loop.words === undefined ? this.#positional : this.#expander.toFields(loop.words);
    this.#status = 0;
    for (const value of values) {
      this.#setVariable(loop.name, value);
      const body = () => endLoop(this.#follow(loop.body));
      if (value.known) {
        const end = body();
        if (end.stop) return end.flow;
      } else {
        const flow = this.#fork([() => body().flow, () => undefined]);
        if (flow !== undefined) return flow;
      }
    }
    return undefined;
  }

  #followCase(command: Extract<Command, { kind: "case" }>): Flow {
    const subject = this.#expander.toText(command.subject);
    this.#status = 0;
    if (!subject.known) {
      if (command.items.some((item) => item.body.length > 0)) {
        this.#world.skip(command.line, `a case depends on ${subject.text}, which is not known`);
      }
      this.#status = undefined;
      return undefined;
    }
    for (const item of command.items) {
      for (const pattern of item.patterns) {
        const chars = this.#expander.toPattern(pattern);
        if (chars === undefined) continue;
        if (compileShellPattern(chars, "text")?.test(subject.text)) return this.#follow(item.body);
      }
    }
    return undefined;
  }

  /** As in a subshell: what happens to variables and the directory stays inside; `exit` leaves only it. */
  #isolated(action: () => unknown): void {
    const saved = {
      variables: this.#variables,
      functions: this.#functions,
      positional: this.#positional,
      directory: this.#directory,
      umask: this.#umask,
    };
    this.#variables = new Map(saved.variables);
    this.#functions = new Map(saved.functions);
    action();
    this.#variables = saved.variables;
    this.#functions = saved.functions;
    this.#positional = saved.positional;
    this.#directory = saved.directory;
    this.#umask = saved.umask;
  }

  #withInput<T>(input: Input, action: () => T): T {
    const saved = this.#input;
    this.#input = input;
    const result = action();
    this.#input = saved;
    return result;
  }

  #ask<T>(action: () => T): T {
    this.#asking++;
    const result = action();
    this.#asking--;
    return result;
  }

  #capture(action: () => unknown): Sink {
    const saved = this.#sink;
    const sink: Sink = { text: "", known: true, uncertainty: this.#uncertainty };
    this.#sink = sink;
    action();
    this.#sink = saved;
    return sink;
  }

  #emit(output: string | undefined): void {
    if (output === "") return;
    if (output === undefined || this.#uncertainty > this.#sink.uncertainty) this.#sink.known = false;
    else if (this.#sink.text.length < 1 << 20) this.#sink.text += output;
  }

  // Redirections

  #redirected(redirections: readonly Redirection[], line: number, action: () => Flow): Flow {
    let input = this.#input;
    let output: { path: ScriptText; append: boolean } | "dropped" | undefined;
    for (const { operator, descriptor, target } of redirections) {
      if (operator === "<<" || operator === "<<<") {
        const text = this.#expander.toText(target);
        const tail = operator === "<<<" ? "\n" : "";
        if (descriptor === 0) input = { text: text.known ? text.text + tail : undefined, position: 0 };
      } else if (operator === "<" && descriptor === 0) input = this.#openInput(target);
      else if (descriptor === 1 || operator.startsWith("&")) {
        if (operator === ">&") output = "dropped";
        else if (operator.includes(">")) {
          const path = this.#expander.toText(target);
          const dropped = path.known && /^\/dev\/(?:null|stderr|tty|console|fd\/\d+)$/.test(path.text);
          output = dropped ? "dropped" : { path, append: operator.endsWith(">>") };
        }
      }
    }
    if (output === undefined) return this.#withInput(input, action);
    let flow: Flow;
    const sink = this.#capture(() => {
      flow = this.#withInput(input, action);
    });
    if (output !== "dropped") this.#write(output.path, sink, output.append, line);
    return flow;
  }

  #openInput(target: Word): Input {
    const path = this.#expander.toText(target);
    if (!path.known) return { text: undefined, position: 0 };
    if (path.text === "/dev/null") return { text: "", position: 0 };
    return { text: this.#world.readFile(this.#absolute(path.text)) ?? undefined, position: 0 };
  }

  #write(path: ScriptText, sink: Sink, append: boolean, line: number): void {
    if (!path.known) {
      this.#world.skip(line, `output goes to ${path.text}, which is not known`);
      return;
    }
    this.#world.writeFile(this.#absolute(path.text), sink.known ? sink.text : undefined, {
      append,
      line,
      certain: this.#uncertainty === 0,
      umask: this.#umask,
    });
  }

  #absolute(path: string): string {
    return path.startsWith("/") ? path : `${this.#directory === "/" ? "" : this.#directory}/${path}`;
  }

  // Simple commands

  #followSimple(command: SimpleCommand): Flow {
    if (command.words.length === 0) {
      for (const { name, value } of command.assignments)
        this.#setVariable(name, this.#expander.toText(value));
      // The status of an assignment is that of the command whose output it takes.
      const asks = command.assignments.some(({ value }) => value.some((part) => part.kind === "command"));
      if (!asks) this.#status = 0;
      if (command.redirections.length === 0) return undefined;
      return this.#redirected(command.redirections, command.line, () => undefined);
    }
    return this.#redirected(command.redirections, command.line, () => {
      const fields = this.#expander.toFields(command.words);
      const saved = new Map<string, ScriptText | undefined>();
      for (const { name, value } of command.assignments) {
        saved.set(name, this.#variables.get(name));
        this.#variables.set(name, this.#expander.toText(value));
      }
      const flow = this.#runFields(fields, command.line, true);
      for (const [name, value] of saved) this.#restore(name, value);
      return flow;
    });
  }

  #restore(name: string, value: ScriptText | undefined): void {
    if (value === undefined) this.#variables.delete(name);
    else this.#variables.set(name, value);
  }

  #runFields(fields: readonly ScriptText[], line: number, functions: boolean): Flow {
    const [first, ...args] = fields;
    if (first === undefined) {
      this.#status = 0;
      return undefined;
    }
    if (!first.known) {
      this.#world.skip(line, `the command ${first.text} is not known`);
      this.#finish(UNKNOWN);
      return undefined;
    }
    const name = first.text;
    const own = functions ? this.#functions.get(name) : undefined;
    if (own !== undefined && !own.sourced) return this.#call(own, args);
    const builtin = this.#runBuiltin(name, args, line);
    if (builtin !== undefined) return builtin === "done" ? undefined : builtin;
    if (own !== undefined && !this.#world.hasCommand(name)) return this.#call(own, args);
    this.#finish(this.#runFilter(name, args) ?? this.#runInWorld(name, args, line));
    return undefined;
  }

  #runInWorld(name: string, args: readonly ScriptText[], line: number): CommandOutcome {
    return this.#world.run({
      name,
      args,
      line,
      certain: this.#uncertainty === 0,
      input: this.#input.text?.slice(this.#input.position),
      directory: this.#directory,
      umask: this.#umask,
      asked: this.#asking > 0,
    });
  }

  #finish(outcome: CommandOutcome): void {
    for (const [name, value] of Object.entries(outcome.variables ?? {})) this.#setVariable(name, value);
    this.#emit(outcome.output);
    this.#status = outcome.status;
  }

  #runFilter(name: string, args: readonly ScriptText[]): CommandOutcome | undefined {
    const base = name.replace(/^\/(?:usr\/)?bin\//, "");
    if (!isTextFilter(base)) return undefined;
    if (!args.every((arg) => arg.known))
      return base === "sed"
        ? undefined
        : { status: base.includes("grep") ? undefined : 0, output: undefined };
    return runTextFilter(
      base,
      args.map((arg) => arg.text),
      {
        input: this.#input.text?.slice(this.#input.position),
        readFile: (path) => this.#world.readFile(this.#absolute(path)),
      },
    );
  }

  #call(own: ShellFunction, args: readonly ScriptText[]): Flow {
    if (this.#calls >= DEEPEST_CALL) throw new ScriptTooLong("functions call each other too deeply");
    const positional = this.#positional;
    this.#positional = args;
    this.#locals.push(new Map());
    this.#calls++;
    this.#status = 0;
    const flow = this.#followCommand(own.body);
    this.#calls--;
    for (const [name, value] of this.#locals.pop()!) this.#restore(name, value);
    this.#positional = positional;
    return flow?.kind === "exit" ? flow : undefined;
  }

  /** `done` when the builtin leaves the flow alone; undefined when `name` is no builtin. */
  #runBuiltin(name: string, args: readonly ScriptText[], line: number): Flow | "done" {
    const text = args.map((arg) => arg.text);
    const finish = (outcome: CommandOutcome): "done" => {
      this.#finish(outcome);
      return "done";
    };
    switch (name) {
      case ":":
      case "true":
      case "trap":
      case "wait":
      case "hash":
      case "ulimit":
        return finish(SUCCESS);
      case "umask":
        return finish(this.#setUmask(args[0]));
      case "false":
        return finish(FAILURE);
      case "test":
      case "[":
      case "[[":
        return finish(this.#test(name, args));
      case "exit":
      case "return":
        if (args[0] !== undefined) this.#status = toStatus(args[0]);
        return { kind: name };
      case "break":
      case "continue":
        return { kind: name, levels: Math.max(1, Number(text[0] ?? 1) || 1) };
      case "shift":
        this.#positional = this.#positional.slice(Number(text[0] ?? 1) || 0);
        return finish(SUCCESS);
      case "set":
        return finish(this.#set(args));
      case "export":
      case "readonly":
      case "local":
      case "declare":
      case "typeset":
        return finish(this.#declare(name, args));
      case "unset":
        for (const one of text) this.#variables.delete(one);
        return finish(SUCCESS);
      case "read":
        return finish(this.#read(args));
      case "cd":
        if (args[0]?.known === true) this.#directory = this.#absolute(text[0]!);
        return finish(SUCCESS);
      case "pwd":
        return finish({ status: 0, output: `${this.#directory}\n` });
      case "eval":
        return this.#followText(joinTexts(args), line, "eval") ?? "done";
      case ".":
      case "source":
        return this.#source(args[0], line) ?? "done";
      case "exec":
        if (args.length === 0) return finish(SUCCESS);
        return this.#runFields(args, line, true) ?? { kind: "exit" };
      case "env":
      case "nice":
      case "time":
      case "builtin":
      case "sudo":
        return this.#runFields(dropPrefix(args), line, true) ?? "done";
      case "command":
      case "which":
      case "type":
        return this.#find(name, args, line);
    }
    return undefined;
  }

  #find(name: string, args: readonly ScriptText[], line: number): Flow | "done" {
    const operands = args.filter((arg) => !arg.text.startsWith("-"));
    const asks = name !== "command" || args.some((arg) => /^-[vV]/.test(arg.text));
    if (!asks)
      return this.#runFields(operands.length === args.length ? args : args.slice(1), line, false) ?? "done";
    const wanted = operands[0];
    if (wanted === undefined || !wanted.known) this.#finish(wanted === undefined ? FAILURE : UNKNOWN);
    else if (wanted.text.startsWith("/"))
      this.#finish(this.#test("test", [known("-x"), wanted], `${wanted.text}\n`));
    else {
      const here =
        this.#functions.has(wanted.text) || isTextFilter(wanted.text) || this.#world.hasCommand(wanted.text);
      this.#finish(here ? { status: 0, output: `/usr/bin/${wanted.text}\n` } : FAILURE);
    }
    return "done";
  }

  #test(name: string, args: readonly ScriptText[], output = ""): CommandOutcome {
    const operands = name === "[" || name === "[[" ? args.slice(0, -1) : args;
    const result = evaluateTest(operands, name === "[[", (path, follow) =>
      this.#world.status(this.#absolute(path), follow),
    );
    return result === undefined ? { status: undefined, output: "" } : { status: result ? 0 : 1, output };
  }

  #setUmask(mask: ScriptText | undefined): CommandOutcome {
    if (mask === undefined) return { status: 0, output: `${this.#umask.toString(8).padStart(4, "0")}\n` };
    if (mask.known && /^[0-7]{1,4}$/.test(mask.text)) this.#umask = Number.parseInt(mask.text, 8) & 0o777;
    return SUCCESS;
  }

  #set(args: readonly ScriptText[]): CommandOutcome {
    const start = args.findIndex((arg) => arg.text === "--");
    if (start >= 0) this.#positional = args.slice(start + 1);
    else if (args.length > 0 && !/^[-+]/.test(args[0]!.text)) this.#positional = args;
    return SUCCESS;
  }

  #declare(kind: string, args: readonly ScriptText[]): CommandOutcome {
    for (const arg of args) {
      const match = /^([A-Za-z_]\w*)(=?)/.exec(arg.text);
      if (match === null) continue;
      const name = match[1]!;
      if (kind === "local") {
        const locals = this.#locals.at(-1);
        if (locals !== undefined && !locals.has(name)) locals.set(name, this.#variables.get(name));
        if (match[2] === "") this.#variables.delete(name);
      }
      if (match[2] !== "") this.#setVariable(name, { ...arg, text: arg.text.slice(match[0].length) });
    }
    return SUCCESS;
  }

  #read(args: readonly ScriptText[]): CommandOutcome {
    const names = args.filter((arg) => /^[A-Za-z_]\w*$/.test(arg.text)).map((arg) => arg.text);
    if (this.#input.text === undefined) {
      for (const name of names) this.#setVariable(name, { text: `\${${name}}`, known: false });
      return { status: undefined, output: "" };
    }
    const rest = this.#input.text.slice(this.#input.position);
    const end = rest.indexOf("\n");
    const line = end < 0 ? rest : rest.slice(0, end);
    this.#input.position += end < 0 ? rest.length : end + 1;
    const words = line.trim();
    let remaining = words;
    for (const [index, name] of names.entries()) {
      const split = index === names.length - 1 ? null : /^(\S+)\s+([\s\S]*)$/.exec(remaining);
      this.#setVariable(name, known(split === null ? remaining : split[1]!));
      remaining = split === null ? "" : split[2]!;
    }
    return end < 0 ? FAILURE : SUCCESS;
  }

  #source(path: ScriptText | undefined, line: number): Flow {
    this.#status = 0;
    if (path === undefined || !path.known || this.#sourcing >= 8) return undefined;
    const text = this.#world.readFile(this.#absolute(path.text));
    if (text === undefined || text === null) return undefined;
    this.#sourcing++;
    const flow = this.#followText(known(text), line, path.text);
    this.#sourcing--;
    return flow?.kind === "return" ? undefined : flow;
  }

  #followText(text: ScriptText, line: number, what: string): Flow {
    this.#status = undefined;
    const script = text.known ? parseShell(text.text) : undefined;
    if (script === undefined || "problem" in script) {
      this.#world.skip(
        line,
        `${what}: ${script === undefined ? `${text.text} is not known` : script.problem}`,
      );
      return undefined;
    }
    return this.#follow(script.statements);
  }

  // Values

  #substitute(script: readonly Statement[]): ScriptText {
    const sink = this.#capture(() => this.#ask(() => this.#isolated(() => this.#follow(script))));
    return sink.known ? known(sink.text.replace(/\n+$/, "")) : { text: "$(...)", known: false };
  }

  #setVariable(name: string, value: ScriptText): void {
    this.#variables.set(name, value);
  }

  #parameter(name: string): ScriptText | undefined {
    if (/^\d+$/.test(name)) return name === "0" ? known(this.#name) : this.#positional[Number(name) - 1];
    switch (name) {
      case "@":
      case "*":
        return joinTexts(this.#positional);
      case "#":
        return known(String(this.#positional.length));
      case "?":
        return this.#status === undefined ? { text: "$?", known: false } : known(String(this.#status));
      case "$":
        return known("1");
      case "-":
        return known("");
      case "!":
        return { text: "$!", known: false };
    }
    return this.#variables.get(name);
  }
}

function toStatus(text: ScriptText): number | undefined {
  return text.known && /^\d+$/.test(text.text) ? Number(text.text) : undefined;
}

/** `env A=b -i command` → the command. */
function dropPrefix(args: readonly ScriptText[]): readonly ScriptText[] {
  const start = args.findIndex((arg) => !/^(?:-\S*|[A-Za-z_]\w*=.*|\d+)$/s.test(arg.text));
  return start < 0 ? [] : args.slice(start);
}

function endLoop(flow: Flow): { stop: boolean; flow: Flow } {
  if (flow === undefined) return { stop: false, flow: undefined };
  if (flow.kind === "exit" || flow.kind === "return") return { stop: true, flow };
  if (flow.levels > 1) return { stop: true, flow: { kind: flow.kind, levels: flow.levels - 1 } };
  return { stop: flow.kind === "break", flow: undefined };
}

/** What several ways leave in variables. A value that only one of them knows is taken: defaults are set like that. */
function mergeVariables(ends: readonly Map<string, ScriptText>[]): Map<string, ScriptText> {
  const merged = new Map<string, ScriptText>();
  for (const name of new Set(ends.flatMap((end) => [...end.keys()]))) {
    const values = ends.map((end) => end.get(name) ?? known(""));
    const texts = new Set(values.filter((value) => value.known).map((value) => value.text));
    const [only] = texts;
    merged.set(name, texts.size === 1 ? known(only!) : { text: `\${${name}}`, known: false });
  }
  return merged;
}
