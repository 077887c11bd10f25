// What outputs may refer to: candidates of the scan, and the attributes that allow and forbid references.
// Source: Nix manual, "Advanced Attributes": allowedReferences, allowedRequisites, disallowedReferences,
// disallowedRequisites.

import { decodeByteString } from "../model/bytes.ts";
import type { StorePath } from "../model/store-path.ts";
import { findMentions, type Mention } from "../platform/store/mentions.ts";
import type { DescribedOutput } from "./build.ts";
import { isFixedOutput, wordsOf } from "./environment.ts";
import { BuildError } from "./errors.ts";
import type { BuildJob } from "./job.ts";

/** The store paths that an output may refer to: all that the build could read, and the outputs themselves. */
export function listCandidates(job: BuildJob, outputs: Iterable<StorePath>): Set<StorePath> {
  return new Set([...job.inputs.map(({ path }) => path), ...outputs]);
}

const RULES = [
  ["allowedReferences", "direct", "allowed"],
  ["disallowedReferences", "direct", "forbidden"],
  ["allowedRequisites", "closure", "allowed"],
  ["disallowedRequisites", "closure", "forbidden"],
] as const;

/** A reference that an output must not have. */
interface Offence {
  readonly output: DescribedOutput;
  readonly reference: StorePath;
  readonly why: string;
}

/**
 * @param staged Where the outputs are, by name: for what the error says of the files.
 * @throws {BuildError} `REFERENCE_FORBIDDEN` or `OUTPUT_CYCLE`.
 */
export async function checkReferences(
  job: BuildJob,
  outputs: readonly DescribedOutput[],
  staged: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<void> {
  for (const output of outputs) {
    for (const offence of [
      findFixed(job, output),
      ...RULES.map((rule) => findOffence(job, outputs, output, rule)),
    ])
      if (offence !== undefined) throw await forbidden(job, offence, staged.get(output.name)!, signal);
  }
  refuseCycle(job, outputs);
}

/** What has a fixed hash must not depend on what made it: newer Nix refuses it as well. */
function findFixed(job: BuildJob, output: DescribedOutput): Offence | undefined {
  const [reference] = output.info.references;
  if (!isFixedOutput(job) || reference === undefined) return undefined;
  return { output, reference, why: "an output with a fixed hash must not refer to any store path" };
}

function findOffence(
  job: BuildJob,
  outputs: readonly DescribedOutput[],
  output: DescribedOutput,
  [attribute, reach, meaning]: (typeof RULES)[number],
): Offence | undefined {
  const { info } = output;
  const words = wordsOf(job, attribute);
  if (words === undefined) return undefined;
  const listed = new Set(words.map((word) => outputs.find(({ name }) => name === word)?.info.path ?? word));
  const references = reach === "direct" ? info.references : closureOf(job, outputs, info.references);
  const offender = references.find((path) => listed.has(path) === (meaning === "forbidden"));
  if (offender === undefined) return undefined;
  const why = meaning === "allowed" ? `${attribute} does not list it` : `${attribute} lists it`;
  return { output, reference: offender, why };
}

function closureOf(
  { inputs }: BuildJob,
  outputs: readonly DescribedOutput[],
  start: readonly StorePath[],
): StorePath[] {
  const references = new Map(
    [...inputs, ...outputs.map(({ info }) => info)].map((info) => [info.path, info.references]),
  );
  const reached = new Set<StorePath>();
  const pending = [...start];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    if (reached.has(path)) continue;
    reached.add(path);
    pending.push(...(references.get(path) ?? []));
  }
  return [...reached];
}

async function forbidden(
  job: BuildJob,
  { output: { info }, reference, why }: Offence,
  place: string,
  signal: AbortSignal,
): Promise<BuildError> {
  const mentions = await findMentions(place, reference, signal);
  return new BuildError(
    "REFERENCE_FORBIDDEN",
    `Cannot use what ${job.name} built: ${info.path} refers to ${reference}${formatPlaces(mentions)}, and ${why}`,
    { hint: "Let the build not write it, or blank it out with removeReferencesTo" },
  );
}

/** Files that a message shows. */
const MOST_SHOWN = 3;

/** ` (in bin/app and 2 other files)`; nothing of an output that is the file, or that only refers to what refers to it. */
function formatPlaces(mentions: readonly Mention[]): string {
  const files = [...new Set(mentions.map(({ path }) => decodeByteString(path)))].filter(
    (file) => file !== "",
  );
  if (files.length === 0) return "";
  const more = files.length - MOST_SHOWN;
  return ` (in ${files.slice(0, MOST_SHOWN).join(", ")}${more > 0 ? ` and ${more} more` : ""})`;
}

function refuseCycle(job: BuildJob, outputs: readonly DescribedOutput[]): void {
  const own = new Map(outputs.map(({ info }) => [info.path, info.references]));
  const visit = (path: StorePath, above: readonly StorePath[]): void => {
    if (above.includes(path)) {
      throw new BuildError(
        "OUTPUT_CYCLE",
        `Cannot use what ${job.name} built: its outputs refer to each other in a circle, ${[...above, path].join(" → ")}`,
        { hint: "Move what refers back into the output that it refers to" },
      );
    }
    for (const reference of own.get(path) ?? []) {
      if (reference !== path && own.has(reference)) visit(reference, [...above, path]);
    }
  };
  for (const path of own.keys()) visit(path, []);
}
