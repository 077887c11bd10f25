// tare watch: every change of what an image is made from is delivered, and nothing else; errors end nothing but a round.

import assert from "node:assert/strict";
import { once } from "node:events";
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startTare } from "../kit/cli.ts";
import { skipWithoutRegistry, startDockerRegistry } from "../kit/docker-registry.ts";
import { makeProject } from "../kit/project.ts";

const IMAGE = `import { buildLayeredImage, file, path, place } from "tare";
import { packages } from "./packages.ts";

export default buildLayeredImage({
  name: "app",
  contents: [packages.greeter, file("./motd", "/etc/motd"), place("/srv/app", path("./app", { ignore: ".gitignore" }))],
  closure: "declared",
});
`;

const MODULE = `import { debian } from "tare";
export const { packages } = debian("bookworm", { architecture: "amd64" });
`;

interface Round {
  readonly changed: readonly string[];
  readonly seconds: number;
  readonly digest: string;
  readonly bytesSent: number;
  readonly unchanged: boolean;
}

const PATIENCE_MS = 60_000;

test("changes of image.ts, its modules, local files and trees are pushed; ignored ones are not", async (t) => {
  if (skipWithoutRegistry(t)) return;
  const registry = await startDockerRegistry(t);
  const project = await makeProject(t, { image: IMAGE });
  const at = (name: string) => join(project.directory, name);
  mkdirSync(at("app"));
  const files = {
    "packages.ts": MODULE,
    motd: "hello\n",
    "app/main.py": "one\n",
    "app/.gitignore": "*.log\n",
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(at(name), text);
  const child = startTare(t, ["watch", "--json", "--push", `${registry.host}/app:dev`], {
    cwd: project.directory,
    env: project.environment,
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const until = async (what: string, done: () => boolean) => {
    const end = performance.now() + PATIENCE_MS;
    while (!done()) {
      assert.ok(
        performance.now() < end && child.exitCode === null,
        `${what} did not come:\n${stdout}\n${stderr}`,
      );
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const rounds = () =>
    stdout
      .split("\n")
      .filter((line) => line.startsWith('{"changed"'))
      .map((line) => JSON.parse(line) as Round);
  const next = async (summary: string, change: () => void, named?: string) => {
    const { length } = rounds();
    change();
    await until(summary, () => rounds().length > length);
    const round = rounds()[length]!;
    if (named !== undefined) assert.ok(round.changed.includes(at(named)), `${summary}: ${round.changed}`);
    assert.equal(round.unchanged, false, summary);
    return round;
  };
  await until("the first round", () => rounds().length === 1);
  const digests = new Set([rounds()[0]!.digest]);

  const edited = await next(
    "a file of the tree",
    () => writeFileSync(at("app/main.py"), "two\n"),
    "app/main.py",
  );
  assert.ok(edited.bytesSent < 50_000, `${edited.bytesSent} bytes for one changed line`);
  digests.add(edited.digest);
  const grown = await next("a new directory", () => {
    mkdirSync(at("app/sub"));
    writeFileSync(at("app/sub/more.py"), "");
  });
  digests.add(grown.digest);
  digests.add((await next("a local file", () => writeFileSync(at("motd"), "bye\n"), "motd")).digest);
  const image = () =>
    writeFileSync(at("image.ts"), IMAGE.replace('name: "app"', 'tag: "v2", name: "app", maxLayers: 2'));
  digests.add((await next("image.ts", image, "image.ts")).digest);

  // Nothing that matters: the next round is that of the file behind it.
  writeFileSync(at("app/noise.log"), "noise\n");
  await new Promise((resolve) => setTimeout(resolve, 300));
  appendFileSync(at("packages.ts"), "this is no TypeScript\n");
  await until("the error", () => stderr.includes("[IMAGE_FILE_SYNTAX]"));
  const { length } = rounds();
  writeFileSync(at("packages.ts"), MODULE);
  writeFileSync(at("app/sub/more.py"), "more\n");
  await until("a round after the error", () => rounds().length > length);
  digests.add(rounds().at(-1)!.digest);
  assert.equal(digests.size, 6);
  assert.ok(readFileSync(at("tare.lock"), "utf8").includes("greeter"));

  child.kill("SIGINT");
  const [status] = (await once(child, "exit")) as [number | null];
  assert.equal(status, 0, stderr);
});
