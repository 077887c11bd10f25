// What image.ts says is to be built, as plain data: derivations and local source trees, each mentioned in strings by a
// placeholder until the lock says what they are. Nix's words mean here what they mean there.

import { createHash } from "node:crypto";
import { formatCanonicalJson } from "./canonical-json.ts";
import type { Architecture, Request } from "./image-spec.ts";

/** The id of a build node: SHA-256 of its canonical JSON, lower-case hex. Nothing that is built depends on its order. */
export type NodeId = string;

/** A value of JSON. */
export type PlainValue =
  | null
  | boolean
  | number
  | string
  | readonly PlainValue[]
  | { readonly [name: string]: PlainValue };

/** One output of a build node. */
export interface OutputReference {
  readonly kind: "output";
  readonly node: NodeId;
  /** `out`, or another name of the derivation's outputs; other nodes have `out` alone. */
  readonly output: string;
}

/**
 * A derivation before its inputs are known: strings may hold placeholders, packages are requests.
 *
 * All that decides what is built is in `env`, as in Nix: also `allowedReferences`, `stripDebugList`,
 * `removeReferencesTo`… (docs/derivations.md).
 */
export interface DerivationNode {
  readonly kind: "derivation";
  readonly name: string;
  /** `x86_64-linux`, `aarch64-linux`, or `builtin`. */
  readonly system: string;
  /** A program, or `builtin:NAME` for what Tare does itself. */
  readonly builder: string;
  readonly args: readonly string[];
  /** Values as Nix coerces them to text; without the outputs, `name`, `builder`, `system`, which instantiation adds. */
  readonly env: Readonly<Record<string, string>>;
  /** Attributes that the builder gets as JSON; `env` is empty then. */
  readonly structuredAttrs?: Readonly<Record<string, PlainValue>> | undefined;
  readonly outputs: readonly string[];
  /** What the build may read: all that its strings mention, and what else was given; sorted, each once. */
  readonly inputs: readonly OutputReference[];
  /**
   * Packages that the build sees: of Debian's, with Essential and all they declare, as its root file system; of a Nix
   * store, at their store paths. A builtin sees none: they are what its outputs may refer to. Sorted, each once.
   */
  readonly requests: readonly Request[];
  /** The hash that the output must have; such a build may use the network. */
  readonly fixedOutput?:
    | {
        /** Undefined is flat. */
        readonly method: "flat" | "recursive" | undefined;
        /** As Nix reads hashes: `sha256-…`, `sha256:…`. */
        readonly hash: string;
      }
    | undefined;
}

/** A file or directory of this machine, copied into the store as it is when the build starts. */
export interface SourceNode {
  readonly kind: "source";
  readonly name: string;
  /**
   * Relative to the directory of the image file until that is evaluated (and in the node's id), then absolute; absolute
   * from the start when it was given as a URL.
   */
  readonly path: string;
  /** Byte paths of what a filter chose, relative to `path`, sorted; undefined is everything. */
  readonly include?: readonly string[] | undefined;
}

/**
 * A tree that a source makes of a project of this machine: of its lock file, for the most part. What it is made of is
 * fetched and checked when something is built.
 */
export interface ImportNode {
  readonly kind: "import";
  readonly name: string;
  /** The folder under sources/ whose `source` has `importTree`. */
  readonly source: string;
  /** As that of a {@link SourceNode}: the project's directory or lock file. */
  readonly path: string;
  /** The source's own; plain data. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Packages that its files may refer to in an image: nothing is made with them. Sorted, each once. */
  readonly requests?: readonly Request[] | undefined;
}

export type BuildNode = DerivationNode | SourceNode | ImportNode;

/** Everything that an image needs built: each node with all that it mentions. */
export type BuildGraph = Readonly<Record<NodeId, BuildNode>>;

export function computeNodeId(node: BuildNode): NodeId {
  return createHash("sha256").update(formatCanonicalJson(node)).digest("hex");
}

const PLACEHOLDER = /\/tare-output-[0-9a-f]{64}/g;

/** What stands in strings for the path of an output until that is known. */
export function formatPlaceholder({ node, output }: Pick<OutputReference, "node" | "output">): string {
  return `/tare-output-${createHash("sha256").update(`${node}:${output}`).digest("hex")}`;
}

/** The placeholders, or what looks like one, in a text; each as often as it occurs. */
export function findPlaceholders(text: string): string[] {
  return text.match(PLACEHOLDER) ?? [];
}

/** Replaces every placeholder that `resolve` knows; others are left as they are. */
export function replacePlaceholders(
  text: string,
  resolve: (placeholder: string) => string | undefined,
): string {
  return text.replace(PLACEHOLDER, (placeholder) => resolve(placeholder) ?? placeholder);
}

/** Changes all texts of plain data, names too. */
export function mapTexts<Value>(value: Value, change: (text: string) => string): Value {
  const map = (item: unknown): unknown => {
    if (typeof item === "string") return change(item);
    if (Array.isArray(item)) return item.map(map);
    if (typeof item !== "object" || item === null) return item;
    return Object.fromEntries(Object.entries(item).map(([name, below]) => [change(name), map(below)]));
  };
  return map(value) as Value;
}

/** Nix's name of a platform. */
export function systemOf(architecture: Architecture): string {
  return architecture === "amd64" ? "x86_64-linux" : "aarch64-linux";
}
