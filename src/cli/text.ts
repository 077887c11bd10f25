// How the CLI writes numbers, paths and tables.

import { type BytePath, decodeByteString } from "../model/bytes.ts";

/** Bytes for people, in decimal units as disks and registries use them: `13.2 MB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  let value = bytes;
  let unit = "B";
  for (const next of ["kB", "MB", "GB", "TB"]) {
    value /= 1000;
    unit = next;
    if (value < 999.95) break;
  }
  return `${value < 99.95 ? value.toFixed(1) : Math.round(value)} ${unit}`;
}

/** `1 layer`, `2 layers`. */
export function count(number: number, noun: string, plural = `${noun}s`): string {
  return `${number} ${number === 1 ? noun : plural}`;
}

/** A digest as people tell it apart: `sha256:0123456789ab`. */
export function shortDigest(digest: string): string {
  return digest.replace(/^(sha256:[0-9a-f]{12})[0-9a-f]*$/, "$1");
}

/** Columns aligned by padding; those in `right` to the right. The last column is not padded. */
export function formatTable(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  }
  return rows
    .map((row) =>
      row
        .map((cell, i) =>
          right.includes(i)
            ? cell.padStart(widths[i]!)
            : i === row.length - 1
              ? cell
              : cell.padEnd(widths[i]!),
        )
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** A value with a path as people write it. */
export function showPath<T extends { readonly path?: BytePath | undefined }>(
  value: T,
): Omit<T, "path"> & { path: string | undefined } {
  return { ...value, path: value.path === undefined ? undefined : `/${decodeByteString(value.path)}` };
}
