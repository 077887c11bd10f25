// A context for tests: a cache of its own in a temporary directory that goes with the test.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { Context } from "../../src/model/context.ts";
import type { Progress } from "../../src/model/progress.ts";
import { Cache } from "../../src/platform/cache.ts";

/** A directory that is removed when the test ends. */
export function temporaryDirectory(t: Pick<TestContext, "after">): string {
  const directory = mkdtempSync(join(tmpdir(), "tare-test-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** What stages reported, in order. */
export class RecordedProgress implements Progress {
  readonly lines: string[] = [];

  stage(name: string) {
    return {
      advance() {},
      expect() {},
      done: (summary: string) => void this.lines.push(`${name}: ${summary}`),
    };
  }

  note(text: string): void {
    this.lines.push(`note: ${text}`);
  }

  warn(text: string): void {
    this.lines.push(`warning: ${text}`);
  }
}

/** A context whose parts can be replaced. */
export function testContext(
  t: TestContext,
  parts: Partial<Context> = {},
): Context & { readonly progress: RecordedProgress } {
  return {
    cache: new Cache(join(temporaryDirectory(t), "cache")),
    signal: new AbortController().signal,
    offline: false,
    jobs: 2,
    ...parts,
    progress: new RecordedProgress(),
  };
}
