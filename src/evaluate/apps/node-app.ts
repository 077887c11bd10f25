// `nodeApp`: a project with a package.json and a lock → an application that runs on Node: its dependencies in one store
// path, which changes with the lock alone, and its own files in another.

import { type Manifest, parseManifest } from "../../formats/npm/manifest.ts";
import { compareStrings } from "../../model/bytes.ts";
import { formatCanonicalJson } from "../../model/canonical-json.ts";
import type { ImportNode } from "../../model/derivation.ts";
import type { Architecture, ArchiveReference, Request } from "../../model/image-spec.ts";
import { ARCHIVE, checkOptions, oneOf, type Rule, TEXT, TEXTS } from "../../model/options.ts";
import { didYouMean } from "../../model/suggest.ts";
import { machineArchitecture } from "../../platform/machine.ts";
import {
  archiveOf,
  createDerivation,
  createSource,
  type Derivation,
  isOutput,
  isRequest,
  type Output,
} from "../derivation.ts";
import { describeCommand } from "../run-command.ts";
import { AppError } from "./errors.ts";
import { ASSEMBLE, BUILD_MODULES, BUILD_PROJECT, COPY_MODULES, formatCommand } from "./node-scripts.ts";
import { guessStart, type NodeStart, normalizeFile, startOf } from "./node-start.ts";
import { chooseNode, type NodeRuntime } from "./node-version.ts";
import { openProject, PROJECT_SOURCE, type Project, type ProjectSource, readProjectText } from "./project.ts";

/** What of a Node project goes into an image, and how it is made. */
export interface NodeAppOptions {
  /** The directory with package.json and its lock: `path(".")`. Files that .gitignore or .dockerignore name stay out. */
  readonly src: ProjectSource;
  /**
   * A range of versions of the official builds, from npm's node-linux packages: `"24"`, `"^24.15.0"`; or Debian's
   * `packages.nodejs`; or something built that has `bin/node`. Default: 24, or what package.json's engines ask for.
   */
  readonly node?: string | Request | Output;
  /** The end of the store paths' names. Default: that of package.json, without its scope. */
  readonly name?: string;
  /** The script of package.json that makes what runs; false: none. Default: `build`, when there is one. */
  readonly build?: string | false;
  /** Packages and derivations that the build uses, beside Node, npm and the dependencies. */
  readonly buildInputs?: readonly (Output | Request)[];
  /** Packages that the application may use when it runs: libraries of addons beside those of C and C++. */
  readonly runtimeInputs?: readonly Request[];
  /**
   * Packages whose install scripts run, in the sandbox: `["better-sqlite3"]`. As an object, `false` says that a package
   * is known to do without its scripts.
   */
  readonly allowScripts?: readonly string[] | Readonly<Record<string, boolean>>;
  /** The file that is started: `dist/server.js`. Default: what `scripts.start` starts, `main`, `server.js`, `index.js`. */
  readonly entry?: string;
  /** Groups of dependencies that are left out. Default: `["dev"]`. */
  readonly omit?: readonly ("dev" | "optional" | "peer")[];
  /** Where tools of the build, and libraries of Node and addons, come from. Default: Debian bookworm. */
  readonly archive?: ArchiveReference;
  /** Default: that of `node` or `archive`, else this machine's. */
  readonly architecture?: Architecture;
}

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

const INPUTS: Rule = {
  expected: "a list of derivations, sources and packages",
  accepts: (value) => Array.isArray(value) && value.every((item) => isOutput(item) || isRequest(item)),
};

