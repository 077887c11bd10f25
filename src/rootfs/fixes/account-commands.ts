// Emulates the commands by which maintainer scripts make and ask for users and groups, with the ids that these
// commands give on a fresh system. Specification: adduser(8), addgroup(8), useradd(8), groupadd(8), usermod(8),
// gpasswd(1), getent(1), id(1) of Debian 12 and 13; defaults of adduser.conf(5) and login.defs(5).

import type { CommandOutcome, ScriptText } from "../../formats/maintainer-script.ts";
import { FAILURE, SUCCESS, UNKNOWN } from "../../formats/maintainer-script.ts";
import { formatGroup, formatPasswd, isAccountName, parseId } from "../../formats/passwd.ts";
import { decodeByteString } from "../../model/bytes.ts";
import type { Group, IdRange, User } from "../accounts.ts";
import { ADDUSER_SYSTEM_IDS, DESCENDING_SYSTEM_IDS, NOBODY_ID, ORDINARY_IDS } from "../accounts.ts";
import type { Arguments } from "../arguments.ts";
import { option, parseArguments } from "../arguments.ts";
import type { ActiveFix, Fix, FixContext, ScriptCall } from "../fix.ts";

const ADDUSER_VALUES = [
  "--home",
  "--shell",
  "--ingroup",
  "--gecos",
  "--comment",
  "--uid",
  "--gid",
  "--firstuid",
  "--lastuid",
  "--firstgid",
  "--lastgid",
  "--conf",
  "--add_extra_groups",
];
const USERADD_VALUES = [
  ...["-b", "-c", "-d", "-e", "-f", "-g", "-G", "-k", "-K", "-p", "-s", "-u", "-R", "-P", "-Z", "-l"],
  ...[
    "--base-dir",
    "--comment",
    "--home-dir",
    "--home",
    "--expiredate",
    "--inactive",
    "--gid",
    "--groups",
    "--skel",
  ],
  ...["--key", "--password", "--shell", "--uid", "--root", "--prefix", "--login"],
];

export const fix: Fix = {
  after: [],
  create: (context) => new AccountCommands(context).toFix(),
};

class AccountCommands {
  readonly #context: FixContext;

  constructor(context: FixContext) {
    this.#context = context;
  }

  toFix(): ActiveFix {
    const commands = {
      adduser: (call: ScriptCall) => this.#addUser(call),
      addgroup: (call: ScriptCall) => this.#addGroup(call),
      useradd: (call: ScriptCall) => this.#userAdd(call),
      groupadd: (call: ScriptCall) => this.#groupAdd(call),
      usermod: (call: ScriptCall) => this.#userModify(call),
      gpasswd: (call: ScriptCall) => this.#groupPassword(call),
      chsh: (call: ScriptCall) => this.#userModify(call),
      chfn: () => SUCCESS,
      passwd: () => SUCCESS,
      chage: () => SUCCESS,
      getent: (call: ScriptCall) => this.#getEntry(call),
      id: (call: ScriptCall) => this.#identify(call),
      groups: (call: ScriptCall) =>
        this.#identify({ ...call, args: [{ text: "-Gn", known: true }, ...call.args] }),
    };
    return { commands };
  }

