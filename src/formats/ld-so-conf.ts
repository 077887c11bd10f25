// /etc/ld.so.conf → directories and includes. Specification: ldconfig(8); elf/ldconfig.c of glibc.

export type LdSoConfLine =
  | { readonly kind: "directory"; readonly path: string }
  /** A shell pattern of further files, relative to the file's own directory unless absolute. */
  | { readonly kind: "include"; readonly pattern: string };

/** Parses a file; `hwcap` lines and comments mean nothing any more and are left out. */
export function parseLdSoConf(text: string): LdSoConfLine[] {
  return text.split("\n").flatMap((raw): LdSoConfLine[] => {
    const line = raw.replace(/#.*$/, "").trim();
    if (line === "" || /^hwcap\s/.test(line)) return [];
    const include = /^include\s+(.*)$/.exec(line);
    if (include !== null) return include[1]!.split(/\s+/).map((pattern) => ({ kind: "include", pattern }));
    const path = line.replace(/=[^/]*$/, "").replace(/(.)\/+$/, "$1");
    return path.startsWith("/") ? [{ kind: "directory", path }] : [];
  });
}
