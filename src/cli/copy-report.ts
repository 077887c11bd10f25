// What a copy or a pull came to, as data and as text.

import { rootDocument } from "../model/content.ts";
import type { CopiedImage } from "../pipeline/registries.ts";
import { formatMoved } from "./registry-options.ts";
import { count } from "./text.ts";

export function copyReport({ content, delivered }: CopiedImage): {
  readonly value: object;
  readonly text: string;
} {
  const { name, tag, blobs, documents } = content;
  const { output, bytesWritten, bytesReused, unchanged } = delivered;
  const { digest } = rootDocument(content);
  const value = {
    name,
    tag,
    digest,
    output,
    unchanged,
    blobs: blobs.length,
    documents: documents.length,
    bytesWritten,
    bytesReused,
  };
  const text = [
    `${name}:${tag}${unchanged ? " (unchanged)" : ""}`,
    `  ${count(blobs.length, "blob")}: ${formatMoved(bytesWritten, bytesReused, "written")}`,
    `  ${digest}`,
    `  ${output}`,
  ].join("\n");
  return { value, text };
}
