// systemd unit files → sections of settings. Specification: systemd.syntax(7).

/** The values of each setting of one section, in order; an empty value has taken back those before it. */
export type UnitSection = ReadonlyMap<string, readonly string[]>;

/** Parses a unit file into its sections; lines outside sections and without `=` are ignored. */
export function parseUnit(text: string): ReadonlyMap<string, UnitSection> {
  const sections = new Map<string, Map<string, readonly string[]>>();
  let section: Map<string, readonly string[]> | undefined;
  for (const raw of text.replace(/\\\n(?:[#;].*\n)*/g, " ").split("\n")) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#") || line.startsWith(";")) continue;
    const header = /^\[(.+)\]$/.exec(line)?.[1];
    if (header !== undefined) {
      section = sections.get(header) ?? new Map();
      sections.set(header, section);
      continue;
    }
    const equals = line.indexOf("=");
    if (section === undefined || equals < 1) continue;
    const name = line.slice(0, equals).trim();
    const value = line.slice(equals + 1).trim();
    section.set(name, value === "" ? [] : [...(section.get(name) ?? []), value]);
  }
  return sections;
}
