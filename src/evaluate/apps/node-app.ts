// `nodeApp`: a project with a package.json and a lock → an application that runs on Node: its dependencies in one store
// path, which changes with the lock alone, and its own files in another.

import { type Manifest, parseManifest } from "../../formats/npm/manifest.ts";
import { checkOptions } from "../../model/options.ts";
import { machineArchitecture } from "../../platform/machine.ts";
import { archiveOf, createDerivation, type Derivation, isRequest, type Output } from "../derivation.ts";
import { AppError } from "./errors.ts";
import { NODE_APP, type NodeAppOptions } from "./node-options.ts";
import { NodeRecipe } from "./node-recipe.ts";
import { openProject, type Project, readProjectText } from "./project.ts";

export type { NodeAppOptions } from "./node-options.ts";

/** A Node application: the path of its files and commands, and what starts it. */
export interface NodeApp extends Derivation<NodeAppOptions> {
  /** For `config.Entrypoint`: Node, its flags and the file; no shell is in between. */
  readonly entrypoint: readonly string[];
  /** For `config.WorkingDir`: where the project's files are. */
  readonly directory: string;
  /** The dependencies: a directory that holds node_modules; undefined when there are none. */
  readonly nodeModules: Output | undefined;
  override(changes: Partial<NodeAppOptions>): NodeApp;
}

/**
 * Makes an application of a project: dependencies as its lock says, each checked; its build script run in the sandbox
 * with those for development; and its own files.
 *
 * @throws {OptionError} `BAD_OPTION` or `UNKNOWN_OPTION`; {AppError} `PROJECT_MISSING`, `SCRIPT_UNKNOWN`,
 *   `ENTRY_MISSING`, `NODE_VERSION_EXCLUDED`; {NodeLockError} `MANIFEST_INVALID`.
 *
 * @example
 * const app = nodeApp({ src: path(".") });
 * export default buildLayeredImage({ name: "shop", config: { Entrypoint: app.entrypoint } });
 */
export function nodeApp(options: NodeAppOptions): NodeApp {
  checkOptions("nodeApp()", options, NODE_APP);
  const project = openProject("nodeApp()", options.src, ["node_modules"]);
  const manifest = readManifest(project);
  const given = isRequest(options.node) ? options.node : undefined;
  const architecture =
    options.architecture ??
    given?.scope.architecture ??
    options.archive?.scope.architecture ??
    machineArchitecture();
  const archive = options.archive ?? archiveOf(given === undefined ? [] : [given], architecture);
  const recipe = new NodeRecipe(project, manifest, options, archive, architecture);
  const { node, start, modules } = recipe;
  const derivation = createDerivation(
    recipe.describeApp(),
    options,
    nodeApp as (all: NodeAppOptions) => NodeApp,
  );
  return Object.freeze({
    ...derivation,
    override: (changes: Partial<NodeAppOptions>) => derivation.override(changes) as NodeApp,
    directory: `${derivation}/app`,
    nodeModules: modules,
    // Variables are set by the program that starts it.
    entrypoint:
      Object.keys(start.variables).length > 0
        ? [`${derivation}/bin/start`]
        : [node.program, ...start.flags, `${derivation}/app/${start.file}`, ...start.args],
  });
}

function readManifest(project: Project): Manifest {
  const text = readProjectText(project, "package.json");
  if (text !== undefined) return parseManifest(text, "package.json");
  throw new AppError(
    "PROJECT_MISSING",
    `Cannot use ${project.path} as nodeApp()'s "src": it has no package.json`,
    {
      hint: "Name the directory that holds package.json and its lock file",
    },
  );
}
