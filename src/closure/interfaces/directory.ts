// Absolute paths where no file lies: all that the directory holds, when it belongs to few packages, or what the
// nearest directory above holds, when that belongs to one.

import { TRAITS } from "../facts.ts";
import type { TokenKind } from "../token-kind.ts";

export const tokenKind: TokenKind = {
  name: "directory",
  strength: "strong",
  everyMatch: true,
  bulk: true,
  reads: "path",
  scope: ({ traits }) => ((traits & TRAITS.static) !== 0 ? "direct" : "closure"),
  find: (token, _from, index) => (index.atPath(token).length > 0 ? [] : index.inDirectory(token).files),
};
