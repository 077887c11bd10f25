// A project's lock → its node_modules as a tree for the store, and what of this machine that tree depends on.

import { createHash } from "node:crypto";
import { join } from "node:path";
import * as z from "zod";
import { formatCanonicalJson } from "../../model/canonical-json.ts";
import type { Context } from "../../model/context.ts";
import { InternalError } from "../../model/errors.ts";
import { didYouMean } from "../../model/suggest.ts";
import type { Tree } from "../../model/tree.ts";
import { pathKind, readSmallFile } from "../../platform/files.ts";
import { HashedFile } from "../../platform/hashed-file.ts";
import { NpmError } from "./errors.ts";
import { installNodeModules, type NodeModules, planProject } from "./install.ts";
import type { InstallScript } from "./install-scripts.ts";
import { type NodeProject, PROJECT_DOCUMENTS, readNodeProject } from "./project.ts";

const Options = z.strictObject({
  architecture: z.enum(["amd64", "arm64"]),
  /** Groups of dependencies that are left out. */
  omit: z.array(z.enum(["dev", "optional", "peer"])),
  /** Packages whose install scripts run afterwards, and those that do without theirs. */
  scripts: z.record(z.string(), z.boolean()),
  /** False: what the same lock has said already is not said again. */
  tell: z.boolean(),
});

type ImportOptions = z.infer<typeof Options>;

/** Bytes of the largest document that is looked at. */
const LARGEST_DOCUMENT = 128 * 2 ** 20;

/**
 * Makes the node_modules of a project; see {@link Source.importTree}.
 *
 * @throws {NpmError} `INSTALL_SCRIPT_NOT_ALLOWED` or `INSTALL_SCRIPT_UNKNOWN`, and what {@link installNodeModules} throws.
 */
export async function importNodeModules(path: string, options: unknown, context: Context): Promise<Tree> {
  const { architecture, omit, scripts, tell } = parseOptions(options);
  const installed = await installNodeModules(readNodeProject(path), { architecture, omit }, context);
  checkScripts(installed, scripts);
  if (tell) {
    for (const warning of installed.warnings) context.progress.warn(warning);
    warnOfScripts(installed.installScripts, scripts, context);
  }
  return installed.tree;
}

/** See {@link Source.identifyImport}: all documents that the plan is made of, and the tarballs among the project's files. */
export async function identifyNodeModules(path: string, options: unknown): Promise<string> {
  const { architecture, omit } = parseOptions(options);
  const project = readNodeProject(path);
  const documents = [
    ...PROJECT_DOCUMENTS,
    ...[...project.manifests.keys()].map((directory) => join(directory, "package.json")),
  ].map((name) => {
    const bytes = readSmallFile(join(project.directory, name), LARGEST_DOCUMENT);
    return [name, bytes instanceof Buffer ? createHash("sha256").update(bytes).digest("hex") : null];
  });
  const tarballs = await hashProjectTarballs(project, { architecture, omit });
  return formatCanonicalJson([documents, tarballs]);
}

async function hashProjectTarballs(
  project: NodeProject,
  options: Pick<ImportOptions, "architecture" | "omit">,
): Promise<string[][]> {
  const hashed: string[][] = [];
  for (const { origin } of planProject(project, options).packages) {
    if (origin?.kind !== "file") continue;
    const path = join(project.directory, origin.path);
    if (pathKind(path) !== "file") continue;
    using file = new HashedFile(path);
    hashed.push([origin.path, await file.digest()]);
  }
  return hashed;
}

function parseOptions(options: unknown): ImportOptions {
  const parsed = Options.safeParse(options);
  if (!parsed.success) throw new InternalError(`an import of npm has the options ${JSON.stringify(options)}`);
  return parsed.data;
}

/** Names that mean nothing are mistakes, and so is a package that cannot work without its script. */
function checkScripts(
  { installScripts, packages, tree }: NodeModules,
  chosen: ImportOptions["scripts"],
): void {
  const known = new Set(installScripts.map(({ name }) => name));
  for (const name of Object.keys(chosen)) {
    if (known.has(name)) continue;
    const isThere = packages.some((installed) => installed.name === name);
    throw new NpmError(
      "INSTALL_SCRIPT_UNKNOWN",
      `Cannot allow the install scripts of ${name}: ${isThere ? "it has none" : "the project has no such package"}`,
      {
        hint:
          didYouMean(name, known) ??
          (known.size === 0
            ? "Remove allowScripts"
            : `Packages with such scripts are ${[...known].join(", ")}`),
      },
    );
  }
  const prebuilt = tree.entries.flatMap(({ path }) => (path.endsWith(".node") ? [path] : []));
  for (const { name, version, path, commands } of installScripts) {
    if (Object.hasOwn(chosen, name) || !commands.some(({ command }) => BUILDS_ADDON.test(command))) continue;
    if (prebuilt.some((file) => file.startsWith(`${path}/`))) continue;
    throw new NpmError(
      "INSTALL_SCRIPT_NOT_ALLOWED",
      `Cannot install ${name} ${version ?? ""}: it is a native addon without a prebuilt file, and its install script (${commands.map(({ command }) => command).join("; ")}) may not run`,
      {
        hint: `Write allowScripts: ["${name}"] to build it in the sandbox, or allowScripts: { "${name}": false } to do without it`,
      },
    );
  }
}

/** Commands that make an addon of sources. */
const BUILDS_ADDON = /\b(?:node-gyp|node-pre-gyp|prebuild-install|node-gyp-build|cmake-js|prebuildify)\b/;

function warnOfScripts(
  scripts: readonly InstallScript[],
  chosen: ImportOptions["scripts"],
  { progress }: Context,
): void {
  const names = [...new Set(scripts.map(({ name }) => name))].filter((name) => !Object.hasOwn(chosen, name));
  if (names.length === 0) return;
  progress.warn(
    `install scripts of ${names.join(", ")} were not run; allowScripts: [${names.map((name) => `"${name}"`).join(", ")}] would run them in the sandbox`,
  );
}
