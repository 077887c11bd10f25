// What a build is made of → its .drv, the path of that, and the paths of its outputs. The caller knows the inputs and
// their hashes; nothing is read. Source: Nix manual, "Derivation Outputs and Types of Derivations".

import { createHash } from "node:crypto";
import type { ByteString } from "../../model/bytes.ts";
import { encodeByteString } from "../../model/bytes.ts";
import type { StorePath } from "../../model/store-path.ts";
import { hashPart, nameOf } from "../../model/store-path.ts";
import type { Derivation, DerivationOutput, OutputHashMethod } from "./aterm.ts";
import { derivationText, formatDerivation, outputHashAlgo, outputsProblem } from "./aterm.ts";
import { NixFormatError } from "./errors.ts";
import type { Hash, HashAlgorithm } from "./hash.ts";
import { computeHash, encodeNix32, formatHash, hashSize, isHashAlgorithm, parseHash } from "./hash.ts";
import {
  checkStoreName,
  computeContentAddressedPath,
  computeOutputPath,
  computeTextPath,
  outputPathName,
} from "./store-path.ts";
import type { AttributeValue } from "./structured-attrs.ts";
import { coerceToText, formatAttributesJson } from "./structured-attrs.ts";

/** The hash modulo of an input, by its .drv: 64 hex digits. */
export type HashModuloOf = (drvPath: StorePath) => string;

/**
 * Hashes what a derivation builds, whatever the URLs and mirrors of its fixed-output inputs are: sha256 of its ATerm
 * with the inputs named by their own such hashes, or of its fixed output's hash and path.
 *
 * @param maskOutputs To compute output paths, which cannot be part of what they are computed from.
 * @returns 64 hex digits.
 */
export function hashDerivationModulo(
  derivation: Derivation,
  hashModuloOf: HashModuloOf,
  { maskOutputs = false }: { readonly maskOutputs?: boolean } = {},
): string {
  const out = derivation.outputs.get("out");
  if (out?.kind === "fixed") {
    return sha256(`fixed:out:${outputHashAlgo(out)}:${formatHash(out.hash, "base16")}:${out.path}`);
  }
  const inputs = new Map<string, readonly string[]>();
  for (const [path, outputs] of derivation.inputDrvs) {
    const hash = hashModuloOf(path);
    inputs.set(hash, [...(inputs.get(hash) ?? []), ...outputs]);
  }
  return sha256(derivationText(derivation, { maskOutputs, inputs }));
}

function sha256(text: string): string {
  return createHash("sha256").update(text, "latin1").digest("hex");
}

/**
 * Computes where the outputs of a derivation go; none for outputs whose path is not known before they are built.
 *
 * @param name The derivation's name, without `.drv`.
 * @throws {NixFormatError} `STORE_PATH_INVALID` when a derived name breaks a rule.
 */
export function computeOutputPaths(
  name: string,
  derivation: Derivation,
  hashModuloOf: HashModuloOf,
): ReadonlyMap<string, StorePath> {
  const paths = new Map<string, StorePath>();
  let hash: Hash | undefined;
  for (const [outputName, output] of derivation.outputs) {
    if (output.kind === "fixed") paths.set(outputName, computeContentAddressedPath(name, output));
    if (output.kind !== "input-addressed") continue;
    hash ??= parseHash(hashDerivationModulo(derivation, hashModuloOf, { maskOutputs: true }), "sha256");
    paths.set(outputName, computeOutputPath(name, outputName, hash));
  }
  return paths;
}

/**
 * Computes the path of a derivation's .drv.
 *
 * @param name The derivation's name, without `.drv`.
 * @throws {NixFormatError} `STORE_PATH_INVALID` when the name breaks a rule.
 */
export function computeDerivationPath(name: string, derivation: Derivation): StorePath {
  const references = [...derivation.inputSrcs, ...derivation.inputDrvs.keys()];
  return computeTextPath(`${name}.drv`, formatDerivation(derivation), references);
}

/**
 * The name of a derivation, by the path of its .drv.
 *
 * @throws {NixFormatError} `DERIVATION_INVALID` when the path is that of no .drv.
 */
export function derivationName(drvPath: StorePath): string {
  const name = nameOf(drvPath);
  if (!name.endsWith(".drv")) invalid(`Cannot use ${drvPath} as a derivation: its name does not end in .drv`);
  return name.slice(0, -".drv".length);
}

/** What stands for the path of an output of a derivation in its own attributes, until the builder is run. */
export function outputPlaceholder(output: string): string {
  return `/${encodeNix32(computeHash("sha256", `nix-output:${output}`).bytes)}`;
}

