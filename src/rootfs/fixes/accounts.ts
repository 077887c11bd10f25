// Begins with the users and groups that every Debian system has: those of base-passwd when that package is in the
// closure, else the table below. Adds the file names that scripts look for.
// Specification: Debian Policy 9.2; ids below 100 are the same on all systems.

import { formatGroup, formatPasswd, parseGroup, parsePasswd } from "../../formats/passwd.ts";
import type { BytePath } from "../../model/bytes.ts";
import type { Fix, FixContext } from "../fix.ts";

const PASSWD_MASTER = "/usr/share/base-passwd/passwd.master";
const GROUP_MASTER = "/usr/share/base-passwd/group.master";

/** /usr/share/base-passwd/passwd.master of base-passwd 3.6.1 (bookworm), without `_apt`, which apt makes. */
const USERS = `root:*:0:0:root:/root:/bin/bash
daemon:*:1:1:daemon:/usr/sbin:/usr/sbin/nologin
bin:*:2:2:bin:/bin:/usr/sbin/nologin
sys:*:3:3:sys:/dev:/usr/sbin/nologin
sync:*:4:65534:sync:/bin:/bin/sync
games:*:5:60:games:/usr/games:/usr/sbin/nologin
man:*:6:12:man:/var/cache/man:/usr/sbin/nologin
lp:*:7:7:lp:/var/spool/lpd:/usr/sbin/nologin
mail:*:8:8:mail:/var/mail:/usr/sbin/nologin
news:*:9:9:news:/var/spool/news:/usr/sbin/nologin
uucp:*:10:10:uucp:/var/spool/uucp:/usr/sbin/nologin
proxy:*:13:13:proxy:/bin:/usr/sbin/nologin
www-data:*:33:33:www-data:/var/www:/usr/sbin/nologin
backup:*:34:34:backup:/var/backups:/usr/sbin/nologin
list:*:38:38:Mailing List Manager:/var/list:/usr/sbin/nologin
irc:*:39:39:ircd:/run/ircd:/usr/sbin/nologin
nobody:*:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
`;

/** /usr/share/base-passwd/group.master of base-passwd 3.6.1. */
const GROUPS =
  "root:0 daemon:1 bin:2 sys:3 adm:4 tty:5 disk:6 lp:7 mail:8 news:9 uucp:10 man:12 proxy:13 kmem:15 dialout:20 " +
  "fax:21 voice:22 cdrom:24 floppy:25 tape:26 sudo:27 audio:29 dip:30 www-data:33 backup:34 operator:37 list:38 " +
  "irc:39 src:40 shadow:42 utmp:43 video:44 sasl:45 plugdev:46 staff:50 games:60 users:100 nogroup:65534";

export const fix: Fix = {
  after: ["skeleton"],
  create: (context) => ({ run: () => addBaseAccounts(context) }),
};

function addBaseAccounts({ root, accounts, report }: FixContext): void {
  // Those of a base image come first: their ids are on its files.
  const given = { users: root.readText("/etc/passwd"), groups: root.readText("/etc/group") };
  const master = {
    users: given.users ?? root.readText(PASSWD_MASTER),
    groups: given.groups ?? root.readText(GROUP_MASTER),
  };
  const users = parsePasswd(master.users ?? USERS);
  const groups = parseGroup(
    master.groups ??
      GROUPS.split(" ")
        .map((one) => one.replace(":", ":*:"))
        .join(":\n"),
  );
  for (const group of groups) accounts.setGroup({ ...group, password: "x", locked: "*" });
  for (const user of users) accounts.setUser({ ...user, password: "x", locked: "*" });
  const origin =
    given.users !== undefined
      ? "the base image"
      : master.users === undefined
        ? "Debian's static ids"
        : "base-passwd";
  report("user", `${users.length} users and ${groups.length} groups of ${origin}`);
  // Written again when all accounts are known.
  root.writeFile("etc/passwd" as BytePath, formatPasswd(accounts.users));
  root.writeFile("etc/group" as BytePath, formatGroup(accounts.groups));
}
