// Permission bits as chmod reads them. Specification: POSIX.1-2017, chmod, symbolic and octal modes.

const WHO: Readonly<Record<string, number>> = { u: 0o4700, g: 0o2070, o: 0o1007 };
const BITS: Readonly<Record<string, number>> = { r: 0o444, w: 0o222, x: 0o111, s: 0o6000, t: 0o1000 };

/**
 * Applies a mode to permission bits.
 *
 * @param text `0644`, `u+s`, `go-w,a+rX`…
 * @param isDirectory `X` means `x` there; an octal mode keeps setuid and setgid of a directory unless it names them.
 * @returns Undefined when the text is no mode.
 */
export function applyMode(text: string, before: number, isDirectory: boolean): number | undefined {
  if (/^[0-7]{1,5}$/.test(text)) {
    const mode = Number.parseInt(text, 8);
    if (mode > 0o7777) return undefined;
    return mode | (isDirectory && text.length < 5 && mode <= 0o777 ? before & 0o6000 : 0);
  }
  let mode = before;
  for (const clause of text.split(",")) {
    const match = /^([ugoa]*)((?:[-+=](?:[rwxXst]*|[ugo]))+)$/.exec(clause);
    if (match === null) return undefined;
    const who = match[1] === "" || match[1]!.includes("a") ? "ugo" : match[1]!;
    const mask = [...who].reduce((all, one) => all | WHO[one]!, 0);
    // Without a who, the umask (022) protects the bits that it names.
    const allowed = match[1] === "" ? mask & ~0o022 : mask;
    for (const [, operator, letters] of match[2]!.matchAll(/([-+=])([rwxXstugo]*)/g)) {
      const bits = readBits(letters!, mode, isDirectory) & allowed;
      if (operator === "+") mode |= bits;
      else if (operator === "-") mode &= ~bits;
      else mode = (mode & ~(mask & (isDirectory ? 0o1777 : 0o7777))) | bits;
    }
  }
  return mode;
}

function readBits(letters: string, mode: number, isDirectory: boolean): number {
  if (letters === "u" || letters === "g" || letters === "o") {
    const shift = letters === "u" ? 6 : letters === "g" ? 3 : 0;
    const three = (mode >> shift) & 7;
    return three * 0o111;
  }
  let bits = 0;
  for (const letter of letters) {
    if (letter === "X") bits |= isDirectory || (mode & 0o111) !== 0 ? 0o111 : 0;
    else bits |= BITS[letter] ?? 0;
  }
  return bits;
}
