// What is not in an image, and what was done to it, as data and as text: nothing that was decided is silent.

import { decodeByteString } from "../model/bytes.ts";
import type { ImagePlan } from "../pipeline/plan.ts";
import { count, formatBytes, formatTable, showPath } from "./text.ts";

/** What of a plan says it. */
type LeftOutOf = Pick<ImagePlan, "closure" | "rootFileSystem" | "warnings">;

/** All that was left out, replaced, or is wanting, and all that fixes did. */
export function describeLeftOut({ closure, rootFileSystem, warnings }: LeftOutOf) {
  return {
    pruned: closure.pruned,
    replaced: (closure.replaced ?? []).map(showPath),
    dropped: closure.dropped ?? [],
    droppedScripts: (closure.droppedScripts ?? []).map(showPath),
    dangling: (closure.dangling ?? []).map(showPath),
    warnings: warnings.map(showPath),
    rootFileSystem: rootFileSystem.report.map(showPath),
  };
}

/** The same for people; sections without anything in them are left out. */
export function formatLeftOut(plan: LeftOutOf): string {
  const { closure, rootFileSystem, warnings } = plan;
  const path = (text: string | undefined) => (text === undefined ? "" : `/${decodeByteString(text)}`);
  const sections: [title: string, rows: string[][], right?: number[]][] = [
    [
      "Classes of files that images do without",
      closure.pruned.map(({ name, files, size }) => [formatBytes(size), `${name} (${count(files, "file")})`]),
      [0],
    ],
    [
      "Declared packages that nothing names a file of",
      (closure.dropped ?? []).map(({ id, declaredBy }) => [
        packageName(id),
        declaredBy.length === 0 ? "" : `declared by ${declaredBy.map(packageName).join(", ")}`,
      ]),
    ],
    [
      "Scripts that no declared package runs",
      (closure.droppedScripts ?? []).map((script) => [
        path(script.path),
        packageName(script.object),
        `for ${decodeByteString(script.interpreter)}`,
      ]),
    ],
    [
      "Files whose place files of your own take",
      (closure.replaced ?? []).map((file) => [path(file.path), packageName(file.object)]),
    ],
    [
      "Named by files that cannot do without it, and not in the image",
      (closure.dangling ?? []).map(({ token, kind, path: file, object }) => [
        decodeByteString(token),
        kind,
        `in ${path(file)} of ${packageName(object)}`,
      ]),
    ],
    ["Found by verification", warnings.map(({ code, message }) => [code, message])],
    [
      "Done to the root file system",
      rootFileSystem.report.map(({ fix, action, path: at, detail }) => [fix, action, path(at), detail]),
    ],
  ];
  return sections
    .filter(([, rows]) => rows.length > 0)
    .map(
      ([title, rows, right]) =>
        `${title}\n${formatTable(
          rows.map((row) => ["", ...row]),
          right?.map((i) => i + 1),
        )}`,
    )
    .join("\n\n");
}

/** The package's name out of an id such as `deb/bash/5.2.15-2/amd64`; a local file's path. */
export function packageName(id: string): string {
  if (id.startsWith("path/")) return id.slice(id.indexOf("/", "path/".length));
  return id.startsWith("deb/") ? id.split("/")[1]! : id;
}
