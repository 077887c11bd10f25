// `User` of an image configuration, with the image's own passwd(5) and group(5) → ids. Names mean what they mean to
// docker: a group that is given replaces the supplementary groups, a uid needs no entry in /etc/passwd.

import { parseGroup, parseId, parsePasswd } from "../formats/passwd.ts";
import { didYouMean } from "../model/suggest.ts";
import { RunError } from "./errors.ts";

/** Who a program runs as. */
export interface UserIdentity {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups, in the order of /etc/group. */
  readonly groups: readonly number[];
  /** The home directory; `/` for a uid without an entry. */
  readonly home: string;
}

/**
 * Finds out who a program runs as.
 *
 * @param user `USER[:GROUP]`, each a name or a number; empty for root.
 * @param passwdText The image's /etc/passwd; empty when there is none.
 * @param groupText The image's /etc/group.
 * @throws {RunError} `UNKNOWN_USER` or `UNKNOWN_GROUP`.
 */
export function resolveUser(user: string, passwdText: string, groupText: string): UserIdentity {
  const colon = user.indexOf(":");
  const userPart = (colon < 0 ? user : user.slice(0, colon)) || "0";
  const groupPart = colon < 0 ? "" : user.slice(colon + 1);
  const users = parsePasswd(passwdText);
  const number = parseId(userPart);
  // A name of digits is a name first.
  const entry = users.find(({ name }) => name === userPart) ?? users.find(({ uid }) => uid === number);
  const uid = entry?.uid ?? number;
  if (uid === undefined) throw unknown("user", userPart, users);
  const home = entry?.home.startsWith("/") ? entry.home : "/";
  const groups = parseGroup(groupText);
  if (groupPart !== "") {
    const gid = groups.find(({ name }) => name === groupPart)?.gid ?? parseId(groupPart);
    if (gid === undefined) throw unknown("group", groupPart, groups);
    return { uid, gid, groups: [], home };
  }
  const supplementary = groups.filter(({ members }) => entry !== undefined && members.includes(entry.name));
  return { uid, gid: entry?.gid ?? 0, groups: [...new Set(supplementary.map(({ gid }) => gid))], home };
}

function unknown(
  what: "user" | "group",
  name: string,
  known: readonly { readonly name: string }[],
): RunError {
  const file = what === "user" ? "/etc/passwd" : "/etc/group";
  return new RunError(
    what === "user" ? "UNKNOWN_USER" : "UNKNOWN_GROUP",
    `Cannot run the image as ${what} "${name}": the image's ${file} has no such ${what}`,
    {
      hint:
        didYouMean(
          name,
          known.map((entry) => entry.name),
        ) ?? `Give a number, or add the ${what} to the image`,
    },
  );
}
