// One thing that is verified: a file of checks/ exports `check`.

import type { InspectedRoot } from "./inspected-root.ts";
import type { RootProblem } from "./problem.ts";

export interface RootCheck {
  /** Looks at the whole root; the order of the problems means nothing. */
  run(root: InspectedRoot): Iterable<RootProblem>;
}
