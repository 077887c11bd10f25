// Problems of a root file system → one error that names the first, the package that would mend it, and the rest.

import { baseName, decodeByteString } from "../../model/bytes.ts";
import { TareError } from "../../model/errors.ts";
import type { StoreObject } from "../../model/store-object.ts";
import type { RootProblem } from "./problem.ts";

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
 * @param candidates Objects that may have what is missing: those that are not in the image.
 * @throws {VerifyRootError} `ROOT_INCOMPLETE`
 */
export function refuseErrors(
  name: string,
  problems: readonly RootProblem[],
  candidates: readonly StoreObject[],
): void {
  const errors = problems.filter(({ severity }) => severity === "error");
  const [first] = errors;
  if (first === undefined) return;
  const listed = errors.slice(0, MOST_LISTED).map(({ message }) => message);
  const more = errors.length > MOST_LISTED ? `; and ${errors.length - MOST_LISTED} more` : "";
  const providers = findProviders(first, candidates);
  const hint =
    providers.length > 0
      ? `${providers.join(" or ")} has it: add it to contents, or name it in keep`
      : first.hint;
  throw new VerifyRootError(`Cannot build ${name}: ${listed.join("; ")}${more}`, errors, hint);
}

/** Names of the packages that have what is missing. */
function findProviders({ missing }: RootProblem, candidates: readonly StoreObject[]): string[] {
  if (missing === undefined) return [];
  const isPath = missing.name.includes("/");
  const wanted = missing.name.replace(/^\//, "");
  const plain = (path: string) => path.replace(/^usr\//, "");
  return candidates
    .filter(({ tree }) =>
      tree.entries.some(
        ({ type, path }) =>
          type !== "directory" && (isPath ? plain(path) === plain(wanted) : baseName(path) === wanted),
      ),
    )
    .map(({ id, package: metadata }) => decodeByteString(metadata?.name ?? id));
}
