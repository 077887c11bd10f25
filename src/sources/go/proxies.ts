// GOPROXY → the base URLs that modules are fetched from. Source: the Go Modules Reference, "Environment variables".

import { join } from "node:path";
import { environmentVariable, homeDirectory } from "../../platform/environment.ts";
import { readSmallFile } from "../../platform/files.ts";
import { GoError } from "./errors.ts";

const PUBLIC_PROXY = "https://proxy.golang.org";

/** Bytes of the largest settings that are read. */
const LARGEST_SETTINGS = 1 << 20;

/**
 * The proxies to ask, in their order; repositories themselves (`direct`) are never asked.
 *
 * @throws {GoError} `GO_PROXY_UNUSABLE`
 */
export function listProxies(): string[] {
  const setting = environmentVariable("GOPROXY") ?? readSetting("GOPROXY") ?? PUBLIC_PROXY;
  const urls = setting.split(/[,|]/).map((url) => url.trim().replace(/\/+$/, ""));
  const usable = urls.filter((url) => /^(?:https?|file):\/\/[^\s]+$/.test(url));
  if (usable.length > 0) return usable;
  throw new GoError(
    "GO_PROXY_UNUSABLE",
    `Cannot fetch Go modules: GOPROXY is "${setting}", the URL of a module proxy was expected`,
    { hint: "Set GOPROXY to a proxy, or run go mod vendor and commit vendor/" },
  );
}

/** What `go env -w` wrote. */
function readSetting(name: string): string | undefined {
  const file =
    environmentVariable("GOENV") ??
    join(environmentVariable("XDG_CONFIG_HOME") ?? join(homeDirectory(), ".config"), "go", "env");
  const bytes = file === "off" ? undefined : readSmallFile(file, LARGEST_SETTINGS);
  if (!(bytes instanceof Buffer)) return undefined;
  const line = bytes
    .toString("utf8")
    .split("\n")
    .find((item) => item.startsWith(`${name}=`));
  return line?.slice(name.length + 1).trim() || undefined;
}
