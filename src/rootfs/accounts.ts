// The users and groups of an image while they are collected, with the ids that Debian's tools would give them.

import type { GroupEntry, PasswdEntry } from "../formats/passwd.ts";
import { parseId } from "../formats/passwd.ts";

export interface User extends PasswdEntry {
  /** How its password is locked in shadow. */
  readonly locked: "*" | "!";
}

export interface Group extends GroupEntry {
  readonly locked: "*" | "!";
}

/**
 * A range of ids and the end from which it is used up. Sources: adduser.conf(5), login.defs(5), sysusers.d(5) as
 * Debian configures them.
 */
export interface IdRange {
  readonly first: number;
  readonly last: number;
  readonly order: "ascending" | "descending";
}

/** adduser --system. */
export const ADDUSER_SYSTEM_IDS: IdRange = { first: 100, last: 999, order: "ascending" };
/** useradd --system, groupadd --system and systemd-sysusers. */
export const DESCENDING_SYSTEM_IDS: IdRange = { first: 100, last: 999, order: "descending" };
/** Users who are people. */
export const ORDINARY_IDS: IdRange = { first: 1000, last: 59_999, order: "ascending" };

/** Debian's `nogroup` and `nobody`. */
export const NOBODY_ID = 65_534;

/**
 * Users and groups while they are collected.
 *
 * Ids below 100 and fixed ids never change. The others are taken in the order in which packages are configured, as
 * on a fresh Debian system: by what they need, else by id (see configure-order.ts). So an id depends on the packages
 * that make accounts before it, and on no other.
 */
export class Accounts {
  readonly #users = new Map<string, User>();
  readonly #groups = new Map<string, Group>();

  /** In the order in which they were made. */
  get users(): User[] {
    return [...this.#users.values()];
  }

  get groups(): Group[] {
    return [...this.#groups.values()];
  }

  user(name: string): User | undefined {
    return this.#users.get(name);
  }

  group(name: string): Group | undefined {
    return this.#groups.get(name);
  }

  /** Adds a user, or replaces the one of that name. */
  setUser(user: User): void {
    this.#users.set(user.name, user);
  }

  /** Adds a group, or replaces the one of that name. */
  setGroup(group: Group): void {
    this.#groups.set(group.name, group);
  }

  /** @returns True when the user was not a member before; false also when there is no such group. */
  addMember(groupName: string, user: string): boolean {
    const group = this.#groups.get(groupName);
    if (group === undefined || group.members.includes(user)) return false;
    this.#groups.set(groupName, { ...group, members: [...group.members, user] });
    return true;
  }

  /** The uid that a name or number means to `chown`. */
  userId(nameOrId: string): number | undefined {
    return this.#users.get(nameOrId)?.uid ?? parseId(nameOrId);
  }

  /** The gid that a name or number means to `chown`. */
  groupId(nameOrId: string): number | undefined {
    return this.#groups.get(nameOrId)?.gid ?? parseId(nameOrId);
  }

  isUserIdFree(uid: number): boolean {
    return !this.#users.values().some((user) => user.uid === uid);
  }

  isGroupIdFree(gid: number): boolean {
    return !this.#groups.values().some((group) => group.gid === gid);
  }

  /** The next id of a range that `isFree` accepts; undefined when the range is used up. */
  nextId(range: IdRange, isFree: (id: number) => boolean): number | undefined {
    const count = range.last - range.first + 1;
    for (let i = 0; i < count; i++) {
      const id = range.order === "ascending" ? range.first + i : range.last - i;
      if (isFree(id)) return id;
    }
    return undefined;
  }
}
