// Environment markers: `python_version < "3.12" and extra == "tls"`. Specifications: PEP 508, PEP 685, PEP 751 (extras,
// dependency_groups). Version fields compare as versions where the operand is one, other fields as strings.

import { PythonFormatError } from "./errors.ts";
import { normalizeName } from "./names.ts";
import { matchesSpecifier, tryParseSpecifier } from "./specifier.ts";
import { MACHINES, type PythonPlatform, pythonMinor } from "./tags.ts";
import { tryParseVersion } from "./version.ts";

const TEXT_VARIABLES = [
  "os_name",
  "sys_platform",
  "platform_machine",
  "platform_python_implementation",
  "platform_release",
  "platform_system",
  "platform_version",
  "python_version",
  "python_full_version",
  "implementation_name",
  "implementation_version",
] as const;

export type TextVariable = (typeof TEXT_VARIABLES)[number];
export type MarkerVariable = TextVariable | "extra" | "extras" | "dependency_groups";

const VARIABLES: ReadonlyMap<string, MarkerVariable> = new Map<string, MarkerVariable>([
  ...[...TEXT_VARIABLES, "extra" as const, "extras" as const, "dependency_groups" as const].map(
    (name) => [name, name] as const,
  ),
  // Names from before PEP 508.
  ["os.name", "os_name"],
  ["sys.platform", "sys_platform"],
  ["platform.version", "platform_version"],
  ["platform.machine", "platform_machine"],
  ["platform.python_implementation", "platform_python_implementation"],
  ["python_implementation", "platform_python_implementation"],
]);

const VERSION_VARIABLES: ReadonlySet<MarkerVariable> = new Set<MarkerVariable>([
  "python_version",
  "python_full_version",
  "implementation_version",
  "platform_release",
]);

export type MarkerOperator = "===" | "==" | "~=" | "!=" | "<=" | ">=" | "<" | ">" | "in" | "not in";

export type MarkerOperand =
  | { readonly kind: "variable"; readonly name: MarkerVariable }
  | { readonly kind: "literal"; readonly value: string };

export type Marker =
  | { readonly kind: "and" | "or"; readonly operands: readonly Marker[] }
  | {
      readonly kind: "comparison";
      readonly left: MarkerOperand;
      readonly operator: MarkerOperator;
      readonly right: MarkerOperand;
    };

/** What markers ask about. */
export interface MarkerEnvironment {
  readonly variables: Readonly<Record<TextVariable, string>>;
  /** Normalised names of the extras that are wanted: what `extra` may equal, and `extras` holds. */
  readonly extras: ReadonlySet<string>;
  /** Normalised names of the dependency groups that are wanted. */
  readonly groups: ReadonlySet<string>;
}

/** The environment of a platform's CPython on Debian, without extras and groups. Kernel release and version are empty. */
export function createMarkerEnvironment(platform: PythonPlatform): MarkerEnvironment {
  return {
    variables: {
      os_name: "posix",
      sys_platform: "linux",
      platform_machine: MACHINES[platform.architecture],
      platform_python_implementation: "CPython",
      platform_release: "",
      platform_system: "Linux",
      platform_version: "",
      python_version: pythonMinor(platform).join("."),
      python_full_version: platform.python,
      implementation_name: "cpython",
      implementation_version: platform.python,
    },
    extras: new Set(),
    groups: new Set(),
  };
}

const TOKEN =
  /\s*(?:(?<bracket>[()])|(?<operator>===|==|~=|!=|<=|>=|<|>|not\s+in\b|in\b)|(?<logic>and\b|or\b)|(?<variable>[A-Za-z_][A-Za-z_.]*)|"(?<double>[^"]*)"|'(?<single>[^']*)')/y;
const DEEPEST = 64;

/**
 * Parses a marker.
 *
 * @throws {PythonFormatError} `MARKER_INVALID`
 */
export function parseMarker(text: string): Marker {
  return new MarkerParser(text).parse();
}

type Token =
  | { readonly kind: "bracket" | "logic"; readonly text: string }
  | { readonly kind: "operator"; readonly text: MarkerOperator }
  | { readonly kind: "operand"; readonly operand: MarkerOperand };

