// Worker thread: the entries of one store object in, its encoded facts out.

import { ContentError, ContentReader } from "../platform/content.ts";
import { serveRequests } from "../platform/threads.ts";
import { computeObjectFacts, type FactsReply, type FactsRequest } from "./facts-of-object.ts";
import { loadTokenKinds } from "./kinds.ts";

const kinds = await loadTokenKinds();

serveRequests<undefined, FactsRequest, FactsReply>(() => {
  const reader = new ContentReader();
  return ({ entries }) => {
    try {
      return { facts: computeObjectFacts(entries, kinds, (entry) => reader.read(entry)) };
    } catch (error) {
      if (error instanceof ContentError) return { damagedFile: error.file, message: error.message };
      throw error;
    }
  };
});
