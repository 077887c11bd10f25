// Says which system the image is of: scanners match packages with vulnerabilities by it. base-files brings the file;
// without that package a short one is written from the release that the lock pins.
// Specification: os-release(5); fields and values as base-files has them.

import type { BytePath } from "../../model/bytes.ts";
import type { Fix, FixContext } from "../fix.ts";

const FILE = "usr/lib/os-release" as BytePath;
const LINK = "etc/os-release" as BytePath;

export const fix: Fix = {
  after: ["maintainer-scripts"],
  create: (context) => ({ run: () => writeOsRelease(context) }),
};

function writeOsRelease({ root, options, report }: FixContext): void {
  const { release } = options;
  if (root.get(FILE) === undefined) {
    if (release === undefined) {
      report("skip", "no package brings it and the release is not known", { path: FILE });
      return;
    }
    root.writeFile(FILE, format(release.codename, release.version));
    report("write", `for ${release.codename}`, { path: FILE });
  }
  if (root.get(LINK) === undefined) {
    root.makeLink(LINK, "../usr/lib/os-release");
    report("link", "to ../usr/lib/os-release", { path: LINK });
  }
}

function format(codename: string, version: string | undefined): string {
  const major = version?.split(".")[0];
  const title = major === undefined ? codename : `${major} (${codename})`;
  return [
    `PRETTY_NAME="Debian GNU/Linux ${title}"`,
    'NAME="Debian GNU/Linux"',
    ...(major === undefined ? [] : [`VERSION_ID="${major}"`, `VERSION="${title}"`]),
    `VERSION_CODENAME=${codename}`,
    "ID=debian",
    "",
  ].join("\n");
}
