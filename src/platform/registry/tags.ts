// The tags of a repository, page by page.

import { RegistryError } from "./errors.ts";
import { withPatience } from "./retry.ts";
import { type RegistryRequest, type Session, showRepository } from "./session.ts";

const LARGEST_PAGE = 8 << 20;
const MOST_PAGES = 1000;

/** @throws {RegistryError} `MANIFEST_UNKNOWN` when there is no such repository. */
export async function listTags(session: Session): Promise<string[]> {
  const doing = `list the tags of ${showRepository(session.reference)}`;
  const tags: string[] = [];
  for await (const page of readPages(session, {
    method: "GET",
    target: session.path("tags", "list"),
    doing,
    accept: [200],
    codes: { missing: "MANIFEST_UNKNOWN" },
  })) {
    const found = (page as { tags?: unknown } | null)?.tags;
    if (Array.isArray(found)) tags.push(...found.filter((tag) => typeof tag === "string"));
  }
  return tags;
}

/**
 * Reads documents that continue each other by Link headers (RFC 8288), as JSON.
 *
 * @throws {RegistryError} `REGISTRY_FAULTY` for what is no JSON, leads elsewhere, or does not end.
 */
export async function* readPages(
  session: Session,
  first: RegistryRequest,
): AsyncGenerator<unknown, void, undefined> {
  let target = first.target;
  const seen = new Set<string>();
  for (let page = 0; page < MOST_PAGES; page++) {
    const { value, next } = await withPatience(session.timing, session.context, async () => {
      const answer = await session.once({ ...first, target });
      const bytes = await session.readDocument(answer, LARGEST_PAGE);
      if (answer.status !== 200) return { value: undefined, next: undefined };
      const link = /<([^>]*)>\s*;[^,]*\brel="?next"?/i.exec(answer.header("link") ?? "")?.[1];
      const url = link === undefined ? undefined : session.resolve(link, answer, first.doing);
      if (url !== undefined && url.origin !== answer.url.origin) {
        throw new RegistryError("REGISTRY_FAULTY", `Cannot ${first.doing}: its next page is on ${url.host}`);
      }
      return { value: parse(bytes, first.doing), next: url };
    });
    if (value !== undefined) yield value;
    if (next === undefined || seen.has(next.href)) return;
    seen.add(next.href);
    target = next;
  }
  throw new RegistryError(
    "REGISTRY_FAULTY",
    `Cannot ${first.doing}: there are more than ${MOST_PAGES} pages`,
  );
}

function parse(bytes: Buffer, doing: string): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch (cause) {
    throw new RegistryError("REGISTRY_FAULTY", `Cannot ${doing}: the answer is no JSON`, { cause });
  }
}
