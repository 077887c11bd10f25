// Passwords and tokens never reach an error, whatever a registry says or does: not its message, its hint, its causes or
// its stack; and they never reach another host.

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { inspect } from "node:util";
import { type Credentials, openRegistry } from "../../src/platform/registry/client.ts";
import { testContext } from "../kit/context.ts";
import type { AuthRules } from "../kit/registry/authorization.ts";
import { ALWAYS, makeSample, on, TIMING } from "../kit/registry/fault-stage.ts";
import type { FaultAction, FaultRule } from "../kit/registry/faults.ts";
import { type RegistryOptions, startRegistry, type TestRegistry } from "../kit/registry/registry.ts";
import { pullImage, pushImage, storeImage } from "../kit/registry/transfer.ts";

const USERNAME = "tare";
/** Written in another way in JSON, URLs, forms and Base64. */
const PASSWORD = 'hunter2 "of+all\\the/späße&=%';
const REFRESH_TOKEN = "refresh/me+again=";
const ACCOUNT = { username: USERNAME, password: PASSWORD } as const;

const LOGINS: readonly (readonly [string, AuthRules, Credentials])[] = [
  ["basic", { mode: "basic", ...ACCOUNT }, { kind: "password", ...ACCOUNT }],
  ["tokens", { mode: "token", ...ACCOUNT }, { kind: "password", ...ACCOUNT }],
  [
    "refresh token",
    { mode: "token", ...ACCOUNT, refreshToken: REFRESH_TOKEN },
    { kind: "identity-token", token: REFRESH_TOKEN },
  ],
  [
    "wrong password, basic",
    { mode: "basic", username: USERNAME, password: "x" },
    { kind: "password", ...ACCOUNT },
  ],
  [
    "wrong password, tokens",
    { mode: "token", username: USERNAME, password: "x" },
    { kind: "password", ...ACCOUNT },
  ],
  ["wrong refresh token", { mode: "token", ...ACCOUNT }, { kind: "identity-token", token: REFRESH_TOKEN }],
  ["wrong registry token", { mode: "token", ...ACCOUNT }, { kind: "registry-token", token: REFRESH_TOKEN }],
];

/** Every way in which a secret is written on its way. */
function formsOf(secret: string): string[] {
  return [
    secret,
    encodeURIComponent(secret),
    new URLSearchParams({ s: secret }).toString().slice(2),
    JSON.stringify(secret).slice(1, -1),
    Buffer.from(secret).toString("base64"),
    ...(secret === PASSWORD ? [Buffer.from(`${USERNAME}:${secret}`).toString("base64")] : []),
  ];
}

function assertNoSecret(text: string, registry: TestRegistry, summary: string): void {
  for (const secret of [PASSWORD, REFRESH_TOKEN, ...registry.authorization.secrets])
    for (const form of formsOf(secret)) assert.ok(!text.includes(form), `${summary}: ${form} is in\n${text}`);
}

/** An answer that tells all it may have heard. */
function tellTale(secret: string, status: number, type: string): FaultAction {
  const heard = formsOf(secret).join(" ");
  const body =
    type === "application/json" ? JSON.stringify({ errors: [{ code: "DENIED", message: heard }] }) : heard;
  return { kind: "answer", status, body, headers: { "Content-Type": type } };
}

const faultsOf = (secret: string): (readonly [string, FaultAction])[] => [
  ...[400, 401, 403, 404, 429, 500].map(
    (status) => [`${status}`, tellTale(secret, status, "application/json")] as const,
  ),
  ["HTML", tellTale(secret, 200, "text/html")],
  ["an echo", { kind: "answer", status: 418, echo: true }],
  ["dropped connections", { kind: "drop" }],
  ["wrong bytes", { kind: "change", body: { flip: 0 } }],
  ["redirects", { kind: "redirect", to: "self" }],
  ["expired tokens", { kind: "expire-tokens" }],
  [
    "a redirect with a login",
    {
      kind: "redirect",
      to: `http://${USERNAME}:${encodeURIComponent(PASSWORD)}@127.0.0.1:1/?token=${REFRESH_TOKEN}`,
    },
  ],
];

async function attempt(
  t: TestContext,
  options: RegistryOptions,
  credentials: Credentials,
  access: "pull" | "push",
  summary: string,
): Promise<void> {
  await using registry = await startRegistry(options);
  const image = makeSample(t);
  const context = testContext(t);
  await using client = openRegistry(
    `${registry.host}/team/app:v1`,
    { access, credentials, timing: { ...TIMING, attempts: 2 } },
    context,
  );
  try {
    if (access === "push") await pushImage(client, image);
    else {
      storeImage(registry, "team/app", "v1", image);
      await pullImage(client, "v1");
    }
  } catch (error) {
    const all = inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true, maxStringLength: null });
    assertNoSecret(all, registry, summary);
    assert.match((error as { hint?: string }).hint ?? "", /./, String(error));
  }
  assertNoSecret(context.progress.lines.join("\n"), registry, summary);
  for (const { server, headers } of registry.requests)
    if (server === "storage") assert.equal(headers["authorization"], undefined, summary);
}

for (const [login, auth, credentials] of LOGINS)
  test(`no secret is in an error: ${login}`, async (t) => {
    const rules: readonly (readonly [string, readonly FaultRule[]])[] = [
      ["no fault", []],
      ...faultsOf(credentials.kind === "password" ? credentials.password : credentials.token).flatMap(
        ([summary, action]) =>
          // The first answer of the registry is the one that asks for a login.
          [{ path: /^\/token/ }, { path: /^\/v2\//, nth: 2 }].map(
            (request) => [`${summary} at ${request.path}`, [on({ ...request, ...ALWAYS }, action)]] as const,
          ),
      ),
    ];
    for (const [summary, faults] of rules)
      for (const access of ["pull", "push"] as const)
        await attempt(t, { auth, faults }, credentials, access, `${access}, ${summary}`);
  });

test("a login is not sent to storage, nor to any other host", async (t) => {
  for (const [login, auth, credentials] of LOGINS.slice(0, 3))
    for (const access of ["pull", "push"] as const) {
      const options: RegistryOptions = { auth, redirectBlobs: true, uploadLocation: "storage" };
      await using registry = await startRegistry(options);
      const image = makeSample(t);
      const reference = `${registry.host}/team/app:v1`;
      await using client = openRegistry(reference, { access, credentials, timing: TIMING }, testContext(t));
      storeImage(registry, access === "push" ? "team/other" : "team/app", "v1", image);
      if (access === "push") await pushImage(client, image);
      else await pullImage(client, "v1");
      const toStorage = registry.requests.filter(({ server }) => server === "storage");
      assert.equal(toStorage.length > 0, true, login);
      for (const { headers } of toStorage) assert.equal(headers["authorization"], undefined, login);
    }
});
