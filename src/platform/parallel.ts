// Several things at once, a limited number of them, ended together.

/**
 * Does something with all items, at most `limit` at once, in their order. The first error ends the others, and is
 * thrown when they have ended.
 *
 * @param action Gets a signal that ends with `outer` and with the first error.
 */
export async function inParallel<T>(
  items: readonly T[],
  limit: number,
  outer: AbortSignal,
  action: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failure = new AbortController();
  const signal = AbortSignal.any([outer, failure.signal]);
  const queue = items.values();
  let first: { readonly error: unknown } | undefined;
  const worker = async (): Promise<void> => {
    for (const item of queue) {
      if (signal.aborted) return;
      try {
        await action(item, signal);
      } catch (error) {
        first ??= { error };
        failure.abort(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  outer.throwIfAborted();
  if (first !== undefined) throw first.error;
}
