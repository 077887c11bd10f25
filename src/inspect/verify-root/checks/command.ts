// What the image starts, Entrypoint's first word or else Cmd's, is a program that the image's user may run.

import { decodeByteString, encodeByteString } from "../../../model/bytes.ts";
import { didYouMean } from "../../../model/suggest.ts";
import type { RootFile } from "../../root-view.ts";
import { resolveAccount } from "../accounts.ts";
import type { RootCheck } from "../check.ts";
import { makeAbsolute } from "../commands.ts";
import type { InspectedRoot } from "../inspected-root.ts";
import { type RootProblem, show } from "../problem.ts";

export const check: RootCheck = {
  *run(root): Generator<RootProblem> {
    if (root.command === undefined) return;
    const { word, found } = root.command;
    const field = (root.subject.config.Entrypoint ?? []).length > 0 ? "Entrypoint" : "Cmd";
    const severity = "error";
    if (found.kind === "missing") {
      yield {
        code: "COMMAND_MISSING",
        severity,
        path: undefined,
        message: `${field} starts ${JSON.stringify(word)}, which is ${word.includes("/") ? "not in the image" : `in no directory of PATH (${root.search.path.join(":")})`}`,
        hint: suggest(root, word),
        missing: { kind: "program", name: encodeByteString(word) },
      };
      return;
    }
    const { path } = found;
    const what = `${field} starts ${JSON.stringify(word)}: ${show(path)}`;
    if (found.kind === "not-executable") {
      const reason =
        found.what === "file"
          ? "has no permission to be executed"
          : `is a ${found.what === "directory" ? "directory" : "special file"}`;
      yield { code: "COMMAND_NOT_EXECUTABLE", severity, path, message: `${what} ${reason}` };
      return;
    }
    if (!mayExecute(root, found.file)) {
      const message = `${what} may not be executed by the user ${JSON.stringify(root.subject.config.User)}`;
      yield { code: "COMMAND_NOT_EXECUTABLE", severity, path, message };
    }
    if (!isRunnable(root, found.file)) {
      const message = `${what} is neither an ELF program nor a script with a #! line`;
      yield { code: "COMMAND_NOT_A_PROGRAM", severity, path, message };
    }
  },
};

function isRunnable({ files }: InspectedRoot, { path }: RootFile): boolean {
  const type = files.elves.get(path)?.elf.type;
  return type === "executable" || type === "shared" || files.scripts.has(path);
}

/** An unknown user is another check's finding. */
function mayExecute(root: InspectedRoot, { mode, uid, gid }: RootFile): boolean {
  const account = resolveAccount(root.view, root.subject.config.User ?? "");
  if (account.kind !== "found" || account.uid === 0) return true;
  if (account.uid === uid) return (mode & 0o100) !== 0;
  if (account.gids.includes(gid)) return (mode & 0o010) !== 0;
  return (mode & 0o001) !== 0;
}

function suggest({ view, search }: InspectedRoot, word: string): string | undefined {
  const slash = word.lastIndexOf("/");
  const folder = encodeByteString(word.slice(0, slash + 1));
  const directories = slash < 0 ? search.path : [makeAbsolute(folder, search.workingDirectory)];
  const names = directories
    .flatMap((path) => view.findDirectory(path) ?? [])
    .flatMap((path) => view.names(path));
  return didYouMean(word.slice(slash + 1), names.map(decodeByteString));
}
