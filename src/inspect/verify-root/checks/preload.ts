// The libraries that every program shall load first: LD_PRELOAD and /etc/ld.so.preload. The loader goes on without them.

import { encodeByteString } from "../../../model/bytes.ts";
import type { RootCheck } from "../check.ts";
import { type RootProblem, showName } from "../problem.ts";

const FILE = "/etc/ld.so.preload";
const LARGEST_FILE = 1 << 16;

export const check: RootCheck = {
  *run(root): Generator<RootProblem> {
    const [loader] = root.loaders.filter(({ abi }) => root.nativeAbi === undefined || abi === root.nativeAbi);
    if (loader === undefined) return;
    const file = root.view.readSmall(FILE, LARGEST_FILE)?.toString("latin1").replace(/#.*/g, "") ?? "";
    const variable = encodeByteString(root.environment.get("LD_PRELOAD") ?? "");
    for (const [source, text] of [
      ["LD_PRELOAD", variable],
      [FILE, file],
    ] as const) {
      for (const name of text.split(/[\s:]+/).filter((item) => item !== "")) {
        if (name.includes("$") || loader.finds(name)) continue;
        yield {
          code: "PRELOAD_MISSING",
          severity: "warning",
          path: undefined,
          message: `${source} names ${showName(name)}, which no program finds`,
          missing: { kind: "library", name },
        };
      }
    }
  },
};
