// A Node project and the options of `nodeApp` → the derivations of its application: its dependencies with their install
// scripts, its build, and what is in the image of them.

import type { Manifest } from "../../formats/npm/manifest.ts";
import { compareStrings } from "../../model/bytes.ts";
import { formatCanonicalJson } from "../../model/canonical-json.ts";
import type { ImportNode } from "../../model/derivation.ts";
import type { Architecture, ArchiveReference, Request } from "../../model/image-spec.ts";
import { didYouMean } from "../../model/suggest.ts";
import { createDerivation, createSource, type Output } from "../derivation.ts";
import { describeCommand } from "../run-command.ts";
import { AppError } from "./errors.ts";
import type { NodeAppOptions } from "./node-options.ts";
import { ASSEMBLE, BUILD_MODULES, BUILD_PROJECT, COPY_MODULES, formatCommand } from "./node-scripts.ts";
import { guessStart, type NodeStart, normalizeFile, startOf } from "./node-start.ts";
import { chooseNode, type NodeRuntime } from "./node-version.ts";
import { type Project, readProjectText } from "./project.ts";

/** Libraries that Node and addons are linked with, as far as they are. */
const RUNTIME_LIBRARIES = ["libc6", "libgcc-s1", "libstdc++6", "libatomic1"];

/** What node-gyp runs. */
const ADDON_TOOLS = ["g++", "make", "python3"];

/** Works on every Node that is in use, and its node-gyp knows them all. */
const NPM = "npm@10";

/** The derivations of one application. */
export class NodeRecipe {
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
