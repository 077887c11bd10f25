// POSIX shell text → syntax tree. Nothing is executed or expanded here.
// Specification: POSIX.1-2017, Shell Command Language, with `[[ … ]]`, `local`, `function` and `<<<` of other shells.

/** A piece of a word. `quoted` pieces are neither split into fields nor expanded as patterns. */
export type WordPart =
  | { readonly kind: "literal"; readonly text: string; readonly quoted: boolean }
  | {
      readonly kind: "parameter";
      readonly name: string;
      readonly quoted: boolean;
      /** Such as `:-`, `%%` or `#` (a prefix to take off); `length` for `${#name}`; absent for plain `$name`. */
      readonly operator?: string;
      readonly argument?: Word;
    }
  | { readonly kind: "command"; readonly script: readonly Statement[]; readonly quoted: boolean }
  /** An arithmetic expansion, as written. */
  | { readonly kind: "arithmetic"; readonly text: Word; readonly quoted: boolean };

export type Word = readonly WordPart[];

export interface Assignment {
  readonly name: string;
  readonly value: Word;
}

export interface Redirection {
  /** `<`, `>`, `>>`, `>|`, `<>`, `<&`, `>&`, `&>`, `<<` (here-document) or `<<<`. */
  readonly operator: string;
  /** The file descriptor before the operator; 0 or 1 when none is written. */
  readonly descriptor: number;
  /** The file name, or the text of a here-document. */
  readonly target: Word;
}

export interface SimpleCommand {
  readonly kind: "simple";
  readonly assignments: readonly Assignment[];
  readonly words: readonly Word[];
  readonly redirections: readonly Redirection[];
  /** First line, counted from 1. */
  readonly line: number;
}

export interface CaseItem {
  readonly patterns: readonly Word[];
  readonly body: readonly Statement[];
}

export type CompoundCommand =
  | {
      readonly kind: "if";
      readonly branches: readonly {
        readonly condition: readonly Statement[];
        readonly body: readonly Statement[];
      }[];
      readonly otherwise: readonly Statement[];
    }
  | {
      readonly kind: "loop";
      readonly until: boolean;
      readonly condition: readonly Statement[];
      readonly body: readonly Statement[];
    }
  | {
      readonly kind: "for";
      readonly name: string;
      /** Undefined: over the positional parameters. */
      readonly words: readonly Word[] | undefined;
      readonly body: readonly Statement[];
    }
  | { readonly kind: "case"; readonly subject: Word; readonly items: readonly CaseItem[] }
  | { readonly kind: "group"; readonly subshell: boolean; readonly body: readonly Statement[] };

export type Command =
  | SimpleCommand
  | (CompoundCommand & { readonly redirections: readonly Redirection[]; readonly line: number })
  | { readonly kind: "function"; readonly name: string; readonly body: Command; readonly line: number };

export interface Pipeline {
  readonly negated: boolean;
  readonly commands: readonly Command[];
}

/** Pipelines joined by `&&` and `||`; the first has no operator. */
export interface Statement {
  readonly pipelines: readonly { readonly operator: "" | "&&" | "||"; readonly pipeline: Pipeline }[];
  readonly background: boolean;
}

export interface ShellProblem {
  readonly problem: string;
  /** Counted from 1. */
  readonly line: number;
}

export type ShellScript = { readonly statements: readonly Statement[] } | ShellProblem;

/** Nesting beyond this is refused: a script could exhaust the stack. */
const DEEPEST = 100;
const LONGEST = 4 << 20;

class SyntaxProblem extends Error {
  readonly line: number;
  constructor(message: string, line: number) {
    super(message);
    this.line = line;
  }
}

/**
 * Parses a shell script.
 *
 * @param text The script as a byte string, any bytes.
 * @returns The statements, or what is wrong with the text and where; never throws.
 */
export function parseShell(text: string): ShellScript {
  if (text.length > LONGEST) return { problem: `the script is longer than ${LONGEST} bytes`, line: 1 };
  try {
    return { statements: new Parser(text).parseScript() };
  } catch (error) {
    if (error instanceof SyntaxProblem) return { problem: error.message, line: error.line };
    throw error;
  }
}

