// Every maintainer script that is installed on this machine is followed: none may stop the reader, and what it
// recognises is counted, so that a step back shows.

import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { test } from "node:test";
import type { ScriptCommand } from "../../src/formats/maintainer-script.ts";
import { FAILURE, followScript, UNKNOWN } from "../../src/formats/maintainer-script.ts";
import { parseShell } from "../../src/formats/shell.ts";
import { loadFixes } from "../../src/rootfs/fix.ts";

const DIRECTORY = "/var/lib/dpkg/info";

function shellScripts(pattern: string): { name: string; text: string }[] {
  return globSync(`${DIRECTORY}/*.${pattern}`)
    .map((path) => ({ name: basename(path), text: readFileSync(path, "latin1") }))
    .filter(({ text }) => /^#!\s*\/(?:usr\/)?bin\/(?:sh|bash|dash)\b/.test(text))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The commands that some fix emulates. */
async function emulatedCommands(): Promise<Set<string>> {
  const names = new Set<string>();
  for (const fix of await loadFixes()) {
    // Fixes do nothing before they run: names of commands are all that is asked for here.
    for (const name of Object.keys(fix.create({} as never).commands ?? {})) names.add(name);
  }
  return names;
}

test("every installed maintainer script parses", (t) => {
  if (!existsSync(DIRECTORY)) return t.skip(`there is no ${DIRECTORY}`);
  const scripts = shellScripts("{preinst,postinst,prerm,postrm,config}");
  const problems = scripts.flatMap(({ name, text }) => {
    const script = parseShell(text);
    return "problem" in script ? [`${name} line ${script.line}: ${script.problem}`] : [];
  });
  assert.deepEqual(problems, []);
  t.diagnostic(`${scripts.length} scripts`);
});

test("every installed postinst is followed to its end", async (t) => {
  if (!existsSync(DIRECTORY)) return t.skip(`there is no ${DIRECTORY}`);
  const emulated = await emulatedCommands();
  const scripts = shellScripts("postinst");
  const strange = new Map<string, number>();
  let commands = 0;
  let recognised = 0;
  let known = 0;
  const skipped: string[] = [];
  for (const { name, text } of scripts) {
    followScript(
      text,
      { name, args: ["configure", ""], environment: { DPKG_ROOT: "", DPKG_MAINTSCRIPT_PACKAGE: "x" } },
      {
        status: () => undefined,
        readFile: () => undefined,
        listDirectory: () => [],
        writeFile: () => {},
        hasCommand: (command) => emulated.has(command),
        run: (command: ScriptCommand) => {
          const base = command.name.replace(/^.*\//, "");
          commands++;
          if (command.args.every((arg) => arg.known)) known++;
          if (emulated.has(base)) recognised++;
          else strange.set(base, (strange.get(base) ?? 0) + 1);
          return command.asked ? FAILURE : UNKNOWN;
        },
        skip: (line, reason) => void skipped.push(`${name} line ${line}: ${reason}`),
      },
    );
  }
  const most = [...strange].sort((a, b) => b[1] - a[1]).slice(0, 8);
  t.diagnostic(
    `${scripts.length} scripts, ${commands} commands: ${recognised} emulated, ${known} with known words; ` +
      `most frequent others: ${most.map(([command, count]) => `${command} ${count}`).join(", ")}`,
  );
  for (const one of skipped.slice(0, 10)) t.diagnostic(`skipped: ${one}`);
  if (commands > 0) assert.ok(recognised / commands > 0.8, `${recognised} of ${commands} commands`);
  assert.ok(!skipped.some((one) => /cannot be parsed|more than \d+ steps/.test(one)));
});
