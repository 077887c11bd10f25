// image.ts → ImageSpec: imports the file, and tells every way in which that fails with file, line and hint.

import { dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { TareError } from "../model/errors.ts";
import type { Architecture, BaseImage, ImageSpec } from "../model/image-spec.ts";
import { show } from "../model/options.ts";
import { pathKind } from "../platform/files.ts";
import { withTargetArchitecture } from "../platform/machine.ts";
import { importUserModule, listUserModules, locateError, type SourceLocation } from "../platform/modules.ts";
import { isPulledImage } from "./base-image.ts";
import { toImage } from "./build-image.ts";
import { EvaluateError } from "./errors.ts";
import { withImageDirectory } from "./image-directory.ts";

const OWN_FILE = fileURLToPath(import.meta.url);
/** src/ in a checkout, dist/ in a package. */
const OWN_DIRECTORY = dirname(dirname(OWN_FILE)) + sep;
const PUBLIC_API = new URL(`../index${OWN_FILE.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url).href;

/**
 * Finds the image file that a path means: the file itself, or `image.ts` in the directory.
 *
 * @throws {EvaluateError} `IMAGE_FILE_MISSING`.
 */
export function findImageFile(path: string): string {
  const absolute = resolve(path);
  const file = pathKind(absolute) === "directory" ? join(absolute, "image.ts") : absolute;
  if (pathKind(file) === "file") return file;
  throw new EvaluateError("IMAGE_FILE_MISSING", `Cannot find ${file}: there is no such file`, {
    hint: "Name an image file, or run in a directory that has an image.ts",
  });
}

/** For what an image file is evaluated. */
export interface EvaluateOptions {
  /** The architecture that is meant where the file names none; undefined is this machine's. */
  readonly architecture?: Architecture | undefined;
  /** Modules that were loaded in another round are loaded anew. */
  readonly round?: number | undefined;
}

function variantOf({ architecture, round }: EvaluateOptions): string | undefined {
  const parts = [architecture, round].filter((part) => part !== undefined);
  return parts.length === 0 ? undefined : parts.join("-");
}

/** The files whose text an evaluation depended on: the image file, and the user's own modules that it imports. */
export function listImageModules(options: EvaluateOptions): readonly string[] {
  const variant = variantOf(options);
  return variant === undefined ? [] : listUserModules(variant);
}

/**
 * Evaluates an image file.
 *
 * @param file Absolute path, from {@link findImageFile}.
 * @throws {EvaluateError} Any of its codes but `IMAGE_FILE_MISSING`, or an error of the functions that the file calls;
 *   the message says file and line.
 */
export async function evaluateImageFile(file: string, options: EvaluateOptions = {}): Promise<ImageSpec> {
  const imported = { packages: { tare: PUBLIC_API }, variant: variantOf(options) };
  let value: unknown;
  try {
    value = await withImageDirectory(dirname(file), () =>
      withTargetArchitecture(options.architecture, async () => {
        const module = (await importUserModule(file, imported)) as { default?: unknown };
        return module.default;
      }),
    );
  } catch (error) {
    throw explain(error, file);
  }
  if (isImageSpec(value) || isPulledImage(value)) return resolveFiles(toImage(value), dirname(file));
  const problem =
    value === undefined ? "it has no default export" : `its default export is ${show(value)}, no image`;
  throw new EvaluateError("WRONG_EXPORT", `Cannot evaluate ${display(file)}: ${problem}`, {
    hint: "Write: export default buildLayeredImage({ … })",
  });
}

/** Local files and sources lie relative to the image file, wherever `file()` or `path()` was called. */
function resolveFiles(spec: ImageSpec, directory: string): ImageSpec {
  const graph = Object.entries(spec.graph).map(([id, node]) => [
    id,
    node.kind === "derivation" ? node : { ...node, path: resolve(directory, node.path) },
  ]);
  return {
    ...spec,
    files: spec.files.map((file) => ({ ...file, path: resolve(directory, file.path) })),
    graph: Object.fromEntries(graph),
    ...(spec.merged !== undefined && { merged: spec.merged.map((one) => resolveFiles(one, directory)) }),
    ...(spec.base !== undefined && { base: resolveBase(spec.base, directory) }),
  };
}

function resolveBase(base: BaseImage, directory: string): BaseImage {
  if (base.kind === "image") return { ...base, spec: resolveFiles(base.spec, directory) };
  const [, transport = "", rest = base.reference] =
    /^((?:oci|oci-archive|docker-archive|docker):)(.*)$/s.exec(base.reference) ?? [];
  if (transport === "docker:") return base;
  return { ...base, reference: `${transport}${resolve(directory, rest)}` };
}

function isImageSpec(value: unknown): value is ImageSpec {
  return typeof value === "object" && value !== null && (value as Partial<ImageSpec>).kind === "image";
}

/** Says where; an error of Tare keeps its code. */
function explain(error: unknown, file: string): TareError {
  const location = locateError(error, OWN_DIRECTORY);
  const where = location === undefined ? display(file) : formatLocation(location);
  if (error instanceof TareError) {
    return new TareError(error.code, `${where}: ${error.message}`, { hint: error.hint, cause: error });
  }
  const { code, name, message } = (error ?? {}) as { code?: string; name?: string; message?: string };
  if (code === "ERR_MODULE_NOT_FOUND" || code === "ERR_PACKAGE_PATH_NOT_EXPORTED") {
    const [first = ""] = String(message).split("\n");
    return new EvaluateError("IMPORT_NOT_FOUND", `Cannot evaluate ${where}: ${lowerFirst(first)}`, {
      hint: `Install the package beside ${display(file)}, or correct the import; relative imports end in .ts`,
      cause: error,
    });
  }
  if (
    name === "SyntaxError" ||
    code === "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX" ||
    code === "ERR_INVALID_TYPESCRIPT_SYNTAX"
  ) {
    const erasable = code === "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX";
    return new EvaluateError(
      "IMAGE_FILE_SYNTAX",
      `Cannot read ${where}: ${lowerFirst(String(message).trim().split("\n").at(-1) ?? "")}`,
      {
        hint: erasable
          ? "Types are erased, not compiled: write a plain object or a union of strings instead of an enum, a module instead of a namespace"
          : "Correct the syntax; an editor shows the place",
        cause: error,
      },
    );
  }
  const said = error instanceof Error ? `${name}: ${message}` : show(error);
  return new EvaluateError("IMAGE_FILE_THREW", `Cannot evaluate ${where}: it threw ${said}`, {
    cause: error,
  });
}

function formatLocation({ file, line, column }: SourceLocation): string {
  return `${display(file)}:${line}${column === undefined ? "" : `:${column}`}`;
}

/** A path as short as it can be said from here. */
function display(file: string): string {
  const path = relative(process.cwd(), file);
  return path.startsWith("..") || path === "" ? file : path;
}

function lowerFirst(text: string): string {
  return /^[A-Z][a-z]*\s/.test(text) ? text[0]!.toLowerCase() + text.slice(1) : text;
}
