// Writes passwd, group, shadow and gshadow when every account is known, sorted by id.

import { formatGroup, formatGroupShadow, formatPasswd, formatShadow } from "../../formats/passwd.ts";
import type { BytePath } from "../../model/bytes.ts";
import { compareStrings } from "../../model/bytes.ts";
import type { Fix, FixContext } from "../fix.ts";

const PUBLIC = 0o644;
const SECRET = 0o640;

export const fix: Fix = {
  after: ["maintainer-scripts", "sysusers", "tmpfiles", "declared"],
  create: (context) => ({ run: () => writeAccounts(context) }),
};

function writeAccounts({ root, accounts, report }: FixContext): void {
  const users = accounts.users.sort((a, b) => a.uid - b.uid || compareStrings(a.name, b.name));
  const groups = accounts.groups.sort((a, b) => a.gid - b.gid || compareStrings(a.name, b.name));
  const shadow = accounts.groupId("shadow") ?? 0;
  const files: readonly (readonly [path: string, text: string, mode: number, gid: number])[] = [
    ["etc/group", formatGroup(groups), PUBLIC, 0],
    ["etc/gshadow", formatGroupShadow(groups), SECRET, shadow],
    ["etc/passwd", formatPasswd(users), PUBLIC, 0],
    ["etc/shadow", formatShadow(users), SECRET, shadow],
  ];
  for (const [path, text, mode, gid] of files) {
    root.writeFile(path as BytePath, text, { mode, uid: 0, gid });
    report("write", `${users.length} users, ${groups.length} groups`, { path: path as BytePath });
  }
}
