import assert from "node:assert/strict";
import { test } from "node:test";
import type { Lock } from "../model/lock.ts";
import { formatLock, parseLock, refuseRollbacks } from "./lock-file.ts";

const SHA = "0123456789abcdef".repeat(4);
const LOCK: Lock = {
  version: 1,
  sections: [
    {
      source: "debian",
      scope: { architecture: "amd64", suite: "bookworm" },
      requests: { "/bin/bash": "bash", bash: "bash" },
      releases: {
        bookworm: {
          archive: "debian",
          suite: "stable",
          codename: "bookworm",
          date: "2026-09-12T07:55:41Z",
          sha256: SHA,
        },
      },
      packages: {
        bash: {
          name: "bash",
          version: "5.2.15-2+b7",
          architecture: "amd64",
          release: "bookworm",
          path: "pool/main/b/bash/bash_5.2.15-2+b7_amd64.deb",
          size: 1,
          sha256: SHA,
          dependencies: ["libc6"],
          essential: true,
        },
        libc6: {
          name: "libc6",
          version: "2.36-9",
          architecture: "amd64",
          release: "bookworm",
          path: "pool/main/g/glibc/libc6_2.36-9_amd64.deb",
          size: 2,
          sha256: SHA,
          dependencies: [],
        },
      },
    },
  ],
};

test("a lock reads back as it was written, whatever its line endings, with sorted keys and no host", () => {
  const text = formatLock(LOCK);
  assert.deepEqual(parseLock(text, "tare.lock"), LOCK);
  assert.deepEqual(parseLock(text.replaceAll("\n", "\r\n"), "tare.lock"), LOCK);
  assert.equal(formatLock(parseLock(text, "tare.lock")), text);
  assert.doesNotMatch(text, /:\/\//);
  assert.ok(text.endsWith("}\n"));
  assert.ok(text.indexOf('"packages"') < text.indexOf('"releases"'));
});

// biome-ignore lint/suspicious/noExplicitAny: the tests break the shape on purpose
const edit = (change: (lock: any) => void): string => {
  const lock = structuredClone(LOCK);
  change(lock);
  return JSON.stringify(lock);
};
const bad: { summary: string; text: string; code?: string; message: RegExp }[] = [
  { summary: "no JSON", text: "{", message: /it is no JSON/ },
  { summary: "empty", text: "", message: /it is no JSON/ },
  { summary: "another shape", text: "[]", message: /tare\.lock: at / },
  { summary: "a newer version", text: '{"version":2}', code: "LOCK_TOO_NEW", message: /version 2/ },
  {
    summary: "a short hash",
    text: edit((l) => (l.sections[0].packages.bash.sha256 = "ab")),
    message: /packages\.bash\.sha256: 64/,
  },
  {
    summary: "a negative size",
    text: edit((l) => (l.sections[0].packages.bash.size = -1)),
    message: /bash\.size/,
  },
  {
    summary: "an unknown field",
    text: edit((l) => (l.sections[0].packages.bash.url = "x")),
    message: /bash/,
  },
  {
    summary: "a path that climbs",
    text: edit((l) => (l.sections[0].packages.bash.path = "pool/../../etc/passwd")),
    message: /relative path/,
  },
  {
    summary: "an absolute path",
    text: edit((l) => (l.sections[0].packages.bash.path = "/etc/passwd")),
    message: /relative path/,
  },
  {
    summary: "a URL as path",
    text: edit((l) => (l.sections[0].packages.bash.path = "http://evil/x")),
    message: /relative path/,
  },
  {
    summary: "a dependency that is not pinned",
    text: edit((l) => delete l.sections[0].packages.libc6),
    message: /its dependency libc6 is not in the lock/,
  },
  {
    summary: "a request that is not pinned",
    text: edit((l) => (l.sections[0].requests.jq = "jq")),
    message: /asks for jq but does not pin it/,
  },
  {
    summary: "a path whose package is not pinned",
    text: edit((l) => (l.sections[0].requests["/usr/bin/jq"] = "jq")),
    message: /asks for \/usr\/bin\/jq, which jq answers, but does not pin it/,
  },
  {
    summary: "requests as a list",
    text: edit((l) => (l.sections[0].requests = ["bash"])),
    message: /at sections\.0\.requests/,
  },
  {
    summary: "a pin under another name",
    text: edit((l) => (l.sections[0].packages.bash.name = "sh")),
    message: /it names itself sh/,
  },
  {
    summary: "a release that is not there",
    text: edit((l) => (l.sections[0].packages.bash.release = "sid")),
    message: /its release sid is not in the lock/,
  },
];
for (const { summary, text, code = "LOCK_INVALID", message } of bad) {
  test(`refused: ${summary}`, () => {
    assert.throws(() => parseLock(text, "tare.lock"), { code, message });
  });
}

test("a release that is older than the pinned one is refused, whatever else it is", () => {
  const [section] = LOCK.sections;
  const of = (date: string, scope = section!.scope): Lock => ({
    version: 1,
    sections: [{ ...section!, scope, releases: { bookworm: { ...section!.releases["bookworm"]!, date } } }],
  });
  const before = of("2026-09-12T07:55:41Z");
  refuseRollbacks(before, of("2026-09-12T07:55:41Z"), "tare.lock");
  refuseRollbacks(before, of("2026-10-12T07:55:41Z"), "tare.lock");
  refuseRollbacks(undefined, of("2026-01-12T07:55:41Z"), "tare.lock");
  const other = { architecture: "amd64", suite: "bookworm", snapshot: "20260101T000000Z" } as const;
  refuseRollbacks(before, of("2026-01-12T07:55:41Z", other), "tare.lock");
  assert.throws(() => refuseRollbacks(before, of("2026-09-12T07:55:40Z"), "tare.lock"), {
    code: "LOCK_ROLLBACK",
    message:
      "Cannot write tare.lock: the archive's bookworm is of 2026-09-12T07:55:40Z, the lock has that of 2026-09-12T07:55:41Z, nothing older was wanted",
    hint: /--allow-older/,
  });
});
