// Commands of maintainer scripts that have no effect on an image: they steer services of a running system, keep
// dpkg's own books, or make what other fixes make. A script that calls them is told that all went well.

import { FAILURE, SUCCESS, UNKNOWN } from "../../formats/maintainer-script.ts";
import type { CommandHandler, Fix } from "../fix.ts";

/** Services are started by whoever runs the container; debhelper's snippets call these in most packages. */
const SERVICES = [
  ...[
    "deb-systemd-helper",
    "deb-systemd-invoke",
    "invoke-rc.d",
    "update-rc.d",
    "service",
    "systemctl",
    "start",
    "stop",
  ],
  ...[
    "initctl",
    "rc-update",
    "/lib/runit-helper/runit-helper",
    "policy-rc.d",
    "start-stop-daemon",
    "kill",
    "killall",
    "pkill",
    "sleep",
  ],
  ...[
    "udevadm",
    "modprobe",
    "depmod",
    "sysctl",
    "update-initramfs",
    "update-grub",
    "telinit",
    "init",
    "loginctl",
  ],
  ...[
    "dbus-send",
    "busctl",
    "journalctl",
    "systemd-hwdb",
    "systemd-machine-id-setup",
    "logger",
    "sync",
    "mail",
  ],
];

/** dpkg's and debhelper's books, menus, documentation and byte code of a full system. */
const PACKAGING = [
  ...[
    "dpkg-trigger",
    "dpkg-reconfigure",
    "dpkg-preconfigure",
    "update-menus",
    "install-docs",
    "update-info-dir",
  ],
  ...["install-info", "mandb", "update-mime", "update-binfmts", "update-shells", "add-shell", "remove-shell"],
  ...[
    "py3compile",
    "py3clean",
    "pycompile",
    "pyclean",
    "pypy3compile",
    "/usr/lib/emacsen-common/emacs-package-install",
    "update-dictcommon",
  ],
  ...[
    "apt-get",
    "apt",
    "apt-key",
    "needrestart",
    "deborphan",
    "popularity-contest",
    "update-passwd",
    "shadowconfig",
  ],
];

/** Confinement that the host decides upon. */
const CONFINEMENT = [
  "aa-enabled",
  "aa-status",
  "apparmor_parser",
  "restorecon",
  "semodule",
  "setsebool",
  "chcon",
  "selinuxenabled",
];

/** What fixes of their own make. */
const OTHER_FIXES = ["ldconfig", "update-ca-certificates", "pam-auth-update", "locale-gen", "update-locale"];

/** Questions whose answer is no in any image. */
const NEGATIVE = [
  "selinuxenabled",
  "aa-enabled",
  "aa-status",
  "pidof",
  "pgrep",
  "ischroot",
  "systemd-detect-virt",
  "nscd",
];

/** Programs whose output only a running system has. */
const RUNTIME = [
  "hostname",
  "uname",
  "date",
  "whoami",
  "nproc",
  "ps",
  "mount",
  "umount",
  "df",
  "ip",
  "ifconfig",
  "lsb_release",
  "runlevel",
];

export const fix: Fix = {
  after: [],
  create: () => {
    const commands: Record<string, CommandHandler> = {};
    for (const name of [...SERVICES, ...PACKAGING, ...CONFINEMENT, ...OTHER_FIXES])
      commands[name] = () => SUCCESS;
    for (const name of NEGATIVE) commands[name] = () => FAILURE;
    for (const name of RUNTIME) commands[name] = () => UNKNOWN;
    // The file systems of a running system are there when a container runs.
    commands["mountpoint"] = () => SUCCESS;
    return { commands };
  },
};
