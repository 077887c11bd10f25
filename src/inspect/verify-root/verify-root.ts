// A root file system and what it shall run → everything that is proved to go wrong when a container starts, and what
// may. Nothing is run: files are read as the kernel and the dynamic loader would read them. One file a check.

import { compareStrings } from "../../model/bytes.ts";
import type { Context } from "../../model/context.ts";
import { importModule, moduleNames } from "../../platform/discover.ts";
import { yieldToEvents } from "../../platform/files.ts";
import type { RootView } from "../root-view.ts";
import type { RootCheck } from "./check.ts";
import { InspectedRoot } from "./inspected-root.ts";
import { compareProblems, type RootProblem } from "./problem.ts";
import type { IsPromised } from "./promises.ts";
import type { RootSubject } from "./subject.ts";

const CHECKS = new URL("./checks/", import.meta.url);

export interface VerifyRootOptions {
  /** Names of the checks to be done: their files in checks/. Default: all. */
  readonly checks?: readonly string[] | undefined;
  /**
   * Whether a file's maker promised that a thing is there; what was not promised is a warning, unless it is what the
   * image starts that lacks it. Default: nobody knows; then what a plugin lacks is a warning, and the rest was promised.
   */
  readonly isPromised?: IsPromised | undefined;
}

/** The names of all checks, sorted. */
export function listChecks(): readonly string[] {
  return moduleNames(CHECKS);
}

/**
 * Verifies a root file system.
 *
 * @returns All problems, errors first; without errors the image's programs load and its entrypoint starts.
 * @throws Only when bytes cannot be read, or the signal's reason.
 */
export async function verifyRoot(
  root: RootView,
  subject: RootSubject,
  options: VerifyRootOptions,
  context: Pick<Context, "signal" | "progress">,
): Promise<RootProblem[]> {
  const names = options.checks ?? listChecks();
  const stage = context.progress.stage("verifying files");
  stage.expect(names.length);
  const inspected = new InspectedRoot(root, subject, options.isPromised);
  const problems = new Map<string, RootProblem>();
  for (const name of [...names].sort(compareStrings)) {
    context.signal.throwIfAborted();
    const { check } = await importModule<{ check: RootCheck }>(CHECKS, name);
    for (const found of check.run(inspected)) {
      const problem = weigh(found, inspected);
      const key = `${problem.code}\0${problem.path ?? ""}\0${problem.message}`;
      problems.set(key, problem);
    }
    stage.advance(1);
    await yieldToEvents();
  }
  const sorted = [...problems.values()].sort(compareProblems);
  stage.done(summarize(sorted, inspected));
  return sorted;
}

function weigh(problem: RootProblem, root: InspectedRoot): RootProblem {
  const { path, missing, severity } = problem;
  const { isPromised } = root;
  if (severity === "warning" || isPromised === undefined || path === undefined || missing === undefined)
    return problem;
  if ([path, ...(problem.breaks ?? [])].some((broken) => root.started.has(broken))) return problem;
  if (missing.kind === "symbol-version" || isPromised(path, missing)) return problem;
  return {
    ...problem,
    severity: "warning",
    message: `${problem.message} (optional: its package does not declare it)`,
  };
}

function summarize(problems: readonly RootProblem[], { files }: InspectedRoot): string {
  const errors = problems.filter(({ severity }) => severity === "error").length;
  const warnings = problems.length - errors;
  const seen = `${files.elves.size} ELF files, ${files.scripts.size} scripts`;
  const count = (number: number, noun: string) => `${number} ${noun}${number === 1 ? "" : "s"}`;
  return errors + warnings === 0
    ? `${seen}: all resolves`
    : `${seen}: ${count(errors, "error")}, ${count(warnings, "warning")}`;
}
