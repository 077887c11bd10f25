// `tare push`, `tare pull` and `tare copy` with registries that fault: what they print has no secret, says what to do,
// and what the next run finds is whole.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { deliver, parseOutput } from "../../src/deliver/deliver.ts";
import { TARE } from "../kit/cli.ts";
import { temporaryDirectory, testContext } from "../kit/context.ts";
import { start } from "../kit/processes.ts";
import type { AuthRules } from "../kit/registry/authorization.ts";
import { ALWAYS, makeSample, on } from "../kit/registry/fault-stage.ts";
import type { FaultAction } from "../kit/registry/faults.ts";
import { startRegistry, type TestRegistry } from "../kit/registry/registry.ts";
import { assertStored, blobsOf, storeImage } from "../kit/registry/transfer.ts";

const USERNAME = "tare";
const PASSWORD = "hunter2+of/all";
const WRONG = "not-the-password";
const ACCOUNT = { username: USERNAME, password: PASSWORD } as const;
const ENVIRONMENT = { TARE_REGISTRY_USERNAME: USERNAME, TARE_REGISTRY_PASSWORD: PASSWORD };

interface Stage {
  readonly registry: TestRegistry;
  /** Runs the command; fails when a secret is in what it prints. */
  run(args: readonly string[], environment?: Readonly<Record<string, string>>): Promise<Printed>;
  /** A layout with the image. */
  readonly layout: string;
  readonly image: ReturnType<typeof makeSample>;
  readonly folder: string;
}

interface Printed {
  readonly status: number | null;
  readonly text: string;
}

