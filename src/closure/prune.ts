// Leaves out the classes of files that serve people, packaging or other programs' integration, not the program
// itself. Entries in, kept entries and a count for each class out; design: docs/closure.md.

import type { BytePath } from "../model/bytes.ts";
import { parentPath } from "../model/bytes.ts";
import type { PrunedClass } from "../model/closure.ts";
import type { TreeEntry } from "../model/tree.ts";

interface FileClass {
  readonly name: string;
  /** Directories whose whole tree is of the class; `*` is one component, `MULTIARCH` the library directory's name. */
  readonly trees?: readonly string[];
  /** Tested against the whole path of files outside those trees. */
  readonly files?: RegExp;
}

/**
 * What is left out. Only directories that *other* packages drop files into (a completion, an add-on, a unit) are
 * named: the tree of a program that is itself in the image is never of a class.
 */
const CLASSES: readonly FileClass[] = [
  {
    name: "documentation",
    trees: [
      "usr/share/doc",
      "usr/share/info",
      "usr/share/gtk-doc",
      "usr/share/help",
      "usr/share/omf",
      "usr/share/ri",
      "usr/share/common-licenses",
      "usr/share/doc-base",
      "var/lib/doc-base",
    ],
    files: /^usr\/(?:share|lib(?:\/[^/]+)?)\/perl(?:5|-base)?\/.*\.pod$/,
  },
  { name: "manual pages", trees: ["usr/share/man", "usr/local/share/man", "var/cache/man"] },
  { name: "translations", trees: ["usr/share/locale", "usr/share/i18n", "usr/share/locale-langpack"] },
  {
    name: "packaging",
    trees: [
      "usr/share/lintian",
      "usr/share/linda",
      "usr/share/bug",
      "usr/share/reportbug",
      "usr/share/apport",
      "usr/share/dh-python",
      "usr/share/pam-configs",
      "usr/share/initramfs-tools",
      "etc/initramfs-tools",
      "etc/kernel",
      "usr/share/python3/runtime.d",
    ],
  },
  {
    name: "service manager units",
    trees: [
      "usr/lib/systemd/system",
      "usr/lib/systemd/user",
      "usr/lib/systemd/system-preset",
      "usr/lib/systemd/user-preset",
      "usr/lib/systemd/system-generators",
      "usr/lib/systemd/system-sleep",
      "usr/lib/systemd/network",
      "usr/lib/sysusers.d",
      "usr/lib/tmpfiles.d",
      "usr/lib/udev/rules.d",
      "usr/lib/udev/hwdb.d",
      "usr/lib/modprobe.d",
      "usr/lib/modules-load.d",
      "usr/lib/sysctl.d",
      "usr/lib/environment.d",
      "etc/systemd",
      "etc/init.d",
      "etc/init",
      "etc/insserv",
      "etc/insserv.conf.d",
      "etc/rc*.d",
      "usr/lib/lsb",
      "usr/lib/init",
    ],
  },
  {
    name: "scheduled and administrative jobs",
    trees: [
      "etc/cron.d",
      "etc/cron.hourly",
      "etc/cron.daily",
      "etc/cron.weekly",
      "etc/cron.monthly",
      "etc/logrotate.d",
      "etc/logcheck",
      "etc/rsyslog.d",
      "etc/ufw",
      "etc/apparmor.d",
      "etc/apparmor",
      "usr/share/apparmor",
      "etc/update-motd.d",
      "etc/resolvconf",
      "etc/ppp",
      "etc/network",
      "etc/NetworkManager",
      "etc/dhcp",
      "etc/fail2ban",
      "etc/monit",
      "etc/needrestart",
    ],
  },
  {
    name: "shell completions and editor add-ons",
    trees: [
      "usr/share/bash-completion/completions",
      "etc/bash_completion.d",
      "usr/share/zsh/vendor-completions",
      "usr/share/zsh/vendor-functions",
      "usr/share/fish/vendor_completions.d",
      "usr/share/fish/vendor_functions.d",
      "usr/share/fish/completions",
      "usr/share/vim/addons",
      "usr/share/vim/registry",
      "usr/share/vim/vimfiles",
      "usr/share/emacs/site-lisp",
      "etc/emacs/site-start.d",
      "usr/share/gdb/auto-load",
      "usr/share/gcc/python",
      "usr/share/systemtap",
      "usr/lib/debug",
    ],
  },
  {
    name: "desktop menus",
    trees: [
      "usr/share/menu",
      "usr/share/applications",
      "usr/share/application-registry",
      "usr/share/metainfo",
      "usr/share/appdata",
    ],
  },
];