const OPTIONS: Readonly<Record<keyof NodeAppOptions, Rule>> = {
  src: PROJECT_SOURCE,
  node: {
    expected: 'a range of versions such as "24", or packages.nodejs',
    accepts: (value) => (typeof value === "string" && value !== "") || isRequest(value) || isOutput(value),
  },
  name: TEXT,
  build: {
    expected: "the name of a script of package.json, or false",
    accepts: (value) => value === false || (typeof value === "string" && value !== ""),
  },
  buildInputs: INPUTS,
  runtimeInputs: {
    expected: "a list of packages",
    accepts: (value) => Array.isArray(value) && value.every(isRequest),
  },
  allowScripts: {
    expected: 'a list of package names such as ["better-sqlite3"], or an object of true and false by name',
    accepts: (value) =>
      TEXTS.accepts(value) ||
      (typeof value === "object" &&
        value !== null &&
        !Array.isArray(value) &&
        Object.values(value).every((item) => typeof item === "boolean")),
  },
  entry: {
    expected: "a path inside the project such as dist/server.js",
    accepts: (value) => typeof value === "string" && normalizeFile(value) !== undefined,
  },
  omit: {
    expected: 'a list of "dev", "optional" and "peer"',
    accepts: (value) =>
      TEXTS.accepts(value) &&
      (value as string[]).every((group) => ["dev", "optional", "peer"].includes(group)),
  },
  archive: ARCHIVE,
  architecture: oneOf("amd64", "arm64"),
};

/** Libraries that Node and addons are linked with, as far as they are. */
const RUNTIME_LIBRARIES = ["libc6", "libgcc-s1", "libstdc++6", "libatomic1"];

/** What node-gyp runs. */
const ADDON_TOOLS = ["g++", "make", "python3"];

/** Works on every Node that is in use, and its node-gyp knows them all. */
const NPM = "npm@10";

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
  checkOptions("nodeApp()", options, OPTIONS);
  const project = openProject("nodeApp()", options.src, ["node_modules"]);
  const manifest = readManifest(project);
  const given = isRequest(options.node) ? options.node : undefined;
  const architecture =
    options.architecture ??
    given?.scope.architecture ??
    options.archive?.scope.architecture ??
    machineArchitecture();
  const archive = options.archive ?? archiveOf(given === undefined ? [] : [given], architecture);
  const recipe = new Recipe(project, manifest, options, archive, architecture);
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

/** The derivations of one application. */
class Recipe {
  readonly node: NodeRuntime;
  readonly start: NodeStart;
  /** The dependencies of the application when it runs. */
  readonly modules: Output | undefined;
  readonly #project: Project;
  readonly #manifest: Manifest;
  readonly #options: NodeAppOptions;
  readonly #archive: ArchiveReference;
  readonly #architecture: Architecture;
  readonly #name: string;
  readonly #buildScript: string | undefined;

  constructor(
    project: Project,
    manifest: Manifest,
    options: NodeAppOptions,
    archive: ArchiveReference,
    architecture: Architecture,
  ) {
    this.#project = project;
    this.#manifest = manifest;
    this.#options = options;
    this.#archive = archive;
    this.#architecture = architecture;
    this.#name = options.name ?? toStoreName(manifest.name);
    this.#buildScript = this.#findBuildScript();
    this.node = chooseNode(options.node, manifest.nodeRange, architecture);
    this.start = this.#findStart();
    this.modules = this.#createModules(options.omit ?? ["dev"], "node-modules", true);
  }

