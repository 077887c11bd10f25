// The certificates of authorities that the packages of an image trust, in the order of update-ca-certificates.
// Specification: update-ca-certificates(8) of ca-certificates 20230311.

import type { BytePath } from "../model/bytes.ts";
import { baseName, compareStrings } from "../model/bytes.ts";
import type { FileEntry } from "../model/tree.ts";
import type { Root } from "./root.ts";

const DIRECTORY = "usr/share/ca-certificates";
const LOCAL_DIRECTORY = "usr/local/share/ca-certificates";
const CONFIGURATION = "/etc/ca-certificates.conf";

export interface TrustedFile {
  readonly entry: FileEntry;
  /** The name of its link in /etc/ssl/certs. */
  readonly linkName: string;
  /** PEM text (latin1), ending in a newline. */
  readonly text: string;
}

/** The certificate files that are trusted: those that the configuration names, else all; local ones last. */
export function listTrustedFiles(root: Root): TrustedFile[] {
  const configuration = root.has(CONFIGURATION) ? root.readText(CONFIGURATION) : undefined;
  const paths =
    typeof configuration === "string"
      ? configuration.split("\n").flatMap((line) => (/^[^#!\s]/.test(line) ? [`${DIRECTORY}/${line}`] : []))
      : listFiles(root, DIRECTORY);
  return [...paths, ...listFiles(root, LOCAL_DIRECTORY)].flatMap((path) => {
    const resolved = root.resolve(path, true);
    const entry = resolved === undefined ? undefined : root.get(resolved);
    if (entry?.type !== "file") return [];
    const text = Buffer.from(root.readFile(entry)).toString("latin1");
    return [
      { entry, linkName: linkNameOf(path as BytePath), text: text.endsWith("\n") ? text : `${text}\n` },
    ];
  });
}

function listFiles(root: Root, directory: string): string[] {
  return root
    .below(directory as BytePath)
    .flatMap((entry) => (entry.type !== "directory" && entry.path.endsWith(".crt") ? [entry.path] : []))
    .sort(compareStrings);
}

function linkNameOf(path: BytePath): string {
  const name = baseName(path).replace(/\.crt$/, "");
  return `${name.replace(/[ ,]/g, "_").replace(/[()]/g, "=")}.pem`;
}
