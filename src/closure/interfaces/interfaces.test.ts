// What files use and offer, one table row for each kind's rules.

import assert from "node:assert/strict";
import { test } from "node:test";
import { TOKEN_SAMPLES } from "../../../test/kit/token-samples.ts";
import { computeFacts, languagesOf } from "../facts.ts";
import { loadTokenKinds } from "../kinds.ts";

const KINDS = await loadTokenKinds();
const LANGUAGES = languagesOf(KINDS);

for (const { kind, summary, path, content = "", target, uses = [], offers = [] } of TOKEN_SAMPLES) {
  test(`${kind}: ${summary}`, () => {
    const bytes = typeof content === "string" ? Buffer.from(content, "latin1") : content;
    const facts = computeFacts(path, bytes, target, KINDS, LANGUAGES);
    assert.deepEqual(facts.uses.get(kind) ?? [], uses);
    assert.deepEqual(facts.offers.get(kind) ?? [], offers);
  });
}

test("hostile shell text takes linear time", () => {
  const content = Buffer.from(
    `#!/bin/sh\n${'A="x" '.repeat(20_000)}\n${"if -a ".repeat(20_000)}\n${"if ".repeat(20_000)}`,
  );
  const begin = process.cpuUsage();
  computeFacts("usr/bin/a", content, undefined, KINDS, LANGUAGES);
  assert.ok(process.cpuUsage(begin).user < 2_000_000);
});

test("names of kinds are distinct and are those of their files", async () => {
  const { moduleNames } = await import("../../platform/discover.ts");
  const names = moduleNames(new URL("./", import.meta.url));
  assert.deepEqual(
    KINDS.map(({ name }) => name),
    names,
  );
});

test("every kind but those that follow another's tokens has a row", () => {
  const tried = new Set(TOKEN_SAMPLES.map(({ kind }) => kind));
  const untried = KINDS.filter(({ name, reads }) => reads === undefined && !tried.has(name)).map(
    ({ name }) => name,
  );
  assert.deepEqual(untried, ["erlang-atom"]);
});

test("facts do not depend on the order of kinds", () => {
  const content = Buffer.from("#!/bin/sh\nexec /usr/bin/foo --x=/etc/foo.conf\n");
  const one = computeFacts("usr/bin/a", content, undefined, KINDS, LANGUAGES);
  const other = computeFacts("usr/bin/a", content, undefined, [...KINDS].reverse(), LANGUAGES);
  assert.deepEqual(new Map([...other.uses].reverse()), one.uses);
});
