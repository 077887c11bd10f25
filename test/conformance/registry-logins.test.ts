// Pushes and pulls with every kind of login, right, wrong and ending in between.

import { test } from "node:test";
import {
  ACCOUNT,
  ALWAYS,
  type Case,
  checkPulled,
  checkPushed,
  on,
  play,
  pull,
  push,
} from "../kit/registry/fault-stage.ts";

const TRANSFERS = [
  {
    summary: "tokens that end at every request",
    options: { auth: { mode: "token", ...ACCOUNT } },
    client: { credentials: { kind: "password", ...ACCOUNT } },
    faults: [2, 5, 8, 11].map((nth) => on({ path: /^\/v2\//, nth }, { kind: "expire-tokens" })),
  },
  {
    summary: "basic authentication",
    options: { auth: { mode: "basic", ...ACCOUNT } },
    client: { credentials: { kind: "password", ...ACCOUNT } },
  },
  {
    summary: "a refresh token, answered as access_token without its life",
    options: {
      auth: {
        mode: "token",
        ...ACCOUNT,
        refreshToken: "identity-of-tare",
        field: "access_token",
        saysLifetime: false,
      },
    },
    client: { credentials: { kind: "identity-token", token: "identity-of-tare" } },
  },
  {
    summary: "a token service without POST",
    options: { auth: { mode: "token", ...ACCOUNT, oauth: false, lifetimeSeconds: 1 } },
    client: { credentials: { kind: "password", ...ACCOUNT } },
  },
  {
    summary: "a wrong password for basic authentication",
    options: { auth: { mode: "basic", ...ACCOUNT } },
    client: { credentials: { kind: "password", username: "tare", password: "wrong-password" } },
    fails: { code: "REGISTRY_UNAUTHORIZED", hint: /podman login|docker login/ },
  },
  {
    summary: "a wrong password for tokens",
    options: { auth: { mode: "token", ...ACCOUNT } },
    client: { credentials: { kind: "password", username: "tare", password: "wrong-password" } },
    fails: { code: "REGISTRY_UNAUTHORIZED", hint: /podman login|docker login/ },
  },
  {
    summary: "no login",
    options: { auth: { mode: "token", ...ACCOUNT } },
    fails: { code: "REGISTRY_UNAUTHORIZED", hint: /podman login|docker login/ },
  },
  {
    summary: "no such permission",
    faults: [on(ALWAYS, { kind: "answer", status: 403 })],
    fails: { code: "REGISTRY_DENIED", hint: /login/ },
  },
] satisfies Case[];

for (const { summary, ...rest } of TRANSFERS)
  test(`push and pull with ${summary}`, async (t) => {
    await play(t, { summary: "push", ...rest }, push, checkPushed, "received");
    await play(t, { summary: "pull", ...rest }, pull, checkPulled, "sent");
  });
