// TOML text → tables whose values are checked where they are read. Specification: TOML 1.0; parsed by smol-toml.

import { parse, TomlDate, TomlError } from "smol-toml";
import { PythonFormatError, type PythonFormatErrorCode } from "./errors.ts";

/** Which document is read, for messages, and the code of what is wrong with it. */
export interface TomlDocument {
  readonly code: PythonFormatErrorCode;
  /** `the lock file uv.lock`. */
  readonly name: string;
}

type Raw = Readonly<Record<string, unknown>>;

/** A table; every method names the document and the key when a value is not what is wanted. */
export class TomlTable {
  readonly #document: TomlDocument;
  readonly #path: string;
  readonly #values: Raw;

  constructor(document: TomlDocument, path: string, values: Raw) {
    this.#document = document;
    this.#path = path;
    this.#values = values;
  }

  keys(): string[] {
    return Object.keys(this.#values);
  }

  has(key: string): boolean {
    return this.#get(key) !== undefined;
  }

  text(key: string): string | undefined {
    const value = this.#get(key);
    if (value === undefined || typeof value === "string") return value;
    throw this.error(key, "a text was expected");
  }

  requiredText(key: string): string {
    const value = this.text(key);
    if (value === undefined) throw this.error(key, "it is missing");
    return value;
  }

  boolean(key: string): boolean | undefined {
    const value = this.#get(key);
    if (value === undefined || typeof value === "boolean") return value;
    throw this.error(key, "true or false was expected");
  }

  /** A number from 0 to 2^53 - 1. */
  size(key: string): number | undefined {
    const value = this.#get(key);
    if (value === undefined) return undefined;
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
    throw this.error(key, "a whole number was expected");
  }

  texts(key: string): string[] | undefined {
    const value = this.#get(key);
    if (value === undefined) return undefined;
    if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
    throw this.error(key, "an array of texts was expected");
  }

  table(key: string): TomlTable | undefined {
    const value = this.#get(key);
    if (value === undefined) return undefined;
    if (isTable(value)) return new TomlTable(this.#document, this.#at(key), value);
    throw this.error(key, "a table was expected");
  }

  /** Empty when the key is missing. */
  tables(key: string): TomlTable[] {
    const value = this.#get(key) ?? [];
    if (!Array.isArray(value) || !value.every(isTable))
      throw this.error(key, "an array of tables was expected");
    return value.map((item, index) => new TomlTable(this.#document, `${this.#at(key)}[${index}]`, item));
  }

  /** An array whose items are texts or tables. */
  mixed(key: string): (string | TomlTable)[] | undefined {
    const value = this.#get(key);
    if (value === undefined) return undefined;
    if (!Array.isArray(value)) throw this.error(key, "an array was expected");
    return value.map((item: unknown, index) => {
      if (typeof item === "string") return item;
      if (isTable(item)) return new TomlTable(this.#document, `${this.#at(key)}[${index}]`, item);
      throw this.error(key, "an array of texts and tables was expected");
    });
  }

  /** Texts by key: `scripts`. */
  textMap(key: string): Map<string, string> {
    const table = this.table(key);
    return new Map((table?.keys() ?? []).map((name) => [name, table!.requiredText(name)]));
  }

  /** Parses a value; what goes wrong names the document and the key. */
  parse<T>(key: string, text: string, parser: (text: string) => T): T {
    try {
      return parser(text);
    } catch (error) {
      if (error instanceof PythonFormatError) throw this.error(key, error.message, error);
      throw error;
    }
  }

  error(key: string, problem: string, cause?: unknown): PythonFormatError {
    return new PythonFormatError(
      this.#document.code,
      `read ${this.#document.name}`,
      `${this.#at(key)}: ${problem}`,
      {
        cause,
      },
    );
  }

  #at(key: string): string {
    return this.#path === "" ? key : `${this.#path}.${key}`;
  }

  #get(key: string): unknown {
    return Object.hasOwn(this.#values, key) ? this.#values[key] : undefined;
  }
}

function isTable(value: unknown): value is Raw {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof TomlDate);
}

/**
 * Parses a TOML document.
 *
 * @throws {PythonFormatError} With the document's code.
 */
export function parseTomlTable(text: string, document: TomlDocument): TomlTable {
  try {
    return new TomlTable(document, "", parse(text));
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    throw new PythonFormatError(
      document.code,
      `read ${document.name}`,
      `line ${error.line} is no TOML: ${error.message.split("\n")[0]!.replace(/^Invalid TOML document: /, "")}`,
      { cause: error },
    );
  }
}
