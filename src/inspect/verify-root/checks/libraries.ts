// Every DT_NEEDED leads to a library, as the loader searches.
//
// What a program lacks when it starts is an error. What lacks only in a library that no program loads at its
// start, a plugin, is an error when its package promised it. Otherwise it is a warning: the program that
// opens the plugin may have loaded the library before (Java's libjvm.so), or do without the plugin. So is what a
// private program lacks and the image has, since a wrapper may set LD_LIBRARY_PATH.

import type { BytePath } from "../../../model/bytes.ts";
import { parentPath } from "../../../model/bytes.ts";
import { describeAbi } from "../abi.ts";
import type { RootCheck } from "../check.ts";
import { readConfiguredDirectories } from "../configured-directories.ts";
import type { ElfFile } from "../file-facts.ts";
import type { InspectedRoot } from "../inspected-root.ts";
import type { Lack } from "../linking.ts";
import { type RootProblem, type Severity, show, showName } from "../problem.ts";

export const check: RootCheck = {
  *run(root): Generator<RootProblem> {
    const { lacks, links } = root.linking;
    const grouped = new Map<string, Judged[]>();
    for (const lack of lacks) {
      const judged = judge(root, lack);
      const key = [
        judged.severity,
        lack.name,
        parentPath(lack.requester.path),
        judged.severity === "error" ? lack.requester.path : "",
      ];
      const group = grouped.get(key.join("\0"));
      if (group === undefined) grouped.set(key.join("\0"), [judged]);
      else group.push(judged);
    }
    for (const group of grouped.values()) yield describe(root, group);
    for (const { requester, name, level } of links) {
      if (level === undefined) continue;
      yield {
        code: "LIBRARY_FOR_NEWER_CPU",
        severity: "warning",
        path: requester.path,
        message: `${show(requester.path)} needs ${showName(name)}, which only processors of level ${level} find`,
      };
    }
  },
};

interface Judged extends Lack {
  readonly severity: Severity;
  /** Libraries of the name that could be loaded, were they found. */
  readonly candidates: readonly BytePath[];
}

function judge(root: InspectedRoot, lack: Lack): Judged {
  const candidates = lack.bad === undefined ? candidatesOf(root, lack) : [];
  return { ...lack, candidates, severity: isCertain(root, lack, candidates) ? "error" : "warning" };
}

function isCertain(root: InspectedRoot, lack: Lack, candidates: readonly BytePath[]): boolean {
  const { requester, name, programs } = lack;
  if (programs.length > 0) {
    const places = programs.map(({ path }) => root.placeOf(path));
    return (
      places.includes("command") || (candidates.length === 0 && places.some((place) => place !== "sample"))
    );
  }
  if (candidates.length > 0 || root.placeOf(requester.path) === "sample") return false;
  return root.isPromised?.(requester.path, { kind: "library", name }) === true;
}

function candidatesOf(root: InspectedRoot, { requester, name }: Lack): BytePath[] {
  return root
    .pathsNamed(name.slice(name.lastIndexOf("/") + 1))
    .filter((path) => elfAt(root, path)?.abi === requester.abi)
    .sort();
}

function elfAt(root: InspectedRoot, path: BytePath): ElfFile | undefined {
  const file = root.view.findFile(path);
  return file && root.files.elves.get(file.path);
}

function describe(root: InspectedRoot, group: readonly Judged[]): RootProblem {
  const { requester, name, bad, programs, candidates, severity } = group[0]!;
  const others = group.length - 1;
  const who = others === 0 ? show(requester.path) : `${show(requester.path)} and ${others} more beside it`;
  const loaded =
    programs[0] === undefined || programs[0] === requester ? "" : ` (loaded by ${show(programs[0].path)})`;
  const subject = `${who}${loaded} ${others === 0 ? "needs" : "need"} ${showName(name)}`;
  const common = { severity, path: requester.path, breaks: programs.map(({ path }) => path) };
  const missing = { kind: "library", name } as const;
  if (bad !== undefined) {
    return {
      ...common,
      code: "LIBRARY_MISSING",
      missing,
      message: `${subject}, and ${show(bad)} is no library`,
    };
  }
  if (candidates.length === 0) {
    const message = `${subject}, which ${whereElse(root, requester, name)}`;
    return { ...common, code: "LIBRARY_MISSING", missing, message };
  }
  const [candidate] = candidates;
  return {
    ...common,
    code: "LIBRARY_OUT_OF_PATH",
    message:
      programs.length > 0
        ? `${subject}, which is ${show(candidate!)}, where the loader does not look`
        : `${subject}, found only by a program that has loaded ${show(candidate!)} before`,
    hint: hintFor(root, candidate!),
    missing,
  };
}

function whereElse(root: InspectedRoot, requester: ElfFile, name: string): string {
  const foreign = root.pathsNamed(name.slice(name.lastIndexOf("/") + 1)).find((path) => elfAt(root, path));
  if (foreign === undefined) return "is not in the image";
  return `is there for ${describeAbi(elfAt(root, foreign)!.abi)} only (${show(foreign)}), not for ${describeAbi(requester.abi)}`;
}

function hintFor(root: InspectedRoot, candidate: BytePath): string {
  const directory = parentPath(candidate);
  return readConfiguredDirectories(root.view).has(directory)
    ? `/etc/ld.so.conf names ${show(directory)}: run ldconfig, so that /etc/ld.so.cache has its libraries`
    : `Set LD_LIBRARY_PATH=${show(directory)} in Env, or give the file a RUNPATH`;
}