/** What stands for the path of an output of a floating derivation in others, until it is known. */
export function upstreamPlaceholder(drvPath: StorePath, output: string): string {
  const name = outputPathName(derivationName(drvPath), output);
  return `/${encodeNix32(computeHash("sha256", `nix-upstream-output:${hashPart(drvPath)}:${name}`).bytes)}`;
}

/**
 * The attributes of a derivation, as `builtins.derivation` of the Nix language takes them. All but `args` become
 * environment variables; some mean more, as there: `outputs`, `outputHash`, `outputHashAlgo`, `outputHashMode`,
 * `__structuredAttrs`, `__ignoreNulls`, `__contentAddressed`. Strings mention inputs by their paths.
 */
export interface DerivationAttributes {
  readonly name: string;
  /** `x86_64-linux`… */
  readonly system: string;
  readonly builder: string;
  readonly args?: readonly AttributeValue[] | undefined;
  /** Default `out`; text is split at white space, as Nix does. */
  readonly outputs?: readonly string[] | string | undefined;
  readonly [attribute: string]: AttributeValue | undefined;
}

export interface DerivationInput {
  /** Those of its outputs that are needed. */
  readonly outputs: Iterable<string>;
  /** {@link InstantiatedDerivation.hashModulo} of the input. */
  readonly hashModulo: string;
}

export interface DerivationInputs {
  /** By their .drv. */
  readonly inputDrvs?: ReadonlyMap<StorePath, DerivationInput>;
  readonly inputSrcs?: Iterable<StorePath>;
}

export interface InstantiatedDerivation {
  readonly name: string;
  readonly drvPath: StorePath;
  /** The .drv file. */
  readonly bytes: Buffer;
  readonly derivation: Derivation;
  /** What others hash it as; undefined when the derivation is floating, whose outputs nothing can depend on here. */
  readonly hashModulo: string | undefined;
  /** What strings that mention an output have: its store path, or a placeholder when the derivation is floating. */
  readonly outputs: ReadonlyMap<string, string>;
}

/**
 * Makes a derivation, to the byte as Nix does of the same attributes.
 *
 * @throws {NixFormatError} `DERIVATION_INVALID` for attributes that make no derivation, `STORE_PATH_INVALID` for a name
 * that breaks a rule, also with `.drv` or an output's name behind it, `HASH_INVALID` for the hash of a fixed output.
 */
export function instantiate(
  attributes: DerivationAttributes,
  { inputDrvs = new Map(), inputSrcs = [] }: DerivationInputs = {},
): InstantiatedDerivation {
  const { name } = attributes;
  checkRequired(attributes);
  const outputs = outputsOf(attributes);
  const hashModuloOf: HashModuloOf = (path) => inputDrvs.get(path)!.hashModulo;
  const unnamed: Derivation = {
    outputs,
    inputDrvs: new Map([...inputDrvs].map(([path, input]) => [path, [...input.outputs]])),
    inputSrcs: [...inputSrcs],
    system: encodeByteString(attributes.system),
    builder: encodeByteString(attributes.builder),
    args: (attributes.args ?? []).map((arg, i) => encodeByteString(coerceToText(arg, `argument ${i + 1}`))),
    env: environmentOf(attributes, outputs.keys()),
  };
  const paths = computeOutputPaths(name, unnamed, hashModuloOf);
  const derivation = withPaths(unnamed, paths);
  const drvPath = computeDerivationPath(name, derivation);
  const isFloating = paths.size === 0;
  return {
    name,
    drvPath,
    bytes: formatDerivation(derivation),
    derivation,
    hashModulo: isFloating ? undefined : hashDerivationModulo(derivation, hashModuloOf),
    outputs: new Map(
      [...outputs.keys()].map((output) => [
        output,
        paths.get(output) ?? upstreamPlaceholder(drvPath, output),
      ]),
    ),
  };
}

/** Puts the paths of outputs where masks were; floating outputs have placeholders in the environment. */
function withPaths(derivation: Derivation, paths: ReadonlyMap<string, StorePath>): Derivation {
  const outputs = new Map<string, DerivationOutput>();
  const env = new Map(derivation.env);
  for (const [name, output] of derivation.outputs) {
    const path = paths.get(name);
    outputs.set(name, path !== undefined && "path" in output ? { ...output, path } : output);
    env.set(name as ByteString, (path ?? outputPlaceholder(name)) as string as ByteString);
  }
  return { ...derivation, outputs, env };
}

function checkRequired({ name, system, builder }: DerivationAttributes): void {
  for (const [key, value] of Object.entries({ name, system, builder })) {
    if (typeof value !== "string" || value === "") invalid(`Cannot make a derivation: its ${key} is missing`);
  }
  checkStoreName(name);
  if (name.endsWith(".drv")) {
    invalid(
      `Cannot make the derivation "${name}": its name ends in .drv, which is for the file that describes it`,
    );
  }
}

