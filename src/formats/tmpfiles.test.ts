import assert from "node:assert/strict";
import { test } from "node:test";
import { parseTmpfiles } from "./tmpfiles.ts";

const line = {
  kind: "line",
  modifiers: "",
  mode: undefined,
  masked: false,
  user: undefined,
  group: undefined,
  argument: undefined,
};

test("parses lines of real packages", () => {
  const text = [
    "# postgresql-common",
    "d /run/postgresql 2775 postgres postgres - -",
    "D! /tmp/x/ 1777 root root 10d",
    "L+ /etc/mtab - - - - ../proc/self/mounts",
    'f /run/x 0644 - - - "two words"',
    "z /var/log/journal ~2755 root systemd-journal - -",
    "d %t/app",
  ].join("\n");
  assert.deepEqual(parseTmpfiles(text), [
    { ...line, type: "d", path: "/run/postgresql", mode: 0o2775, user: "postgres", group: "postgres" },
    { ...line, type: "D", modifiers: "!", path: "/tmp/x", mode: 0o1777, user: "root", group: "root" },
    { ...line, type: "L", modifiers: "+", path: "/etc/mtab", argument: "../proc/self/mounts" },
    { ...line, type: "f", path: "/run/x", mode: 0o644, argument: "two words" },
    {
      ...line,
      type: "z",
      path: "/var/log/journal",
      mode: 0o2755,
      masked: true,
      user: "root",
      group: "systemd-journal",
    },
    { ...line, type: "d", path: "/run/app" },
  ]);
});

test("says what it does not understand", () => {
  const lines = parseTmpfiles('d /run/%m\nd run/x\nd /x 9\n? /x\nd "/open');
  assert.deepEqual(
    lines.map((one) => (one.kind === "problem" ? one.problem : one.kind)),
    [
      "specifiers depend on the running system",
      "the path is not absolute",
      "the mode is not octal",
      'the type "?" is not known',
      "a quote is not closed",
    ],
  );
});
