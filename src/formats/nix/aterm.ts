// .drv files: bytes ⇄ derivations. The form is an ATerm, `Derive(outputs,inputDrvs,inputSrcs,system,builder,args,env)`,
// without blanks. Only what Nix itself would write is read: sorted, each key once, no needless escapes.

import type { ByteString } from "../../model/bytes.ts";
import { compareStrings } from "../../model/bytes.ts";
import type { StorePath } from "../../model/store-path.ts";
import { asStorePath, storeNameProblem } from "../../model/store-path.ts";
import { NixFormatError } from "./errors.ts";
import type { Hash, HashAlgorithm } from "./hash.ts";
import { formatHash, isHashAlgorithm, parseHash } from "./hash.ts";

/** What is hashed of an output: one plain file, or the NAR of any tree. */
export type OutputHashMethod = "flat" | "recursive";

export type DerivationOutput =
  /** Named by how it is made. */
  | { readonly kind: "input-addressed"; readonly path: StorePath }
  /** Named by what it will be, which is known before. */
  | {
      readonly kind: "fixed";
      readonly path: StorePath;
      readonly method: OutputHashMethod;
      readonly hash: Hash;
    }
  /** Named by what it is once it was made (experimental `ca-derivations`). */
  | { readonly kind: "floating"; readonly method: OutputHashMethod; readonly algorithm: HashAlgorithm }
  /** Named by how it is made, with an input that is floating. */
  | { readonly kind: "deferred" };

/** One build: what Nix calls a store derivation. Texts are byte strings; order does not matter but in `args`. */
export interface Derivation {
  readonly outputs: ReadonlyMap<string, DerivationOutput>;
  /** The outputs of other derivations that the build may read, by their .drv. */
  readonly inputDrvs: ReadonlyMap<StorePath, readonly string[]>;
  /** Other store paths that the build may read. */
  readonly inputSrcs: readonly StorePath[];
  readonly system: ByteString;
  readonly builder: ByteString;
  readonly args: readonly ByteString[];
  readonly env: ReadonlyMap<ByteString, ByteString>;
}

/** What stands in the ATerm instead of what the derivation says; for hashes. */
export interface DerivationTextOptions {
  /** Leaves out the paths of outputs, also where the environment has them. */
  readonly maskOutputs?: boolean;
  /** Names of the inputs and their outputs, instead of `inputDrvs`. */
  readonly inputs?: ReadonlyMap<string, readonly string[]>;
}

/** Writes a derivation as its .drv has it. */
export function formatDerivation(derivation: Derivation): Buffer {
  return Buffer.from(derivationText(derivation), "latin1");
}

/** The ATerm of a derivation, as a byte string. */
export function derivationText(derivation: Derivation, options: DerivationTextOptions = {}): string {
  const { outputs, system, builder, args, env } = derivation;
  const { maskOutputs = false, inputs = derivation.inputDrvs } = options;
  const fields = [
    list(sortedEntries(outputs).map(([name, output]) => outputTerm(name, output, maskOutputs))),
    list(sortedEntries(inputs).map(([path, names]) => `(${quote(path)},${quoteSet(names)})`)),
    quoteSet(derivation.inputSrcs),
    quote(system),
    quote(builder),
    list(args.map(quote)),
    list(
      sortedEntries(env).map(
        ([name, value]) => `(${quote(name)},${quote(maskOutputs && outputs.has(name) ? "" : value)})`,
      ),
    ),
  ];
  return `Derive(${fields.join(",")})`;
}

function outputTerm(name: string, output: DerivationOutput, mask: boolean): string {
  const path = "path" in output && !mask ? output.path : "";
  const hash = output.kind === "fixed" ? formatHash(output.hash, "base16") : "";
  return `(${[name, path, outputHashAlgo(output), hash].map(quote).join(",")})`;
}

/** The third field of an output: `sha256`, `r:sha256`, or nothing. */
export function outputHashAlgo(output: DerivationOutput): string {
  if (output.kind !== "fixed" && output.kind !== "floating") return "";
  const algorithm = output.kind === "fixed" ? output.hash.algorithm : output.algorithm;
  return output.method === "recursive" ? `r:${algorithm}` : algorithm;
}

function list(items: readonly string[]): string {
  return `[${items.join(",")}]`;
}

function quoteSet(texts: Iterable<string>): string {
  return list([...new Set(texts)].sort(compareStrings).map(quote));
}

function sortedEntries<Value>(map: ReadonlyMap<string, Value>): [string, Value][] {
  return [...map].sort(([a], [b]) => compareStrings(a, b));
}

const ESCAPES: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };
const UNESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" };

function quote(text: string): string {
  return `"${text.replace(/["\\\n\r\t]/g, (char) => ESCAPES[char] ?? `\\${char}`)}"`;
}

/**
 * Reads a .drv.
 *
 * @param name What to call it in errors, such as its path.
 * @throws {NixFormatError} `DERIVATION_INVALID` for what Nix would not write: also for unsorted or repeated entries, and
 * outputs that do not go together.
 */
export function parseDerivation(bytes: Uint8Array, name = "the derivation"): Derivation {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  const parser = new Parser(text, name);
  const derivation = parser.derivation();
  if (derivationText(derivation) !== text) {
    parser.fail("it is not in the one form that Nix writes: sorted, each entry once, no needless escapes");
  }
  const problem = outputsProblem(derivation.outputs);
  if (problem !== undefined) parser.fail(problem);
  return derivation;
}

