// JSON with one form for each value: what keys, locks and scopes are compared and hashed by.

import { compareStrings } from "./bytes.ts";

/** Writes a value as JSON with the keys of objects sorted by code units; `undefined` properties are left out. */
export function formatCanonicalJson(value: unknown, indent?: number): string {
  return JSON.stringify(sortKeys(value), undefined, indent);
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .sort(([a], [b]) => compareStrings(a, b))
      .map(([key, item]) => [key, sortKeys(item)]),
  );
}
