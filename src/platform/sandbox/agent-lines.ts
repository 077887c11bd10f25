// What Tare and its agent say to each other: one line of JSON each, bytes as base64; errors keep their classes.

import { TareError } from "../../model/errors.ts";
import { ContentError } from "../content.ts";
import { DiskError, type DiskErrorCode } from "../disk.ts";
import { ExtractError, type ExtractErrorCode } from "../extract.ts";
import { SandboxError, type SandboxErrorCode } from "./errors.ts";

/** The name under which bytes are in JSON. */
const BYTES = "$base64";

export interface AgentCall {
  readonly id: number;
  readonly name: string;
  readonly request: unknown;
}

export type AgentAnswer =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: AgentError };

export interface AgentError {
  readonly name: string;
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
  /** Of a damaged archive. */
  readonly file?: string | undefined;
}

export function formatLine(value: AgentCall | AgentAnswer): string {
  return JSON.stringify(value, function (this: Record<string, unknown>, key, plain) {
    const original = this[key];
    return original instanceof Uint8Array ? { [BYTES]: Buffer.from(original).toString("base64") } : plain;
  });
}

export function parseLine<T extends AgentCall | AgentAnswer>(line: string): T {
  return JSON.parse(line, (_, value) => {
    const bytes = typeof value === "object" && value !== null ? value[BYTES] : undefined;
    return typeof bytes === "string" ? Buffer.from(bytes, "base64") : value;
  }) as T;
}

export function describeError(error: unknown): AgentError {
  if (!(error instanceof TareError)) {
    const { stack, message } = error as Error;
    return { name: "Error", code: "", message: stack ?? message };
  }
  const { name, code, message, hint } = error;
  return { name, code, message, hint, file: error instanceof ContentError ? error.file : undefined };
}

export function restoreError({ name, code, message, hint, file }: AgentError): Error {
  switch (name) {
    case "SandboxError":
      return new SandboxError(code as SandboxErrorCode, message, { hint });
    case "DiskError":
      return new DiskError(code as DiskErrorCode, message, { hint });
    case "ExtractError":
      return new ExtractError(code as ExtractErrorCode, message, { hint });
    case "ContentError":
      return new ContentError(file!, message);
    default:
      return new Error(message);
  }
}
