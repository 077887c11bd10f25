// Worker threads: requests in, replies out. Nothing that is built depends on how many there are.

import { parentPort, Worker, workerData } from "node:worker_threads";
import { InternalError } from "../model/errors.ts";

interface Waiting<Request, Reply> {
  readonly request: Request;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: unknown) => void;
}

/** What a worker sends back; errors cross threads as text, since their classes do not. */
type Answer<Reply> = { readonly reply: Reply } | { readonly error: string };

/**
 * A fixed number of threads that all run one module; requests are begun in the order in which they come.
 *
 * Dispose of it when done, however that ends: the threads are stopped at once, and requests still waiting never settle.
 */
export class ThreadPool<Request, Reply> implements AsyncDisposable {
  readonly #workers: Worker[] = [];
  readonly #idle: Worker[] = [];
  readonly #running = new Map<Worker, Waiting<Request, Reply>>();
  readonly #queue: Waiting<Request, Reply>[] = [];
  #failure: unknown;

  /**
   * Starts the threads.
   *
   * @param module The module that every thread runs; it calls {@link serveRequests}.
   * @param data Handed to every thread as it starts.
   */
  constructor(module: URL, size: number, data: unknown) {
    for (let i = 0; i < size; i++) {
      // Options of this process, such as --input-type, are not meant for the module.
      const worker = new Worker(module, { workerData: data, execArgv: [] });
      worker.on("message", (answer: Answer<Reply>) => this.#settle(worker, answer));
      worker.on("error", (error) => this.#fail(error));
      worker.on("exit", (status) =>
        this.#fail(new InternalError(`a worker thread ended with status ${status}`)),
      );
      this.#workers.push(worker);
      this.#idle.push(worker);
    }
  }

  /** Has one request answered by a thread. Rejects when the thread throws or dies. */
  run(request: Request): Promise<Reply> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise<Reply>((resolve, reject) => {
      this.#queue.push({ request, resolve, reject });
      this.#next();
    });
  }

  #next(): void {
    while (this.#queue.length > 0 && this.#idle.length > 0) {
      const worker = this.#idle.pop()!;
      const waiting = this.#queue.shift()!;
      this.#running.set(worker, waiting);
      worker.postMessage(waiting.request);
    }
  }

  #settle(worker: Worker, answer: Answer<Reply>): void {
    const waiting = this.#running.get(worker);
    this.#running.delete(worker);
    this.#idle.push(worker);
    this.#next();
    if ("reply" in answer) waiting?.resolve(answer.reply);
    else waiting?.reject(new InternalError(`in a worker thread: ${answer.error}`));
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    for (const waiting of [...this.#running.values(), ...this.#queue.splice(0)])
      waiting.reject(this.#failure);
    this.#running.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A thread that fails while it is being stopped is of no interest, and must not end the process.
    for (const worker of this.#workers) worker.removeAllListeners().on("error", () => {});
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}

/**
 * In a worker thread: answers every request, one at a time.
 *
 * @param create Called once with the data that the pool was made with; what it returns answers requests.
 */
export function serveRequests<Data, Request, Reply>(
  create: (data: Data) => (request: Request) => Reply,
): void {
  const port = parentPort;
  if (port === null) throw new InternalError("serveRequests outside a worker thread");
  const answer = create(workerData as Data);
  port.on("message", (request: Request) => {
    let result: Answer<Reply>;
    try {
      result = { reply: answer(request) };
    } catch (error) {
      result = { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
    port.postMessage(result);
  });
}