/** Path of an output that is not known yet. */
const UNKNOWN_PATH = "" as StorePath;

function outputsOf(attributes: DerivationAttributes): ReadonlyMap<string, DerivationOutput> {
  const { name } = attributes;
  const names = outputNames(attributes);
  const outputs = new Map(names.map((output) => [output, outputOf(attributes)]));
  const problem = names.length > outputs.size ? "it has an output twice" : outputsProblem(outputs);
  if (problem !== undefined) invalid(`Cannot make the derivation "${name}": ${problem}`);
  return outputs;
}

function outputNames({ outputs = ["out"], __structuredAttrs }: DerivationAttributes): readonly string[] {
  if (__structuredAttrs === true && typeof outputs !== "string") return outputs;
  return coerceToText(outputs, "outputs")
    .split(/[ \t\n\r]+/)
    .filter((output) => output !== "");
}

function outputOf(attributes: DerivationAttributes): DerivationOutput {
  const { outputHash, __contentAddressed } = attributes;
  if (outputHash !== undefined) {
    const method = methodOf(attributes) ?? "flat";
    return { kind: "fixed", path: UNKNOWN_PATH, method, hash: fixedHashOf(attributes) };
  }
  if (__contentAddressed === true) {
    const method = methodOf(attributes) ?? "recursive";
    return { kind: "floating", method, algorithm: algorithmOf(attributes) ?? "sha256" };
  }
  return { kind: "input-addressed", path: UNKNOWN_PATH };
}

/** An empty hash is one of zeros: builds with it fail, and say what the hash is. */
function fixedHashOf(attributes: DerivationAttributes): Hash {
  const text = coerceToText(attributes.outputHash ?? "", "outputHash");
  const algorithm = algorithmOf(attributes);
  if (text !== "") return parseHash(text, algorithm);
  if (algorithm === undefined) {
    invalid(
      `Cannot make the derivation "${attributes.name}": its outputHash is empty, and outputHashAlgo is missing`,
    );
  }
  return { algorithm, bytes: new Uint8Array(hashSize(algorithm)) };
}

function algorithmOf({ name, outputHashAlgo: value }: DerivationAttributes): HashAlgorithm | undefined {
  const text = coerceToText(value ?? "", "outputHashAlgo");
  if (text === "") return undefined;
  if (!isHashAlgorithm(text)) {
    invalid(
      `Cannot make the derivation "${name}": its outputHashAlgo is "${text}", md5, sha1, sha256 or sha512 was wanted`,
    );
  }
  return text;
}

function methodOf({ name, outputHashMode }: DerivationAttributes): OutputHashMethod | undefined {
  if (outputHashMode === undefined || outputHashMode === "flat" || outputHashMode === "recursive") {
    return outputHashMode;
  }
  return invalid(
    `Cannot make the derivation "${name}": its outputHashMode is ${JSON.stringify(outputHashMode)}, "flat" or "recursive" was wanted`,
  );
}

/** Attributes that tell how the derivation is made, and are not of it. */
const DIRECTIVES: ReadonlySet<string> = new Set(["args", "__ignoreNulls", "__contentAddressed"]);

function environmentOf(
  attributes: DerivationAttributes,
  outputs: Iterable<string>,
): ReadonlyMap<ByteString, ByteString> {
  const values = Object.entries(attributes).flatMap(([name, value]) =>
    value === undefined || DIRECTIVES.has(name) || (value === null && attributes["__ignoreNulls"] === true)
      ? []
      : [[name, value] as const],
  );
  const texts = attributes["__structuredAttrs"] === true ? structured(values) : values.map(toVariable);
  // The paths of outputs win over attributes of the same name; they follow when they are known.
  return new Map(
    [...texts, ...[...outputs].map((output) => [output, ""] as const)].map(([name, text]) => [
      encodeByteString(name),
      encodeByteString(text),
    ]),
  );
}

function toVariable([name, value]: readonly [string, AttributeValue]): readonly [string, string] {
  return [coerceToText(name, `the name "${name}"`), coerceToText(value, `the attribute "${name}"`)];
}

function structured(
  values: readonly (readonly [string, AttributeValue])[],
): readonly (readonly [string, string])[] {
  const members = values.filter(([name]) => name !== "__structuredAttrs");
  return [["__json", formatAttributesJson(Object.fromEntries(members), "the attributes")]];
}

function invalid(message: string): never {
  throw new NixFormatError("DERIVATION_INVALID", message);
}