class MarkerParser {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    this.#tokens = this.#tokenize();
  }

  parse(): Marker {
    const marker = this.#or(0);
    if (this.#at < this.#tokens.length) throw this.#error("it goes on after its end");
    return marker;
  }

  #tokenize(): Token[] {
    const tokens: Token[] = [];
    const end = this.#text.trimEnd().length;
    TOKEN.lastIndex = 0;
    while (TOKEN.lastIndex < end) {
      const at = TOKEN.lastIndex;
      const groups = TOKEN.exec(this.#text)?.groups;
      if (groups === undefined)
        throw this.#error(`"${this.#text.slice(at).trim().slice(0, 40)}" has no meaning here`);
      tokens.push(this.#toToken(groups));
    }
    return tokens;
  }

  #toToken(groups: Readonly<Record<string, string | undefined>>): Token {
    const { bracket, operator, logic, variable, double, single } = groups;
    if (bracket !== undefined) return { kind: "bracket", text: bracket };
    if (logic !== undefined) return { kind: "logic", text: logic };
    if (operator !== undefined)
      return { kind: "operator", text: operator.replace(/\s+/, " ") as MarkerOperator };
    if (variable === undefined)
      return { kind: "operand", operand: { kind: "literal", value: (double ?? single)! } };
    const name = VARIABLES.get(variable);
    if (name === undefined) throw this.#error(`there is no variable "${variable}"`);
    return { kind: "operand", operand: { kind: "variable", name } };
  }

  #or(depth: number): Marker {
    return this.#chain("or", () => this.#chain("and", () => this.#item(depth)));
  }

  #chain(kind: "and" | "or", next: () => Marker): Marker {
    const operands = [next()];
    while (this.#takes("logic", kind)) operands.push(next());
    return operands.length === 1 ? operands[0]! : { kind, operands };
  }

  #takes(kind: "bracket" | "logic", text: string): boolean {
    const token = this.#tokens[this.#at];
    if (token?.kind !== kind || token.text !== text) return false;
    this.#at++;
    return true;
  }

  #item(depth: number): Marker {
    if (this.#takes("bracket", "(")) {
      if (depth >= DEEPEST) throw this.#error("its parentheses are nested too deeply");
      const inner = this.#or(depth + 1);
      if (!this.#takes("bracket", ")")) throw this.#error("a parenthesis is not closed");
      return inner;
    }
    const [left, operator, right] = this.#tokens.slice(this.#at, this.#at + 3);
    if (left?.kind !== "operand" || operator?.kind !== "operator" || right?.kind !== "operand") {
      throw this.#error('a comparison such as python_version < "3.12" was expected');
    }
    this.#at += 3;
    return this.#checked({
      kind: "comparison",
      left: left.operand,
      operator: operator.text,
      right: right.operand,
    });
  }

  /** Refuses comparisons that mean nothing, so that evaluating never fails. */
  #checked(comparison: Extract<Marker, { kind: "comparison" }>): Marker {
    const { left, operator, right } = comparison;
    const names = [left, right].flatMap((operand) => (operand.kind === "variable" ? [operand.name] : []));
    if (names.length === 0) throw this.#error("it compares two texts, and no variable");
    const isMembership = operator === "in" || operator === "not in";
    if (
      names.some(isSetVariable) &&
      !(right.kind === "variable" && isSetVariable(right.name) && left.kind === "literal" && isMembership)
    ) {
      throw this.#error(`${names.join(" and ")} can only be used as in '"name" in extras'`);
    }
    if (names.includes("extra") && (names.length > 1 || !/^(?:[!=]=|(?:not )?in)$/.test(operator))) {
      throw this.#error("extra can only be compared with == and != to a name");
    }
    if ((operator === "~=" || operator === "===") && !names.some((name) => VERSION_VARIABLES.has(name))) {
      throw this.#error(`"${operator}" compares versions, and ${names.join(" and ")} is none`);
    }
    return comparison;
  }

  #error(problem: string): PythonFormatError {
    return new PythonFormatError(
      "MARKER_INVALID",
      `read the marker "${this.#text.trim().slice(0, 200)}"`,
      problem,
    );
  }
}

function isSetVariable(name: MarkerVariable): boolean {
  return name === "extras" || name === "dependency_groups";
}

/** Whether a marker holds; undefined always does. */
export function evaluateMarker(marker: Marker | undefined, environment: MarkerEnvironment): boolean {
  if (marker === undefined) return true;
  if (marker.kind !== "comparison") {
    const holds = (operand: Marker) => evaluateMarker(operand, environment);
    return marker.kind === "and" ? marker.operands.every(holds) : marker.operands.some(holds);
  }
  const { left, operator, right } = marker;
  const variable = left.kind === "variable" ? left.name : right.kind === "variable" ? right.name : undefined;
  if (variable === "extra")
    return compareExtra(operator, literalOf(left) ?? literalOf(right)!, left, environment);
  if (variable === "extras" || variable === "dependency_groups") {
    const set = variable === "extras" ? environment.extras : environment.groups;
    return set.has(normalizeName(literalOf(left)!)) === (operator === "in");
  }
  return compareText(variable!, textOf(left, environment), operator, textOf(right, environment));
}

function literalOf(operand: MarkerOperand): string | undefined {
  return operand.kind === "literal" ? operand.value : undefined;
}

function textOf(operand: MarkerOperand, { variables }: MarkerEnvironment): string {
  return operand.kind === "literal" ? operand.value : variables[operand.name as TextVariable];
}

function compareExtra(
  operator: MarkerOperator,
  literal: string,
  left: MarkerOperand,
  { extras }: MarkerEnvironment,
): boolean {
  if (operator === "==" || operator === "!=")
    return extras.has(normalizeName(literal)) === (operator === "==");
  const wanted = [...extras];
  const found =
    left.kind === "variable"
      ? wanted.some((extra) => literal.includes(extra))
      : wanted.some((extra) => extra.includes(normalizeName(literal)));
  return found === (operator === "in");
}

function compareText(
  variable: MarkerVariable,
  left: string,
  operator: MarkerOperator,
  right: string,
): boolean {
  if (VERSION_VARIABLES.has(variable)) {
    const specifier = tryParseSpecifier(operator + right);
    if (specifier !== undefined) {
      const version = tryParseVersion(left);
      return version === undefined ? operator === "!=" : matchesSpecifier(specifier, version);
    }
  }
  switch (operator) {
    case "in":
      return right.includes(left);
    case "not in":
      return !right.includes(left);
    case "==":
    case "===":
    case "<=":
    case ">=":
      return left === right;
    case "!=":
      return left !== right;
    default:
      // Order means nothing for texts that are no versions.
      return false;
  }
}
