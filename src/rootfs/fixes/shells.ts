// Does what update-shells does: /etc/shells lists the login shells of the packages.
// Specification: update-shells(8) of debianutils; shells of packages are in /usr/share/debianutils/shells.d.

import type { BytePath } from "../../model/bytes.ts";
import { joinPath } from "../../model/bytes.ts";
import type { Fix, FixContext } from "../fix.ts";

const FOLDER = "usr/share/debianutils/shells.d" as BytePath;
const FILE = "etc/shells" as BytePath;
const TEMPLATE = "/usr/share/debianutils/shells";
const HEADER = "# /etc/shells: valid login shells\n";

export const fix: Fix = {
  after: ["maintainer-scripts"],
  create: (context) => ({ run: () => listShells(context) }),
};

function listShells({ root, report }: FixContext): void {
  const before = root.get(FILE) === undefined ? undefined : root.readText(`/${FILE}`);
  const template = before ?? root.readText(TEMPLATE) ?? HEADER;
  const texts = [
    template,
    ...root.names(FOLDER).map((name) => root.readText(`/${joinPath(FOLDER, name)}`) ?? ""),
  ];
  const shells = texts
    .flatMap((text) => text.split("\n"))
    .flatMap((line) => (line.startsWith("/") && root.has(line) ? [line, canonical(root, line)] : []));
  if (shells.length === 0) return;
  const comments = template.split("\n").filter((line) => line.startsWith("#"));
  const lines = [...comments, ...new Set(shells)];
  root.writeFile(FILE, lines.map((line) => `${line}\n`).join(""));
  report("write", `${lines.length - comments.length} shells`, { path: FILE });
}

/** The name with its directory's links followed: on a merged root a shell has two, and either may be a user's. */
function canonical(root: FixContext["root"], shell: string): string {
  const slash = shell.lastIndexOf("/");
  const directory = root.resolve(shell.slice(0, slash), true);
  return directory === undefined ? shell : `/${directory}${shell.slice(slash)}`;
}
