// What is missing → the packages that have it: among objects that are at hand, or else as an archive says.

import { baseName, decodeByteString } from "../../model/bytes.ts";
import type { StoreObject } from "../../model/store-object.ts";
import { type MissingThing, type RootProblem, showName } from "./problem.ts";
import { unifyUsr } from "./promises.ts";

/** Asks an archive who ships files, by what can be asked of it (docs/requests.md). What nobody ships is left out. */
export type AskArchive = (requests: readonly string[]) => Promise<ReadonlyMap<string, readonly string[]>>;

/**
 * Names for each problem the packages that would mend it.
 *
 * @param candidates Objects that may have what is missing; the archive is asked for what none of them has.
 * @returns The problems in their order, with `providers` where there are any.
 */
export async function nameProviders(
  problems: readonly RootProblem[],
  candidates: readonly StoreObject[],
  ask?: AskArchive,
): Promise<RootProblem[]> {
  // What is in the image, only not where it is looked for, no package would mend.
  const wanted = problems.map(({ code, missing }) => (code === "LIBRARY_OUT_OF_PATH" ? undefined : missing));
  const known = wanted.map((missing) => (missing === undefined ? [] : findAmong(candidates, missing)));
  const requests = wanted.map((missing, i) =>
    missing === undefined || known[i]!.length > 0 ? undefined : requestFor(missing),
  );
  const asked = [...new Set(requests.filter((request) => request !== undefined))].sort();
  const answers = asked.length === 0 || ask === undefined ? undefined : await ask(asked);
  return problems.map((problem, i) => {
    const request = requests[i];
    const providers = request === undefined ? known[i]! : (answers?.get(request) ?? []);
    return providers.length === 0 ? problem : { ...problem, providers };
  });
}

/** The message of a problem with the packages that would mend it. */
export function describeProblem({ message, missing, providers = [] }: RootProblem): string {
  if (providers.length === 0) return message;
  const names = providers.join(" or ");
  const note =
    missing?.kind === "symbol-version"
      ? `${showName(missing.of ?? missing.name)} is of ${names}`
      : missing?.kind === "user" || missing?.kind === "group"
        ? `${names} makes it`
        : `${names} has it`;
  return `${message} (${note})`;
}

/** Names of the objects that have a thing, in the order of the objects. */
function findAmong(candidates: readonly StoreObject[], missing: MissingThing): string[] {
  const has = matcherOf(missing);
  return candidates.filter(has).map(({ id, package: metadata }) => decodeByteString(metadata?.name ?? id));
}

function matcherOf(missing: MissingThing): (object: StoreObject) => boolean {
  const { kind, name } = missing;
  if (kind === "user" || kind === "group") return (object) => makesAccount(object, name);
  const wanted = kind === "symbol-version" ? (missing.of ?? "") : name;
  const isPath = wanted.includes("/");
  const path = unifyUsr(wanted.replace(/^\/+/, ""));
  return ({ tree }) =>
    tree.entries.some(
      (entry) =>
        (entry.type !== "directory" || kind === "directory") &&
        (isPath ? unifyUsr(entry.path) === path : baseName(entry.path) === wanted),
    );
}

/** Whether installing a package makes a user or group: by a maintainer script or a file of sysusers.d. */
function makesAccount({ package: metadata }: StoreObject, name: string): boolean {
  const escaped = name.replace(/[^\w]/g, "\\$&");
  const command = new RegExp(
    `\\b(?:add(?:user|group)|(?:user|group)add)\\b[^\\n]*\\s["']?${escaped}["']?(?:\\s|$)`,
    "m",
  );
  return [...(metadata?.controlFiles.values() ?? [])].some((text) =>
    command.test(text.replaceAll("\\\n", " ")),
  );
}

/** How an archive is asked for a thing; undefined for what it does not list. */
function requestFor(missing: MissingThing): string | undefined {
  const { kind } = missing;
  const name = decodeByteString(kind === "symbol-version" ? (missing.of ?? "") : missing.name);
  if (/[\0-\x1f\x7f\ufffd]/.test(name) || name === "") return undefined;
  switch (kind) {
    case "library":
    case "symbol-version":
      return name.startsWith("/") ? name : name.includes("/") ? undefined : `lib:${name}`;
    case "program":
    case "interpreter":
    case "file":
      return name.startsWith("/") ? name : name.includes("/") ? undefined : `bin:${name}`;
    default:
      return undefined;
  }
}
