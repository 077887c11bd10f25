// Finds the names nearest to one that was mistyped.

import { compareStrings } from "./bytes.ts";

/**
 * The known names nearest to a wrong one, best first.
 *
 * @param most How many at most. Names further than a third of their length (at least 2 edits) are not offered.
 */
export function nearestNames(wrong: string, known: Iterable<string>, most = 3): string[] {
  const lower = wrong.toLowerCase();
  const found: { name: string; distance: number }[] = [];
  for (const name of known) {
    const limit = Math.max(2, Math.floor(Math.max(name.length, wrong.length) / 3));
    if (Math.abs(name.length - wrong.length) > limit) continue;
    const distance = editDistance(lower, name.toLowerCase(), limit);
    if (distance <= limit) found.push({ name, distance });
  }
  found.sort((a, b) => a.distance - b.distance || compareStrings(a.name, b.name));
  return found.slice(0, most).map(({ name }) => name);
}

/** Levenshtein's distance with transpositions of neighbours; anything above `limit` is `limit + 1`. */
function editDistance(a: string, b: string, limit: number): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    let best = i;
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, before[j - 2]! + 1);
      row.push(cost);
      best = Math.min(best, cost);
    }
    if (best > limit) return limit + 1;
    before = previous;
    previous = row;
  }
  return previous[b.length]!;
}

/** ` (did you mean "a" or "b"?)`, or nothing. */
export function didYouMean(wrong: string, known: Iterable<string>): string | undefined {
  const names = nearestNames(wrong, known).map((name) => `"${name}"`);
  if (names.length === 0) return undefined;
  return `Did you mean ${names.length === 1 ? names[0] : `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`}?`;
}
