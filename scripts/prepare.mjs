// After `npm ci` in a checkout: builds dist/ and puts `tare` into node_modules/.bin, on the checkout's own Node.
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const bin = join(import.meta.dirname, "../node_modules/.bin");
await import("./build.mjs");
mkdirSync(bin, { recursive: true });
const launcher = join(bin, "tare");
rmSync(launcher, { force: true });
const node = existsSync(join(bin, "node")) ? '"$bin/node"' : "node";
// No process is started but Node's, unless the launcher is called through a link.
writeFileSync(
  launcher,
  `#!/bin/sh
self=$0
[ -L "$self" ] && self=$(readlink -f -- "$self")
bin=\${self%/*}
exec ${node} "$bin/../../bin/tare.js" "$@"
`,
  { mode: 0o755 },
);
