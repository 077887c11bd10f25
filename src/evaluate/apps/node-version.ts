// Which Node an application runs on: what image.ts says, else what the project's engines allow.

import { intersects, validRange } from "semver";
import { NODE_PACKAGE_OF, NODE_PROGRAM } from "../../formats/npm/node-packages.ts";
import type { Architecture, Request } from "../../model/image-spec.ts";
import { OptionError, show } from "../../model/options.ts";
import { isOutput, type Output } from "../derivation.ts";
import { AppError } from "./errors.ts";

/** Node for an application. */
export interface NodeRuntime {
  /** Absolute path of the program, or a text that stands for it. */
  readonly program: string;
  /** Where node-gyp finds Node's headers, in `include/node`. */
  readonly headers: string;
  readonly package: Request | Output;
  /** Further packages that have its headers. */
  readonly development: readonly string[];
}

/** The line with long-term support that is taken where the project allows it. */
const DEFAULT_LINE = "24";

/** The major version of Debian's package, by suite. */
const DEBIAN_VERSIONS: Readonly<Record<string, string>> = { bookworm: "18", trixie: "20" };

/**
 * Chooses Node.
 *
 * @param node A range of versions or a tag of npm's node-linux packages, a package, or something built with `bin/node`.
 * @param range What the project's engines say.
 * @throws {AppError} `NODE_VERSION_EXCLUDED`; {OptionError} `BAD_OPTION`.
 */
export function chooseNode(
  node: string | Request | Output | undefined,
  range: string | undefined,
  architecture: Architecture,
): NodeRuntime {
  if (node === undefined || typeof node === "string") {
    const wanted = node ?? defaultVersion(range);
    checkEngines(wanted, range);
    return fromRegistry(wanted, architecture);
  }
  if (isOutput(node))
    return { program: `${node}/bin/node`, headers: `${node}`, package: node, development: [] };
  const [, version] = /^node-linux-[a-z0-9]+@(.*)$/.exec(node.name) ?? [];
  if (node.source === "npm" && version !== undefined) {
    checkEngines(version, range);
    return { program: NODE_PROGRAM, headers: "/usr/local", package: node, development: [] };
  }
  if (node.source === "nix") {
    return { program: `${node.name}/bin/node`, headers: node.name, package: node, development: [] };
  }
  checkEngines(DEBIAN_VERSIONS[String(node.scope["suite"])], range);
  return { program: "/usr/bin/node", headers: "/usr", package: node, development: ["libnode-dev"] };
}

function fromRegistry(wanted: string, architecture: Architecture): NodeRuntime {
  if (validRange(wanted) === null && !/^[A-Za-z][\w.-]*$/.test(wanted)) {
    throw new OptionError(
      "BAD_OPTION",
      `Cannot use ${show(wanted)} as nodeApp()'s "node": a range of versions such as "24", or packages.nodejs, was expected`,
    );
  }
  const name = `${NODE_PACKAGE_OF[architecture]}@${wanted}`;
  const request: Request = { source: "npm", scope: { architecture }, mirrors: [], name };
  return { program: NODE_PROGRAM, headers: "/usr/local", package: request, development: [] };
}

/** The versions of the default line that the project's engines allow; where these allow none of them, whatever they allow. */
function defaultVersion(range: string | undefined): string {
  if (range === undefined || validRange(range) === null) return DEFAULT_LINE;
  if (!intersects(range, DEFAULT_LINE)) return range;
  const both = range
    .split("||")
    .map((part) => `${DEFAULT_LINE} ${part.trim()}`.trim())
    .filter(
      (part) =>
        validRange(part) !== null && validRange(part) !== "<0.0.0-0" && intersects(part, DEFAULT_LINE),
    )
    .join(" || ");
  return both !== "" && validRange(both) !== null ? both : DEFAULT_LINE;
}

function checkEngines(version: string | undefined, range: string | undefined): void {
  if (version === undefined || range === undefined) return;
  if (validRange(version) === null || validRange(range) === null || intersects(version, range)) return;
  throw new AppError(
    "NODE_VERSION_EXCLUDED",
    `Cannot run the project on Node ${version}: package.json's engines want ${range}`,
    { hint: `Write node: "${range}" in nodeApp(), or leave it out; or correct engines in package.json` },
  );
}
