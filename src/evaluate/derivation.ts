// `derivation`: a build as a user writes it in, a node of the build graph out. What its strings mention, it depends on.

import { type AttributeValue, coerceToText } from "../formats/nix/structured-attrs.ts";
import { compareStrings } from "../model/bytes.ts";
import { formatCanonicalJson } from "../model/canonical-json.ts";
import { defaultArchive } from "../model/default-archive.ts";
import {
  type BuildNode,
  type DerivationNode,
  formatPlaceholder,
  type NodeId,
  type OutputReference,
  systemOf,
} from "../model/derivation.ts";
import type { Architecture, ArchiveReference, Request } from "../model/image-spec.ts";
import { findMentions, registerNode, textsOf } from "../model/mentions.ts";
import { checkOptions, OptionError, oneOf, type Rule, show, TEXT, TEXTS } from "../model/options.ts";
import { targetArchitecture } from "../platform/machine.ts";

/** Something in the store, built or copied there: in a template string it is its path. */
export interface Output extends OutputReference {
  /** Stands for the store path in strings, until that is known. */
  toString(): string;
}

/** What may be written where text is wanted: coerced as Nix does. */
export type EnvValue = string | number | boolean | null | Output | Request | readonly EnvValue[];

/** What structured attributes may hold besides: objects. */
export type StructuredValue =
  | EnvValue
  | readonly StructuredValue[]
  | { readonly [name: string]: StructuredValue };

/** What a derivation is made of: the attributes of Nix's `derivation`, and the inputs that no string mentions. */
export interface DerivationOptions {
  /** The end of its store path's name: letters, digits and `+._?=-`. */
  readonly name: string;
  /** The program that builds: a path in its root file system, or of an input. */
  readonly builder: string | Output;
  readonly args?: readonly EnvValue[];
  /** The whole environment of the build; lists are joined by spaces, `true` is `1`, `false` and `null` are empty. */
  readonly env?: Readonly<Record<string, StructuredValue>>;
  /**
   * True: the builder gets `env` with its types, lists and objects, in the files `.attrs.json` and `.attrs.sh` of its
   * directory, and not as variables. Default: false. Nix calls it `__structuredAttrs`.
   */
  readonly structuredAttrs?: boolean;
  /** Names of the outputs; the first is what the derivation itself stands for. Default: `["out"]`. */
  readonly outputs?: readonly string[];
  /** What the build may read beside what its strings mention: derivations, sources, packages. */
  readonly inputs?: readonly (Output | Request)[];
  /** What it is built for and on. Default: that of its packages, else this machine. */
  readonly architecture?: Architecture;
  /** Nix's name of the platform, where it is none of the architectures. Default: follows from `architecture`. */
  readonly system?: string;
  /** The hash that the output must have: such a build may use the network. As Nix writes hashes: `sha256-…`. */
  readonly outputHash?: string;
  /** `flat`: of the file; `recursive`: of its NAR. Default: `flat`. */
  readonly outputHashMode?: "flat" | "recursive";
  /** The only paths that the outputs may refer to; names of outputs stand for themselves. */
  readonly allowedReferences?: readonly EnvValue[];
  /** Paths that the outputs must not refer to. */
  readonly disallowedReferences?: readonly EnvValue[];
  /** Inputs whose hashes are blanked out in the outputs after the build. */
  readonly removeReferencesTo?: readonly (Output | Request)[];
}

/** A derivation: its first output, its other outputs by name, and ways to vary it. */
export interface Derivation<Options extends object = DerivationOptions> extends Output {
  readonly name: string;
  /** `app.outputs.dev` */
  readonly outputs: Readonly<Record<string, Output>>;
  /** The same function again with some options changed. @throws {OptionError} `OVERRIDE_WITHOUT_EFFECT` */
  override(changes: Partial<Options>): Derivation<Options>;
  /** The same derivation with other attributes. @throws {OptionError} `OVERRIDE_WITHOUT_EFFECT` */
  overrideAttrs(
    change: (attributes: DerivationAttributes) => Partial<DerivationAttributes>,
  ): Derivation<Options>;
}

/** What `overrideAttrs` sees: the node that was made. */
export type DerivationAttributes = Omit<DerivationNode, "kind">;

const VALUE: Rule = {
  expected: "a string, number, boolean, null, derivation, or a list of these",
  accepts: isEnvValue,
};

