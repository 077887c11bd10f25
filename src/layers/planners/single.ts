// All in one layer, the root file system's additions too: what dockerTools.buildImage makes.

import type { Planner } from "../planner.ts";

export const planner: Planner = {
  name: "single",
  summary: "everything in one layer",
  takesRootFileSystem: true,
  plan: ({ units }) =>
    units.length === 0 ? [] : [{ units: units.map(({ id }) => id), reason: "everything, as asked" }],
};
