// Paths of .debs in indices and locks. Both are hostile: a path must not lead out of its archive, nor to another host.

import { bytePathProblem } from "../../model/bytes.ts";
import { DebianError } from "./errors.ts";

/**
 * Refuses a path that is no plain relative one.
 *
 * @throws {DebianError} `BAD_PIN`
 */
export function checkPoolPath(path: string, name: string): void {
  const problem =
    path === ""
      ? "it is empty"
      : (bytePathProblem(path) ??
        (/^[A-Za-z0-9][A-Za-z0-9+.~_/%:-]*$/.test(path) && !path.includes("://")
          ? undefined
          : "it has characters that no path of an archive has"));
  if (problem !== undefined) {
    throw new DebianError(
      "BAD_PIN",
      `Cannot use ${JSON.stringify(path)} as the path of ${name}: ${problem}`,
      {
        hint: "Restore tare.lock from version control, or delete it and run tare lock",
      },
    );
  }
}
