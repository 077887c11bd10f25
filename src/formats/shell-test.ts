// Evaluates the operands of `test`, `[` and `[[` to true, false or "not known".
// Specification: POSIX.1-2017, test, with `-a`, `-o`, parentheses and the string patterns of `[[`.

import type { ScriptFileStatus } from "./maintainer-script.ts";
import { compilePosixRegExp, compileShellPattern, toPatternChars } from "./posix-pattern.ts";
import type { ScriptText } from "./script-text.ts";

type Verdict = boolean | undefined;
type StatusOf = (path: string, follow: boolean) => ScriptFileStatus | "unknown" | undefined;

const UNARY = new Set([..."bcdefghkLnOGprsStuwxz"].map((letter) => `-${letter}`));
const BINARY = new Set([
  "=",
  "==",
  "!=",
  "=~",
  "<",
  ">",
  "-eq",
  "-ne",
  "-lt",
  "-le",
  "-gt",
  "-ge",
  "-nt",
  "-ot",
  "-ef",
]);

/**
 * Evaluates a condition.
 *
 * @param operands The words without the closing bracket.
 * @param extended For `[[`: `&&`, `||`, and patterns on the right of `=`.
 * @param statusOf What is at a path.
 */
export function evaluateTest(
  operands: readonly ScriptText[],
  extended: boolean,
  statusOf: StatusOf,
): Verdict {
  return new Evaluation(operands, extended, statusOf).evaluate();
}

class Evaluation {
  readonly #operands: readonly ScriptText[];
  readonly #extended: boolean;
  readonly #statusOf: StatusOf;
  #position = 0;

  constructor(operands: readonly ScriptText[], extended: boolean, statusOf: StatusOf) {
    this.#operands = operands;
    this.#extended = extended;
    this.#statusOf = statusOf;
  }

  evaluate(): Verdict {
    if (this.#operands.length === 0) return false;
    const result = this.#or();
    return this.#position === this.#operands.length ? result : undefined;
  }

  #text(offset = 0): string | undefined {
    return this.#operands[this.#position + offset]?.text;
  }

  #or(): Verdict {
    let result = this.#and();
    while (this.#text() === "-o" || (this.#extended && this.#text() === "||")) {
      this.#position++;
      const right = this.#and();
      result =
        result === true || right === true ? true : result === false && right === false ? false : undefined;
    }
    return result;
  }

  #and(): Verdict {
    let result = this.#not();
    while (this.#text() === "-a" || (this.#extended && this.#text() === "&&")) {
      this.#position++;
      const right = this.#not();
      result =
        result === false || right === false ? false : result === true && right === true ? true : undefined;
    }
    return result;
  }

  #not(): Verdict {
    const left = this.#operands.length - this.#position;
    if (this.#text() === "!" && left > 1 && !(left >= 3 && BINARY.has(this.#text(1)!))) {
      this.#position++;
      const result = this.#not();
      return result === undefined ? undefined : !result;
    }
    return this.#primary();
  }

  #primary(): Verdict {
    const operand = this.#operands[this.#position];
    if (operand === undefined) return undefined;
    if (BINARY.has(this.#text(1) ?? "") && this.#operands[this.#position + 2] !== undefined) {
      const operator = this.#text(1)!;
      const right = this.#operands[this.#position + 2]!;
      this.#position += 3;
      return this.#compare(operand, operator, right);
    }
    if (operand.text === "(" && this.#operands.length - this.#position > 1) {
      this.#position++;
      const result = this.#or();
      if (this.#text() !== ")") return undefined;
      this.#position++;
      return result;
    }
    const argument = this.#operands[this.#position + 1];
    if (UNARY.has(operand.text) && argument !== undefined) {
      this.#position += 2;
      return this.#unary(operand.text, argument);
    }
    this.#position++;
    return isNotEmpty(operand);
  }

  #compare(left: ScriptText, operator: string, right: ScriptText): Verdict {
    if (!left.known || !right.known) return undefined;
    if (operator === "=~") return compilePosixRegExp(right.text, true)?.test(left.text);
    if (operator === "=" || operator === "==" || operator === "!=") {
      const equal = this.#extended
        ? compileShellPattern(toPatternChars(right.text), "text")?.test(left.text)
        : left.text === right.text;
      return equal === undefined ? undefined : equal === (operator !== "!=");
    }
    if (operator === "<") return left.text < right.text;
    if (operator === ">") return left.text > right.text;
    if (!/^\s*[-+]?\d+\s*$/.test(left.text) || !/^\s*[-+]?\d+\s*$/.test(right.text)) return undefined;
    const a = Number(left.text);
    const b = Number(right.text);
    const table: Readonly<Record<string, boolean>> = {
      "-eq": a === b,
      "-ne": a !== b,
      "-lt": a < b,
      "-le": a <= b,
      "-gt": a > b,
      "-ge": a >= b,
    };
    return table[operator];
  }

  #unary(operator: string, argument: ScriptText): Verdict {
    if (operator === "-n") return isNotEmpty(argument);
    if (operator === "-z") {
      const filled = isNotEmpty(argument);
      return filled === undefined ? undefined : !filled;
    }
    if (operator === "-t") return false;
    if (!argument.known) return undefined;
    if (argument.text === "") return false;
    const status = this.#statusOf(argument.text, operator !== "-L" && operator !== "-h");
    if (status === "unknown") return undefined;
    if (status === undefined) return false;
    switch (operator) {
      case "-e":
      case "-r":
      case "-w":
        return true;
      case "-f":
        return status.type === "file";
      case "-d":
        return status.type === "directory";
      case "-L":
      case "-h":
        return status.type === "symlink";
      case "-x":
        return status.type === "directory" || (status.mode & 0o111) !== 0;
      case "-s":
        return status.type !== "file" || status.size > 0;
      case "-u":
        return (status.mode & 0o4000) !== 0;
      case "-g":
        return (status.mode & 0o2000) !== 0;
      case "-k":
        return (status.mode & 0o1000) !== 0;
      case "-b":
      case "-c":
      case "-p":
      case "-S":
        return false;
    }
    return undefined;
  }
}

/** A text with an unknown part is not known to be empty, but known not to be when the rest of it is something. */
function isNotEmpty(text: ScriptText): Verdict {
  if (text.known) return text.text !== "";
  return /^(?:\$\{[^}]*\}|\$\([^)]*\)|\$.)+$/.test(text.text) ? undefined : true;
}
