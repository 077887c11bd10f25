// Records the packages of the image where vulnerability scanners look: one control file each in
// /var/lib/dpkg/status.d, with the checksums of those files that are in the image.
// Specification: the layout that Google's distroless images use and that Trivy, Grype and Syft read.

import { formatStanza } from "../../formats/deb822.ts";
import type { BytePath } from "../../model/bytes.ts";
import { compareStrings, joinPath } from "../../model/bytes.ts";
import type { Fix, FixContext, PackageObject } from "../fix.ts";

const DIRECTORY = "var/lib/dpkg/status.d" as BytePath;

export const fix: Fix = {
  // After everything else that may remove or rename files of packages.
  after: ["account-files", "ca-bundle", "ld-so-cache", "unit-directories"],
  create: (context) => ({ run: () => recordPackages(context) }),
};

function recordPackages(context: FixContext): void {
  const { root, packages, report } = context;
  const sorted = [...packages].sort((a, b) => compareStrings(a.package.name, b.package.name));
  for (const object of sorted) {
    const { control, controlFiles } = object.package;
    const path = joinPath(DIRECTORY, fileName(object, packages));
    root.writeFile(path, formatStanza(control));
    const sums = controlFiles.get("md5sums");
    if (sums !== undefined) root.writeFile(`${path}.md5sums` as BytePath, keepPresent(context, sums));
  }
  if (sorted.length > 0) report("write", `${sorted.length} packages`, { path: DIRECTORY });
}

/** The name; with the architecture where two architectures of a package are in the image. */
function fileName(
  { package: { name, architecture } }: PackageObject,
  packages: readonly PackageObject[],
): string {
  const namesakes = packages.filter((other) => other.package.name === name);
  return namesakes.length === 1 ? name : `${name}:${architecture}`;
}

function keepPresent({ root }: FixContext, sums: string): string {
  return sums
    .split("\n")
    .filter((line) => {
      const path = /^[0-9a-f]{32} [ *](.+)$/.exec(line)?.[1];
      return path !== undefined && root.has(`/${path}`);
    })
    .map((line) => `${line}\n`)
    .join("");
}
