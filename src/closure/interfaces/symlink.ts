// What a symbolic link points to: a file, or all of a directory that belongs to few packages.

import { joinTarget, parentOf } from "../token-index.ts";
import type { TokenKind } from "../token-kind.ts";

export const tokenKind: TokenKind = {
  name: "symlink",
  strength: "strong",
  everyMatch: true,
  hard: true,
  *uses({ path, target }) {
    if (target !== undefined) yield joinTarget(parentOf(path), target);
  },
  find(token, _from, index) {
    const files = index.atPath(token);
    if (files.length > 0) return [...files, ...index.linksOn(token)];
    const { files: held, exact } = index.inDirectory(token);
    return exact ? held : [];
  },
};
