// Makes /bin, /sbin and /lib links into /usr, /lib64 and the like where there is something behind them, and /var/run
// and /var/lock links into /run. Paths of packages were moved accordingly when their trees were merged.

import type { BytePath } from "../../model/bytes.ts";
import type { Fix, FixContext } from "../fix.ts";
import { STANDARD_LINKS } from "../merge.ts";

const ALWAYS = new Set(["bin", "sbin", "lib", "var/run", "var/lock"]);

export const fix: Fix = {
  after: [],
  create: (context) => ({ run: () => makeLinks(context) }),
};

function makeLinks({ root, report }: FixContext): void {
  for (const [path, target] of STANDARD_LINKS) {
    const directory = target.replace(/^\//, "") as BytePath;
    if (root.get(path) !== undefined) continue;
    if (!ALWAYS.has(path) && root.get(directory) === undefined) continue;
    root.makeDirectory(directory);
    root.makeLink(path, target);
    report("link", `to ${target}`, { path });
  }
}
