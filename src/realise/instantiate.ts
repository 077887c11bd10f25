// A build graph and what its sources and packages are → derivations as Nix has them: their .drv, and the paths of all
// outputs, known before anything is built.

import {
  type DerivationAttributes,
  type DerivationInput,
  type InstantiatedDerivation,
  instantiate,
} from "../formats/nix/derivation.ts";
import {
  type BuildGraph,
  type DerivationNode,
  formatPlaceholder,
  type ImportNode,
  mapTexts,
  type NodeId,
  type OutputReference,
  replacePlaceholders,
  type SourceNode,
} from "../model/derivation.ts";
import { InternalError } from "../model/errors.ts";
import type { Request } from "../model/image-spec.ts";
import type { StorePath } from "../model/store-path.ts";

/** A derivation of the graph, instantiated: it can be built. */
export interface PlannedDerivation extends InstantiatedDerivation {
  readonly node: DerivationNode;
  /** The outputs of other nodes that it reads, where they are. */
  readonly inputs: readonly StorePath[];
}

/** All of a graph, by node. */
export interface BuildPlan {
  /** Inputs before what is built from them. */
  readonly derivations: ReadonlyMap<NodeId, PlannedDerivation>;
  readonly sources: ReadonlyMap<NodeId, StorePath>;
}

/** What the graph leaves open. */
export interface Resolution {
  /** Where a tree of this machine is in the store, as it is now. */
  sourcePath(node: SourceNode | ImportNode): Promise<StorePath>;
  /** The store paths that stand for some packages and all that comes with them: what a build with them depends on. */
  packagePaths(requests: readonly Request[]): readonly StorePath[];
}

/**
 * Instantiates all derivations of a graph.
 *
 * @throws {NixFormatError} `DERIVATION_INVALID`, `STORE_PATH_INVALID` or `HASH_INVALID`: what Nix refuses.
 */
export async function instantiateGraph(graph: BuildGraph, resolution: Resolution): Promise<BuildPlan> {
  const sources = new Map<NodeId, StorePath>();
  for (const [id, node] of Object.entries(graph)) {
    if (node.kind !== "derivation") sources.set(id, await resolution.sourcePath(node));
  }
  const plan = { derivations: new Map<NodeId, PlannedDerivation>(), sources };
  const add = (id: NodeId): void => {
    const node = graph[id];
    if (node === undefined) throw new InternalError(`the build graph has no node ${id}`);
    if (node.kind !== "derivation" || plan.derivations.has(id)) return;
    for (const input of node.inputs) add(input.node);
    plan.derivations.set(id, instantiateNode(node, plan, resolution));
  };
  Object.keys(graph).forEach(add);
  return plan;
}

/** Where an output of a plan is. */
export function outputPath(plan: BuildPlan, { node, output }: OutputReference): StorePath {
  const path = plan.sources.get(node) ?? plan.derivations.get(node)?.outputs.get(output);
  if (path === undefined) throw new InternalError(`the build plan has no output ${output} of ${node}`);
  return path as StorePath;
}

/** Replaces the placeholders of some outputs by their paths, in any text. */
export function createResolver(
  plan: BuildPlan,
  outputs: readonly OutputReference[],
): (text: string) => string {
  const paths = new Map(outputs.map((output) => [formatPlaceholder(output), outputPath(plan, output)]));
  return (text) => replacePlaceholders(text, (placeholder) => paths.get(placeholder));
}

function instantiateNode(
  node: DerivationNode,
  plan: BuildPlan,
  { packagePaths }: Resolution,
): PlannedDerivation {
  const resolve = createResolver(plan, node.inputs);
  const { name, outputs, fixedOutput } = node;
  const attributes: DerivationAttributes = {
    ...mapTexts(node.structuredAttrs ?? node.env, resolve),
    ...(node.structuredAttrs && { __structuredAttrs: true }),
    name,
    system: node.system,
    builder: resolve(node.builder),
    args: node.args.map(resolve),
    ...(outputs.length === 1 && outputs[0] === "out" ? {} : { outputs }),
    ...(fixedOutput && { outputHash: fixedOutput.hash }),
    ...(fixedOutput?.method && { outputHashMode: fixedOutput.method }),
  };
  const inputDrvs = new Map<StorePath, DerivationInput & { readonly outputs: Set<string> }>();
  for (const input of node.inputs) {
    const derivation = plan.derivations.get(input.node);
    if (derivation === undefined) continue;
    const entry = inputDrvs.get(derivation.drvPath);
    if (entry !== undefined) entry.outputs.add(input.output);
    else
      inputDrvs.set(derivation.drvPath, {
        outputs: new Set([input.output]),
        hashModulo: hashModuloOf(derivation),
      });
  }
  const inputSrcs = new Set([
    ...node.inputs.flatMap((input) => plan.sources.get(input.node) ?? []),
    // Those of builtins are what their outputs may refer to: nothing is read of them.
    ...(node.builder.startsWith("builtin:") ? [] : packagePaths(node.requests)),
  ]);
  const instantiated = instantiate(attributes, { inputDrvs, inputSrcs });
  return { ...instantiated, node, inputs: node.inputs.map((input) => outputPath(plan, input)) };
}

function hashModuloOf({ name, hashModulo }: InstantiatedDerivation): string {
  if (hashModulo === undefined) throw new InternalError(`nothing can depend on ${name} before it is built`);
  return hashModulo;
}
