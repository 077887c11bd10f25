// The scope of Debian requests, read back from a lock or a request: checked, since a lock may come from anywhere.

import type { Architecture, RequestScope } from "../../model/image-spec.ts";
import { DebianError } from "./errors.ts";
import { isSnapshotTimestamp } from "./snapshot-timestamp.ts";

export interface DebianScope {
  readonly architecture: Architecture;
  /** The codename. */
  readonly suite: string;
  readonly components: readonly string[];
  readonly recommends: boolean;
  /** The moment whose archive is meant; absent for that of now. */
  readonly snapshot: string | undefined;
}

/** @throws {DebianError} `BAD_PIN` when it is no scope that `debian()` makes. */
export function readScope(scope: RequestScope): DebianScope {
  const { architecture, suite, components, recommends, snapshot } = scope;
  const wrong = (option: string): never => {
    throw new DebianError(
      "BAD_PIN",
      `Cannot use the lock's scope ${JSON.stringify(scope)}: its ${option} is wrong`,
      {
        hint: "Restore tare.lock from version control, or delete it and run tare lock",
      },
    );
  };
  if (architecture !== "amd64" && architecture !== "arm64") return wrong("architecture");
  if (typeof suite !== "string") return wrong("suite");
  if (!Array.isArray(components) || !components.every((name) => typeof name === "string"))
    return wrong("components");
  if (typeof recommends !== "boolean") return wrong("recommends");
  if (snapshot !== undefined && !(typeof snapshot === "string" && isSnapshotTimestamp(snapshot)))
    return wrong("snapshot");
  return { architecture, suite, components: components as string[], recommends, snapshot };
}
