// The agent: a Node process that is root of a user namespace, and does there what operations.ts says. Its arguments are
// the cache's root and a directory of its own, which it removes when Tare says no more, because it is done or dead.

import { Socket } from "node:net";
import { createInterface } from "node:readline";
import { type AgentCall, describeError, formatLine, parseLine } from "./agent-lines.ts";
import { createOperations, type Operations, removeAnything } from "./operations.ts";

const [cacheRoot, directory] = process.argv.slice(2) as [string, string];
const operations = createOperations(cacheRoot);
const replies = new Socket({ fd: 4 });
// Tare is gone: both ends of it say so, with an error when something was on its way.
replies.on("error", end);
replies.write("up\n");

const abort = new AbortController();
const input = new Socket({ fd: 3 });
input.on("error", end);
const calls = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
calls.on("line", (line) => void answer(parseLine<AgentCall>(line)));
calls.on("close", end);

function end(): void {
  abort.abort();
  removeAnything(directory);
  process.exit(0);
}

async function answer({ id, name, request }: AgentCall): Promise<void> {
  try {
    const operation = operations[name as keyof Operations] as (
      request: unknown,
      signal: AbortSignal,
    ) => Promise<unknown>;
    replies.write(`answer ${formatLine({ id, result: await operation(request, abort.signal) })}\n`);
  } catch (error) {
    replies.write(`answer ${formatLine({ id, error: describeError(error) })}\n`);
  }
}
