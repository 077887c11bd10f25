// What another program sends to this one.

/** Standard input, chunk by chunk. */
export async function* readStandardInput(): AsyncGenerator<Uint8Array> {
  for await (const chunk of process.stdin) yield chunk as Buffer;
}
