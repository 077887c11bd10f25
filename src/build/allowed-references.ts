// What outputs may refer to: candidates of the scan, and the attributes that allow and forbid references.
// Source: Nix manual, "Advanced Attributes": allowedReferences, allowedRequisites, disallowedReferences,
// disallowedRequisites.

import type { StorePath } from "../model/store-path.ts";
import type { DescribedOutput } from "./build.ts";
import { isFixedOutput, wordsOf } from "./environment.ts";
import { BuildError } from "./errors.ts";
import type { BuildJob } from "./job.ts";

/** The store paths that an output may refer to: all that the build could read, and the outputs themselves. */
export function listCandidates(job: BuildJob, outputs: Iterable<StorePath>): Set<StorePath> {
  return new Set([...job.inputs.map(({ path }) => path), ...outputs]);
}

/** @throws {BuildError} `REFERENCE_FORBIDDEN` or `OUTPUT_CYCLE`. */
export function checkReferences(job: BuildJob, outputs: readonly DescribedOutput[]): void {
  for (const output of outputs) {
    checkFixed(job, output);
    checkRule(job, outputs, output, "allowedReferences", "direct", "allowed");
    checkRule(job, outputs, output, "disallowedReferences", "direct", "forbidden");
    checkRule(job, outputs, output, "allowedRequisites", "closure", "allowed");
    checkRule(job, outputs, output, "disallowedRequisites", "closure", "forbidden");
  }
  refuseCycle(job, outputs);
}

/** What has a fixed hash must not depend on what made it: newer Nix refuses it as well. */
function checkFixed(job: BuildJob, { info }: DescribedOutput): void {
  if (!isFixedOutput(job) || info.references.length === 0) return;
  throw forbidden(
    job,
    info.path,
    info.references[0]!,
    "an output with a fixed hash must not refer to any store path",
  );
}

function checkRule(
  job: BuildJob,
  outputs: readonly DescribedOutput[],
  { info }: DescribedOutput,
  attribute: string,
  reach: "direct" | "closure",
  meaning: "allowed" | "forbidden",
): void {
  const words = wordsOf(job, attribute);
  if (words === undefined) return;
  const listed = new Set(words.map((word) => outputs.find(({ name }) => name === word)?.info.path ?? word));
  const references = reach === "direct" ? info.references : closureOf(job, outputs, info.references);
  const offender = references.find((path) => listed.has(path) === (meaning === "forbidden"));
  if (offender === undefined) return;
  throw forbidden(
    job,
    info.path,
    offender,
    meaning === "allowed" ? `${attribute} does not list it` : `${attribute} lists it`,
  );
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

function forbidden(job: BuildJob, path: StorePath, reference: StorePath, why: string): BuildError {
  return new BuildError(
    "REFERENCE_FORBIDDEN",
    `Cannot use what ${job.name} built: ${path} refers to ${reference}, and ${why}`,
    { hint: "Find what mentions it with grep in the output, or blank it out with removeReferencesTo" },
  );
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