/** Why outputs cannot be of one derivation, or undefined. */
export function outputsProblem(outputs: ReadonlyMap<string, DerivationOutput>): string | undefined {
  if (outputs.size === 0) return "it has no outputs";
  for (const name of outputs.keys()) {
    const problem = name === "drv" ? 'no output may be named "drv"' : storeNameProblem(name);
    if (problem !== undefined) return `its output "${name}" is misnamed: ${problem}`;
  }
  const kinds = new Set([...outputs.values()].map((output) => output.kind));
  if (kinds.size > 1) return `its outputs are of different kinds: ${[...kinds].join(", ")}`;
  if (kinds.has("fixed") && (outputs.size > 1 || !outputs.has("out"))) {
    return 'an output of fixed hash must be the only one, and named "out"';
  }
  return undefined;
}

class Parser {
  readonly #text: string;
  readonly #name: string;
  #at = 0;

  constructor(text: string, name: string) {
    this.#text = text;
    this.#name = name;
  }

  derivation(): Derivation {
    this.#want("Derive(");
    const outputs = new Map(this.#list(() => this.#output()));
    this.#want(",");
    const inputDrvs = new Map(this.#list(() => this.#inputDrv()));
    this.#want(",");
    const inputSrcs = this.#list(() => this.#storePath());
    this.#want(",");
    const system = this.#string();
    this.#want(",");
    const builder = this.#string();
    this.#want(",");
    const args = this.#list(() => this.#string());
    this.#want(",");
    const env = new Map(this.#list(() => this.#pair()));
    this.#want(")");
    if (this.#at < this.#text.length) this.fail("bytes follow its end");
    return { outputs, inputDrvs, inputSrcs, system, builder, args, env };
  }

  fail(problem: string): never {
    throw new NixFormatError("DERIVATION_INVALID", `Cannot read ${this.#name}: ${problem}`);
  }

  #want(word: string): void {
    if (!this.#text.startsWith(word, this.#at)) this.fail(`"${word}" was wanted at offset ${this.#at}`);
    this.#at += word.length;
  }

  #list<Item>(item: () => Item): Item[] {
    const items: Item[] = [];
    this.#want("[");
    while (this.#text[this.#at] !== "]") {
      if (items.length > 0) this.#want(",");
      items.push(item());
    }
    this.#at++;
    return items;
  }

  #string(): ByteString {
    this.#want('"');
    const start = this.#at;
    let end = start;
    while (this.#text[end] !== '"') {
      if (end >= this.#text.length) this.fail(`the string at offset ${start} does not end`);
      end += this.#text[end] === "\\" ? 2 : 1;
    }
    this.#at = end + 1;
    const raw = this.#text.slice(start, end);
    const text = raw.includes("\\")
      ? raw.replace(/\\(.)/gs, (_, char: string) => UNESCAPES[char] ?? char)
      : raw;
    return text as ByteString;
  }

  #storePath(): StorePath {
    const text = this.#string();
    return asStorePath(text) ?? this.fail(`${JSON.stringify(text)} is no store path`);
  }

  #pair(): [ByteString, ByteString] {
    this.#want("(");
    const name = this.#string();
    this.#want(",");
    const value = this.#string();
    this.#want(")");
    return [name, value];
  }

  #inputDrv(): [StorePath, string[]] {
    this.#want("(");
    const path = this.#storePath();
    if (!path.endsWith(".drv")) this.fail(`its input "${path}" is no derivation`);
    this.#want(",");
    const outputs = this.#list(() => this.#string());
    if (outputs.length === 0) this.fail(`it needs no output of its input "${path}"`);
    this.#want(")");
    return [path, outputs];
  }

  #output(): [string, DerivationOutput] {
    this.#want("(");
    const name = this.#string();
    this.#want(",");
    const path = this.#string();
    this.#want(",");
    const algorithm = this.#string();
    this.#want(",");
    const hash = this.#string();
    this.#want(")");
    return [name, this.#outputOf(name, path, algorithm, hash)];
  }

  #outputOf(name: string, path: string, hashAlgo: string, hash: string): DerivationOutput {
    const storePath = path === "" ? undefined : asStorePath(path);
    if (path !== "" && storePath === undefined)
      this.fail(`the path of its output "${name}" is no store path`);
    if (hashAlgo === "") {
      if (hash !== "") this.fail(`its output "${name}" has a hash of no algorithm`);
      return storePath === undefined ? { kind: "deferred" } : { kind: "input-addressed", path: storePath };
    }
    const method = hashAlgo.startsWith("r:") ? "recursive" : "flat";
    const algorithm = hashAlgo.replace(/^r:/, "");
    if (!isHashAlgorithm(algorithm))
      this.fail(`its output "${name}" has a hash of "${hashAlgo}", which is unknown`);
    if (hash === "" && storePath === undefined) return { kind: "floating", method, algorithm };
    if (hash === "" || storePath === undefined) {
      this.fail(`its output "${name}" has ${hash === "" ? "a path and no hash" : "a hash and no path"}`);
    }
    return { kind: "fixed", path: storePath, method, hash: this.#hash(name, hash, algorithm) };
  }

  #hash(name: string, text: string, algorithm: HashAlgorithm): Hash {
    try {
      return parseHash(text, algorithm);
    } catch (cause) {
      throw new NixFormatError(
        "DERIVATION_INVALID",
        `Cannot read ${this.#name}: the hash of its output "${name}" is damaged`,
        { cause },
      );
    }
  }
}
