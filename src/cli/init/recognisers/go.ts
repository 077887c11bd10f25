// A Go module with a program.

import { basename } from "node:path";
import { listGoPrograms } from "../../../evaluate/apps/go-binary.ts";
import { parseGoMod } from "../../../formats/go/go-mod.ts";
import { NotReadyError, type Recogniser } from "../recogniser.ts";

export const recogniser: Recogniser = {
  rank: 12,
  recognise(directory) {
    const text = directory.read("go.mod");
    if (text === undefined) return undefined;
    const { path, requires } = parseGoMod(text);
    const [first, ...others] = listGoPrograms(directory.path);
    if (first === undefined) {
      throw new NotReadyError(
        "it is a Go module without a program",
        "Put package main into its directory or one below cmd/, or name it: goBinary({ src, package })",
      );
    }
    if (requires.length > 0 && !directory.has("go.sum") && !directory.has("vendor/modules.txt")) {
      throw new NotReadyError("it is a Go module without a go.sum", "Run go mod tidy, and commit go.sum");
    }
    const chosen = others.length === 0 ? "" : `, package: ${JSON.stringify(first)}`;
    return {
      what: `a Go module with the program ${first === "." ? basename(path) : first}`,
      name: basename(path.replace(/\/v\d+$/, "")),
      imports: ["goBinary", "path"],
      setup: [`const app = goBinary({ src: path(".")${chosen} });`],
      config: { Entrypoint: "[app.program]" },
      unprivileged: true,
      notes: others.length === 0 ? [] : [`other programs: ${others.join(", ")}`],
    };
  },
};