const OPERATORS = [
  "<<<",
  "<<-",
  "&>>",
  ";;&",
  ";;",
  ";&",
  "&&",
  "||",
  "<<",
  ">>",
  "<&",
  ">&",
  "<>",
  ">|",
  "&>",
  ";",
  "&",
  "|",
  "<",
  ">",
  "(",
  ")",
] as const;

const REDIRECTIONS = new Set(["<<<", "<<-", "<<", "<", ">", ">>", "<&", ">&", "<>", ">|", "&>", "&>>"]);
const CASE_ENDS = new Set([";;", ";&", ";;&"]);
const RESERVED = new Set([
  "if",
  "then",
  "else",
  "elif",
  "fi",
  "do",
  "done",
  "case",
  "esac",
  "while",
  "until",
  "for",
  "{",
  "}",
  "!",
  "in",
]);

type Token =
  | { readonly kind: "operator"; readonly text: string; readonly line: number }
  | { readonly kind: "newline"; readonly line: number }
  | { readonly kind: "end"; readonly line: number }
  | {
      readonly kind: "word";
      readonly word: Word;
      /** The text when the word is one unquoted literal. */
      readonly plain: string | undefined;
      /** True when a redirection operator follows without a space. */
      readonly touchesRedirection: boolean;
      readonly line: number;
    };

interface PendingHereDocument {
  readonly delimiter: string;
  readonly expand: boolean;
  readonly stripTabs: boolean;
  /** Gets its target when the text behind the line has been read. */
  readonly redirection: { operator: string; descriptor: number; target: Word };
}

class Parser {
  readonly #text: string;
  readonly #end: number;
  #position: number;
  #line: number;
  #depth: number;
  #token: Token | undefined;
  #hereDocuments: PendingHereDocument[] = [];

  constructor(text: string, position = 0, line = 1, depth = 0, end = text.length) {
    this.#text = text;
    this.#position = position;
    this.#line = line;
    this.#depth = depth;
    this.#end = end;
  }

  get position(): number {
    return this.#position;
  }

  get line(): number {
    return this.#line;
  }

  parseScript(): Statement[] {
    const statements = this.#parseList();
    const token = this.#peek();
    if (token.kind !== "end") this.#unexpected(token);
    return statements;
  }

  /** Parses up to the `)` that ends a command substitution; the position is then behind it. */
  parseSubstitution(): Statement[] {
    const statements = this.#parseList();
    const token = this.#peek();
    if (token.kind !== "operator" || token.text !== ")") this.#unexpected(token);
    return statements;
  }

