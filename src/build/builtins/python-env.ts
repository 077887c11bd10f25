// builtin:python-env: an environment of Python at its place, by the settings in the variable `environment`: parts are
// merged, scripts start with its own Python, and that finds the modules of a base and of an application besides.

import { join } from "node:path";
import * as z from "zod";
import {
  formatEnvironmentConfig,
  formatScriptStart,
  listInterpreterLinks,
  replaceScriptStart,
  sitePackagesOf,
  UNPLACED_PREFIX,
} from "../../formats/python/environment.ts";
import { formatEntryPointScript } from "../../formats/python/wheel-metadata.ts";
import { type BytePath, decodeByteString, ROOT_PATH } from "../../model/bytes.ts";
import { asStorePath } from "../../model/store-path.ts";
import { type DirectoryItem, listEntries, readLinkTarget } from "../../platform/directory-entries.ts";
import { readSmallFile, readStart } from "../../platform/files.ts";
import { createTreeMaker, type TreeMaker } from "../../platform/tree-maker.ts";
import { attributeOf } from "../environment.ts";
import { BuildError } from "../errors.ts";
import type { BuildContext, BuildJob, Builtin } from "../job.ts";

const Settings = z.strictObject({
  /** Minor version: `3.11`. */
  python: z.string().regex(/^3\.\d+$/),
  interpreter: z.string().startsWith("/"),
  systemSitePackages: z.boolean(),
  /** Store paths of trees without a place; of two files at one path the first counts. */
  parts: z.array(z.string()),
  /** Store path of an environment whose modules and scripts this one has too. */
  base: z.optional(z.string()),
  /** Store path of a directory of modules that belongs to this environment. */
  source: z.optional(z.string()),
  scripts: z.array(z.strictObject({ name: z.string(), module: z.string(), attribute: z.string() })),
});

type Settings = z.infer<typeof Settings>;

/** Where the files of an application are that is no distribution, below the environment. */
const SOURCE_DIRECTORY = "app";

/** Bytes of a script: larger files are programs. */
const LARGEST_SCRIPT = 1 << 24;

export const builtin: Builtin = {
  async build(job, outputs, { store, signal }) {
    const [[name, place]] = [...outputs] as [[string, string]];
    const output = job.derivation.outputs.get(name)!;
    if (!("path" in output)) throw invalid(job, "its place is not known");
    const environment = new Environment(readSettings(job), output.path, createTreeMaker(place), job, store);
    environment.make(signal);
  },
};

function readSettings(job: BuildJob): Settings {
  let value: unknown;
  try {
    value = JSON.parse(attributeOf(job, "environment") ?? "");
  } catch {
    throw invalid(job, 'its variable "environment" is no JSON');
  }
  const parsed = Settings.safeParse(value);
  if (parsed.success) return parsed.data;
  throw invalid(job, `its variable "environment" is wrong: ${z.prettifyError(parsed.error)}`);
}

function invalid({ name }: BuildJob, problem: string): BuildError {
  return new BuildError("BUILTIN_INVALID", `Cannot build ${name}: ${problem}`);
}

class Environment {
  readonly #settings: Settings;
  /** Its store path. */
  readonly #path: string;
  readonly #maker: TreeMaker;
  readonly #job: BuildJob;
  readonly #store: BuildContext["store"];
  /** Files and links that are there already. */
  readonly #made = new Map<string, "file" | "directory">();

  constructor(
    settings: Settings,
    path: string,
    maker: TreeMaker,
    job: BuildJob,
    store: BuildContext["store"],
  ) {
    this.#settings = settings;
    this.#path = path;
    this.#maker = maker;
    this.#job = job;
    this.#store = store;
  }

