// Version order against dpkg itself, over versions and relations of the real index.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { parseRelations } from "../../src/formats/debian-dependency.ts";
import { compareVersions, versionProblem } from "../../src/formats/debian-version.ts";
import { hasCommand } from "../kit/apt.ts";
import { loadLiveArchive, sample } from "../kit/debian-live.ts";

const PAIRS = 2500;

/** One shell asks dpkg to confirm each answer: it prints the lines that dpkg denies. */
const SCRIPT = `while read -r a relation b; do
  dpkg --compare-versions "$a" "$relation" "$b" || echo "$a $relation $b"
done`;
const RELATIONS = ["lt", "eq", "gt"];

test(`versions of the index are ordered as dpkg orders them, ${PAIRS} pairs`, async (t) => {
  if (!hasCommand("dpkg")) return t.skip("dpkg is not installed");
  const archive = await loadLiveArchive("bookworm", "amd64");
  if (typeof archive === "string") return t.skip(archive);
  const records = archive.suites.flatMap(({ packages }) => packages);
  const versions = [...new Set(records.map(({ version }) => version))].sort(compareVersions);
  for (const version of versions) assert.equal(versionProblem(version), undefined, version);
  const pairs: [string, string][] = [];
  // Neighbours are the hard cases; versions and what dependencies demand of them are the usual ones.
  for (const index of sample(versions.map((_, i) => i).slice(1), 1000))
    pairs.push([versions[index - 1]!, versions[index]!]);
  const any = sample(versions, 1000, 7);
  for (let index = 0; index < any.length; index += 2) pairs.push([any[index]!, any[index + 1]!]);
  for (const record of sample(records, 4000, 3)) {
    for (const relation of parseRelations(record.depends).flat()) {
      const [other] = archive.catalog.versions(relation.name);
      if (relation.version === undefined || other === undefined || pairs.length >= PAIRS) continue;
      pairs.push([other.record.version, relation.version.version]);
    }
  }
  assert.equal(pairs.length, PAIRS);
  const answers = pairs.map(([a, b]) => RELATIONS[Math.sign(compareVersions(a, b)) + 1]!);
  const { stdout, stderr, status } = spawnSync("sh", ["-c", SCRIPT], {
    input: pairs.map(([a, b], index) => `${a} ${answers[index]} ${b}\n`).join(""),
    encoding: "utf8",
  });
  assert.deepEqual({ stdout, stderr, status }, { stdout: "", stderr: "", status: 0 });
  assert.deepEqual(new Set(answers), new Set(RELATIONS), "all three answers occur");
});
