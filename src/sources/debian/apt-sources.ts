// apt's lists of package sources, in both formats → where binary packages come from. Source: sources.list(5).

import { parseStanzas, readField } from "../../formats/deb822.ts";
import { TareError } from "../../model/errors.ts";
import type { AptSourceFile } from "../../platform/environment.ts";

/** One place with packages. */
export interface AptSource {
  readonly uri: string;
  readonly suites: readonly string[];
  readonly components: readonly string[];
}

/**
 * Finds the enabled sources of binary packages, in the order of the files.
 *
 * What cannot be parsed is left out: apt's configuration is only a hint.
 */
export function parseAptSources(files: readonly AptSourceFile[]): AptSource[] {
  return files.flatMap(({ format, text }) =>
    format === "one-line" ? text.split("\n").flatMap(parseLine) : parseDeb822(text),
  );
}

/** `deb [ option=value … ] uri suite component …`; `#` begins a comment. */
function parseLine(line: string): AptSource[] {
  const match = /^\s*deb\s+(?:\[[^\]]*\]\s*)?(\S+)\s+(.+)$/.exec(line.replace(/#.*/, ""));
  if (match === null) return [];
  const [suite, ...components] = words(match[2]!);
  return suite === undefined ? [] : [{ uri: match[1]!, suites: [suite], components }];
}

function parseDeb822(text: string): AptSource[] {
  let stanzas: ReturnType<typeof parseStanzas>;
  try {
    stanzas = parseStanzas(text, { comments: true });
  } catch (error) {
    if (error instanceof TareError) return [];
    throw error;
  }
  return stanzas.flatMap((stanza) => {
    const list = (field: string): string[] => words(readField(stanza, field) ?? "");
    if (
      !list("Types").includes("deb") ||
      /^(?:no|false|off|0|disable|without)$/i.test(readField(stanza, "Enabled") ?? "")
    )
      return [];
    return list("URIs").map((uri) => ({ uri, suites: list("Suites"), components: list("Components") }));
  });
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}
