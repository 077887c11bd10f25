// PAM profiles of packages → the lines of the common configuration files. Specification: pam-auth-update(8).

/** The files that are made: /etc/pam.d/common-<type>. */
export const PAM_TYPES = ["account", "auth", "password", "session", "session-noninteractive"] as const;
export type PamType = (typeof PAM_TYPES)[number];

export interface PamProfile {
  readonly name: string;
  readonly enabledByDefault: boolean;
  readonly priority: number;
  /** By field name, as written; lists of module lines are joined by newlines. */
  readonly fields: ReadonlyMap<string, string>;
}

/** Parses a file of /usr/share/pam-configs. */
export function parsePamProfile(name: string, text: string): PamProfile {
  const fields = new Map<string, string>();
  let field: string | undefined;
  for (const line of text.split("\n")) {
    const head = /^(\S+):\s*(.*?)\s*$/.exec(line);
    if (head !== null) {
      // `Auth-Final` is the old name of `Auth`.
      field = head[1]!.replace(/-Final$/, "");
      fields.set(field, head[2]!);
    } else if (field !== undefined && line.trim() !== "") {
      const before = fields.get(field)!;
      fields.set(field, before === "" ? line.trim() : `${before}\n${line.trim()}`);
    }
  }
  const priority = Number.parseInt(fields.get("Priority") ?? "0", 10);
  return {
    name,
    enabledByDefault: fields.get("Default") === "yes",
    priority: Number.isNaN(priority) ? 0 : priority,
    fields,
  };
}

/** The names of the modules that a profile loads for a type: `pam_unix.so`. */
export function listPamModules(profile: PamProfile, type: PamType): string[] {
  return [...linesOf(profile, type, false), ...linesOf(profile, type, true)].flatMap(
    (line) => /(\S+\.so)\b/.exec(line)?.[1] ?? [],
  );
}

function linesOf(profile: PamProfile, type: PamType, initial: boolean): string[] {
  const field = fieldOf(profile, type);
  if (field === undefined) return [];
  const text =
    (initial ? profile.fields.get(`${field}-Initial`) : undefined) ?? profile.fields.get(field) ?? "";
  return text.split("\n").filter((line) => line !== "");
}

function fieldOf(profile: PamProfile, type: PamType): string | undefined {
  if (type !== "session-noninteractive") return type[0]!.toUpperCase() + type.slice(1);
  return profile.fields.has("Session-Interactive-Only") ? undefined : "Session";
}

function blockOf(profile: PamProfile, type: PamType): "Primary" | "Additional" | undefined {
  const field = fieldOf(profile, type);
  const block = field === undefined ? undefined : profile.fields.get(`${field}-Type`);
  return block === "Primary" || block === "Additional" ? block : undefined;
}

/**
 * Fills a template of /usr/share/pam with the lines of profiles.
 *
 * @param profiles Those that are enabled, in any order.
 */
export function fillPamTemplate(template: string, type: PamType, profiles: readonly PamProfile[]): string {
  const ordered = [...profiles].sort((a, b) => b.priority - a.priority || (a.name < b.name ? 1 : -1));
  const keyword = type === "session-noninteractive" ? "session" : type;
  const block = (name: "Primary" | "Additional") => {
    const members = ordered.filter((profile) => blockOf(profile, type) === name);
    const lines = members.flatMap((profile, index) => linesOf(profile, type, index === 0));
    // Behind the primary block one line denies; there is none behind the additional one.
    const last = name === "Primary" ? lines.length : lines.length - 1;
    return lines.map((line, index) => `${keyword}\t${formatModule(resolveEnd(line, last - index))}`);
  };
  const primary = block("Primary");
  if (primary.length === 0) primary.push(`${keyword}\t[default=1]\t\t\tpam_permit.so`);
  const additional = block("Additional");
  return template
    .split("\n")
    .flatMap((line) =>
      /^\$\w+_primary$/.test(line) ? primary : /^\$\w+_additional$/.test(line) ? additional : [line],
    )
    .join("\n");
}

/** `success=end` jumps over the rest of the block and the line behind it that denies. */
function resolveEnd(line: string, jump: number): string {
  return line.replace(/^\[[^\]]*\]/, (control) => control.replace(/=end\b/g, `=${jump}`));
}

/** pam-auth-update writes a blank between a module and its options, also where there are none. */
function formatModule(line: string): string {
  return /\.so$/.test(line) ? `${line} ` : line;
}
