// `stripBeam`: debug chunks go out of the compiled Erlang and Elixir modules of outputs; `keepBeamChunks` names some that
// stay. Source: beam_lib(3).

import { stripBeam } from "../../formats/beam-strip.ts";
import { rewriteFiles } from "../../platform/store-files.ts";
import { attributeOf, wordsOf } from "../environment.ts";
import type { Fixup } from "../fixups.ts";

export const fixup: Fixup = {
  async apply(job, staged, { signal }) {
    if ((attributeOf(job, "stripBeam") ?? "") === "") return;
    const keep = wordsOf(job, "keepBeamChunks") ?? [];
    for (const place of staged.values()) {
      await rewriteFiles(
        place,
        (bytes) => stripBeam(bytes, keep),
        signal,
        (path) => path.endsWith(".beam"),
      );
    }
  },
};
