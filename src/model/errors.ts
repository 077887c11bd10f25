// The one shape of every error that Tare reports: a stable code, a message, and what to do about it.

export interface TareErrorOptions {
  /** What the user can do, as one sentence; printed on its own line. */
  readonly hint?: string | undefined;
  /** The error that led to this one. */
  readonly cause?: unknown;
}

/**
 * An error that is the input's fault or the world's, never ours.
 *
 * The message has the form `Cannot <verb> <thing>: <what is so>, <what was wanted>`, without a full stop.
 * Each folder has one subclass whose `Code` is a union of string literals; codes never change their meaning.
 */
export class TareError<Code extends string = string> extends Error {
  readonly code: Code;
  readonly hint: string | undefined;

  constructor(code: Code, message: string, options: TareErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.hint = options.hint;
  }
}

/** A broken promise inside Tare itself: printed with its stack and a request to report it. */
export class InternalError extends Error {
  constructor(message: string) {
    super(`internal error: ${message}`);
    this.name = "InternalError";
  }
}
