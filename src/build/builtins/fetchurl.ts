// builtin:fetchurl: a file of the network whose hash was said before, as Nix's own builder of that name. What it made is
// checked like any fixed output.

import { fetchByHash, fetchDocument } from "../../platform/network.ts";
import { copyToPlace } from "../../platform/store-files.ts";
import { createTreeMaker } from "../../platform/tree-maker.ts";
import { attributeOf, wordsOf } from "../environment.ts";
import { BuildError } from "../errors.ts";
import type { Builtin } from "../job.ts";

/** Bytes. */
const LARGEST_FILE = 2 ** 40;
const LARGEST_DOCUMENT = 2 ** 30;

export const builtin: Builtin = {
  async build(job, outputs, context) {
    const [place] = outputs.values();
    const urls = (wordsOf(job, "urls") ?? []).concat(wordsOf(job, "url") ?? []);
    const output = job.derivation.outputs.get("out");
    if (output?.kind !== "fixed" || urls.length === 0) {
      throw new BuildError(
        "BUILTIN_INVALID",
        `Cannot build ${job.name}: builtin:fetchurl needs a URL and the hash of what it fetches`,
        { hint: "Give url and outputHash, or use fetchUrl()" },
      );
    }
    const { method, hash } = output;
    const isExecutable = (attributeOf(job, "executable") ?? "") !== "";
    if (method === "recursive" || hash.algorithm === "md5") {
      // What is known is not the hash of the file's bytes, or one that downloads are not named by.
      const { bytes } = await fetchDocument(job.name, [...new Set(urls)], LARGEST_DOCUMENT, context);
      createTreeMaker(place!).file("", bytes, isExecutable);
      return;
    }
    const digests = [Buffer.from(hash.bytes).toString("hex")];
    const expected = { algorithm: hash.algorithm, digests, maxSize: LARGEST_FILE };
    const file = await fetchByHash(job.name, [...new Set(urls)], expected, context);
    copyToPlace(file, place!, isExecutable);
  },
};
