import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../../test/kit/context.ts";
import { TerminalProgress } from "../cli/progress.ts";
import { BuildLog } from "./log.ts";

function makeLog(t: Parameters<typeof temporaryDirectory>[0], isTTY = false) {
  let text = "";
  const progress = new TerminalProgress(
    { isTTY, columns: 40, write: (chunk) => (text += chunk) },
    { quiet: false },
  );
  t.after(() => progress.stop());
  return { log: new BuildLog(join(temporaryDirectory(t), "a/log"), "app", progress), said: () => text };
}

test("keeps every byte, and the last lines as people can read them", (t) => {
  const { log } = makeLog(t);
  const chunks = [
    "one\ntw",
    "o\n",
    Buffer.from([0xc3]),
    Buffer.from([0xa4, 10]),
    "\u001b[1;31mred\u001b[m\r\n",
    "10%\r50%\r100%\n",
    "\u001b]0;title\u0007end\n",
    "bell\u0007 and \u202eback\n",
    "no newline",
  ];
  for (const chunk of chunks) log.write(Buffer.from(chunk as string));
  assert.deepEqual(log.lastLines(), ["one", "two", "ä", "red", "100%", "end", "bell and back", "no newline"]);
  assert.deepEqual(
    readFileSync(log.file),
    Buffer.concat(chunks.map((chunk) => Buffer.from(chunk as string))),
  );
  for (let i = 0; i < 100; i++) log.write(Buffer.from(`line ${i}\n`));
  assert.equal(log.lastLines().length, 12);
  assert.equal(log.lastLines().at(-1), "line 99");
  log.write(Buffer.from(`${"x".repeat(100_000)}\n`));
  assert.equal(log.lastLines().at(-1)!.length, 400);
  log[Symbol.dispose]();
});

test("one plain line when it ended well and nobody watches, none when it failed", (t) => {
  const good = makeLog(t);
  good.log.write(Buffer.from("a\nb\n"));
  good.log.end();
  good.log[Symbol.dispose]();
  assert.match(good.said(), /^\S+ building app 2 lines of log\n$/);
  const silent = makeLog(t);
  silent.log.end();
  silent.log[Symbol.dispose]();
  assert.match(silent.said(), /^\S+ building app\n$/);
  const bad = makeLog(t);
  bad.log.write(Buffer.from("a\n"));
  bad.log[Symbol.dispose]();
  assert.equal(bad.said(), "");
});

test("on a terminal the newest line is beside the name, within its width", async (t) => {
  const { log, said } = makeLog(t, true);
  log.write(Buffer.from(`compiling ${"x".repeat(100)}\n`));
  await new Promise((resolve) => setTimeout(resolve, 200));
  log.end();
  log[Symbol.dispose]();
  const drawn = said()
    .split("\n")
    .find((line) => line.includes("compiling"));
  assert.match(drawn ?? "", /building app 1 {2}compiling x+$/);
  assert.ok([...drawn!.replaceAll(/\u001b\[[0-9;]*[A-Za-z]/g, "")].length < 40);
});