async function prepare(t: TestContext, auth: AuthRules): Promise<Stage> {
  const registry = await startRegistry({ auth });
  t.after(() => registry.close());
  const image = makeSample(t);
  const folder = temporaryDirectory(t);
  const layout = `oci:${join(folder, "layout")}`;
  await deliver(image, parseOutput(layout, "/"), testContext(t));
  const run = async (
    args: readonly string[],
    environment: Readonly<Record<string, string>> = ENVIRONMENT,
  ) => {
    const env = {
      PATH: process.env["PATH"],
      HOME: folder,
      XDG_CACHE_HOME: join(folder, "cache"),
      ...environment,
    };
    const { status, stdout, stderr } = await start(TARE, args, { cwd: folder, env });
    const text = stdout + stderr;
    for (const secret of [PASSWORD, WRONG, ...registry.authorization.secrets])
      for (const form of [
        secret,
        encodeURIComponent(secret),
        base64(secret),
        base64(`${USERNAME}:${secret}`),
      ])
        assert.ok(!text.includes(form), `${form} is in the output of tare ${args.join(" ")}:\n${text}`);
    return { status, text };
  };
  return { registry, run, layout, image, folder };
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

const AUTHS: Readonly<Record<string, AuthRules>> = {
  basic: { mode: "basic", ...ACCOUNT },
  tokens: { mode: "token", ...ACCOUNT },
};

const FAULTS: Readonly<Record<string, FaultAction>> = {
  "an echo of the request": { kind: "answer", status: 400, echo: true },
  "a refusal": { kind: "answer", status: 403, echo: true },
  "a limit": { kind: "answer", status: 429, echo: true, headers: { "Retry-After": "7200" } },
  "broken servers": { kind: "answer", status: 503, echo: true, headers: { "Retry-After": "0" } },
  redirects: { kind: "redirect", to: "self" },
  HTML: { kind: "answer", status: 200, body: "<html>log in</html>" },
};

for (const [name, auth] of Object.entries(AUTHS)) {
  test(`push and pull with ${name}: whole, and twice`, async (t) => {
    const { registry, run, layout, image } = await prepare(t, auth);
    const reference = `${registry.host}/team/app:v1`;
    const pushed = await run(["push", layout, reference]);
    assert.equal(pushed.status, 0, pushed.text);
    assertStored(registry, "team/app", "v1", image);
    registry.requests.length = 0;
    const again = await run(["push", layout, reference]);
    assert.equal(again.status, 0, again.text);
    const others = registry.requests.filter(
      ({ method, url }) => method !== "HEAD" && !url.startsWith("/token"),
    );
    assert.deepEqual(others, []);
    const pulled = await run(["pull", reference, "oci:pulled", "--json"]);
    assert.equal(pulled.status, 0, pulled.text);
    assert.ok(pulled.text.includes(image.digest), pulled.text);
    const copied = await run(["copy", `docker://${reference}`, `docker://${registry.host}/team/copy:v2`]);
    assert.equal(copied.status, 0, copied.text);
    assertStored(registry, "team/copy", "v2", image);
  });

  test(`wrong, missing and malformed logins with ${name} are told, with what to do`, async (t) => {
    const { registry, run, layout, image, folder } = await prepare(t, auth);
    const reference = `${registry.host}/team/app:v1`;
    const config = join(folder, "config.json");
    writeFileSync(
      config,
      JSON.stringify({ auths: { [registry.host]: { auth: base64(`${USERNAME}:${WRONG}`) } } }),
    );
    const broken = join(folder, "broken.json");
    writeFileSync(broken, `{"auths": {"${registry.host}": {"auth": "${base64(`${USERNAME}:${PASSWORD}`)}"`);
    const logins: readonly (readonly [Readonly<Record<string, string>>, RegExp])[] = [
      [{ ...ENVIRONMENT, TARE_REGISTRY_PASSWORD: WRONG }, /podman login/],
      [{ REGISTRY_AUTH_FILE: config }, /podman login/],
      [{}, /podman login/],
      [{ REGISTRY_AUTH_FILE: broken }, /broken\.json/],
    ];
    storeImage(registry, "team/other", "v1", image);
    for (const [environment, expected] of logins)
      for (const args of [
        ["push", layout, reference],
        ["pull", `${registry.host}/team/other:v1`, "oci:pulled"],
        ["push", layout, reference, "--json"],
      ]) {
        const { status, text } = await run(args, environment);
        assert.equal(status, 1, text);
        assert.match(text, expected);
      }
    assert.equal(registry.store.repositories.get("team/app"), undefined);
  });

  test(`faults with ${name} end with an error and a hint, and the next run succeeds`, async (t) => {
    const { registry, run, layout, image } = await prepare(t, auth);
    storeImage(registry, "team/other", "v1", image);
    for (const [summary, action] of Object.entries(FAULTS))
      for (const [i, args] of [
        ["push", layout, `${registry.host}/team/app:v1`],
        ["pull", `${registry.host}/team/other:v1`, "oci:pulled"],
      ].entries()) {
        registry.faults.clear();
        // The first answer is the one that asks for a login.
        const request = i === 0 ? { path: /\/uploads\// } : { path: /^\/v2\//, nth: 2 };
        registry.faults.inject(on({ ...request, ...ALWAYS }, action));
        const { status, text } = await run(args);
        assert.equal(status, 1, `${summary}: ${text}`);
        assert.match(text, /^error: Cannot /m, summary);
        assert.match(text, /^hint: +\S/m, summary);
        assert.doesNotMatch(text, /internal error|^ +at /m, summary);
        registry.faults.clear();
      }
    const { status, text } = await run(["push", layout, `${registry.host}/team/app:v1`]);
    assert.equal(status, 0, text);
    assertStored(registry, "team/app", "v1", image);
  });
}

test("what is damaged in the cache is neither pushed nor pulled", async (t) => {
  const { registry, run, image, folder } = await prepare(t, { mode: "none" });
  storeImage(registry, "team/app", "v1", image);
  const source = `${registry.host}/team/app:v1`;
  const first = await run(["pull", source, "oci:first"]);
  assert.equal(first.status, 0, first.text);
  const blob = blobsOf(image)[1]!;
  const file = join(folder, "cache/tare/blobs", blob.digest.slice("sha256:".length));
  const damaged = Buffer.from(blob.bytes);
  damaged[damaged.length >> 1]! ^= 1;
  await using other = await startRegistry();
  for (const args of [
    ["pull", source, "oci:second"],
    ["copy", `docker://${source}`, `docker://${other.host}/team/app:v1`],
  ]) {
    writeFileSync(file, damaged);
    const { status, text } = await run(args);
    assert.equal(status, 0, text);
  }
  assert.deepEqual(
    readFileSync(join(folder, "second/blobs/sha256", blob.digest.slice("sha256:".length))),
    blob.bytes,
  );
  assertStored(other, "team/app", "v1", image);
});

test("a pull that was killed is continued by the next", async (t) => {
  const { registry, run, image, folder } = await prepare(t, { mode: "none" });
  storeImage(registry, "team/app", "v1", image);
  const { digest, size } = blobsOf(image)[1]!;
  const layer = { method: "GET", path: new RegExp(digest) };
  registry.faults.inject(on(layer, { kind: "stall", at: "middle" }));
  const args = ["pull", `${registry.host}/team/app:v1`, "oci:pulled"];
  const env = { PATH: process.env["PATH"], HOME: folder, XDG_CACHE_HOME: join(folder, "cache") };
  const killed = spawn(TARE, args, { cwd: folder, env, stdio: "ignore" });
  const partial = join(folder, "cache/tare/partial");
  const received = () => listFiles(partial).some((name) => statSync(join(partial, name)).size === size >> 1);
  while (killed.exitCode === null && !received()) await sleep(20);
  killed.kill("SIGKILL");
  await once(killed, "exit");
  registry.requests.length = 0;
  const { status, text } = await run(args);
  assert.equal(status, 0, text);
  const ranges = registry.requests
    .map(({ headers }) => headers["range"])
    .filter((range) => range !== undefined);
  assert.deepEqual(ranges, [`bytes=${size >> 1}-`]);
});

function listFiles(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}
