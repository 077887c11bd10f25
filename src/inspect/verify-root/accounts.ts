// `User` of an image configuration, by the root's own passwd(5) and group(5).

import { parseGroup, parseId, parsePasswd } from "../../formats/passwd.ts";
import type { RootView } from "../root-view.ts";

export type Account =
  /** Ids of the user and of all groups; a uid needs no entry. */
  | { readonly kind: "found"; readonly uid: number; readonly gids: readonly number[] }
  | {
      readonly kind: "unknown-user" | "unknown-group";
      readonly name: string;
      readonly known: readonly string[];
    };

const LARGEST_FILE = 16 << 20;

/** @param user `USER[:GROUP]`, each a name or a number; empty for root. */
export function resolveAccount(root: RootView, user: string): Account {
  const read = (path: string) => root.readSmall(path, LARGEST_FILE)?.toString("utf8") ?? "";
  const users = parsePasswd(read("/etc/passwd"));
  const groups = parseGroup(read("/etc/group"));
  const colon = user.indexOf(":");
  const userPart = (colon < 0 ? user : user.slice(0, colon)) || "0";
  const groupPart = colon < 0 ? "" : user.slice(colon + 1);
  const id = parseId(userPart);
  // A name of digits is a name first.
  const entry = users.find(({ name }) => name === userPart) ?? users.find(({ uid }) => uid === id);
  const uid = entry?.uid ?? id;
  if (uid === undefined)
    return { kind: "unknown-user", name: userPart, known: users.map(({ name }) => name) };
  if (groupPart !== "") {
    const gid = groups.find(({ name }) => name === groupPart)?.gid ?? parseId(groupPart);
    if (gid !== undefined) return { kind: "found", uid, gids: [gid] };
    return { kind: "unknown-group", name: groupPart, known: groups.map(({ name }) => name) };
  }
  const member = groups.filter(({ members }) => entry !== undefined && members.includes(entry.name));
  return { kind: "found", uid, gids: [entry?.gid ?? 0, ...member.map(({ gid }) => gid)] };
}
