// A process of its own, as a build is: reads the facts of a smoke case's packages and infers its closure; prints milliseconds.

import { scanObjects } from "../src/closure/facts-cache.ts";
import { inferClosure } from "../src/closure/infer.ts";
import { loadInferable, sharedContext } from "../test/kit/inferable.ts";

const packages = process.argv.slice(2);
const context = sharedContext();
const { input } = await loadInferable(packages, context);
const start = performance.now();
const facts = await scanObjects(input.objects, context);
inferClosure({ ...input, facts });
console.log((performance.now() - start).toFixed(1));