  #skip(call: ScriptCall, reason: string): CommandOutcome {
    this.#context.report("skip", `${call.name} at line ${call.line}: ${decodeByteString(reason)}`, {
      because: call.object.id,
    });
    return UNKNOWN;
  }

  /** Whether every operand and the named options can be read. */
  #unreadable(call: ScriptCall): string | undefined {
    return call.args.find((arg) => !arg.known && !arg.text.startsWith("--gecos"))?.text;
  }

  // adduser

  #addUser(call: ScriptCall): CommandOutcome {
    const args = parseArguments(call.args, ADDUSER_VALUES);
    const { options, operands } = args;
    if (options.has("--group") && !options.has("--system") && operands.length === 1)
      return this.#addGroup(call);
    const unknown = this.#unreadable(call);
    if (unknown !== undefined) return this.#skip(call, `${unknown} is not known`);
    const [name, group] = operands.map((operand) => operand.text);
    if (name === undefined) return FAILURE;
    if (group !== undefined) return this.#addMembers(call, name, [group]);
    if (!isAccountName(name)) return this.#skip(call, `"${name}" is no user name`);
    const { accounts } = this.#context;
    if (accounts.user(name) !== undefined) return options.has("--system") ? SUCCESS : FAILURE;
    return this.#createUser(call, this.#planUser(call, name, args), {
      makeHome: !options.has("--no-create-home"),
      homeMode: options.has("--system") ? 0o755 : 0o700,
    });
  }

  /** The user that adduser would make; groups that come with it are made at once. */
  #planUser(call: ScriptCall, name: string, args: Arguments): User | string {
    const { accounts } = this.#context;
    const system = args.options.has("--system");
    const range = system ? ADDUSER_SYSTEM_IDS : ORDINARY_IDS;
    const own = args.options.has("--group") || (!system && option(args, "--ingroup", "--gid") === undefined);
    const fixed = option(args, "--uid");
    const isFree = (id: number) =>
      accounts.isUserIdFree(id) && (system || !own || accounts.isGroupIdFree(id));
    const uid = fixed === undefined ? accounts.nextId(range, isFree) : parseId(fixed.text);
    if (uid === undefined) return fixed === undefined ? "no uid is free" : `"${fixed.text}" is no uid`;
    let gid: number | undefined = NOBODY_ID;
    if (own) gid = this.#ownGroup(call, name, fixed !== undefined || !system ? uid : undefined, range);
    else {
      const wanted = option(args, "--ingroup", "--gid");
      if (wanted !== undefined) gid = accounts.groupId(wanted.text);
      if (gid === undefined) return `there is no group "${wanted?.text}"`;
    }
    if (gid === undefined) return "no gid is free";
    return {
      name,
      password: "x",
      uid,
      gid,
      gecos: option(args, "--gecos", "--comment")?.text ?? "",
      home: option(args, "--home")?.text ?? (system ? "/nonexistent" : `/home/${name}`),
      shell: option(args, "--shell")?.text ?? (system ? "/usr/sbin/nologin" : "/bin/bash"),
      locked: "!",
    };
  }

  /** The group that a user gets for itself; `preferred` is used when it is free. */
  #ownGroup(
    call: ScriptCall,
    name: string,
    preferred: number | undefined,
    range: IdRange,
  ): number | undefined {
    const { accounts } = this.#context;
    const existing = accounts.group(name);
    if (existing !== undefined) return existing.gid;
    const gid =
      preferred !== undefined && accounts.isGroupIdFree(preferred)
        ? preferred
        : accounts.nextId(range, (id) => accounts.isGroupIdFree(id));
    if (gid !== undefined) this.#createGroup(call, name, gid);
    return gid;
  }

  #createUser(
    call: ScriptCall,
    user: User | string,
    options: { readonly makeHome: boolean; readonly homeMode: number },
  ): CommandOutcome {
    if (typeof user === "string") return this.#skip(call, user);
    const { accounts, root, report } = this.#context;
    accounts.setUser(user);
    const group = accounts.groups.find((one) => one.gid === user.gid)?.name ?? user.gid;
    report("user", `${user.name}: uid ${user.uid}, group ${group}, home ${decodeByteString(user.home)}`, {
      because: call.object.id,
    });
    if (!options.makeHome || !user.home.startsWith("/") || /^\/+nonexistent(?:\/|$)/.test(user.home))
      return SUCCESS;
    const home = root.resolve(user.home, true);
    if (home === undefined || root.get(home) !== undefined) return SUCCESS;
    root.makeDirectory(home, { mode: options.homeMode, uid: user.uid, gid: user.gid });
    report("directory", `home of ${user.name}`, { path: home, because: call.object.id });
    return SUCCESS;
  }

  #addGroup(call: ScriptCall): CommandOutcome {
    const args = parseArguments(call.args, ADDUSER_VALUES);
    const unknown = this.#unreadable(call);
    if (unknown !== undefined) return this.#skip(call, `${unknown} is not known`);
    const [name, second] = args.operands.map((operand) => operand.text);
    if (name === undefined) return FAILURE;
    if (second !== undefined) return this.#addMembers(call, name, [second]);
    if (!isAccountName(name)) return this.#skip(call, `"${name}" is no group name`);
    const { accounts } = this.#context;
    if (accounts.group(name) !== undefined) return args.options.has("--system") ? SUCCESS : FAILURE;
    const range = args.options.has("--system") ? ADDUSER_SYSTEM_IDS : ORDINARY_IDS;
    const fixed = option(args, "--gid");
    const gid =
      fixed === undefined ? accounts.nextId(range, (id) => accounts.isGroupIdFree(id)) : parseId(fixed.text);
    if (gid === undefined) return this.#skip(call, "no gid is free");
    return this.#createGroup(call, name, gid);
  }

  #createGroup(call: ScriptCall, name: string, gid: number): CommandOutcome {
    this.#context.accounts.setGroup({ name, password: "x", gid, members: [], locked: "!" });
    this.#context.report("group", `${name}: gid ${gid}`, { because: call.object.id });
    return SUCCESS;
  }

  #addMembers(call: ScriptCall, user: string, groups: readonly string[]): CommandOutcome {
    for (const group of groups) {
      if (this.#context.accounts.group(group) === undefined)
        return this.#skip(call, `there is no group "${group}"`);
      if (this.#context.accounts.addMember(group, user)) {
        this.#context.report("group", `${group}: ${user} is a member`, { because: call.object.id });
      }
    }
    return SUCCESS;
  }

  // useradd

  #userAdd(call: ScriptCall): CommandOutcome {
    const args = parseArguments(call.args, USERADD_VALUES);
    const unknown = this.#unreadable(call);
    if (unknown !== undefined) return this.#skip(call, `${unknown} is not known`);
    const name = args.operands[0]?.text;
    if (name === undefined || !isAccountName(name))
      return this.#skip(call, `"${name ?? ""}" is no user name`);
    const { accounts } = this.#context;
    if (accounts.user(name) !== undefined) return { status: 9, output: "" };
    const system = option(args, "-r", "--system") !== undefined;
    const range = system ? DESCENDING_SYSTEM_IDS : ORDINARY_IDS;
    const group = option(args, "-g", "--gid");
    const own = group === undefined && option(args, "-N", "--no-user-group") === undefined;
    const fixed = option(args, "-u", "--uid");
    const uid =
      fixed === undefined
        ? accounts.nextId(range, (id) => accounts.isUserIdFree(id) && (!own || accounts.isGroupIdFree(id)))
        : parseId(fixed.text);
    if (uid === undefined) return this.#skip(call, "no uid is free");
    const gid = own
      ? this.#ownGroup(call, name, uid, range)
      : group === undefined
        ? (accounts.groupId("users") ?? NOBODY_ID)
        : accounts.groupId(group.text);
    if (gid === undefined) return this.#skip(call, `there is no group "${group?.text}"`);
    const outcome = this.#createUser(
      call,
      {
        name,
        password: "x",
        uid,
        gid,
        gecos: option(args, "-c", "--comment")?.text ?? "",
        home: option(args, "-d", "--home-dir", "--home")?.text ?? `/home/${name}`,
        shell: option(args, "-s", "--shell")?.text ?? "/bin/sh",
        locked: "!",
      },
      { makeHome: option(args, "-m", "--create-home") !== undefined, homeMode: 0o700 },
    );
    const groups = option(args, "-G", "--groups");
    if (groups !== undefined) this.#addMembers(call, name, groups.text.split(","));
    return outcome;
  }

  #groupAdd(call: ScriptCall): CommandOutcome {
    const args = parseArguments(call.args, ["-g", "--gid", "-K", "--key", "-p", "-R", "-P", "-U", "--users"]);
    const unknown = this.#unreadable(call);
    if (unknown !== undefined) return this.#skip(call, `${unknown} is not known`);
    const name = args.operands[0]?.text;
    if (name === undefined || !isAccountName(name))
      return this.#skip(call, `"${name ?? ""}" is no group name`);
    const { accounts } = this.#context;
    if (accounts.group(name) !== undefined) {
      return option(args, "-f", "--force") === undefined ? { status: 9, output: "" } : SUCCESS;
    }
    const range = option(args, "-r", "--system") === undefined ? ORDINARY_IDS : DESCENDING_SYSTEM_IDS;
    const fixed = option(args, "-g", "--gid");
    const gid =
      fixed === undefined ? accounts.nextId(range, (id) => accounts.isGroupIdFree(id)) : parseId(fixed.text);
    if (gid === undefined) return this.#skip(call, "no gid is free");
    return this.#createGroup(call, name, gid);
  }

  #userModify(call: ScriptCall): CommandOutcome {
    const args = parseArguments(call.args, USERADD_VALUES);
    const unknown = this.#unreadable(call);
    if (unknown !== undefined) return this.#skip(call, `${unknown} is not known`);
    const { accounts, report } = this.#context;
    const name = args.operands[0]?.text ?? "";
    const user = accounts.user(name);
    if (user === undefined) return { status: 6, output: "" };
    const group = option(args, "-g", "--gid");
    const changed: User = {
      ...user,
      gid: group === undefined ? user.gid : (accounts.groupId(group.text) ?? user.gid),
      gecos: option(args, "-c", "--comment")?.text ?? user.gecos,
      home: option(args, "-d", "--home")?.text ?? user.home,
      shell: option(args, "-s", "--shell")?.text ?? user.shell,
    };
    accounts.setUser(changed);
    report("user", `${name} is changed`, { because: call.object.id });
    const groups = option(args, "-G", "--groups");
    return groups === undefined ? SUCCESS : this.#addMembers(call, name, groups.text.split(","));
  }

  #groupPassword(call: ScriptCall): CommandOutcome {
    const { options, operands } = parseArguments(call.args, ["-a", "-d", "-M", "-A"]);
    const user = options.get("-a");
    const group = operands[0];
    if (user?.known !== true || group?.known !== true) return SUCCESS;
    return this.#addMembers(call, user.text, [group.text]);
  }

  // Questions

  #getEntry(call: ScriptCall): CommandOutcome {
    const [database, key] = call.args;
    if (database === undefined || key?.known === false) return UNKNOWN;
    const { accounts } = this.#context;
    if (database.text === "passwd" || database.text === "shadow") {
      return describe(
        accounts.users,
        key,
        (user) => user.uid,
        (users) => formatPasswd(users),
      );
    }
    if (database.text === "group" || database.text === "gshadow") {
      return describe(
        accounts.groups,
        key,
        (group) => group.gid,
        (groups) => formatGroup(groups),
      );
    }
    return UNKNOWN;
  }

  #identify(call: ScriptCall): CommandOutcome {
    const { options, operands } = parseArguments(call.args, []);
    const who = operands[0];
    if (who?.known === false) return UNKNOWN;
    const { accounts } = this.#context;
    const user = accounts.user(who?.text ?? "root");
    if (user === undefined) return FAILURE;
    const names = options.has("-n");
    const primary = accounts.groups.find((group) => group.gid === user.gid);
    const show = (group: Group | undefined, gid: number) =>
      names ? (group?.name ?? String(gid)) : String(gid);
    if (options.has("-u")) return { status: 0, output: `${names ? user.name : user.uid}\n` };
    if (options.has("-g")) return { status: 0, output: `${show(primary, user.gid)}\n` };
    if (options.has("-G")) {
      const others = accounts.groups.filter(
        (group) => group.members.includes(user.name) && group.gid !== user.gid,
      );
      const all = [show(primary, user.gid), ...others.map((group) => show(group, group.gid))];
      return { status: 0, output: `${all.join(" ")}\n` };
    }
    return { status: 0, output: undefined };
  }
}

function describe<T extends { readonly name: string }>(
  all: readonly T[],
  key: ScriptText | undefined,
  idOf: (one: T) => number,
  format: (some: readonly T[]) => string,
): CommandOutcome {
  if (key === undefined) return { status: 0, output: format(all) };
  const found = all.filter((one) => one.name === key.text || String(idOf(one)) === key.text).slice(0, 1);
  return found.length === 0 ? { status: 2, output: "" } : { status: 0, output: format(found) };
}
