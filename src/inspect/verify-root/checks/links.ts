// Symbolic links lead somewhere: an error among programs, libraries and alternatives, a warning elsewhere. What exists
// only while a system runs, and documentation, which images leave out, may lack.

import type { BytePath } from "../../../model/bytes.ts";
import { parentPath } from "../../../model/bytes.ts";
import type { SymlinkEntry } from "../../../model/tree.ts";
import type { RootCheck } from "../check.ts";
import type { InspectedRoot } from "../inspected-root.ts";
import { type RootProblem, show, showName } from "../problem.ts";

/** Made by the kernel, the container runtime or a running service. */
const VOLATILE = /^(?:proc|sys|dev|run|tmp|var\/run|var\/lock|var\/tmp)(?:\/|$)/;
const DOCUMENTATION =
  /^usr\/(?:local\/)?share\/(?:doc|doc-base|man|info|locale|common-licenses|lintian|help|gtk-doc|bug)(?:\/|$)/;
const ALTERNATIVES = "etc/alternatives";

export const check: RootCheck = {
  *run(root): Generator<RootProblem> {
    for (const entry of root.view.entries.values()) {
      if (entry.type === "symlink") yield* checkLink(root, entry);
    }
  },
};

function* checkLink(root: InspectedRoot, { path, target }: SymlinkEntry): Generator<RootProblem> {
  const found = root.view.lookup(path);
  if (found.kind === "found") return;
  const severity = isEssential(root, path) ? "error" : "warning";
  if (found.kind === "circular") {
    yield {
      code: "LINK_CIRCULAR",
      severity,
      path,
      message: `the link ${show(path)} to ${showName(target)} leads round in a circle`,
    };
    return;
  }
  if (VOLATILE.test(found.wanted) || DOCUMENTATION.test(found.wanted) || DOCUMENTATION.test(path)) return;
  const isSame = target === `/${found.wanted}`;
  yield {
    code: "LINK_DANGLING",
    severity,
    path,
    message: `the link ${show(path)} leads to ${showName(target)}${isSame ? ", which" : `: ${show(found.wanted)}`} is not in the image`,
    missing: { kind: "file", name: `/${found.wanted}` },
  };
}

function isEssential(root: InspectedRoot, path: BytePath): boolean {
  const place = root.placeOf(path);
  return place === "command" || place === "library" || parentPath(path) === ALTERNATIVES;
}
