// Names of npm packages.

import { bytePathProblem, encodeByteString } from "../../model/bytes.ts";

/**
 * Whether a text can name a package in node_modules: `name` or `@scope/name`, no part of which is hidden or climbs.
 * Wider than what may be published today, since old names hold other characters.
 */
export function isPackageName(name: string): boolean {
  return (
    /^(?:@[^/\\%\s]+\/)?[^/\\%\s@][^/\\%\s]*$/.test(name) &&
    !/(?:^|\/)@?\.{1,2}(?:\/|$)|^\.|\/\.|^node_modules$/.test(name) &&
    bytePathProblem(encodeByteString(name)) === undefined
  );
}

/** The name without its scope. */
export function unscopedName(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}
