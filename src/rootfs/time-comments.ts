// Texts that programs write with the time in a comment ("generated on …"): what two runs wrote in, one text without
// those comments out. Pure.

/** Bytes of a text that is compared line by line. */
const MOST_TEXT = 1 << 20;

const COMMENT = /^[ \t]*(?:#|;|%|"|!|--|\/\/|\/?\*|<!--)/;

/**
 * The text of a file that two runs of a program wrote, without the comments that tell when they did.
 *
 * @returns undefined when the runs differ in anything else than digits of comments.
 */
export function withoutTimeComments(first: Uint8Array, second: Uint8Array): string | undefined {
  if (Math.max(first.length, second.length) > MOST_TEXT) return undefined;
  const [lines, others] = [first, second].map((bytes) => Buffer.from(bytes).toString("latin1").split("\n"));
  if (lines!.length !== others!.length) return undefined;
  const isSame = (line: string, index: number) => line === others![index];
  const isTime = (line: string, index: number) =>
    COMMENT.test(line) && hideDigits(line) === hideDigits(others![index]!);
  if (!lines!.every((line, index) => isSame(line, index) || isTime(line, index))) return undefined;
  return lines!.filter(isSame).join("\n");
}

function hideDigits(line: string): string {
  return line.replace(/\d+/g, "0");
}
