// A package's debconf templates → the answer to each question when nobody is asked.
// Specification: debconf-devel(7), "The templates file".

import { parseStanzas, readField } from "./deb822.ts";

export interface DebconfTemplate {
  readonly name: string;
  /** `string`, `boolean`, `select`, `note`… */
  readonly type: string;
  /** Empty when there is no default. */
  readonly value: string;
  readonly choices: string;
}

/** Parses the templates of a package; text that is no such file gives none. */
export function parseDebconfTemplates(text: string): Map<string, DebconfTemplate> {
  const templates = new Map<string, DebconfTemplate>();
  try {
    for (const stanza of parseStanzas(text)) {
      const name = readField(stanza, "Template");
      if (name === undefined) continue;
      templates.set(name, {
        name,
        type: readField(stanza, "Type") ?? "string",
        value: readField(stanza, "Default") ?? "",
        choices: readField(stanza, "Choices") ?? readField(stanza, "Choices-C") ?? "",
      });
    }
  } catch {
    return new Map();
  }
  return templates;
}
