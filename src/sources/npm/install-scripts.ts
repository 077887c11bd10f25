// What packages would run when they are installed: told, and never run here.

import type { NodeModulesPlan } from "../../formats/npm/layout.ts";
import { readManifest } from "../../formats/npm/manifest.ts";
import { type BytePath, compareStrings, encodeByteString, ROOT_PATH } from "../../model/bytes.ts";
import type { Tree, TreeEntry } from "../../model/tree.ts";
import { ContentReader } from "../../platform/content.ts";

/** The scripts of one package. */
export interface InstallScript {
  readonly name: string;
  readonly version: string | undefined;
  /** Relative to the project: where the scripts would run. */
  readonly path: string;
  /** In the order in which they would run. */
  readonly commands: readonly {
    readonly event: "preinstall" | "install" | "postinstall";
    readonly command: string;
  }[];
}

const EVENTS = ["preinstall", "install", "postinstall"] as const;

/**
 * Lists the packages that have scripts for when they are installed, sorted by path. A package with a `binding.gyp` and
 * neither `preinstall` nor `install` means `node-gyp rebuild`.
 *
 * @param tree What {@link layOut} made of the plan, at the same prefix.
 */
export function listInstallScripts(
  plan: NodeModulesPlan,
  tree: Tree,
  prefix: BytePath = ROOT_PATH,
): InstallScript[] {
  const files = new Map<string, TreeEntry>();
  for (const entry of tree.entries) {
    if (/\/(?:package\.json|binding\.gyp)$/.test(entry.path)) files.set(entry.path, entry);
  }
  using reader = new ContentReader();
  const found = plan.packages.flatMap(({ name, version, path, hasInstallScript }): InstallScript[] => {
    if (hasInstallScript === false) return [];
    const base = `${prefix === "" ? "" : `${prefix}/`}${encodeByteString(path)}`;
    const manifest = files.get(`${base}/package.json`);
    if (manifest?.type !== "file") return [];
    const commands = readCommands(reader.read(manifest), files.has(`${base}/binding.gyp`));
    return commands.length === 0 ? [] : [{ name, version, path, commands }];
  });
  return found.sort((a, b) => compareStrings(a.path, b.path));
}

function readCommands(bytes: Uint8Array, hasGyp: boolean): InstallScript["commands"] {
  let value: unknown;
  try {
    value = JSON.parse(
      Buffer.from(bytes)
        .toString("utf8")
        .replace(/^\uFEFF/, ""),
    );
  } catch {
    return [];
  }
  if (typeof value !== "object" || value === null) return [];
  const { scripts, gypfile } = readManifest(value as Record<string, unknown>);
  const command = (event: (typeof EVENTS)[number]) => {
    if (Object.hasOwn(scripts, event) && scripts[event] !== "") return scripts[event];
    const isImplied =
      event === "install" && hasGyp && gypfile !== false && !Object.hasOwn(scripts, "preinstall");
    return isImplied ? "node-gyp rebuild" : undefined;
  };
  return EVENTS.flatMap((event) => {
    const found = command(event);
    return found === undefined ? [] : [{ event, command: found }];
  });
}
