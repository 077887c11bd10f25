// How stages say what they are doing; the CLI draws it, tests record it.

/** One running stage. */
export interface ProgressStage {
  /** Adds to what is done. */
  advance(count: number, bytes?: number): void;
  /** Raises the expected totals as they become known. */
  expect(count: number, bytes?: number): void;
  /** Says what is being done right now; for people who watch. */
  detail?(text: string): void;
  /** Ends the stage with a line that sums it up. */
  done(summary: string): void;
  /** Ends a stage that has failed, without a line: the error says why. */
  abandon?(): void;
}

export interface Progress {
  /** Begins a stage; `name` is a verb in the present participle, such as `fetching`. */
  stage(name: string): ProgressStage;
  /** A fact that the user should see in any case. */
  note(text: string): void;
  /** Something that is probably not what the user wants, though the build goes on. */
  warn(text: string): void;
}

/** For callers that do not care. */
export const SILENT_PROGRESS: Progress = {
  stage: () => ({ advance() {}, expect() {}, done() {} }),
  note() {},
  warn() {},
};
