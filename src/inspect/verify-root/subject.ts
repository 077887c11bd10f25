// What verification knows of an image beside its files: the architecture, and what it shall run.

import { FormatError } from "../../formats/errors.ts";
import { parseConfig } from "../../formats/oci-documents.ts";
import type { NormalizedImageConfig } from "../../model/image-spec.ts";

export interface RootSubject {
  /** As OCI names it. */
  readonly architecture: string;
  readonly config: Pick<NormalizedImageConfig, "Entrypoint" | "Cmd" | "User" | "Env" | "WorkingDir">;
}

/**
 * Reads an image configuration of any tool.
 *
 * @throws {FormatError} `BAD_OCI_DOCUMENT`
 */
export function parseSubject(bytes: Uint8Array): RootSubject {
  const document = parseConfig(bytes, "the configuration");
  const config = document["config"] ?? {};
  if (typeof config !== "object" || Array.isArray(config)) return refuse("config", "an object");
  const fields = config as Readonly<Record<string, unknown>>;
  const text = (name: string) => {
    const value = fields[name] ?? "";
    return typeof value === "string" ? value : refuse(name, "a text");
  };
  const texts = (name: string) => {
    const value = fields[name] ?? [];
    const isList = Array.isArray(value) && value.every((item) => typeof item === "string");
    return isList ? (value as string[]) : refuse(name, "a list of texts");
  };
  return {
    architecture: document.architecture,
    config: {
      Entrypoint: texts("Entrypoint"),
      Cmd: texts("Cmd"),
      Env: texts("Env"),
      User: text("User"),
      WorkingDir: text("WorkingDir"),
    },
  };
}

function refuse(field: string, wanted: string): never {
  throw new FormatError("BAD_OCI_DOCUMENT", "the configuration", `${field} is not ${wanted}`);
}