const OPTIONS: Readonly<Record<keyof DerivationOptions, Rule>> = {
  name: TEXT,
  structuredAttrs: { expected: "true or false", accepts: (value) => typeof value === "boolean" },
  builder: { expected: "a path", accepts: (value) => typeof value === "string" || isOutput(value) },
  args: { expected: "a list", accepts: (value) => Array.isArray(value) && value.every(isEnvValue) },
  env: {
    expected: "an object of strings, numbers, booleans, derivations and lists of these",
    accepts: (value) => isObject(value) && Object.values(value).every(isStructuredValue),
  },
  outputs: {
    expected: 'a list of different names such as ["out", "dev"]',
    accepts: (value) =>
      TEXTS.accepts(value) &&
      (value as string[]).length > 0 &&
      new Set(value as string[]).size === (value as string[]).length &&
      (value as string[]).every((name) => /^[0-9a-zA-Z+._?=-]+$/.test(name) && name !== "drv"),
  },
  inputs: {
    expected: "a list of derivations, sources and packages",
    accepts: (value) => Array.isArray(value) && value.every((item) => isOutput(item) || isRequest(item)),
  },
  architecture: oneOf("amd64", "arm64"),
  system: TEXT,
  outputHash: TEXT,
  outputHashMode: oneOf("flat", "recursive"),
  allowedReferences: VALUE,
  disallowedReferences: VALUE,
  removeReferencesTo: VALUE,
};

/**
 * A build from declared inputs into the store: Nix's `derivation`, with its names.
 *
 * @throws {OptionError} `BAD_OPTION` or `UNKNOWN_OPTION`.
 *
 * @example
 * const hello = derivation({
 *   name: "hello",
 *   builder: "/bin/sh",
 *   args: ["-c", "echo hello > $out"],
 *   inputs: [packages.dash],
 * });
 */
export function derivation(options: DerivationOptions): Derivation {
  checkOptions("derivation()", options, OPTIONS);
  return createDerivation(describeDerivation(options), options, derivation);
}

/** The node that options mean. */
export function describeDerivation(options: DerivationOptions): DerivationNode {
  const { name, builder, args = [], outputs = ["out"], outputHash, outputHashMode } = options;
  checkName(name);
  const given = options.inputs ?? [];
  const env: Record<string, StructuredValue> = { ...options.env };
  for (const option of ["allowedReferences", "disallowedReferences", "removeReferencesTo"] as const) {
    if (options[option] !== undefined) env[option] = options[option];
  }
  refuseReserved(env, outputs);
  const requests = given.filter(isRequest);
  const architecture = options.architecture ?? requests[0]?.scope.architecture ?? targetArchitecture();
  const isStructured = options.structuredAttrs === true;
  return completeNode({
    kind: "derivation",
    name,
    system: options.system ?? systemOf(architecture),
    builder: `${builder}`,
    args: args.map((arg) => coerce("args", arg)),
    env: isStructured
      ? {}
      : Object.fromEntries(Object.entries(env).map(([key, value]) => [key, coerce(`env.${key}`, value)])),
    structuredAttrs: isStructured ? (toPlain(env) as DerivationNode["structuredAttrs"]) : undefined,
    outputs: [...outputs],
    inputs: [...given.filter(isOutput), ...outputsIn([args, env, builder])],
    requests,
    fixedOutput: outputHash === undefined ? undefined : { method: outputHashMode, hash: outputHash },
  });
}

/** Attributes of Nix's `derivation` that say what is built, and are options here; or that Tare does not have. */
const RESERVED: ReadonlyMap<string, string> = new Map([
  ...["name", "builder", "args", "system", "outputs", "outputHash", "outputHashMode"].map(
    (name): [string, string] => [name, `the option "${name}" beside env`],
  ),
  ["__structuredAttrs", 'the option "structuredAttrs" beside env'],
  ["__ignoreNulls", "no value at all instead of null"],
  [
    "__contentAddressed",
    "no such attribute: outputs whose paths are known only afterwards are experimental in Nix",
  ],
]);

function refuseReserved(env: Readonly<Record<string, StructuredValue>>, outputs: readonly string[]): void {
  for (const [name, value] of Object.entries(env)) {
    const expected = RESERVED.get(name);
    if (expected !== undefined) throw badOption(`derivation()'s "env.${name}"`, value, expected);
    if (outputs.includes(name))
      throw badOption(`derivation()'s "env.${name}"`, value, "another name than that of an output");
  }
}

/** Adds to a node what its strings mention, and puts its lists into their one order. */
function completeNode(node: DerivationNode): DerivationNode {
  const mentioned = findMentions(textsOf([node.builder, node.args, node.env, node.structuredAttrs]));
  const inputs = [...node.inputs, ...mentioned.outputs].map(toReference);
  const requests = [...node.requests, ...mentioned.requests].map(toRequest);
  return {
    ...node,
    inputs: unique(inputs, formatPlaceholder),
    requests: unique(requests, formatCanonicalJson),
  };
}

function unique<T>(items: readonly T[], key: (item: T) => string): T[] {
  return [...new Map(items.map((item) => [key(item), item]))]
    .sort(([a], [b]) => compareStrings(a, b))
    .map(([, item]) => item);
}

/**
 * Makes what image.ts holds of a node.
 *
 * @param options What `again` was called with.
 * @param again The function of the API that made it: `override` calls it anew.
 */
