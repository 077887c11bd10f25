// Makes the directories that systemd would make before it starts a service: no service manager does it in a container.
// Specification: systemd.exec(5), RuntimeDirectory= and its kin; they belong to User= and Group=.

import { parseUnit } from "../../formats/systemd-unit.ts";
import type { BytePath } from "../../model/bytes.ts";
import { bytePathProblem, joinPath } from "../../model/bytes.ts";
import type { Fix, FixContext } from "../fix.ts";

const UNITS = ["usr/lib/systemd/system", "etc/systemd/system"] as BytePath[];

/** Settings and the directories below which their paths are. */
const SETTINGS: Readonly<Record<string, string>> = {
  RuntimeDirectory: "run",
  StateDirectory: "var/lib",
  CacheDirectory: "var/cache",
  LogsDirectory: "var/log",
  ConfigurationDirectory: "etc",
};

export const fix: Fix = {
  after: ["sysusers", "tmpfiles"],
  create: (context) => ({ run: () => makeDirectories(context) }),
};

function makeDirectories(context: FixContext): void {
  for (const folder of UNITS) {
    for (const name of context.root.names(folder)) {
      // Templates are started with names that are not known.
      if (!name.endsWith(".service") || name.includes("@")) continue;
      const path = joinPath(folder, name);
      const text = context.root.readText(`/${path}`);
      if (typeof text === "string") makeForService(context, path, text);
    }
  }
}

function makeForService({ root, accounts, report }: FixContext, unit: BytePath, text: string): void {
  const service = parseUnit(text).get("Service");
  const because = root.unitOf(unit);
  const user = service?.get("User")?.at(-1);
  const uid = user === undefined ? 0 : accounts.userId(user);
  const group = service?.get("Group")?.at(-1);
  const gid = group === undefined ? (accounts.user(user ?? "root")?.gid ?? 0) : accounts.groupId(group);
  for (const [setting, base] of Object.entries(SETTINGS)) {
    const mode = Number.parseInt(service?.get(`${setting}Mode`)?.at(-1) ?? "0755", 8) & 0o7777;
    for (const name of (service?.get(setting) ?? []).flatMap((value) => value.split(/\s+/))) {
      const relative = name.replace(/:.*$/, "");
      const path = `${base}/${relative}` as BytePath;
      if (relative === "" || relative.includes("%") || bytePathProblem(path) !== undefined) continue;
      if (root.resolve(path, true) !== path || root.get(path) !== undefined) continue;
      if (uid === undefined || gid === undefined) {
        report("skip", `there is no account "${uid === undefined ? user : group}"`, { path, because });
        continue;
      }
      root.makeDirectory(path, setting === "ConfigurationDirectory" ? { mode } : { mode, uid, gid });
      report("directory", `${setting} of ${unit.slice(unit.lastIndexOf("/") + 1)}`, { path, because });
    }
  }
}
