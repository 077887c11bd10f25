#!/usr/bin/env node
// The CLI's entry: refuses a Node that is too old in one line, then runs dist/cli/main.js with V8's compile cache.
import * as nodeModule from "node:module";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

const [major, minor] = process.versions.node.split(".").map(Number);
if (major > 24 ? major < 26 : major < 24 || minor < 15) {
  console.error(`error: tare needs Node 24.15 or newer (not 25), this is Node ${process.versions.node}`);
  process.exitCode = 1;
} else {
  const cache = process.env.XDG_CACHE_HOME;
  nodeModule.enableCompileCache(
    join(cache && isAbsolute(cache) ? cache : join(homedir(), ".cache"), "tare", "compile"),
  );
  const { main } = await import("../dist/cli/main.js");
  await main(process.argv.slice(2));
}
