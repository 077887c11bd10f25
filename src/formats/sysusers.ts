// sysusers.d files → the users, groups and memberships they ask for. Specification: sysusers.d(5), systemd 257.

import { splitConfigLine } from "./config-line.ts";
import { isAccountName, parseId } from "./passwd.ts";

/** How an id is to be chosen. */
export type SysusersId =
  | { readonly kind: "automatic" }
  | {
      readonly kind: "fixed";
      readonly id: number;
      /** For `u` with `uid:gid`: an existing group, by id or name. */
      readonly group?: number | string | undefined;
    }
  /** `-:group`: an automatic uid with that group. */
  | { readonly kind: "in-group"; readonly group: number | string }
  /** The owner of this file. */
  | { readonly kind: "as-file"; readonly path: string };

export type SysusersLine =
  | {
      readonly kind: "user";
      readonly name: string;
      readonly id: SysusersId;
      readonly gecos: string;
      /** Undefined: `/`. */
      readonly home: string | undefined;
      /** Undefined: nologin, and /bin/sh for root. */
      readonly shell: string | undefined;
    }
  | { readonly kind: "group"; readonly name: string; readonly id: SysusersId }
  | { readonly kind: "member"; readonly user: string; readonly group: string }
  | { readonly kind: "range"; readonly first: number; readonly last: number }
  /** A line that is not understood. */
  | { readonly kind: "problem"; readonly line: string; readonly problem: string };

/** Parses a file; every line that is not empty or a comment gives one value. */
export function parseSysusers(text: string): SysusersLine[] {
  return text.split("\n").flatMap((line) => {
    const trimmed = line.trim();
    if (trimmed === "" || trimmed.startsWith("#")) return [];
    const fields = splitConfigLine(trimmed, 6);
    return [fields === undefined ? problem(trimmed, "a quote is not closed") : parseLine(trimmed, fields)];
  });
}

function problem(line: string, text: string): SysusersLine {
  return { kind: "problem", line, problem: text };
}

function parseLine(line: string, fields: readonly string[]): SysusersLine {
  const [type, name, idText, gecos, home, shell] = fields.map((field) => (field === "-" ? undefined : field));
  if (fields.some((field) => /%[^%]/.test(field)))
    return problem(line, "specifiers depend on the running system");
  if (type === "r") {
    const range = /^(\d+)(?:-(\d+))?$/.exec(idText ?? "");
    const first = parseId(range?.[1] ?? "");
    const last = parseId(range?.[2] ?? range?.[1] ?? "");
    if (first === undefined || last === undefined) return problem(line, "the range has no numbers");
    return { kind: "range", first, last };
  }
  if (name === undefined || !isAccountName(name)) return problem(line, "the name is not valid");
  if (type === "m") {
    if (idText === undefined || !isAccountName(idText)) return problem(line, "the group is not valid");
    return { kind: "member", user: name, group: idText };
  }
  if (type !== "u" && type !== "u!" && type !== "g")
    return problem(line, `the type "${type ?? "-"}" is not known`);
  const id = parseSysusersId(idText);
  if (id === undefined) return problem(line, "the id is not valid");
  if (type === "g") return { kind: "group", name, id };
  return { kind: "user", name, id, gecos: gecos ?? "", home, shell };
}

function parseSysusersId(text: string | undefined): SysusersId | undefined {
  if (text === undefined) return { kind: "automatic" };
  if (text.startsWith("/")) return { kind: "as-file", path: text };
  const colon = text.indexOf(":");
  if (colon < 0) {
    const id = parseId(text);
    return id === undefined ? undefined : { kind: "fixed", id };
  }
  const groupText = text.slice(colon + 1);
  const group = parseId(groupText) ?? (isAccountName(groupText) ? groupText : undefined);
  if (group === undefined) return undefined;
  const idText = text.slice(0, colon);
  if (idText === "-") return { kind: "in-group", group };
  const id = parseId(idText);
  return id === undefined ? undefined : { kind: "fixed", id, group };
}
