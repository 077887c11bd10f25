import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { TestBuilds } from "../../test/kit/builds.ts";
import { temporaryDirectory } from "../../test/kit/context.ts";
import { loadVectors, readVector } from "../../test/kit/nix.ts";
import { NarReader } from "../formats/nix/nar-reader.ts";
import type { StorePath } from "../model/store-path.ts";
import { NarUnpacker } from "../platform/store-files.ts";
import { listCandidates } from "./allowed-references.ts";
import type { BuildJob } from "./job.ts";

interface Scanned {
  readonly id: string;
  readonly path: StorePath;
  readonly nar: string;
  readonly narSize: number;
  readonly narSha256Hex: string;
  readonly candidates: StorePath[];
  readonly references: StorePath[];
}

describe("an output refers to what Nix says that it does", () => {
  const { cases } = loadVectors<{ cases: Scanned[] }>("references/cases.json");
  for (const { id, path, nar, narSize, narSha256Hex, candidates, references } of cases) {
    test(id, async (t) => {
      const builds = new TestBuilds(t);
      const place = join(temporaryDirectory(t), "output");
      using unpacker = new NarUnpacker(place);
      const reader = new NarReader(unpacker, { maxSize: narSize });
      reader.write(readVector(`references/nar/${nar}`));
      reader.end();
      const inputs = candidates.filter((candidate) => candidate !== path).map((input) => ({ path: input }));
      const job = { inputs } as unknown as BuildJob;
      const found = await builds.store.scan(place, listCandidates(job, [path]), builds.context.signal);
      assert.deepEqual(found, { narHash: narSha256Hex, narSize, references: [...references].sort() });
    });
  }
});
