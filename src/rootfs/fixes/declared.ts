// The users, directories and files that image.ts declares: after all that packages bring, before the accounts are written.

import { type BytePath, encodeByteString } from "../../model/bytes.ts";
import type { DeclaredUser } from "../../model/image-spec.ts";
import { ORDINARY_IDS } from "../accounts.ts";
import { RootFsError } from "../errors.ts";
import type { Fix, FixContext } from "../fix.ts";

export const fix: Fix = {
  after: ["maintainer-scripts", "sysusers", "tmpfiles"],
  create: (context) => ({ run: () => declare(context) }),
};

function declare(context: FixContext): void {
  const { users = [], directories = [], files = [] } = context.options.declared ?? {};
  for (const user of users) addUser(user, context);
  for (const { path, mode, owner } of directories) {
    const place = toPath(path);
    const attributes = { mode, ...toOwner(owner, context) };
    if (context.root.get(place) === undefined) context.root.makeDirectory(place, attributes);
    else context.root.setAttributes(place, attributes);
    context.report("directory", `0${mode.toString(8)}, of ${owner}, declared in image.ts`, { path: place });
  }
  for (const { path, text, mode, owner } of files) {
    const place = toPath(path);
    context.root.writeFile(place, text, { mode, ...toOwner(owner, context) });
    context.report("write", `0${mode.toString(8)}, of ${owner}, declared in image.ts`, { path: place });
  }
}

function addUser(user: DeclaredUser, { accounts, root, report }: FixContext): void {
  const { name, home, shell, groups } = user;
  const uid =
    user.uid ?? accounts.user(name)?.uid ?? accounts.nextId(ORDINARY_IDS, (id) => accounts.isUserIdFree(id));
  const gid = user.gid ?? accounts.group(name)?.gid ?? uid;
  if (uid === undefined || gid === undefined) throw noId(name);
  if (![...accounts.groups].some((group) => group.gid === gid)) {
    accounts.setGroup({ name, password: "x", gid, members: [], locked: "!" });
    report("group", `${name} with the id ${gid}, declared in image.ts`);
  }
  accounts.setUser({ name, password: "x", uid, gid, gecos: user.comment ?? "", home, shell, locked: "!" });
  report("user", `${name} with the id ${uid}, declared in image.ts`);
  for (const group of groups) {
    if (!accounts.addMember(group, name) && accounts.group(group) === undefined) {
      throw new RootFsError(
        "UNKNOWN_OWNER",
        `Cannot add the user ${name} to the group ${group}: there is no such group`,
        {
          hint: "Declare a user of that name before it, or name a group that a package makes",
        },
      );
    }
  }
  const place = toPath(home);
  if (user.createHome && root.get(place) === undefined) root.makeDirectory(place, { mode: 0o755, uid, gid });
}

function noId(name: string): RootFsError {
  return new RootFsError("UNKNOWN_OWNER", `Cannot make the user ${name}: all ordinary ids are taken`, {
    hint: "Give it a uid",
  });
}

/** `user`, `user:group`, with names or numbers; without a group, that of the user's name or number. */
function toOwner(owner: string, { accounts }: FixContext): { uid: number; gid: number } {
  const [user = "", group] = owner.split(":");
  const uid = accounts.userId(user);
  const gid =
    group === undefined ? (accounts.user(user)?.gid ?? accounts.groupId(user)) : accounts.groupId(group);
  if (uid !== undefined && gid !== undefined) return { uid, gid };
  throw new RootFsError(
    "UNKNOWN_OWNER",
    `Cannot give a file to ${owner}: there is no such ${uid === undefined ? "user" : "group"}`,
    {
      hint: "Declare it under users, or write numbers: 1000:1000",
    },
  );
}

function toPath(path: string): BytePath {
  return encodeByteString(path.replace(/^\/+|\/+$/g, "")) as string as BytePath;
}
