// builtin:tree: makes texts, links and joined trees by the instructions in the variable `tree`, without running anything.

import { join } from "node:path";
import { encodeByteString } from "../../model/bytes.ts";
import { asStorePath, splitStorePath } from "../../model/store-path.ts";
import type { TreeInstruction } from "../../model/tree-instructions.ts";
import { leadToSameFile } from "../../platform/tree-difference.ts";
import { createTreeMaker, type TreeMaker } from "../../platform/tree-maker.ts";
import { attributeOf } from "../environment.ts";
import { BuildError } from "../errors.ts";
import type { BuildContext, BuildJob, Builtin } from "../job.ts";
import { joinTrees } from "../join-trees.ts";

export const builtin: Builtin = {
  async build(job, outputs, context) {
    const [place] = outputs.values();
    const maker = createTreeMaker(place!, (path) => path);
    for (const instruction of readInstructions(job)) make(instruction, maker, job, context);
    maker.finish();
  },
};

function readInstructions(job: BuildJob): readonly TreeInstruction[] {
  try {
    const value: unknown = JSON.parse(attributeOf(job, "tree") ?? "");
    if (Array.isArray(value) && value.every(isInstruction)) return value;
  } catch {
    // Told below.
  }
  throw new BuildError(
    "BUILTIN_INVALID",
    `Cannot build ${job.name}: its variable "tree" is no list of instructions for builtin:tree`,
  );
}

function isInstruction(value: unknown): value is TreeInstruction {
  if (typeof value !== "object" || value === null) return false;
  const { type, path, text, target, paths } = value as Record<string, unknown>;
  if (type === "join") return Array.isArray(paths) && paths.every((item) => typeof item === "string");
  if (typeof path !== "string" || path.split("/").some((part) => part === "." || part === "..")) return false;
  return type === "file" ? typeof text === "string" : type === "symlink" && typeof target === "string";
}

function make(instruction: TreeInstruction, maker: TreeMaker, job: BuildJob, { store }: BuildContext): void {
  switch (instruction.type) {
    case "file":
      maker.file(encodeByteString(instruction.path), Buffer.from(instruction.text), instruction.executable);
      break;
    case "symlink":
      maker.symlink(encodeByteString(instruction.path), encodeByteString(instruction.target));
      break;
    case "join": {
      const readable = new Set<string>(job.inputs.map(({ path }) => path));
      const trees = instruction.paths.map((text) => {
        const path = asStorePath(text);
        if (path !== undefined && readable.has(path)) return { path, physical: store.physicalPath(path) };
        throw new BuildError("BUILTIN_INVALID", `Cannot build ${job.name}: ${text} is not among its inputs`);
      });
      joinTrees(job.name, trees, instruction, maker, (first, second) =>
        leadToSameFile(first, second, (path) => {
          const { storePath, below } = splitStorePath(path) ?? {};
          return storePath !== undefined && readable.has(storePath)
            ? join(store.physicalPath(storePath), below ?? "")
            : undefined;
        }),
      );
    }
  }
}
