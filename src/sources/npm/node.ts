// `nodeBinary()`: Node itself, from the packages of npm that hold the official build and nothing that is run to
// install it.

import { NODE_PACKAGE_OF } from "../../formats/npm/node-packages.ts";
import type { Architecture, Request } from "../../model/image-spec.ts";
import { checkOptions, OptionError, oneOf, type Rule, show } from "../../model/options.ts";
import { targetArchitecture } from "../../platform/machine.ts";
import { parseRequestName } from "./request-name.ts";

export interface NodeBinaryOptions {
  /** The CPU that it is for. Default: that of the machine that evaluates the file. */
  readonly architecture?: Architecture;
}

const OPTIONS: Readonly<Record<keyof NodeBinaryOptions, Rule>> = { architecture: oneOf("amd64", "arm64") };

/**
 * Node as a request: `/usr/local/bin/node` of the newest version in a range, pinned in tare.lock.
 *
 * Its libraries (libc6, libstdc++6, libgcc-s1 and, for some versions, libatomic1) come from elsewhere.
 *
 * @param version A range of versions, `"24"` or `"^24.15.0"`, or a tag.
 * @throws {OptionError} `BAD_OPTION` or `UNKNOWN_OPTION`.
 */
export function nodeBinary(version: string, options: NodeBinaryOptions = {}): Request {
  checkOptions("nodeBinary()", options, OPTIONS);
  if (typeof version !== "string" || version === "") {
    throw new OptionError(
      "BAD_OPTION",
      `Cannot use ${show(version)} as nodeBinary()'s version: a range such as "24" was expected`,
    );
  }
  const architecture = options.architecture ?? targetArchitecture();
  const name = `${NODE_PACKAGE_OF[architecture]}@${version}`;
  parseRequestName(name);
  return Object.freeze({
    source: "npm",
    scope: Object.freeze({ architecture }),
    mirrors: Object.freeze([]),
    name,
  });
}
