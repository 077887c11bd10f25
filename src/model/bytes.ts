// File names are bytes. They are held as strings of one character a byte (latin1), so that they compare,
// hash and slice as bytes do, and are decoded only where a person reads them.

/** A byte string: every character is one byte, U+0000 to U+00FF. */
export type ByteString = string & { readonly byteString: unique symbol };

/**
 * A path inside a tree: components joined by `/`, no leading or trailing `/`, no empty, `.` or `..` component.
 * The root directory itself is the empty string.
 */
export type BytePath = ByteString & { readonly bytePath: unique symbol };

/** The root directory of a tree. */
export const ROOT_PATH: BytePath = "" as BytePath;

/** Encodes text as the bytes of its UTF-8 form. */
export function encodeByteString(text: string): ByteString {
  return Buffer.from(text, "utf8").toString("latin1") as ByteString;
}

/** Decodes bytes for people; bytes that are not UTF-8 become U+FFFD. */
export function decodeByteString(bytes: string): string {
  return Buffer.from(bytes, "latin1").toString("utf8");
}

/** Copies a byte string into bytes. */
export function byteStringToBuffer(bytes: string): Buffer {
  return Buffer.from(bytes, "latin1");
}

/**
 * Why a text is no path inside a tree, or undefined when it is one.
 *
 * Refuses absolute paths, empty, `.` and `..` components, NUL, and components over 255 or paths over 4,095 bytes.
 */
export function bytePathProblem(path: string): string | undefined {
  if (path === "") return undefined;
  if (path.length > 4095) return "the path is longer than 4095 bytes";
  if (path.includes("\0")) return "the path has a NUL byte";
  if (path.startsWith("/")) return "the path is absolute";
  for (const component of path.split("/")) {
    if (component === "") return "the path has an empty component";
    if (component === "." || component === "..") return `the path has the component "${component}"`;
    if (component.length > 255) return "a component is longer than 255 bytes";
  }
  return undefined;
}

/** Turns text that a program wrote (not hostile input) into a path; a leading `/` is taken off. */
export function toBytePath(text: string): BytePath {
  const path = encodeByteString(text.replace(/^\/+/, "").replace(/\/+$/, ""));
  const problem = bytePathProblem(path);
  if (problem !== undefined) throw new RangeError(`internal error: "${text}" is no path: ${problem}`);
  return path as BytePath;
}

/** The directory that holds a path; the root's parent is the root. */
export function parentPath(path: BytePath): BytePath {
  const slash = path.lastIndexOf("/");
  return (slash < 0 ? "" : path.slice(0, slash)) as BytePath;
}

/** The last component of a path; empty for the root. */
export function baseName(path: BytePath): ByteString {
  return path.slice(path.lastIndexOf("/") + 1) as ByteString;
}

/** Joins a directory and a name. */
export function joinPath(directory: BytePath, name: string): BytePath {
  return (directory === "" ? name : `${directory}/${name}`) as BytePath;
}

/**
 * Orders paths component by component, by bytes: a directory comes before what it holds, and `a/b` before `a-b`.
 *
 * Pure; the order every tree, layer and archive of Tare is in.
 */
export function comparePaths(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return (x === 0x2f ? -1 : x) - (y === 0x2f ? -1 : y);
  }
  return a.length - b.length;
}

/** Orders strings by their UTF-16 code units, which for byte strings is by bytes; never by locale. */
export function compareStrings(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * Resolves the target of a symbolic link, as text only: nothing is looked up.
 *
 * @param link The path of the link inside the tree.
 * @param target What the link says; absolute targets start at the tree's root, `..` stops at the root.
 */
export function resolveLinkTarget(link: BytePath, target: string): BytePath {
  const parts = target.startsWith("/")
    ? []
    : parentPath(link)
        .split("/")
        .filter((part) => part !== "");
  for (const part of target.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") parts.pop();
    else parts.push(part);
  }
  return parts.join("/") as BytePath;
}
