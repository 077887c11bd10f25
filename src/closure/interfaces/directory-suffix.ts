// Paths behind something computed, where no file lies: all that the directory holds, when it is one package's.

import type { TokenKind } from "../token-kind.ts";

export const tokenKind: TokenKind = {
  name: "directory-suffix",
  strength: "weak",
  bulk: true,
  reads: "path-suffix",
  find: (token, _from, index) => (index.endingWith(token).length > 0 ? [] : index.directoryEndingWith(token)),
};
