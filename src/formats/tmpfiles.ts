// tmpfiles.d files → what they ask to be made at boot. Specification: tmpfiles.d(5), systemd 257.

import { splitConfigLine } from "./config-line.ts";

export type TmpfilesLine =
  | {
      readonly kind: "line";
      /** The letter: `d`, `f`, `L`, `z`… */
      readonly type: string;
      /** Modifiers behind it: `+ ! - = ~ ^ ?`. */
      readonly modifiers: string;
      /** Absolute; may be a pattern for `z`, `Z` and other types that work on what is there. */
      readonly path: string;
      /** Undefined: the type's default. */
      readonly mode: number | undefined;
      /** `~`: bits are masked by those that are set already. */
      readonly masked: boolean;
      /** A name or number; undefined: root. */
      readonly user: string | undefined;
      readonly group: string | undefined;
      /** What a file shall hold, or where a link points. */
      readonly argument: string | undefined;
    }
  | {
      readonly kind: "problem";
      readonly line: string;
      /** The letter, as far as it was understood. */
      readonly type: string;
      readonly problem: string;
    };

/** Specifiers that mean the same in every image: tmpfiles.d(5), "Specifiers". */
const SPECIFIERS: Readonly<Record<string, string>> = {
  "%%": "%",
  "%t": "/run",
  "%S": "/var/lib",
  "%C": "/var/cache",
  "%L": "/var/log",
  "%T": "/tmp",
  "%V": "/var/tmp",
  "%h": "/root",
  "%u": "root",
  "%U": "0",
  "%g": "root",
  "%G": "0",
};

/** Parses a file; every line that is not empty or a comment gives one value. */
export function parseTmpfiles(text: string): TmpfilesLine[] {
  return text.split("\n").flatMap((line) => {
    const trimmed = line.trim();
    if (trimmed === "" || trimmed.startsWith("#")) return [];
    const fields = splitConfigLine(trimmed, 7);
    return [fields === undefined ? problem(trimmed, "a quote is not closed") : parseLine(trimmed, fields)];
  });
}

function problem(line: string, text: string): TmpfilesLine {
  return { kind: "problem", line, type: line[0] ?? "", problem: text };
}

function parseLine(line: string, fields: readonly string[]): TmpfilesLine {
  const [typeText, pathText, modeText, user, group, , argument] = fields.map((field) =>
    field === "-" ? undefined : field,
  );
  const type = /^([A-Za-z])([-+!=~^?$]*)$/.exec(typeText ?? "");
  if (type === null) return problem(line, `the type "${typeText ?? "-"}" is not known`);
  const path = expandSpecifiers(pathText ?? "");
  const target = argument === undefined ? undefined : expandSpecifiers(argument);
  if (path === undefined || (argument !== undefined && target === undefined)) {
    return problem(line, "specifiers depend on the running system");
  }
  if (!path.startsWith("/")) return problem(line, "the path is not absolute");
  const mode = /^([~:]*)([0-7]{1,4})$/.exec(modeText ?? "");
  if (modeText !== undefined && mode === null) return problem(line, "the mode is not octal");
  return {
    kind: "line",
    type: type[1]!,
    modifiers: type[2]!,
    path: path.replace(/\/{2,}/g, "/").replace(/(.)\/$/, "$1"),
    mode: mode === null ? undefined : Number.parseInt(mode[2]!, 8),
    masked: mode?.[1]?.includes("~") ?? false,
    user: user?.replace(/^:/, ""),
    group: group?.replace(/^:/, ""),
    argument: target,
  };
}

function expandSpecifiers(text: string): string | undefined {
  let unknown = false;
  const expanded = text.replace(/%./gs, (specifier) => {
    const value = SPECIFIERS[specifier];
    unknown ||= value === undefined;
    return value ?? "";
  });
  return unknown ? undefined : expanded;
}
