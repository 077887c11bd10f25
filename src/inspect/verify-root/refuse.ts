// Problems of a root file system → one error that names the first, the package that would mend it, and the rest.

import { TareError } from "../../model/errors.ts";
import type { RootProblem } from "./problem.ts";
import { describeProblem } from "./providers.ts";

export type VerifyRootErrorCode = "ROOT_INCOMPLETE";

/** Thrown for an image whose programs could not start. */
export class VerifyRootError extends TareError<VerifyRootErrorCode> {
  readonly problems: readonly RootProblem[];

  constructor(message: string, problems: readonly RootProblem[], hint: string | undefined) {
    super("ROOT_INCOMPLETE", message, { hint });
    this.problems = problems;
  }
}

const MOST_LISTED = 5;

/**
 * Refuses an image that has errors.
 *
 * @param problems With the packages that would mend them; see {@link nameProviders}.
 * @throws {VerifyRootError} `ROOT_INCOMPLETE`
 */
export function refuseErrors(name: string, problems: readonly RootProblem[]): void {
  const errors = problems.filter(({ severity }) => severity === "error");
  const [first] = errors;
  if (first === undefined) return;
  const listed = errors.slice(0, MOST_LISTED).map(describeProblem);
  const more = errors.length > MOST_LISTED ? `; and ${errors.length - MOST_LISTED} more` : "";
  const providers = [...new Set(errors.flatMap((problem) => problem.providers ?? []))];
  const hint =
    providers.length > 0 ? `Add ${listNames(providers)} to contents, or name it in keep` : first.hint;
  throw new VerifyRootError(`Cannot build ${name}: ${listed.join("; ")}${more}`, errors, hint);
}

function listNames(names: readonly string[]): string {
  const rest = names.length - MOST_LISTED;
  return `${names.slice(0, MOST_LISTED).join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`;
}
