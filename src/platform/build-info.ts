// Which Tare this is: its version, and an id of its very code that keys of cached results contain.

import { readFileSync } from "node:fs";

export interface BuildInfo {
  readonly version: string;
  /** SHA-256 over the built code; undefined when it runs from its sources, where no result may be reused. */
  readonly id: string | undefined;
}

let info: BuildInfo | undefined;

export function readBuildInfo(): BuildInfo {
  if (info !== undefined) return info;
  const fromSources = import.meta.url.endsWith(".ts");
  const file = new URL(fromSources ? "../../package.json" : "../build.json", import.meta.url);
  const { version, id } = JSON.parse(readFileSync(file, "utf8")) as { version: string; id?: string };
  info = { version, id: fromSources ? undefined : id };
  return info;
}