/** Files that only a compiler reads; kept in an image that has one. */
const DEVELOPMENT: FileClass = {
  name: "development files",
  trees: [
    "usr/include",
    "usr/local/include",
    "usr/lib/gcc/*/*/include",
    "usr/share/aclocal",
    "usr/share/pkgconfig",
    "usr/lib/pkgconfig",
    "usr/lib/*/pkgconfig",
    "usr/lib/cmake",
    "usr/lib/*/cmake",
    "usr/share/cmake",
  ],
  // A `.la` file deeper down is a plugin's: its program opens it by name. CORE has Perl's own headers, for extensions.
  files:
    /^usr\/lib\/(?:(?:[^/]+-linux-[^/]+\/)?(?:[^/]+\.(?:a|la)|[^/]*crt[^/]*\.o)|(?:[^/]+\/)?perl\/[^/]+\/CORE\/.*\.h)$/,
};

function compile({ trees = [], files }: FileClass): (path: string) => boolean {
  const exact = new Set<string>();
  const patterns: string[] = [];
  for (const tree of trees) {
    if (tree.includes("*")) patterns.push(tree.replaceAll(".", "\\.").replaceAll("*", "[^/]*"));
    else exact.add(tree);
  }
  const wild = patterns.length === 0 ? undefined : new RegExp(`^(?:${patterns.join("|")})(?:/|$)`);
  return (path) => {
    for (let end = path.indexOf("/"); end !== -1; end = path.indexOf("/", end + 1)) {
      if (exact.has(path.slice(0, end))) return true;
    }
    return exact.has(path) || wild?.test(path) === true || files?.test(path) === true;
  };
}

const COMPILED = CLASSES.map((fileClass) => ({ name: fileClass.name, matches: compile(fileClass) }));
const COMPILED_DEVELOPMENT = { name: DEVELOPMENT.name, matches: compile(DEVELOPMENT) };

/** The name of the class that a path (merged-usr form, `usr/lib/…`) is of, or undefined when it stays. */
export function fileClassOf(
  path: BytePath,
  options: { readonly keepDevelopmentFiles: boolean },
): string | undefined {
  const plain = /^(?:bin|sbin|lib|lib32|lib64|libx32)\//.test(path) ? `usr/${path}` : path;
  for (const { name, matches } of COMPILED) {
    if (matches(plain)) return name;
  }
  return !options.keepDevelopmentFiles && COMPILED_DEVELOPMENT.matches(plain) ? DEVELOPMENT.name : undefined;
}

/**
 * Splits a tree's entries into those that stay and those that are of a class.
 *
 * Directories that a package ships empty stay; directories that only pruning emptied go.
 */
export function pruneEntries(
  entries: readonly TreeEntry[],
  options: { readonly keepDevelopmentFiles: boolean },
): { readonly kept: readonly TreeEntry[]; readonly pruned: readonly PrunedClass[] } {
  const counts = new Map<string, { files: number; size: number }>();
  const populated = new Set<string>();
  const emptied = new Set<string>();
  const stays = new Set<TreeEntry>();
  for (const entry of entries) {
    const name = fileClassOf(entry.path, options);
    if (name === undefined) stays.add(entry);
    if (entry.type === "directory") continue;
    markParents(entry.path, name === undefined ? populated : emptied);
    if (name === undefined) continue;
    const count = counts.get(name) ?? { files: 0, size: 0 };
    count.files++;
    if (entry.type === "file") count.size += entry.size;
    counts.set(name, count);
  }
  const kept = entries.filter(
    (entry) =>
      stays.has(entry) &&
      (entry.type !== "directory" || populated.has(entry.path) || !emptied.has(entry.path)),
  );
  return { kept, pruned: [...counts].map(([name, count]) => ({ name, ...count })) };
}

function markParents(path: BytePath, into: Set<string>): void {
  for (let parent = parentPath(path); !into.has(parent); parent = parentPath(parent)) {
    into.add(parent);
    if (parent === "") return;
  }
}
