// Cargo.toml: text → the package and the programs that it declares. Source: the Cargo Book, "The Manifest Format".

import { parse } from "smol-toml";
import * as z from "zod";
import { CargoFormatError } from "./errors.ts";

export interface CargoManifest {
  /** Undefined for a workspace that is no package itself. */
  readonly name: string | undefined;
  /** Names of the programs that it declares; those of src/main.rs and src/bin/ are not declared. */
  readonly programs: readonly string[];
  /** What of the programs is declared by where it lies. */
  readonly findsPrograms: boolean;
  /** Patterns of the directories of a workspace's packages; undefined when it is no workspace. */
  readonly members: readonly string[] | undefined;
  readonly defaultRun: string | undefined;
}

const Shape = z.looseObject({
  package: z
    .looseObject({ name: z.string(), autobins: z.boolean().optional(), "default-run": z.string().optional() })
    .optional(),
  bin: z.array(z.looseObject({ name: z.string().optional() })).optional(),
  workspace: z.looseObject({ members: z.array(z.string()).optional() }).optional(),
});

/** @throws {CargoFormatError} `CARGO_MANIFEST_INVALID` */
export function parseCargoManifest(text: string): CargoManifest {
  const { package: own, bin = [], workspace } = readShape(text);
  return {
    name: own?.name,
    programs: bin.flatMap(({ name }) => name ?? []),
    findsPrograms: own?.autobins ?? true,
    members: workspace === undefined ? undefined : (workspace.members ?? []),
    defaultRun: own?.["default-run"],
  };
}

function readShape(text: string): z.infer<typeof Shape> {
  let value: unknown;
  try {
    value = parse(text);
  } catch (cause) {
    throw invalid((cause as Error).message.split("\n")[0]!, cause);
  }
  const parsed = Shape.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw invalid(`at ${issue?.path.join(".") || "its top"}: ${issue?.message}`);
}

function invalid(problem: string, cause?: unknown): CargoFormatError {
  return new CargoFormatError("CARGO_MANIFEST_INVALID", `Cannot read Cargo.toml: ${problem}`, { cause });
}
