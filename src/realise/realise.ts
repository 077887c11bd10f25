// A build plan and what is wanted of it → valid store paths: what is there is used, what can be substituted is, the rest
// is built, inputs first and as many at once as there are jobs.

import type { OutputReference } from "../model/derivation.ts";
import type { StorePath } from "../model/store-path.ts";
import { type BuildPlan, outputPath, type PlannedDerivation } from "./instantiate.ts";

/** What makes store paths valid. */
export interface Realiser {
  isValid(path: StorePath): boolean;
  /** Gets paths from elsewhere, where they can be had; says nothing when they cannot. */
  substitute(paths: readonly StorePath[]): Promise<void>;
  /** Builds a derivation whose inputs are all valid, and registers its outputs. */
  build(derivation: PlannedDerivation): Promise<void>;
}

export interface RealiseOptions {
  /** Derivations that are built at once. */
  readonly jobs: number;
  readonly signal: AbortSignal;
  /** Derivations that are built even though their outputs are valid: to compare. Their outputs are wanted, too. */
  readonly check?: ReadonlySet<PlannedDerivation> | undefined;
}

/**
 * Makes outputs valid.
 *
 * @throws What building throws: the first failure ends the work, after the builds that run have ended.
 */
export async function realise(
  plan: BuildPlan,
  wanted: readonly OutputReference[],
  realiser: Realiser,
  options: RealiseOptions,
): Promise<void> {
  const needed = await listNeeded(plan, wanted, realiser, options.check ?? new Set());
  await buildInOrder(plan, needed, realiser, options);
}

/** The derivations that must be built, each after its inputs. */
async function listNeeded(
  plan: BuildPlan,
  wanted: readonly OutputReference[],
  realiser: Realiser,
  check: ReadonlySet<PlannedDerivation>,
): Promise<PlannedDerivation[]> {
  const order = [...plan.derivations.values()];
  const needed = new Set<PlannedDerivation>();
  const visited = new Set<StorePath>();
  let outputs = wanted;
  while (outputs.length > 0) {
    const missing = outputs.filter(
      (output) => plan.derivations.has(output.node) && !realiser.isValid(outputPath(plan, output)),
    );
    const substitutable = missing
      .filter(({ node }) => plan.derivations.get(node)!.node.env["allowSubstitutes"] !== "")
      .map((output) => outputPath(plan, output));
    if (substitutable.length > 0) await realiser.substitute(substitutable);
    const next: OutputReference[] = [];
    for (const output of outputs) {
      const derivation = plan.derivations.get(output.node);
      const path = outputPath(plan, output);
      if (derivation === undefined || visited.has(path)) continue;
      visited.add(path);
      if (realiser.isValid(path) && !check.has(derivation)) continue;
      if (needed.has(derivation)) continue;
      needed.add(derivation);
      next.push(...derivation.node.inputs);
    }
    outputs = next;
  }
  return order.filter((derivation) => needed.has(derivation));
}

async function buildInOrder(
  plan: BuildPlan,
  needed: readonly PlannedDerivation[],
  realiser: Realiser,
  { jobs, signal }: RealiseOptions,
): Promise<void> {
  const waiting = new Set(needed);
  const running = new Map<PlannedDerivation, Promise<void>>();
  const done = new Set<PlannedDerivation>();
  const inPlan = new Set(needed);
  let failure: { readonly error: unknown } | undefined;
  const isReady = ({ node }: PlannedDerivation): boolean =>
    node.inputs.every((input) => {
      const derivation = plan.derivations.get(input.node);
      return derivation === undefined || !inPlan.has(derivation) || done.has(derivation);
    });
  while (waiting.size > 0 || running.size > 0) {
    for (const derivation of waiting) {
      if (failure !== undefined || signal.aborted || running.size >= jobs) break;
      if (!isReady(derivation)) continue;
      waiting.delete(derivation);
      const build = realiser.build(derivation).then(
        () => void done.add(derivation),
        (error: unknown) => {
          failure ??= { error };
        },
      );
      running.set(
        derivation,
        build.then(() => void running.delete(derivation)),
      );
    }
    if (running.size === 0) break;
    await Promise.race(running.values());
  }
  if (failure !== undefined) throw failure.error;
  signal.throwIfAborted();
}
