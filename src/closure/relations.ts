// What a package's own declarations say beside "needs": that it only brings others, that its sibling has its
// commands, that it loads whichever provider was chosen, that its data is apart. General rules over control fields; no package is named.

import { TRAITS } from "./facts.ts";
import type { TokenIndex, UnitView } from "./token-index.ts";

const COMMAND = /^usr\/(?:s?bin|games)\//;
const LOADER_DIRECTORY = /^usr\/lib(?:32|64|x32)?(?:\/[^/]+-linux-[^/]+)?\/[^/]+$/;

/** A metapackage: no file is left of it, so whoever names it means what it depends on. */
export function isTransparent(unit: UnitView): boolean {
  return unit.files.length === 0 && !unit.isReplaced;
}

/** The source package: the Source field without its version, or else the package's own name. */
export function sourceOf({ object }: UnitView): string | undefined {
  return object.package?.control.get("Source")?.replace(/\s*\(.*/s, "") ?? object.package?.name;
}

/**
 * The data of a program in a package of its own: built from the same source, for all architectures, as Debian's
 * policy has it. The paths may be composed at run time, or by the compiler in the code.
 */
export function isDataOf(data: UnitView, unit: UnitView): boolean {
  return (
    data.object.package?.architecture === "all" &&
    unit.object.package?.architecture !== "all" &&
    sourceOf(data) === sourceOf(unit)
  );
}

/**
 * Half a metapackage: a root without a compiled program of its own, whose commands are in packages that were built
 * from the same source and that it depends on.
 *
 * @param direct Numbers of the units that it declares to need.
 * @returns Those with commands.
 */
export function siblingsWithCommands(unit: UnitView, index: TokenIndex, direct: readonly number[]): number[] {
  if (hasFile(unit, (file) => COMMAND.test(index.pathOf(file)) && index.isElf(file))) return [];
  return direct.filter((number) => {
    const other = index.units[number]!;
    return (
      other.declared &&
      sourceOf(other) === sourceOf(unit) &&
      hasFile(other, (file) => COMMAND.test(index.pathOf(file)))
    );
  });
}

/**
 * Units that satisfy a dependency on a virtual package, and that ship plugins: shared objects outside the
 * directories of the loader; and those that satisfy one of several alternatives and need the unit in turn, as a plugin
 * needs its host.
 *
 * @param direct Numbers of the units that it declares to need.
 */
export function providersByChoice(unit: UnitView, index: TokenIndex, direct: readonly number[]): number[] {
  const control = unit.object.package?.control;
  if (control === undefined) return [];
  const fields = [control.get("Pre-Depends"), control.get("Depends")];
  const wanted = namesIn(fields);
  const alternatives = namesIn(
    fields.map((field) =>
      field
        ?.split(",")
        .filter((one) => one.includes("|"))
        .join(),
    ),
  );
  return direct.filter((number) => {
    const { declared, object } = index.units[number]!;
    if (!declared || object.package === undefined) return false;
    if (alternatives.has(object.package.name) && object.declaredReferences.includes(unit.object.id))
      return true;
    const provided = namesIn([object.package.control.get("Provides")]);
    return (
      [...provided].some((name) => wanted.has(name)) &&
      hasFile(index.units[number]!, (file) => isPlugin(file, index))
    );
  });
}

function isPlugin(file: number, index: TokenIndex): boolean {
  const traits = index.traitsOf(file);
  return (
    (traits & TRAITS.elf) !== 0 &&
    (traits & TRAITS.program) === 0 &&
    !LOADER_DIRECTORY.test(index.pathOf(file))
  );
}

/** Package names in relationship fields, alternatives included. */
function namesIn(fields: readonly (string | undefined)[]): Set<string> {
  const names = new Set<string>();
  for (const field of fields) {
    for (const item of (field ?? "").split(/[,|]/)) {
      const name = /^\s*([a-z0-9][a-z0-9+.-]*)/.exec(item)?.[1];
      if (name !== undefined) names.add(name);
    }
  }
  return names;
}

function hasFile(unit: UnitView, test: (file: number) => boolean): boolean {
  for (let file = unit.first; file < unit.end; file++) {
    if (test(file)) return true;
  }
  return false;
}
