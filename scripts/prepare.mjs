// After `npm ci` in a checkout: builds dist/ and puts `tare` into node_modules/.bin, on the checkout's own Node.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const bin = join(root, "node_modules/.bin");

// npm leaves out optional packages whose engines do not admit the Node that it runs on itself. This script runs on the
// checkout's own Node, and so does this npm: it adds what the machine's Node was too old for.
const loads = () =>
  spawnSync(process.execPath, ["-e", 'require("@napi-rs/lzma")'], { cwd: root }).status === 0;
if (!loads() && process.env.npm_execpath !== undefined) {
  const install = [
    "install",
    "--no-save",
    "--no-package-lock",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
  ];
  spawnSync(process.execPath, [process.env.npm_execpath, ...install], { cwd: root, stdio: "inherit" });
  if (!loads())
    throw new Error("@napi-rs/lzma cannot be loaded: its package for this platform is not installed");
}
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
