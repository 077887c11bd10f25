// The working directory of the configuration is a directory. Container runtimes make one that lacks, as root's.

import { encodeByteString, parentPath } from "../../../model/bytes.ts";
import type { RootCheck } from "../check.ts";
import { type RootProblem, show } from "../problem.ts";

export const check: RootCheck = {
  *run(root): Generator<RootProblem> {
    const directory = root.subject.config.WorkingDir ?? "";
    if (directory === "") return;
    const what = `WorkingDir is ${JSON.stringify(directory)}`;
    const common = { path: undefined, severity: "error" } as const;
    if (!directory.startsWith("/")) {
      const message = `${what}, an absolute path was wanted`;
      yield { ...common, code: "WORKING_DIRECTORY_INVALID", message };
      return;
    }
    const found = root.view.lookup(encodeByteString(directory));
    if (found.kind === "missing" && root.view.entries.get(parentPath(found.path))?.type === "directory") {
      yield {
        path: undefined,
        severity: "warning",
        code: "WORKING_DIRECTORY_MISSING",
        message: `${what}, which is not in the image: the runtime makes it, and root owns it`,
        missing: { kind: "directory", name: encodeByteString(directory) },
      };
    } else if (found.kind !== "found" || found.entry.type !== "directory") {
      const reason =
        found.kind === "circular"
          ? "whose links lead round in a circle"
          : `and ${show(found.kind === "missing" ? parentPath(found.path) : found.path)} is no directory`;
      yield { ...common, code: "WORKING_DIRECTORY_INVALID", message: `${what}, ${reason}` };
    }
  },
};
