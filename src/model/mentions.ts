// What strings of an image.ts mention: outputs by their placeholders, store paths of other sources by themselves.
// Nodes and paths register when they are made; whoever takes a string asks what it mentions, as Nix's string contexts do.

import { compareStrings } from "./bytes.ts";
import {
  type BuildGraph,
  type BuildNode,
  computeNodeId,
  findPlaceholders,
  formatPlaceholder,
  type NodeId,
  type OutputReference,
} from "./derivation.ts";
import type { Request } from "./image-spec.ts";

const nodes = new Map<NodeId, BuildNode>();
const outputs = new Map<string, OutputReference>();
const requests = new Map<string, Request>();

/** Makes a node known, so that strings can mention its outputs. */
export function registerNode(node: BuildNode): NodeId {
  const id = computeNodeId(node);
  nodes.set(id, node);
  for (const output of node.kind === "derivation" ? node.outputs : ["out"]) {
    const reference: OutputReference = { kind: "output", node: id, output };
    outputs.set(formatPlaceholder(reference), reference);
  }
  return id;
}

/** What an output is made by; undefined for what was never registered. */
export function findNode({ node }: Pick<OutputReference, "node">): BuildNode | undefined {
  return nodes.get(node);
}

/** Makes a store path known that a source can provide, so that strings can mention it. */
export function registerStorePath(path: string, request: Request): void {
  requests.set(path, request);
}

/** What texts mention; each once, in the order of their placeholders. */
export interface Mentions {
  readonly outputs: readonly OutputReference[];
  readonly requests: readonly Request[];
}

const STORE_PATH = /\/nix\/store\/[0-9abcdfghijklmnpqrsvwxyz]{32}-[0-9a-zA-Z+._?=-]+/g;

export function findMentions(texts: Iterable<string>): Mentions {
  const foundOutputs = new Map<string, OutputReference>();
  const foundRequests = new Map<string, Request>();
  for (const text of texts) {
    for (const placeholder of findPlaceholders(text)) {
      const output = outputs.get(placeholder);
      if (output !== undefined) foundOutputs.set(placeholder, output);
    }
    for (const path of text.match(STORE_PATH) ?? []) {
      const request = requests.get(path);
      if (request !== undefined) foundRequests.set(path, request);
    }
  }
  const inOrder = <T>(found: Map<string, T>): T[] =>
    [...found].sort(([a], [b]) => compareStrings(a, b)).map(([, value]) => value);
  return { outputs: inOrder(foundOutputs), requests: inOrder(foundRequests) };
}

/** All texts of a value that consists of plain data. */
export function* textsOf(value: unknown): Generator<string> {
  if (typeof value === "string") yield value;
  else if (Array.isArray(value)) for (const item of value) yield* textsOf(item);
  else if (typeof value === "object" && value !== null) {
    for (const [name, item] of Object.entries(value)) {
      yield name;
      yield* textsOf(item);
    }
  }
}

/** The nodes of some outputs and all that they refer to. */
export function collectGraph(roots: readonly OutputReference[]): BuildGraph {
  const graph = new Map<NodeId, BuildNode>();
  const pending = roots.map(({ node }) => node);
  for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
    const node = nodes.get(id);
    if (node === undefined || graph.has(id)) continue;
    graph.set(id, node);
    if (node.kind === "derivation") pending.push(...node.inputs.map((input) => input.node));
  }
  return Object.fromEntries([...graph].sort(([a], [b]) => compareStrings(a, b)));
}
