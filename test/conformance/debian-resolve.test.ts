// Resolution against apt on an empty root: what Tare chooses apt accepts, and where Tare finds nothing apt does not either.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { DebianError } from "../../src/sources/debian/errors.ts";
import { type Resolution, resolve } from "../../src/sources/debian/resolve.ts";
import { EmptyRoot, hasCommand } from "../kit/apt.ts";
import { type LiveArchive, loadLiveArchive, sample } from "../kit/debian-live.ts";

const FEW = [["bash"], ["redis-server"], ["python3", "git"], ["default-jre-headless"]];
const MANY = [
  ...FEW,
  ["curl"],
  ["nginx-light"],
  ["postgresql-15"],
  ["ffmpeg"],
  ["default-mysql-server"],
  ["build-essential"],
  ["exim4", "init"],
  ["gawk", "original-awk", "vim", "php", "apache2"],
];

const directories: string[] = [];
after(() => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

/** apt with the very indices that Tare has resolved with. */
async function aptFor(archive: LiveArchive, architecture: string): Promise<EmptyRoot> {
  const directory = mkdtempSync(join(tmpdir(), "tare-apt-"));
  directories.push(directory);
  const sources = archive.suites.map(
    ({ suite }) =>
      // The signature has been verified; apt may know none of the keys.
      `deb [trusted=yes arch=${architecture}] file:${join(archive.directory, suite.archive)} ${suite.name} main`,
  );
  return EmptyRoot.create(directory, sources, architecture);
}

/** `name=version` of everything that some names declare to need, without what is there for being essential. */
function declaredClosure(resolution: Resolution, names: readonly string[]): string[] {
  const reached = new Set<string>();
  const queue = [...names];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    if (reached.has(name)) continue;
    reached.add(name);
    queue.push(...resolution.packages.get(name)!.dependencies);
  }
  return [...reached]
    .map((name) => `${name}=${resolution.packages.get(name)!.candidate.record.version}`)
    .sort();
}

for (const [codename, architecture, roots] of [
  ["bookworm", "amd64", MANY],
  ["trixie", "amd64", [...FEW, ["postgresql-17"]]],
  ["trixie", "arm64", FEW],
] as const) {
  describe(`apt accepts what is chosen of ${codename} for ${architecture}`, async () => {
    for (const names of roots) {
      test(names.join(" "), async (t) => {
        if (!hasCommand("apt-get")) return t.skip("apt-get is not installed");
        const archive = await loadLiveArchive(codename, architecture);
        if (typeof archive === "string") return t.skip(archive);
        const apt = await sharedApt(archive, architecture);
        const resolution = resolve(archive.catalog, names, { recommends: false });
        assert.deepEqual(resolution.leftOut, []);
        const declared = declaredClosure(resolution, names);
        const answer = await apt.install(declared);
        assert.ok(answer.accepted, answer.output);
        assert.deepEqual(answer.installs, declared, "apt adds nothing");
        if (names[0] !== "bash") return;
        const all = [...resolution.packages].map(
          ([name, { candidate }]) => `${name}=${candidate.record.version}`,
        );
        const whole = await apt.install(all);
        assert.ok(whole.accepted, whole.output);
        assert.deepEqual(whole.installs, all.sort(), "apt adds nothing to it with the essential packages");
      });
    }
  });
}

const apts = new Map<LiveArchive, Promise<EmptyRoot>>();

function sharedApt(archive: LiveArchive, architecture: string): Promise<EmptyRoot> {
  let apt = apts.get(archive);
  if (apt === undefined) {
    apt = aptFor(archive, architecture);
    apts.set(archive, apt);
  }
  return apt;
}

describe("the whole index of bookworm", () => {
  test("every package resolves, or apt cannot install it either", async (t) => {
    if (!hasCommand("apt-get")) return t.skip("apt-get is not installed");
    const archive = await loadLiveArchive("bookworm", "amd64");
    if (typeof archive === "string") return t.skip(archive);
    const apt = await sharedApt(archive, "amd64");
    const failures: string[] = [];
    const choices: string[][] = [];
    for (const name of wholeIndex(archive)) {
      try {
        const resolution = resolve(archive.catalog, [name], { recommends: false });
        choices.push(declaredClosure(resolution, [name]));
      } catch (error) {
        assert.ok(
          error instanceof DebianError && ["UNSATISFIABLE", "CONFLICT"].includes(error.code),
          String(error),
        );
        failures.push(name);
      }
    }
    assert.ok(choices.length > 500);
    const wrong: string[] = [];
    for (const name of failures) {
      if ((await apt.install([name])).accepted) wrong.push(`${name} can be installed`);
    }
    for (const names of sample(choices, 15)) {
      const answer = await apt.install(names);
      if (!answer.accepted || answer.installs.join() !== names.join())
        wrong.push(`${names.join(" ")} is refused`);
    }
    assert.deepEqual(wrong, []);
    t.diagnostic(`${choices.length} packages resolved, ${failures.length} cannot be: ${failures.join(" ")}`);
  });
});

/** TARE_TEST_WHOLE_INDEX=1 takes all packages (minutes); otherwise a sample. */
function wholeIndex(archive: LiveArchive): string[] {
  const names = [...archive.catalog.names()].sort();
  return process.env["TARE_TEST_WHOLE_INDEX"] === "1" ? names : [...new Set(sample(names, 1500))];
}
