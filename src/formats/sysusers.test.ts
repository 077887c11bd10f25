import assert from "node:assert/strict";
import { test } from "node:test";
import { splitConfigLine } from "./config-line.ts";
import { parseSysusers } from "./sysusers.ts";

test("splits fields with quotes and escapes", () => {
  assert.deepEqual(splitConfigLine(`u a - "B \\"c\\" d" 'e f' g`, 9), ["u", "a", "-", 'B "c" d', "e f", "g"]);
  assert.deepEqual(splitConfigLine("f /x - - - - the whole rest ", 7), [
    "f",
    "/x",
    "-",
    "-",
    "-",
    "-",
    "the whole rest",
  ]);
  assert.deepEqual(splitConfigLine("a\\x20b \\101", 5), ["a b", "A"]);
  assert.equal(splitConfigLine("  # comment", 5), undefined);
  assert.equal(splitConfigLine('u "open', 5), undefined);
});

test("parses the types of lines", () => {
  const text = [
    "# systemd-network.conf",
    'u systemd-network - "systemd Network Management"',
    "u _apt 42:65534 - /nonexistent",
    'u! locked -:nogroup "x" /run/x /bin/sh',
    "g systemd-journal - -",
    "u polkitd /usr/lib/polkit -",
    "m redis ssl-cert",
    "r - 500-900",
  ].join("\n");
  assert.deepEqual(parseSysusers(text), [
    {
      kind: "user",
      name: "systemd-network",
      id: { kind: "automatic" },
      gecos: "systemd Network Management",
      home: undefined,
      shell: undefined,
    },
    {
      kind: "user",
      name: "_apt",
      id: { kind: "fixed", id: 42, group: 65534 },
      gecos: "",
      home: "/nonexistent",
      shell: undefined,
    },
    {
      kind: "user",
      name: "locked",
      id: { kind: "in-group", group: "nogroup" },
      gecos: "x",
      home: "/run/x",
      shell: "/bin/sh",
    },
    { kind: "group", name: "systemd-journal", id: { kind: "automatic" } },
    {
      kind: "user",
      name: "polkitd",
      id: { kind: "as-file", path: "/usr/lib/polkit" },
      gecos: "",
      home: undefined,
      shell: undefined,
    },
    { kind: "member", user: "redis", group: "ssl-cert" },
    { kind: "range", first: 500, last: 900 },
  ]);
});

test("says what it does not understand", () => {
  const problems = parseSysusers('u a/b -\nx redis -\nu %m -\nu "open\nm a\nu r 1:b:c\nr - x');
  assert.deepEqual(
    problems.map((line) => (line.kind === "problem" ? line.problem : line.kind)),
    [
      "the name is not valid",
      'the type "x" is not known',
      "specifiers depend on the running system",
      "a quote is not closed",
      "the group is not valid",
      "the id is not valid",
      "the range has no numbers",
    ],
  );
});
