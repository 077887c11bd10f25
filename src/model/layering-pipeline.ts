// A layering pipeline: operations on the graph of references, written as dockerTools' `layeringPipeline` is. Plain data,
// and the check that a value is one; what it does is in layers/pipeline.ts.

/** What `split_paths` splits off: a path, or what paths refer to. */
export type SplitPath = string | { readonly children_of: string | readonly string[] };

/** One path, or several. */
export type PipelinePaths = string | readonly string[];

/**
 * One operation with its arguments. A path is a store path, the name of a package (`redis-server`), or the place of a
 * local file in the image; those that the graph does not have are ignored.
 */
export type LayeringOperation =
  /** Graph → one graph for each unit, the most popular first. */
  | readonly ["popularity_contest"]
  /** List → its first n − 1 graphs, and all others as one. */
  | readonly ["limit_layers", number]
  /** Graph → graphs of n units each, the smallest first. */
  | readonly ["split_every", number]
  /** Graph → `main`: the paths and what only they need; `common`: what others need as well; `rest`. */
  | readonly ["split_paths", readonly SplitPath[]]
  /** Graph → the graph without them: they will not be in the image. */
  | readonly ["remove_paths", PipelinePaths]
  /** Graph → `main`: the paths and all that needs them; `rest`. */
  | readonly ["subcomponent_in", PipelinePaths]
  /** Graph → `main`: the paths and all that they need; `rest`. */
  | readonly ["subcomponent_out", PipelinePaths]
  /** Applies an operation to one part: `["over", "main", ["popularity_contest"]]`. */
  | readonly ["over", string, LayeringOperation]
  /** Applies an operation to every item of a list. */
  | readonly ["map", LayeringOperation]
  /** A pipeline as one operation. */
  | readonly ["pipe", LayeringPipeline]
  | readonly ["reverse"]
  /** Parts and lists in lists → one list of graphs. */
  | readonly ["flatten"];

/** Operations in the order in which they are applied, beginning with the graph of all units. */
export type LayeringPipeline = readonly LayeringOperation[];

/** How deep operations may lie in each other. */
const MOST_NESTED = 100;

type ArgumentCheck = (argument: unknown, depth: number) => string | undefined;

const isText = (value: unknown): value is string => typeof value === "string";
const isPaths = (value: unknown): boolean => isText(value) || (Array.isArray(value) && value.every(isText));

const positive: ArgumentCheck = (value) =>
  Number.isSafeInteger(value) && (value as number) > 0 ? undefined : "a whole number above 0 was expected";
const paths: ArgumentCheck = (value) =>
  isPaths(value) ? undefined : "a path or an array of paths was expected";
const splitPaths: ArgumentCheck = (value) =>
  Array.isArray(value) && value.every((item) => isText(item) || isChildrenOf(item))
    ? undefined
    : "an array of paths and of { children_of: paths } was expected";
const key: ArgumentCheck = (value) =>
  isText(value) ? undefined : 'the name of a part such as "main" was expected';

/** The arguments of every operation. */
const OPERATIONS: Readonly<Record<LayeringOperation[0], readonly ArgumentCheck[]>> = {
  popularity_contest: [],
  limit_layers: [positive],
  split_every: [positive],
  split_paths: [splitPaths],
  remove_paths: [paths],
  subcomponent_in: [paths],
  subcomponent_out: [paths],
  over: [key, operationProblem],
  map: [operationProblem],
  pipe: [problemAt],
  reverse: [],
  flatten: [],
};

/** The names of all operations. */
export const LAYERING_OPERATIONS: readonly string[] = Object.keys(OPERATIONS);

/**
 * Why a value is no layering pipeline, or undefined when it is one: `operation 2 (limit_layers): …`.
 *
 * Pure.
 */
export function layeringPipelineProblem(value: unknown): string | undefined {
  return problemAt(value, 0);
}

function problemAt(value: unknown, depth: number): string | undefined {
  if (!Array.isArray(value)) return "an array of operations was expected";
  for (const [i, operation] of value.entries()) {
    const problem = operationProblem(operation, depth);
    if (problem !== undefined) return `operation ${i + 1}${nameOf(operation)}: ${problem}`;
  }
  return undefined;
}

function operationProblem(value: unknown, depth: number): string | undefined {
  if (depth > MOST_NESTED) return `at most ${MOST_NESTED} operations in each other were expected`;
  if (!Array.isArray(value) || !isText(value[0])) {
    return 'an array such as ["limit_layers", 5] was expected';
  }
  const [name, ...given] = value as [string, ...unknown[]];
  if (!Object.hasOwn(OPERATIONS, name)) {
    return `there is no operation "${name}", one of ${LAYERING_OPERATIONS.join(", ")} was expected`;
  }
  const wanted = OPERATIONS[name as LayeringOperation[0]];
  if (given.length !== wanted.length) {
    return `it has ${given.length} arguments, ${wanted.length} were expected`;
  }
  for (const [i, check] of wanted.entries()) {
    const problem = check(given[i], depth + 1);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function isChildrenOf(value: unknown): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const keys = Object.keys(value);
  return keys.length === 1 && isPaths((value as { children_of?: unknown }).children_of);
}

function nameOf(operation: unknown): string {
  return Array.isArray(operation) && isText(operation[0]) ? ` (${operation[0]})` : "";
}
