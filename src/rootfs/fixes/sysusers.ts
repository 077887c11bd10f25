// Makes the users and groups of sysusers.d: where a script calls systemd-sysusers, then those that no script asked for.
// Specification: sysusers.d(5) and systemd-sysusers(8); ids are taken from 999 downwards, uid and gid alike.

import type { CommandOutcome } from "../../formats/maintainer-script.ts";
import { SUCCESS } from "../../formats/maintainer-script.ts";
import type { SysusersId, SysusersLine } from "../../formats/sysusers.ts";
import { parseSysusers } from "../../formats/sysusers.ts";
import type { IdRange } from "../accounts.ts";
import { DESCENDING_SYSTEM_IDS } from "../accounts.ts";
import { parseArguments } from "../arguments.ts";
import { readConfigFolders } from "../config-folders.ts";
import type { Fix, FixContext, ScriptCall } from "../fix.ts";

const FOLDERS = ["/etc/sysusers.d", "/run/sysusers.d", "/usr/local/lib/sysusers.d", "/usr/lib/sysusers.d"];

export const fix: Fix = {
  after: ["maintainer-scripts"],
  create: (context) => {
    const sysusers = new Sysusers(context);
    return {
      commands: { "systemd-sysusers": (call) => sysusers.runCommand(call) },
      run: () => sysusers.applyAll(),
    };
  },
};

class Sysusers {
  readonly #context: FixContext;
  readonly #done = new Set<string>();

  constructor(context: FixContext) {
    this.#context = context;
  }

  runCommand(call: ScriptCall): CommandOutcome {
    const names = parseArguments(call.args, []).operands.map((operand) => operand.text.replace(/^.*\//, ""));
    const files = readConfigFolders(this.#context.root, FOLDERS);
    this.#apply(files.filter(({ name }) => names.length === 0 || names.includes(name)));
    return SUCCESS;
  }

  applyAll(): void {
    this.#apply(readConfigFolders(this.#context.root, FOLDERS));
  }

  #apply(
    files: readonly { readonly name: string; readonly text: string; readonly unit: string | undefined }[],
  ): void {
    const fresh = files.filter(({ name }) => !this.#done.has(name));
    const lines = fresh.flatMap(({ name, text, unit }) => {
      this.#done.add(name);
      return parseSysusers(text).map((line) => ({ line, unit }));
    });
    // Groups come first, so that users find them; memberships last.
    for (const kind of ["problem", "group", "user", "member"] as const) {
      for (const { line, unit } of lines) if (line.kind === kind) this.#applyLine(line, unit);
    }
  }

  #applyLine(line: SysusersLine, because: string | undefined): void {
    const { report, accounts } = this.#context;
    switch (line.kind) {
      case "problem":
        report("skip", `sysusers.d "${line.line}": ${line.problem}`, { because });
        return;
      case "group":
        this.#group(line.name, line.id, because);
        return;
      case "user":
        this.#user(line, because);
        return;
      case "member":
        if (accounts.group(line.group) === undefined) this.#group(line.group, { kind: "automatic" }, because);
        if (accounts.addMember(line.group, line.user)) {
          report("group", `${line.group}: ${line.user} is a member`, { because });
        }
        return;
    }
  }

  #group(name: string, id: SysusersId, because: string | undefined): number | undefined {
    const { accounts, report } = this.#context;
    const existing = accounts.group(name);
    if (existing !== undefined) return existing.gid;
    const wanted =
      id.kind === "fixed" ? id.id : id.kind === "as-file" ? this.#context.root.find(id.path)?.gid : undefined;
    // An id that a user has is left to that user's own group.
    const isFree = (one: number) =>
      accounts.isGroupIdFree(one) && (accounts.isUserIdFree(one) || accounts.user(name)?.uid === one);
    const gid = this.#choose(wanted, isFree);
    if (gid === undefined) {
      report("skip", `no gid is free for ${name}`, { because });
      return undefined;
    }
    accounts.setGroup({ name, password: "x", gid, members: [], locked: "!" });
    report("group", `${name}: gid ${gid}`, { because });
    return gid;
  }

  #choose(wanted: number | undefined, isFree: (id: number) => boolean): number | undefined {
    const range: IdRange = DESCENDING_SYSTEM_IDS;
    return wanted !== undefined && isFree(wanted) ? wanted : this.#context.accounts.nextId(range, isFree);
  }

  #user(line: Extract<SysusersLine, { kind: "user" }>, because: string | undefined): void {
    const { accounts, report, root } = this.#context;
    if (accounts.user(line.name) !== undefined) return;
    const { id } = line;
    const given = id.kind === "in-group" || id.kind === "fixed" ? id.group : undefined;
    const existing = accounts.group(line.name);
    const wanted =
      id.kind === "fixed"
        ? id.id
        : id.kind === "as-file"
          ? root.find(id.path)?.uid
          : given === undefined
            ? existing?.gid
            : undefined;
    const needsGroup = given === undefined && existing === undefined;
    const uid = this.#choose(
      wanted,
      (one) => accounts.isUserIdFree(one) && (!needsGroup || accounts.isGroupIdFree(one)),
    );
    if (uid === undefined) {
      report("skip", `no uid is free for ${line.name}`, { because });
      return;
    }
    const gid =
      given === undefined
        ? this.#group(line.name, { kind: "fixed", id: uid }, because)
        : typeof given === "number"
          ? given
          : this.#group(given, { kind: "automatic" }, because);
    if (gid === undefined) return;
    const home = line.home ?? "/";
    const shell = line.shell ?? (uid === 0 ? "/bin/sh" : "/usr/sbin/nologin");
    accounts.setUser({
      name: line.name,
      password: "x",
      uid,
      gid,
      gecos: line.gecos,
      home,
      shell,
      locked: "!",
    });
    report("user", `${line.name}: uid ${uid}, gid ${gid}, home ${home}`, { because });
  }
}