export function createDerivation<Options extends object>(
  node: DerivationNode,
  options: Options,
  again: (options: Options) => Derivation<Options>,
): Derivation<Options> {
  const id = registerNode(node);
  const outputs = Object.fromEntries(node.outputs.map((name) => [name, createOutput(id, name)]));
  const first = outputs[node.outputs[0]!]!;
  return Object.freeze({
    ...first,
    name: node.name,
    outputs: Object.freeze(outputs),
    override(changes: Partial<Options>) {
      return refuseSame(id, node.name, "override", changes, again({ ...options, ...changes }));
    },
    overrideAttrs(change: (attributes: DerivationAttributes) => Partial<DerivationAttributes>) {
      const { kind: _, ...attributes } = node;
      const changes = change(attributes);
      const changed = completeNode({ ...node, ...changes, kind: "derivation" });
      return refuseSame(id, node.name, "overrideAttrs", changes, createDerivation(changed, options, again));
    },
  });
}

function refuseSame<T extends OutputReference>(
  id: NodeId,
  name: string,
  method: string,
  changes: object,
  changed: T,
): T {
  if (changed.node !== id) return changed;
  throw new OptionError(
    "OVERRIDE_WITHOUT_EFFECT",
    `Cannot override ${name}: .${method}() of ${Object.keys(changes).join(", ") || "nothing"} changes nothing of what is built`,
    { hint: "Remove the override, or give another value than the one it has already" },
  );
}

/** Makes an output that turns to its placeholder in strings. */
export function createOutput(node: NodeId, output: string): Output {
  const placeholder = formatPlaceholder({ node, output });
  return Object.freeze({ kind: "output" as const, node, output, toString: () => placeholder });
}

/** Makes a source tree known. */
export function createSource(node: BuildNode): Output {
  return createOutput(registerNode(node), "out");
}

function toReference({ node, output }: OutputReference): OutputReference {
  return { kind: "output", node, output };
}

function toRequest({ source, scope, mirrors, name }: Request): Request {
  return { source, scope, mirrors, name };
}

export function isOutput(value: unknown): value is Output {
  if (typeof value !== "object" || value === null) return false;
  const { kind, node, output } = value as Partial<Output>;
  return kind === "output" && typeof node === "string" && typeof output === "string";
}

export function isRequest(value: unknown): value is Request {
  if (typeof value !== "object" || value === null) return false;
  const { source, scope, name } = value as Partial<Request>;
  return typeof source === "string" && typeof scope === "object" && typeof name === "string";
}

function isEnvValue(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isEnvValue);
  if (value === null || typeof value === "boolean" || typeof value === "string") return true;
  return typeof value === "number" ? Number.isFinite(value) : isOutput(value) || isRequest(value);
}

function isStructuredValue(value: unknown): boolean {
  if (isEnvValue(value)) return true;
  if (Array.isArray(value)) return value.every(isStructuredValue);
  return isObject(value) && Object.values(value).every(isStructuredValue);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Nix's coercion of values to text. @throws {OptionError} `BAD_OPTION` for objects, which no variable can hold. */
function coerce(what: string, value: StructuredValue): string {
  const plain = toPlain(value);
  try {
    return coerceToText(plain, what);
  } catch {
    throw badOption(`derivation()'s "${what}"`, value, "text, or an object with structuredAttrs: true");
  }
}

/** Replaces outputs and requests among values by the texts that mention them. */
function toPlain(value: StructuredValue): AttributeValue {
  if (Array.isArray(value)) return (value as readonly StructuredValue[]).map(toPlain);
  if (typeof value !== "object" || value === null) return value as AttributeValue;
  if (isOutput(value)) return formatPlaceholder(value);
  if (isRequest(value)) return value.name;
  return Object.fromEntries(
    Object.entries(value as Readonly<Record<string, StructuredValue>>).map(([name, item]) => [
      name,
      toPlain(item),
    ]),
  );
}

/** Outputs among values, which have no string yet that mentions them. */
function outputsIn(value: unknown): Output[] {
  if (isOutput(value)) return [value];
  if (typeof value !== "object" || value === null || isRequest(value)) return [];
  return Object.values(value).flatMap(outputsIn);
}

/** @throws {OptionError} `BAD_OPTION` when a name cannot be part of a store path. */
export function checkName(name: unknown): asserts name is string {
  if (
    typeof name === "string" &&
    /^[0-9a-zA-Z+._?=-]{1,207}$/.test(name) &&
    !/^\.{1,2}(?:-|$)/.test(name) &&
    !name.endsWith(".drv")
  )
    return;
  throw badOption("a derivation's name", name, "1 to 207 letters, digits and + . _ ? = -");
}

export function badOption(what: string, value: unknown, expected: string): OptionError {
  return new OptionError("BAD_OPTION", `Cannot use ${show(value)} as ${what}: ${expected} was expected`);
}

/** The archive that a build's packages come from: that of the first among its inputs, else the default. */
export function archiveOf(
  inputs: readonly (Output | Request)[],
  architecture: Architecture | undefined,
): ArchiveReference {
  const first = inputs.find((input): input is Request => isRequest(input) && input.source === "debian");
  if (first !== undefined) return { source: first.source, scope: first.scope, mirrors: first.mirrors };
  return defaultArchive(architecture ?? targetArchitecture());
}