  #fail(message: string, line = this.#line): never {
    throw new SyntaxProblem(message, line);
  }

  #unexpected(token: Token): never {
    const what =
      token.kind === "word"
        ? `"${token.plain ?? "a word"}"`
        : token.kind === "operator"
          ? `"${token.text}"`
          : `the ${token.kind === "end" ? "end of the script" : "end of a line"}`;
    this.#fail(`${what} is not expected here`, token.line);
  }

  #nested<T>(action: () => T): T {
    if (++this.#depth > DEEPEST) this.#fail("the script is nested too deeply");
    try {
      return action();
    } finally {
      this.#depth--;
    }
  }

  // Grammar

  #parseList(): Statement[] {
    const statements: Statement[] = [];
    for (;;) {
      this.#skipNewlines();
      if (!this.#startsCommand()) return statements;
      const statement = this.#parseAndOr();
      const token = this.#peek();
      const ends = token.kind === "operator" && (token.text === ";" || token.text === "&");
      if (ends) this.#next();
      statements.push({
        pipelines: statement,
        background: ends && token.kind === "operator" && token.text === "&",
      });
      if (!ends && token.kind !== "newline") return statements;
    }
  }

  #startsCommand(): boolean {
    const token = this.#peek();
    if (token.kind === "word") {
      return !["then", "else", "elif", "fi", "do", "done", "esac", "}"].includes(token.plain ?? "");
    }
    return token.kind === "operator" && (token.text === "(" || REDIRECTIONS.has(token.text));
  }

  #parseAndOr(): Statement["pipelines"] {
    const pipelines: { operator: "" | "&&" | "||"; pipeline: Pipeline }[] = [];
    let operator: "" | "&&" | "||" = "";
    for (;;) {
      pipelines.push({ operator, pipeline: this.#parsePipeline() });
      const token = this.#peek();
      if (token.kind !== "operator" || (token.text !== "&&" && token.text !== "||")) return pipelines;
      operator = token.text;
      this.#next();
      this.#skipNewlines();
    }
  }

  #parsePipeline(): Pipeline {
    let negated = false;
    while (this.#isReserved("!")) {
      this.#next();
      negated = !negated;
    }
    const commands: Command[] = [];
    for (;;) {
      commands.push(this.#nested(() => this.#parseCommand()));
      const token = this.#peek();
      if (token.kind !== "operator" || token.text !== "|") return { negated, commands };
      this.#next();
      this.#skipNewlines();
    }
  }

  #parseCommand(): Command {
    const token = this.#peek();
    if (token.kind === "operator" && token.text === "(") {
      this.#next();
      const body = this.#parseList();
      this.#expectOperator(")");
      return this.#withRedirections({ kind: "group", subshell: true, body }, token.line);
    }
    if (token.kind === "word") {
      switch (token.plain) {
        case "if":
          return this.#withRedirections(this.#parseIf(), token.line);
        case "while":
        case "until":
          return this.#withRedirections(this.#parseLoop(), token.line);
        case "for":
          return this.#withRedirections(this.#parseFor(), token.line);
        case "case":
          return this.#withRedirections(this.#parseCase(), token.line);
        case "{": {
          this.#next();
          const body = this.#parseList();
          this.#expectReserved("}");
          return this.#withRedirections({ kind: "group", subshell: false, body }, token.line);
        }
        case "function":
          return this.#parseFunctionKeyword(token.line);
        case "[[":
          return this.#parseConditional(token.line);
      }
    }
    return this.#parseSimple(token.line);
  }

  #withRedirections(command: CompoundCommand, line: number): Command {
    const redirections: Redirection[] = [];
    for (let one = this.#parseRedirection(); one !== undefined; one = this.#parseRedirection()) {
      redirections.push(one);
    }
    return { ...command, redirections, line };
  }

  #parseIf(): CompoundCommand {
    const branches: { condition: Statement[]; body: Statement[] }[] = [];
    this.#next();
    for (;;) {
      const condition = this.#parseList();
      this.#expectReserved("then");
      branches.push({ condition, body: this.#parseList() });
      if (!this.#isReserved("elif")) break;
      this.#next();
    }
    let otherwise: Statement[] = [];
    if (this.#isReserved("else")) {
      this.#next();
      otherwise = this.#parseList();
    }
    this.#expectReserved("fi");
    return { kind: "if", branches, otherwise };
  }

  #parseLoop(): CompoundCommand {
    const until = this.#isReserved("until");
    this.#next();
    const condition = this.#parseList();
    return { kind: "loop", until, condition, body: this.#parseDoGroup() };
  }

  #parseDoGroup(): Statement[] {
    this.#expectReserved("do");
    const body = this.#parseList();
    this.#expectReserved("done");
    return body;
  }

  #parseFor(): CompoundCommand {
    this.#next();
    const token = this.#next();
    if (token.kind !== "word" || token.plain === undefined || !isName(token.plain)) this.#unexpected(token);
    this.#skipNewlines();
    let words: Word[] | undefined;
    if (this.#isReserved("in")) {
      this.#next();
      words = [];
      for (let one = this.#peek(); one.kind === "word"; one = this.#peek()) {
        words.push(one.word);
        this.#next();
      }
    }
    const separator = this.#peek();
    if (separator.kind === "operator" && separator.text === ";") this.#next();
    this.#skipNewlines();
    return { kind: "for", name: token.plain, words, body: this.#parseDoGroup() };
  }

  #parseCase(): CompoundCommand {
    this.#next();
    const subject = this.#next();
    if (subject.kind !== "word") this.#unexpected(subject);
    this.#skipNewlines();
    this.#expectReserved("in");
    const items: CaseItem[] = [];
    for (;;) {
      this.#skipNewlines();
      if (this.#isReserved("esac")) break;
      items.push(this.#parseCaseItem());
    }
    this.#next();
    return { kind: "case", subject: subject.word, items };
  }

  #parseCaseItem(): CaseItem {
    let token = this.#next();
    if (token.kind === "operator" && token.text === "(") token = this.#next();
    const patterns: Word[] = [];
    for (;;) {
      if (token.kind !== "word") this.#unexpected(token);
      patterns.push(token.word);
      const after = this.#next();
      if (after.kind === "operator" && after.text === ")") break;
      if (after.kind !== "operator" || after.text !== "|") this.#unexpected(after);
      token = this.#next();
    }
    const body = this.#parseList();
    const end = this.#peek();
    if (end.kind === "operator" && CASE_ENDS.has(end.text)) this.#next();
    else if (!this.#isReserved("esac")) this.#unexpected(end);
    return { patterns, body };
  }

  #parseFunctionKeyword(line: number): Command {
    this.#next();
    const token = this.#next();
    if (token.kind !== "word" || token.plain === undefined) this.#unexpected(token);
    const open = this.#peek();
    if (open.kind === "operator" && open.text === "(") {
      this.#next();
      this.#expectOperator(")");
    }
    this.#skipNewlines();
    return { kind: "function", name: token.plain, body: this.#parseCommand(), line };
  }

  /** `[[ … ]]` as a simple command: inside it operators are words. */
  #parseConditional(line: number): Command {
    const words: Word[] = [];
    for (;;) {
      const token = this.#next();
      if (token.kind === "end") this.#unexpected(token);
      if (token.kind === "newline") continue;
      words.push(token.kind === "word" ? token.word : [{ kind: "literal", text: token.text, quoted: true }]);
      if (token.kind === "word" && token.plain === "]]") break;
    }
    return { kind: "simple", assignments: [], words, redirections: [], line };
  }

  #parseSimple(line: number): Command {
    const assignments: Assignment[] = [];
    const words: Word[] = [];
    const redirections: Redirection[] = [];
    for (;;) {
      const redirection = this.#parseRedirection();
      if (redirection !== undefined) {
        redirections.push(redirection);
        continue;
      }
      const token = this.#peek();
      if (token.kind !== "word") break;
      this.#next();
      const assignment = words.length === 0 ? splitAssignment(token.word) : undefined;
      if (assignment !== undefined) {
        assignments.push(assignment);
        const open = this.#peek();
        if (assignment.value.length === 0 && open.kind === "operator" && open.text === "(") {
          this.#fail("arrays are not read", open.line);
        }
        continue;
      }
      words.push(token.word);
      const open = this.#peek();
      if (words.length === 1 && open.kind === "operator" && open.text === "(" && assignments.length === 0) {
        this.#next();
        this.#expectOperator(")");
        this.#skipNewlines();
        if (token.plain === undefined) this.#unexpected(token);
        return {
          kind: "function",
          name: token.plain,
          body: this.#nested(() => this.#parseCommand()),
          line,
        };
      }
    }
    if (words.length === 0 && assignments.length === 0 && redirections.length === 0) {
      this.#unexpected(this.#peek());
    }
    return { kind: "simple", assignments, words, redirections, line };
  }

  #parseRedirection(): Redirection | undefined {
    let token = this.#peek();
    let descriptor: number | undefined;
    if (token.kind === "word") {
      if (!token.touchesRedirection || token.plain === undefined || !/^\d{1,3}$/.test(token.plain)) {
        return undefined;
      }
      descriptor = Number(token.plain);
      this.#next();
      token = this.#peek();
    }
    if (token.kind !== "operator" || !REDIRECTIONS.has(token.text)) return undefined;
    const operator = token.text;
    this.#next();
    const target = this.#next();
    if (target.kind !== "word") this.#unexpected(target);
    const standard = operator.startsWith("<") ? 0 : 1;
    if (operator !== "<<" && operator !== "<<-") {
      return { operator, descriptor: descriptor ?? standard, target: target.word };
    }
    const redirection = { operator: "<<", descriptor: descriptor ?? 0, target: [] };
    this.#hereDocuments.push({
      delimiter: target.word.map((part) => (part.kind === "literal" ? part.text : "")).join(""),
      expand: target.word.every((part) => !part.quoted),
      stripTabs: operator === "<<-",
      redirection,
    });
    return redirection;
  }

  #isReserved(text: string): boolean {
    const token = this.#peek();
    return token.kind === "word" && token.plain === text && RESERVED.has(text);
  }

  #expectReserved(text: string): void {
    if (!this.#isReserved(text)) this.#unexpected(this.#peek());
    this.#next();
  }

  #expectOperator(text: string): void {
    const token = this.#next();
    if (token.kind !== "operator" || token.text !== text) this.#unexpected(token);
  }

  #skipNewlines(): void {
    while (this.#peek().kind === "newline") this.#next();
  }

  // Tokens

  #peek(): Token {
    this.#token ??= this.#readToken();
    return this.#token;
  }

  #next(): Token {
    const token = this.#peek();
    this.#token = undefined;
    return token;
  }

  #readToken(): Token {
    this.#skipBlanks();
    const line = this.#line;
    if (this.#position >= this.#end) return { kind: "end", line };
    if (this.#text[this.#position] === "\n") {
      this.#position++;
      this.#line++;
      this.#readHereDocuments();
      return { kind: "newline", line };
    }
    const operator = OPERATORS.find((one) => this.#text.startsWith(one, this.#position));
    if (operator !== undefined) {
      this.#position += operator.length;
      return { kind: "operator", text: operator, line };
    }
    const word = this.#readWord(isWordEnd);
    const only = word.length === 1 ? word[0] : undefined;
    const next = this.#text[this.#position];
    return {
      kind: "word",
      word,
      plain: only?.kind === "literal" && !only.quoted ? only.text : undefined,
      touchesRedirection: next === "<" || next === ">",
      line,
    };
  }

  #skipBlanks(): void {
    for (; this.#position < this.#end; this.#position++) {
      const char = this.#text[this.#position];
      if (char === "\\" && this.#text[this.#position + 1] === "\n") {
        this.#position++;
        this.#line++;
      } else if (char === "#") {
        const end = this.#text.indexOf("\n", this.#position);
        this.#position = (end < 0 ? this.#end : Math.min(end, this.#end)) - 1;
      } else if (char !== " " && char !== "\t" && char !== "\r") {
        return;
      }
    }
  }

  #readHereDocuments(): void {
    for (const document of this.#hereDocuments.splice(0)) {
      let text = "";
      while (this.#position < this.#end) {
        const end = this.#text.indexOf("\n", this.#position);
        const stop = end < 0 ? this.#end : end;
        let line = this.#text.slice(this.#position, stop);
        this.#position = Math.min(stop + 1, this.#end);
        this.#line++;
        if (document.stripTabs) line = line.replace(/^\t+/, "");
        if (line === document.delimiter) break;
        text += `${line}\n`;
      }
      document.redirection.target = document.expand
        ? this.#nested(() => new Parser(text, 0, this.#line, this.#depth).readHereDocumentText())
        : [{ kind: "literal", text, quoted: true }];
    }
  }

  readHereDocumentText(): Word {
    return this.#readDoubleQuoted(() => false, true);
  }

  /** Reads pieces until `ends` says stop; quotes are taken off. */
  #readWord(ends: (char: string) => boolean): Word {
    const parts: WordPart[] = [];
    let literal = "";
    const flush = () => {
      if (literal !== "") parts.push({ kind: "literal", text: literal, quoted: false });
      literal = "";
    };
    while (this.#position < this.#end) {
      const char = this.#text[this.#position]!;
      if (ends(char)) break;
      if (char === "\\") {
        const next = this.#text[this.#position + 1];
        this.#position += 2;
        if (next === "\n") this.#line++;
        else if (next !== undefined) {
          flush();
          parts.push({ kind: "literal", text: next, quoted: true });
        }
      } else if (char === "'") {
        flush();
        parts.push({ kind: "literal", text: this.#readSingleQuoted(), quoted: true });
      } else if (char === '"') {
        flush();
        this.#position++;
        const inner = this.#readDoubleQuoted((one) => one === '"', false);
        if (this.#text[this.#position] !== '"') this.#fail('a " is not closed');
        this.#position++;
        if (inner.length === 0) parts.push({ kind: "literal", text: "", quoted: true });
        else parts.push(...inner);
      } else {
        const part = this.#readPlain(char, false);
        if (typeof part === "string") literal += part;
        else {
          flush();
          parts.push(part);
        }
      }
    }
    flush();
    return mergeLiterals(parts);
  }

  #readSingleQuoted(): string {
    const end = this.#text.indexOf("'", this.#position + 1);
    if (end < 0 || end >= this.#end) this.#fail("a ' is not closed");
    const text = this.#text.slice(this.#position + 1, end);
    this.#countLines(text);
    this.#position = end + 1;
    return text;
  }

  #countLines(text: string): void {
    for (let i = text.indexOf("\n"); i >= 0; i = text.indexOf("\n", i + 1)) this.#line++;
  }

  /** The inside of double quotes, or a here-document; the end is not consumed. */
  #readDoubleQuoted(ends: (char: string) => boolean, hereDocument: boolean): Word {
    const parts: WordPart[] = [];
    let literal = "";
    const flush = () => {
      if (literal !== "") parts.push({ kind: "literal", text: literal, quoted: true });
      literal = "";
    };
    while (this.#position < this.#end) {
      const char = this.#text[this.#position]!;
      if (ends(char)) break;
      if (char === "\\") {
        const next = this.#text[this.#position + 1] ?? "";
        this.#position += 2;
        if (next === "\n") this.#line++;
        else if (next === "$" || next === "`" || next === "\\" || (next === '"' && !hereDocument))
          literal += next;
        else literal += `\\${next}`;
      } else {
        const part = this.#readPlain(char, true);
        if (typeof part === "string") literal += part;
        else {
          flush();
          parts.push(part);
        }
      }
    }
    flush();
    return parts;
  }

  /** What is neither a quote nor behind a backslash: an expansion, or a character that stands for itself. */
  #readPlain(char: string, quoted: boolean): WordPart | string {
    if (char === "$" || char === "`") return this.#readExpansion(quoted) ?? "$";
    if (char === "\n") this.#line++;
    this.#position++;
    return char;
  }

  /** `$…` or a backquoted command; undefined (one character consumed) when the `$` stands for itself. */
  #readExpansion(quoted: boolean): WordPart | undefined {
    if (this.#text[this.#position] === "`") return this.#readBackquoted(quoted);
    const rest = this.#text.slice(this.#position + 1, Math.min(this.#position + 256, this.#end));
    if (rest.startsWith("((")) {
      const arithmetic = this.#tryArithmetic(quoted);
      if (arithmetic !== undefined) return arithmetic;
    }
    if (rest.startsWith("(")) {
      this.#position += 2;
      return { kind: "command", script: this.#parseInner(), quoted };
    }
    if (rest.startsWith("{")) {
      this.#position += 2;
      return this.#nested(() => this.#readBracedParameter(quoted));
    }
    const name = /^(?:[A-Za-z_]\w*|[0-9@*#?$!-])/.exec(rest)?.[0];
    this.#position += 1 + (name?.length ?? 0);
    return name === undefined ? undefined : { kind: "parameter", name, quoted };
  }

  #parseInner(): Statement[] {
    return this.#nested(() => {
      const inner = new Parser(this.#text, this.#position, this.#line, this.#depth, this.#end);
      const script = inner.parseSubstitution();
      this.#position = inner.position;
      this.#line = inner.line;
      return script;
    });
  }

  #tryArithmetic(quoted: boolean): WordPart | undefined {
    let depth = 0;
    for (let i = this.#position + 1; i < this.#end; i++) {
      const char = this.#text[i];
      if (char === "(") depth++;
      else if (char === ")" && --depth === 0) {
        if (this.#text[i - 1] !== ")") return undefined;
        const text = this.#text.slice(this.#position + 3, i - 1);
        const word = this.#nested(() => new Parser(text, 0, this.#line, this.#depth).readHereDocumentText());
        this.#countLines(text);
        this.#position = i + 1;
        return { kind: "arithmetic", text: word, quoted };
      }
    }
    return undefined;
  }

  #readBackquoted(quoted: boolean): WordPart {
    let text = "";
    let i = this.#position + 1;
    for (; ; i++) {
      const char = this.#text[i];
      if (char === undefined || i >= this.#end) this.#fail("a ` is not closed");
      if (char === "`") break;
      if (char === "\\") {
        const next = this.#text[++i] ?? "";
        text +=
          next === "`" || next === "\\" || next === "$" || (next === '"' && quoted) ? next : `\\${next}`;
      } else text += char;
    }
    const line = this.#line;
    this.#countLines(this.#text.slice(this.#position, i));
    this.#position = i + 1;
    return {
      kind: "command",
      script: this.#nested(() => new Parser(text, 0, line, this.#depth).parseScript()),
      quoted,
    };
  }

  /** `${…}` behind its brace. */
  #readBracedParameter(quoted: boolean): WordPart {
    const rest = this.#text.slice(this.#position, Math.min(this.#position + 256, this.#end));
    const length = /^#([A-Za-z_]\w*|\d+|[@*])\}/.exec(rest);
    if (length !== null) {
      this.#position += length[0].length;
      return { kind: "parameter", name: length[1]!, quoted, operator: "length" };
    }
    const head = /^([A-Za-z_]\w*|\d+|[@*#?$!-])(:?[-=?+]|%%|%|##|#|\/\/|\/|:|\^\^|\^|,,|,|\[|@)?/.exec(rest);
    if (head === null) this.#fail("a parameter expansion is not understood");
    this.#position += head[0].length;
    const name = head[1]!;
    const operator = head[2];
    // Patterns are read as outside of double quotes, whatever is around them.
    const isPattern = operator !== undefined && /^[%#/]/.test(operator);
    const argument = this.#readBracedArgument(quoted && !isPattern);
    if (this.#text[this.#position] !== "}") this.#fail("a { is not closed");
    this.#position++;
    if (operator === undefined) {
      if (argument.length > 0) this.#fail("a parameter expansion is not understood");
      return { kind: "parameter", name, quoted };
    }
    return { kind: "parameter", name, quoted, operator, argument };
  }

  #readBracedArgument(quoted: boolean): Word {
    if (!quoted) return this.#readWord((char) => char === "}");
    // Inside double quotes the argument is double-quoted text, in which inner quotes come in pairs.
    const parts: WordPart[] = [];
    while (this.#position < this.#end && this.#text[this.#position] !== "}") {
      if (this.#text[this.#position] === '"') this.#position++;
      const before = this.#position;
      parts.push(...this.#readDoubleQuoted((char) => char === "}" || char === '"', false));
      if (before === this.#position && this.#text[this.#position] === '"') this.#position++;
    }
    return parts;
  }
}

function isWordEnd(char: string): boolean {
  return " \t\n\r;&|<>()".includes(char);
}

function isName(text: string): boolean {
  return /^[A-Za-z_]\w*$/.test(text);
}

function mergeLiterals(parts: readonly WordPart[]): Word {
  const merged: WordPart[] = [];
  for (const part of parts) {
    const last = merged.at(-1);
    if (part.kind === "literal" && last?.kind === "literal" && last.quoted === part.quoted) {
      merged[merged.length - 1] = { ...last, text: last.text + part.text };
    } else merged.push(part);
  }
  return merged;
}

function splitAssignment(word: Word): Assignment | undefined {
  const first = word[0];
  if (first?.kind !== "literal" || first.quoted) return undefined;
  const match = /^([A-Za-z_]\w*)=/.exec(first.text);
  if (match === null) return undefined;
  const rest = first.text.slice(match[0].length);
  const value = word.slice(1);
  return {
    name: match[1]!,
    value: rest === "" ? value : [{ kind: "literal", text: rest, quoted: false }, ...value],
  };
}
