// passwd, group, shadow and gshadow files ⇄ values. Specification: passwd(5), group(5), shadow(5), gshadow(5).

/** A line of passwd. */
export interface PasswdEntry {
  readonly name: string;
  /** `x` when it is in shadow. */
  readonly password: string;
  readonly uid: number;
  readonly gid: number;
  /** Full name and the like. */
  readonly gecos: string;
  readonly home: string;
  readonly shell: string;
}

/** A line of group. */
export interface GroupEntry {
  readonly name: string;
  readonly password: string;
  readonly gid: number;
  readonly members: readonly string[];
}

/** The largest id: 2^32 - 1 means "no id" to the kernel. */
export const LARGEST_ID = 2 ** 32 - 2;

/** Whether a text is a name that Debian's tools accept: no `:`, blanks, control characters or leading `-`. */
export function isAccountName(text: string): boolean {
  return /^[A-Za-z0-9_.][A-Za-z0-9_.-]{0,31}\$?$/.test(text) && !/^(?:\d+|\.\.?)$/.test(text);
}

/** Parses a numeric id; undefined when the text is none. */
export function parseId(text: string): number | undefined {
  if (!/^\d{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id <= LARGEST_ID ? id : undefined;
}

/** Parses passwd; lines that the C library would ignore are left out. */
export function parsePasswd(text: string): PasswdEntry[] {
  return text.split("\n").flatMap((line) => {
    const [name, password, uid, gid, gecos, home, shell] = line.split(":");
    const userId = parseId(uid ?? "");
    const groupId = parseId(gid ?? "");
    if (name === undefined || name === "" || name.startsWith("#") || shell === undefined) return [];
    if (userId === undefined || groupId === undefined) return [];
    return [{ name, password: password!, uid: userId, gid: groupId, gecos: gecos!, home: home!, shell }];
  });
}

/** Parses group; lines that the C library would ignore are left out. */
export function parseGroup(text: string): GroupEntry[] {
  return text.split("\n").flatMap((line) => {
    const [name, password, gid, members] = line.split(":");
    const groupId = parseId(gid ?? "");
    if (name === undefined || name === "" || name.startsWith("#") || groupId === undefined) return [];
    return [
      {
        name,
        password: password!,
        gid: groupId,
        members: (members ?? "").split(",").filter((member) => member !== ""),
      },
    ];
  });
}

export function formatPasswd(entries: readonly PasswdEntry[]): string {
  return entries
    .map(({ name, password, uid, gid, gecos, home, shell }) =>
      formatLine([name, password, String(uid), String(gid), gecos, home, shell]),
    )
    .join("");
}

export function formatGroup(entries: readonly GroupEntry[]): string {
  return entries
    .map(({ name, password, gid, members }) => formatLine([name, password, String(gid), members.join(",")]))
    .join("");
}

/**
 * Writes shadow with every password locked: `*` for accounts that never had one, `!` for those that scripts made.
 *
 * The day of the last change is left out: 0 would demand a new password, and any other day would depend on the clock.
 */
export function formatShadow(
  accounts: readonly { readonly name: string; readonly locked: "*" | "!" }[],
): string {
  return accounts
    .map(({ name, locked }) =>
      locked === "*"
        ? formatLine([name, "*", "", "0", "99999", "7", "", "", ""])
        : formatLine([name, "!", "", "", "", "", "", "", ""]),
    )
    .join("");
}

/** Writes gshadow with every group password locked. */
export function formatGroupShadow(
  groups: readonly {
    readonly name: string;
    readonly locked: "*" | "!";
    readonly members: readonly string[];
  }[],
): string {
  return groups
    .map(({ name, locked, members }) => formatLine([name, locked, "", members.join(",")]))
    .join("");
}

function formatLine(fields: readonly string[]): string {
  return `${fields.map((field) => field.replace(/[:\n\0]/g, "")).join(":")}\n`;
}
