// Checks of options that users write: every value is of its type, and no option is unknown.

import { TareError } from "./errors.ts";
import { didYouMean } from "./suggest.ts";

export type OptionErrorCode =
  /** An option has a value that it cannot have. */
  | "BAD_OPTION"
  /** An option that does not exist: it would silently change nothing. */
  | "UNKNOWN_OPTION"
  /** An override after which the same is built as before. */
  | "OVERRIDE_WITHOUT_EFFECT";

/** Thrown by the functions that an image.ts calls. */
export class OptionError extends TareError<OptionErrorCode> {}

/** What an option must be: a test and its description. */
export interface Rule {
  readonly expected: string;
  readonly accepts: (value: unknown) => boolean;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isText = (value: unknown): value is string => typeof value === "string" && !value.includes("\0");
const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every(isText);

export const TEXT: Rule = { expected: "a string", accepts: isText };
export const TEXTS: Rule = { expected: "an array of strings", accepts: isTexts };
export const TEXT_RECORD: Rule = {
  expected: "an object of strings",
  accepts: (value) => isObject(value) && Object.values(value).every(isText),
};
/** As OCI writes sets: an object whose values are `{}`, or simply the names. */
export const NAME_SET: Rule = {
  expected: "an array of strings, or an object with {} for every name",
  accepts: (value) =>
    isTexts(value) ||
    (isObject(value) &&
      Object.values(value).every((item) => isObject(item) && Object.keys(item).length === 0)),
};
export const ENVIRONMENT: Rule = {
  expected: 'an array of "NAME=value" strings, or an object of strings',
  accepts: (value) =>
    (isTexts(value) && (value as string[]).every((item) => /^[^=]+=/.test(item))) ||
    (TEXT_RECORD.accepts(value) && Object.keys(value as object).every((name) => /^[^=\0]+$/.test(name))),
};

/** An archive such as `debian()` returns. */
export const ARCHIVE: Rule = {
  expected: 'an archive such as debian("bookworm")',
  accepts: (value) =>
    isObject(value) && isText(value["source"]) && isObject(value["scope"]) && isTexts(value["mirrors"]),
};

export function oneOf(...values: readonly string[]): Rule {
  return {
    expected: values.map((value) => `"${value}"`).join(" or "),
    accepts: (value) => isText(value) && values.includes(value),
  };
}

export function wholeNumber(least: number, most: number): Rule {
  return {
    expected: `a whole number from ${least} to ${most}`,
    accepts: (value) => Number.isInteger(value) && (value as number) >= least && (value as number) <= most,
  };
}

/** Shows a value in a message, shortened. */
export function show(value: unknown): string {
  if (typeof value === "function") return "a function";
  if (value === undefined) return "undefined";
  let text: string;
  try {
    text = JSON.stringify(value) ?? String(value);
  } catch {
    text = Object.prototype.toString.call(value);
  }
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/**
 * Checks an object of options against its rules; `undefined` counts as not given.
 *
 * @param where The function or object, for messages: `buildLayeredImage`.
 * @throws {OptionError} `UNKNOWN_OPTION` or `BAD_OPTION`.
 */
export function checkOptions(where: string, options: unknown, rules: Readonly<Record<string, Rule>>): void {
  if (!isObject(options)) {
    throw new OptionError(
      "BAD_OPTION",
      `Cannot use ${show(options)} as options of ${where}: an object was expected`,
    );
  }
  for (const [name, value] of Object.entries(options)) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (rule === undefined) {
      throw new OptionError(
        "UNKNOWN_OPTION",
        `Cannot use the option "${name}" of ${where}: there is no such option`,
        {
          hint: didYouMean(name, Object.keys(rules)) ?? `The options are ${Object.keys(rules).join(", ")}`,
        },
      );
    }
    if (value !== undefined && !rule.accepts(value)) {
      throw new OptionError(
        "BAD_OPTION",
        `Cannot use ${show(value)} as ${where}'s "${name}": ${rule.expected} was expected`,
      );
    }
  }
}
