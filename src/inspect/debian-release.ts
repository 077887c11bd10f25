// Which Debian release an image was made of, by what is in it: a root file system in, a codename out. All input is hostile.

import type { RootView } from "./root-view.ts";

/** Bytes; such files are short. */
const LARGEST = 1 << 20;

/** os-release(5), and the place that it is a link to. */
const OS_RELEASE = ["etc/os-release", "usr/lib/os-release"];
/** What dpkg, or whoever builds images without it, says of the package base-files. */
const BASE_FILES = ["var/lib/dpkg/status.d/base", "var/lib/dpkg/status.d/base-files"];
/** Codenames by the number that base-files' version begins with. Source: https://wiki.debian.org/DebianReleases. */
const CODENAMES: Readonly<Record<string, string>> = {
  11: "bullseye",
  12: "bookworm",
  13: "trixie",
  14: "forky",
};

/** The codename of the Debian release; undefined for another system, and for one that does not say. */
export function findDebianRelease(root: RootView): string | undefined {
  for (const path of OS_RELEASE) {
    const text = root.readSmall(path, LARGEST)?.toString("latin1");
    if (text === undefined) continue;
    if (readVariable(text, "ID") !== "debian") return undefined;
    const codename = readVariable(text, "VERSION_CODENAME");
    if (codename !== undefined) return codename;
  }
  for (const path of BASE_FILES) {
    const text = root.readSmall(path, LARGEST)?.toString("latin1") ?? "";
    const number = /^Version: (\d+)/m.exec(text)?.[1];
    if (number !== undefined) return CODENAMES[number];
  }
  return undefined;
}

/** A variable of os-release: a word, with or without quotes. */
function readVariable(text: string, name: string): string | undefined {
  return new RegExp(`^${name}=(["']?)([a-z0-9._-]+)\\1$`, "m").exec(text)?.[2];
}
