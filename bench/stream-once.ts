// Streams one image in a process of its own, without a cache: `stream-once.ts CONF ROOT CACHE` to standard output, and the
// seconds without the start of Node to standard error.

import { readFileSync } from "node:fs";
import { SILENT_PROGRESS } from "../src/model/progress.ts";
import { Cache } from "../src/platform/cache.ts";
import { StandardOutput } from "../src/platform/output.ts";
import { parseConf } from "../src/stream/conf.ts";
import { streamImage } from "../src/stream/stream-image.ts";

const [conf, root, cache] = process.argv.slice(2) as [string, string, string];
const signal = new AbortController().signal;
const context = { cache: new Cache(cache), progress: SILENT_PROGRESS, signal, offline: true, jobs: 2 };
using output = new StandardOutput();
const start = performance.now();
await streamImage(parseConf(readFileSync(conf), conf, 0), root, output, context);
console.error((performance.now() - start) / 1000);
