// What a closure is inferred from.

import type { OfferedPath } from "../model/closure.ts";
import type { StoreObject } from "../model/store-object.ts";
import type { EntryPoint } from "./entry-points.ts";
import type { ObjectFacts } from "./facts.ts";
import type { TokenKind } from "./token-kind.ts";

export interface InferenceOptions {
  /** `files`: from the entrypoints only, and file by file but for libraries of languages. */
  readonly minimal?: "files" | undefined;
  /** What the image starts: with `minimal` the only roots but for files of no package, otherwise beside the roots. */
  readonly entryPoints?: readonly EntryPoint[] | undefined;
  /** Patterns of package names or paths that stay, whatever the rules say. */
  readonly keep?: readonly string[] | undefined;
  /** Patterns of package names or paths that go, whatever the rules say. */
  readonly drop?: readonly string[] | undefined;
  /** Only tokens of these kinds are followed; for measuring what the others bring. */
  readonly onlyKinds?: readonly string[] | undefined;
}

export interface InferenceInput {
  /** The declared closure of the roots and the Essential packages with theirs, in any order. */
  readonly objects: readonly StoreObject[];
  /** Ids of the objects that the image asks for. */
  readonly roots: readonly string[];
  /** By the objects' ids. */
  readonly facts: ReadonlyMap<string, ObjectFacts>;
  readonly kinds: readonly TokenKind[];
  /** What installation makes: alternatives, links, configuration files from templates. */
  readonly offeredPaths?: readonly OfferedPath[] | undefined;
  readonly options?: InferenceOptions | undefined;
}
