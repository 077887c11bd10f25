// The environment of a builder, and the files in its build directory, as Nix has them: pure.
// Source: Nix manual, "Derivations", "Advanced attributes"; libstore's initEnv and writeStructuredAttrs.

import { createHash } from "node:crypto";
import { encodeNix32 } from "../formats/nix/hash.ts";
import { type ByteString, compareStrings, decodeByteString, encodeByteString } from "../model/bytes.ts";
import { STORE_DIR, type StorePath } from "../model/store-path.ts";
import type { BuildJob } from "./job.ts";

/** Where the build directory is inside the sandbox. */
export const BUILD_DIRECTORY = "/build";

export interface BuilderEnvironment {
  readonly variables: Readonly<Record<string, string>>;
  /** Files in the build directory, by name. */
  readonly files: ReadonlyMap<string, Buffer>;
}

/** Describes what a builder sees. */
export function describeEnvironment(job: BuildJob, cores: number): BuilderEnvironment {
  const files = new Map<string, Buffer>();
  const own = new Map<ByteString, ByteString>();
  const json = job.derivation.env.get("__json" as ByteString);
  if (json !== undefined) addStructuredAttributes(json, job, files, own);
  else addVariables(job.derivation.env, files, own);
  addReferenceGraphs(job, files);
  const variables = {
    PATH: "/path-not-set",
    HOME: "/homeless-shelter",
    NIX_STORE: STORE_DIR,
    NIX_BUILD_CORES: String(cores),
    ...Object.fromEntries([...own].map(([name, value]) => [decodeByteString(name), decodeByteString(value)])),
    NIX_BUILD_TOP: BUILD_DIRECTORY,
    TMPDIR: BUILD_DIRECTORY,
    TEMPDIR: BUILD_DIRECTORY,
    TMP: BUILD_DIRECTORY,
    TEMP: BUILD_DIRECTORY,
    PWD: BUILD_DIRECTORY,
    NIX_LOG_FD: "2",
    TERM: "xterm-256color",
    ...(isFixedOutput(job) && { NIX_OUTPUT_CHECKED: "1" }),
  };
  return { variables, files };
}

export function isFixedOutput({ derivation }: Pick<BuildJob, "derivation">): boolean {
  return derivation.outputs.get("out")?.kind === "fixed";
}

/** The value of an attribute, also where attributes are structured. */
export function attributeOf(
  { derivation: { env } }: Pick<BuildJob, "derivation">,
  name: string,
): string | undefined {
  const json = env.get("__json" as ByteString);
  if (json === undefined) {
    const value = env.get(name as ByteString);
    return value === undefined ? undefined : decodeByteString(value);
  }
  const value = (JSON.parse(decodeByteString(json)) as Record<string, unknown>)[name];
  if (value === undefined || value === null || value === false) return value === undefined ? undefined : "";
  return Array.isArray(value) ? value.join(" ") : value === true ? "1" : String(value);
}

/** The words of an attribute that is a list. */
export function wordsOf(job: Pick<BuildJob, "derivation">, name: string): string[] | undefined {
  return attributeOf(job, name)
    ?.split(/\s+/)
    .filter((word) => word !== "");
}

/** `passAsFile`: values that are too long for a variable are in files that `NAMEPath` says. */
function addVariables(
  env: ReadonlyMap<ByteString, ByteString>,
  files: Map<string, Buffer>,
  own: Map<ByteString, ByteString>,
): void {
  const asFile = new Set((env.get("passAsFile" as ByteString) ?? "").split(/\s+/));
  for (const [name, value] of env) {
    if (!asFile.has(name)) {
      own.set(name, value);
      continue;
    }
    const file = `.attr-${encodeNix32(createHash("sha256").update(name, "latin1").digest())}`;
    files.set(file, Buffer.from(value, "latin1"));
    own.set(`${name}Path` as ByteString, `${BUILD_DIRECTORY}/${file}` as ByteString);
  }
}

function addStructuredAttributes(
  json: ByteString,
  { derivation }: BuildJob,
  files: Map<string, Buffer>,
  own: Map<ByteString, ByteString>,
): void {
  const attributes = JSON.parse(decodeByteString(json)) as Record<string, unknown>;
  const outputs = Object.fromEntries(
    [...derivation.outputs].map(([name, output]) => [name, "path" in output ? output.path : ""]),
  );
  const all = { ...attributes, outputs };
  files.set(".attrs.json", Buffer.from(JSON.stringify(all)));
  files.set(".attrs.sh", Buffer.from(formatShellAttributes(all)));
  own.set("NIX_ATTRS_JSON_FILE" as ByteString, `${BUILD_DIRECTORY}/.attrs.json` as ByteString);
  own.set("NIX_ATTRS_SH_FILE" as ByteString, `${BUILD_DIRECTORY}/.attrs.sh` as ByteString);
  for (const [name, path] of Object.entries(outputs)) own.set(name as ByteString, encodeByteString(path));
}

/** Attributes as bash reads them: scalars, lists and flat objects; what bash cannot hold is left out, as Nix does. */
function formatShellAttributes(attributes: Readonly<Record<string, unknown>>): string {
  const lines = Object.keys(attributes)
    .sort(compareStrings)
    .flatMap((name) => {
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return [];
      const value = attributes[name];
      const scalar = toShell(value);
      if (scalar !== undefined) return [`declare ${name}=${scalar}`];
      if (Array.isArray(value)) {
        const items = value.map(toShell);
        return items.includes(undefined)
          ? []
          : [`declare -a ${name}=(${items.map((item) => `${item} `).join("")})`];
      }
      if (typeof value !== "object" || value === null) return [];
      const items = Object.entries(value).map(([key, item]) => [quoteShell(key), toShell(item)] as const);
      if (items.some(([, item]) => item === undefined)) return [];
      return [`declare -A ${name}=(${items.map(([key, item]) => `[${key}]=${item} `).join("")})`];
    });
  return lines.map((line) => `${line}\n`).join("");
}

function toShell(value: unknown): string | undefined {
  if (typeof value === "string") return quoteShell(value);
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : undefined;
  if (value === null) return "''";
  return typeof value === "boolean" ? (value ? "1" : "") : undefined;
}

function quoteShell(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** `exportReferencesGraph = [ "file" path … ]`: the closure of each path, as Nix's registration text. */
function addReferenceGraphs(job: BuildJob, files: Map<string, Buffer>): void {
  const words = wordsOf(job, "exportReferencesGraph") ?? [];
  for (let i = 0; i + 1 < words.length; i += 2) {
    const [file, path] = [words[i]!, words[i + 1]!];
    if (/^[A-Za-z_][A-Za-z0-9_.-]*$/.test(file))
      files.set(file, Buffer.from(formatGraph(job, path as StorePath)));
  }
}

function formatGraph({ inputs }: BuildJob, start: StorePath): string {
  const byPath = new Map(inputs.map((info) => [info.path, info]));
  const reached = new Set<StorePath>();
  const pending = [start];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    if (reached.has(path) || !byPath.has(path)) continue;
    reached.add(path);
    pending.push(...byPath.get(path)!.references);
  }
  return [...reached]
    .sort(compareStrings)
    .map((path) => {
      const { deriver = "", references } = byPath.get(path)!;
      return `${path}\n${deriver}\n${references.length}\n${references.map((reference) => `${reference}\n`).join("")}`;
    })
    .join("");
}
