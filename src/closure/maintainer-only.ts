// The one list of packages by name: those that other packages' maintainer scripts call at installation, and programs
// of an image never. Tare runs no maintainer scripts, so a word that could mean their programs means something else.

const MAINTAINER_ONLY: ReadonlySet<string> = new Set([
  "adduser",
  "cdebconf",
  "debconf",
  "dpkg",
  "init-system-helpers",
  "lsb-base",
  "passwd",
  "po-debconf",
  "sensible-utils",
  "sysvinit-utils",
  "ucf",
  "x11-common",
]);

export function isMaintainerOnly(packageName: string): boolean {
  return MAINTAINER_ONLY.has(packageName);
}