  make(signal: AbortSignal): void {
    const { python, parts, base, source, scripts } = this.#settings;
    this.#text("pyvenv.cfg", formatEnvironmentConfig(this.#settings), false);
    for (const [name, target] of listInterpreterLinks(this.#settings)) this.#link(`bin/${name}`, target);
    for (const { name, ...point } of scripts) {
      const text = formatScriptStart(this.#path) + formatEntryPointScript({ name, ...point });
      this.#text(`bin/${name}`, text, true);
    }
    const lines = [
      ...(source === undefined ? [] : [`../../../${SOURCE_DIRECTORY}`]),
      ...(base === undefined
        ? []
        : [`import site; site.addsitedir(${JSON.stringify(`${base}/${sitePackagesOf(python)}`)})`]),
    ];
    if (lines.length > 0)
      this.#text(`${sitePackagesOf(python)}/environment.pth`, `${lines.join("\n")}\n`, false);
    for (const part of parts) this.#merge(this.#find(part), ROOT_PATH, "", UNPLACED_PREFIX, signal);
    if (source !== undefined) this.#merge(this.#find(source), ROOT_PATH, SOURCE_DIRECTORY, undefined, signal);
    if (base !== undefined) this.#takeScripts(base);
    this.#maker.finish();
  }

  /** Where an input really is. */
  #find(path: string): string {
    const known = asStorePath(path);
    if (known === undefined || !this.#job.inputs.some((input) => input.path === known))
      throw invalid(this.#job, `${path} is not among its inputs`);
    return this.#store.physicalPath(known);
  }

  /** @param scripts Prefix of scripts that shall start with the Python of this environment. */
  #merge(
    root: string,
    directory: BytePath,
    to: string,
    scripts: string | undefined,
    signal: AbortSignal,
  ): void {
    signal.throwIfAborted();
    for (const item of listEntries(root, directory)) {
      const below = decodeByteString(item.path);
      const path = to === "" ? below : `${to}/${below}`;
      if (item.type === "directory") {
        this.#claim(path, "directory");
        this.#maker.directory(path);
        this.#merge(root, item.path, to, scripts, signal);
      } else if (scripts !== undefined && directory === "bin") this.#script(root, item, path, scripts);
      else if (item.type === "symlink") this.#link(path, decodeByteString(readLinkTarget(root, item.path)));
      else if (this.#claim(path, "file")) this.#maker.copy(path, join(root, below));
    }
  }

  #script(root: string, { type, path: below }: DirectoryItem, path: string, from: string): void {
    const file = join(root, decodeByteString(below));
    const bytes = type === "file" ? readScript(file) : undefined;
    const changed = bytes && replaceScriptStart(bytes, from, this.#path);
    if (type === "symlink") this.#link(path, decodeByteString(readLinkTarget(root, below)));
    else if (!this.#claim(path, "file")) return;
    else if (changed !== undefined) this.#maker.file(path, changed, true);
    else this.#maker.copy(path, file);
  }

  /** The programs of the base: its scripts with the Python that knows this environment too, links to all others. */
  #takeScripts(base: string): void {
    const root = this.#find(base);
    for (const { name, type } of listEntries(root, ROOT_PATH)) {
      if (name !== "bin" || type !== "directory") continue;
      for (const item of listEntries(root, "bin" as BytePath)) {
        const path = decodeByteString(item.path);
        const bytes = item.type === "file" ? readScript(join(root, path)) : undefined;
        const changed = bytes && replaceScriptStart(bytes, base, this.#path);
        if (changed === undefined) this.#link(path, `${base}/${path}`);
        else if (this.#claim(path, "file")) this.#maker.file(path, changed, true);
      }
    }
  }

  #text(path: string, text: string, executable: boolean): void {
    if (this.#claim(path, "file")) this.#maker.file(path, Buffer.from(text), executable);
  }

  #link(path: string, target: string): void {
    if (this.#claim(path, "file")) this.#maker.symlink(path, target);
  }

  /** @returns Whether nothing is at the path yet. */
  #claim(path: string, kind: "file" | "directory"): boolean {
    const other = this.#made.get(path);
    if (other === undefined) {
      this.#made.set(path, kind);
      return true;
    }
    if (other === kind) return false;
    throw invalid(this.#job, `${path} is a file of one of its parts and a directory of another`);
  }
}

/** The bytes of a script; undefined for what begins otherwise. */
function readScript(file: string): Buffer | undefined {
  if (readStart(file, 2).toString("latin1") !== "#!") return undefined;
  const bytes = readSmallFile(file, LARGEST_SCRIPT);
  return bytes instanceof Buffer ? bytes : undefined;
}