  #findBuildScript(): string | undefined {
    const { build } = this.#options;
    const { scripts } = this.#manifest;
    if (build === false || (build === undefined && !Object.hasOwn(scripts, "build"))) return undefined;
    const name = build ?? "build";
    if (Object.hasOwn(scripts, name)) return name;
    throw new AppError("SCRIPT_UNKNOWN", `Cannot build the project: package.json has no script "${name}"`, {
      hint:
        didYouMean(name, Object.keys(scripts)) ??
        `Its scripts are ${Object.keys(scripts).join(", ") || "none"}`,
    });
  }

  #findStart(): NodeStart {
    const { entry } = this.#options;
    const main = normalizeFile(this.#manifest.main);
    const exists = (file: string) =>
      this.#project.holds(file) || (this.#buildScript !== undefined && file === main);
    const start = entry === undefined ? guessStart(this.#manifest, exists) : startOf(normalizeFile(entry)!);
    if (start === undefined) {
      throw new AppError(
        "ENTRY_MISSING",
        `Cannot start the project: package.json has no start script of the form "node FILE", no main that is there, and there is no server.js or index.js`,
        { hint: 'Write entry: "src/server.js" in nodeApp(), or a start script in package.json' },
      );
    }
    if (this.#buildScript === undefined && !this.#project.holds(start.file)) {
      throw new AppError(
        "ENTRY_MISSING",
        `Cannot start the project with ${start.file}: it is not among its files, and no script builds it`,
        {
          hint: "Ignore files leave out what they name; give build a script that makes it, or entry another file",
        },
      );
    }
    return start;
  }

  #libraries(): Request[] {
    const named = RUNTIME_LIBRARIES.map((name) => this.#request(name));
    return [...named, ...(this.#options.runtimeInputs ?? [])];
  }

  #request(name: string): Request {
    const { source, scope, mirrors } = this.#archive;
    return { source, scope, mirrors, name };
  }

  #fromRegistry(name: string): Request {
    return { source: "npm", scope: { architecture: this.#architecture }, mirrors: [], name };
  }

  /** What brings scripts of package.json to run: npm, and pnpm where that is the project's. */
  get #manager(): "npm" | "pnpm" {
    if (this.#manifest.packageManager?.startsWith("pnpm@") === true) return "pnpm";
    const isNpm = ["package-lock.json", "npm-shrinkwrap.json"].some(
      (name) => readProjectText(this.#project, name) !== undefined,
    );
    return !isNpm && readProjectText(this.#project, "pnpm-lock.yaml") !== undefined ? "pnpm" : "npm";
  }

  /** The node_modules of the lock, after the install scripts that are allowed; undefined when nothing is depended on. */
  #createModules(omit: readonly string[], suffix: string, tell: boolean): Output | undefined {
    if (!this.#hasDependencies()) return undefined;
    const scripts = readScripts(this.#options.allowScripts);
    const name = `${this.#name}-${suffix}`;
    const imported: ImportNode = {
      kind: "import",
      name,
      source: "npm",
      path: this.#project.path,
      options: { architecture: this.#architecture, omit: [...omit].sort(compareStrings), scripts, tell },
      requests: sortRequests(this.#libraries()),
    };
    const modules = createSource(imported);
    const allowed = Object.keys(scripts).filter((script) => scripts[script] === true);
    if (allowed.length === 0) return modules;
    const built = this.#run(
      `${name}-built`,
      [
        ...this.#buildTools(),
        ...ADDON_TOOLS.map((tool) => this.#request(tool)),
        ...(this.#options.buildInputs ?? []),
      ],
      { modules: `${modules}`, allowed: formatCanonicalJson(allowed), nodedir: this.node.headers },
      BUILD_MODULES,
    );
    return this.#run(name, this.#libraries(), { modules: built }, COPY_MODULES);
  }

  #hasDependencies(): boolean {
    const { dependencies, devDependencies, optionalDependencies, peerDependencies, workspaces } =
      this.#manifest;
    const groups = [dependencies, devDependencies, optionalDependencies, peerDependencies];
    return (
      groups.some((group) => Object.keys(group).length > 0) ||
      workspaces.length > 0 ||
      this.#project.holds("pnpm-workspace.yaml")
    );
  }

  #buildTools(): (Request | Output)[] {
    const development = this.node.development.map((name) => this.#request(name));
    return [this.node.package, ...this.#libraries(), this.#fromRegistry(NPM), ...development];
  }

  /** The project's files with what its build makes. */
  #createTree(): Output {
    const { source } = this.#project;
    if (this.#buildScript === undefined) return source;
    const modules = this.#createModules([], "node-modules-dev", false);
    const manager = this.#manager;
    return this.#run(
      `${this.#name}-build`,
      [
        ...this.#buildTools(),
        ...(manager === "pnpm" ? [this.#fromRegistry(pnpmOf(this.#manifest))] : []),
        ...(this.#options.buildInputs ?? []),
      ],
      {
        src: `${source}`,
        modules: modules === undefined ? "" : `${modules}`,
        manager,
        script: this.#buildScript,
        nodedir: this.node.headers,
      },
      BUILD_PROJECT,
    );
  }

  #run(
    name: string,
    inputs: readonly (Request | Output)[],
    env: Readonly<Record<string, string | Output>>,
    script: string,
  ): Output {
    const options = { inputs, env, architecture: this.#architecture };
    const node = describeCommand(name, options, script);
    return createDerivation(node, options, () => {
      throw new TypeError("only the application itself is overridden");
    });
  }

  /** The application: its files, links to its dependencies, and its commands. */
  describeApp() {
    const { start, node } = this;
    const bins = Object.entries(this.#manifest.bin).map(([name, file]) => [name, startOf(file)] as const);
    const commands = [
      ...(Object.hasOwn(this.#manifest.bin, "start") ? [] : [["start", start] as const]),
      ...bins,
    ];
    const lines = (rows: readonly (readonly string[])[]) => rows.map((row) => `${row.join("\t")}\n`).join("");
    return describeCommand(
      this.#name,
      {
        inputs: [node.package, ...this.#libraries()],
        architecture: this.#architecture,
        env: {
          tree: this.#createTree(),
          modules: this.modules === undefined ? "" : `${this.modules}`,
          files: this.#listFiles(commands.map(([, { file }]) => file)),
          commands: lines(
            commands.map(([name, command]) => [
              name,
              Buffer.from(formatCommand(node.program, command)).toString("base64"),
            ]),
          ),
          starts: lines(commands.map(([name, { file }]) => [file, name])),
          passAsFile: ["files", "commands", "starts"],
        },
      },
      ASSEMBLE,
    );
  }

  /** Patterns of what belongs to the application, one a line; empty is everything. */
  #listFiles(started: readonly string[]): string {
    const { files, workspaces } = this.#manifest;
    if (files === undefined) return "";
    const patterns = ["package.json", ...started, ...files, ...workspaces];
    const fitting = patterns
      .map((pattern) => pattern.replace(/^(!?)\.?\/+/, "$1").replace(/\/+$/, ""))
      .filter((pattern) => pattern !== "" && !/(?:^|\/)\.\.(?:\/|$)|\n/.test(pattern));
    return fitting.map((pattern) => `${pattern}\n`).join("");
  }
}

function readScripts(allowed: NodeAppOptions["allowScripts"] = []): Record<string, boolean> {
  return Array.isArray(allowed)
    ? Object.fromEntries((allowed as readonly string[]).map((name) => [name, true]))
    : { ...(allowed as Readonly<Record<string, boolean>>) };
}

/** What the project's own package manager is; hashes behind its version are corepack's. */
function pnpmOf({ packageManager = "" }: Manifest): string {
  const [, version] = /^pnpm@(\d+(?:\.\d+){0,2})/.exec(packageManager) ?? [];
  return `pnpm@${version ?? "10"}`;
}

function sortRequests(requests: readonly Request[]): Request[] {
  const byKey = new Map(
    requests.map(({ source, scope, mirrors, name }) => {
      const request = { source, scope, mirrors, name };
      return [formatCanonicalJson(request), request];
    }),
  );
  return [...byKey].sort(([a], [b]) => compareStrings(a, b)).map(([, request]) => request);
}

/** A package's name as the end of a store path. */
function toStoreName(name = "app"): string {
  const own = name.slice(name.lastIndexOf("/") + 1).replaceAll(/[^0-9a-zA-Z+._?=-]+/g, "-");
  return own.replace(/^[.-]+/, "") || "app";
}
