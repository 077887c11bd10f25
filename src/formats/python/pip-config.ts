// pip's configuration files, as far as they say where packages are. Format: pip's documentation, "Configuration".

/** What one file says of indexes. */
export interface PipIndexSettings {
  readonly index: string | undefined;
  readonly extraIndexes: readonly string[];
}

/** Parses a pip.conf; what it cannot read it passes over, since the file is only a hint where packages are. */
export function parsePipConfig(text: string): PipIndexSettings {
  const values = new Map<string, string>();
  let section = "";
  let key: string | undefined;
  for (const line of text.split(/\r\n|\n|\r/)) {
    if (/^\s*[#;]/.test(line)) continue;
    const name = /^\s*\[([^\]]*)\]/.exec(line)?.[1];
    if (name !== undefined) {
      section = name.trim().toLowerCase();
      key = undefined;
    } else if (/^\s+\S/.test(line) && key !== undefined) {
      values.set(key, `${values.get(key)} ${line.trim()}`);
    } else {
      const [, option, value] = /^\s*([^=:\s][^=:]*?)\s*[=:]\s*(.*?)\s*$/.exec(line) ?? [];
      key = option === undefined ? undefined : `${section}.${option.toLowerCase().replaceAll("_", "-")}`;
      if (key !== undefined) values.set(key, value!);
    }
  }
  const optionOf = (option: string) => values.get(`install.${option}`) ?? values.get(`global.${option}`);
  return {
    index: optionOf("index-url") || undefined,
    extraIndexes: (optionOf("extra-index-url") ?? "").split(/\s+/).filter((url) => url !== ""),
  };
}
