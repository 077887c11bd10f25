import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { temporaryDirectory, testContext } from "../../../test/kit/context.ts";
import { environmentCredentials, findCredentials } from "./credentials.ts";
import { RegistryError } from "./errors.ts";

const NAMES = [
  "HOME",
  "PATH",
  "REGISTRY_AUTH_FILE",
  "XDG_RUNTIME_DIR",
  "XDG_CONFIG_HOME",
  "DOCKER_CONFIG",
  "TARE_REGISTRY_USERNAME",
  "TARE_REGISTRY_PASSWORD",
];

/** A home with files, and an environment with nothing else; paths in `environment` begin in the home. */
function setUp(
  t: TestContext,
  files: Readonly<Record<string, unknown>>,
  environment: Readonly<Record<string, string>> = {},
): string {
  const home = temporaryDirectory(t);
  const before = Object.fromEntries(NAMES.map((name) => [name, process.env[name]]));
  t.after(() => {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });
  for (const name of NAMES) if (name !== "PATH") delete process.env[name];
  process.env["HOME"] = home;
  process.env["XDG_RUNTIME_DIR"] = join(home, "run");
  for (const [name, value] of Object.entries(environment)) process.env[name] = join(home, value);
  for (const [name, value] of Object.entries(files)) {
    const path = join(home, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, typeof value === "string" ? value : JSON.stringify(value), { mode: 0o755 });
  }
  return home;
}

function login(password: string) {
  return { auth: Buffer.from(`user:${password}`).toString("base64") };
}

/** What is found for a repository: the password, or the whole value when it is none. */
async function find(t: TestContext, host: string, repository: string) {
  const found = await findCredentials({ host, repository }, testContext(t));
  return found?.kind === "password" ? found.password : found;
}

test("nothing is found where there is nothing", async (t) => {
  setUp(t, {});
  assert.equal(await find(t, "a.example", "x"), undefined);
  assert.equal(environmentCredentials(), undefined);
});

test("the longest key that fits counts; other hosts and half components do not", async (t) => {
  setUp(t, {
    ".config/containers/auth.json": {
      auths: {
        "a.example": login("host"),
        "a.example/team": login("team"),
        "a.example/team/app": login("app"),
        "b.example:5000": login("port"),
        "https://c.example/v2/": login("url"),
      },
    },
  });
  for (const [host, repository, expected] of [
    ["a.example", "other", "host"],
    ["a.example", "team/other", "team"],
    ["a.example", "team/app", "app"],
    ["a.example", "team/app/part", "app"],
    ["a.example", "teams/app", "host"],
    ["b.example:5000", "x", "port"],
    ["b.example", "x", undefined],
    ["c.example", "x", "url"],
    ["x.a.example", "x", undefined],
  ] as const) {
    assert.equal(await find(t, host, repository), expected, `${host}/${repository}`);
  }
});

test("Docker Hub has the names that docker and podman give it", async (t) => {
  for (const key of ["https://index.docker.io/v1/", "index.docker.io", "docker.io", "registry-1.docker.io"]) {
    setUp(t, { ".docker/config.json": { auths: { [key]: login(key) } } });
    assert.equal(await find(t, "docker.io", "library/redis"), key);
  }
});

test("files count in the order of podman and docker; REGISTRY_AUTH_FILE is alone", async (t) => {
  const files = {
    "named.json": { auths: { "other.example": login("named") } },
    "docker/config.json": { auths: { "a.example": login("DOCKER_CONFIG") } },
    "run/containers/auth.json": { auths: { "a.example": login("runtime") } },
    ".config/containers/auth.json": { auths: { "a.example": login("config") } },
    ".docker/config.json": { auths: { "a.example": login("home") } },
  };
  setUp(t, files, { REGISTRY_AUTH_FILE: "named.json" });
  assert.equal(await find(t, "a.example", "x"), undefined);
  assert.equal(await find(t, "other.example", "x"), "named");
  setUp(t, files, { DOCKER_CONFIG: "docker" });
  assert.equal(await find(t, "a.example", "x"), "DOCKER_CONFIG");
  setUp(t, files);
  assert.equal(await find(t, "a.example", "x"), "runtime");
  setUp(t, { ...files, "run/containers/auth.json": { auths: {} } });
  assert.equal(await find(t, "a.example", "x"), "config");
  setUp(t, { ".docker/config.json": files[".docker/config.json"] });
  assert.equal(await find(t, "a.example", "x"), "home");
});

test("every kind of entry is read", async (t) => {
  setUp(t, {
    ".docker/config.json": {
      auths: {
        "identity.example": { ...login(""), identitytoken: "refresh-token" },
        "registry.example": { registrytoken: "access-token" },
        "plain.example": { username: "user", password: "plain:with:colons" },
        "colons.example": login("with:colons"),
        "nul.example": login("padded\0\0"),
        "empty.example": {},
      },
    },
  });
  assert.deepEqual(await find(t, "identity.example", "x"), {
    kind: "identity-token",
    token: "refresh-token",
  });
  assert.deepEqual(await find(t, "registry.example", "x"), { kind: "registry-token", token: "access-token" });
  assert.equal(await find(t, "plain.example", "x"), "plain:with:colons");
  assert.equal(await find(t, "colons.example", "x"), "with:colons");
  assert.equal(await find(t, "nul.example", "x"), "padded");
  assert.equal(await find(t, "empty.example", "x"), undefined);
});

/** A helper that answers what its script says; it reads the server into $server. */
function helper(script: string): string {
  return `#!/bin/sh\nread -r server\ntest "$1" = get || exit 9\n${script}\n`;
}

test("helpers are asked as docker asks them: for a host before the store, and by Docker Hub's own name", async (t) => {
  const home = setUp(t, {
    "bin/docker-credential-one": helper(
      'echo "{\\"ServerURL\\":\\"$server\\",\\"Username\\":\\"u\\",\\"Secret\\":\\"one $server\\"}"',
    ),
    "bin/docker-credential-token": helper('echo "{\\"Username\\":\\"<token>\\",\\"Secret\\":\\"refresh\\"}"'),
    "bin/docker-credential-none": helper('echo "credentials not found in native keychain"; exit 1'),
    "bin/docker-credential-broken": helper('echo "panic: secret-of-helper"; exit 2'),
    ".docker/config.json": {
      credsStore: "one",
      credHelpers: {
        "token.example": "token",
        "none.example": "none",
        "broken.example": "broken",
        "absent.example": "absent",
        "path.example": "../one",
      },
      auths: { "store.example": {} },
    },
  });
  process.env["PATH"] = `${join(home, "bin")}${delimiter}${process.env["PATH"]}`;
  assert.equal(await find(t, "store.example", "x"), "one store.example");
  assert.equal(await find(t, "docker.io", "library/redis"), "one https://index.docker.io/v1/");
  assert.deepEqual(await find(t, "token.example", "x"), { kind: "identity-token", token: "refresh" });
  const context = testContext(t);
  for (const host of ["none.example", "broken.example", "absent.example", "path.example"]) {
    assert.equal(await findCredentials({ host, repository: "x" }, context), undefined, host);
  }
  assert.equal(context.progress.lines.length, 3);
  assert.match(context.progress.lines[0]!, /docker-credential-broken failed with status 2/);
  assert.match(context.progress.lines[1]!, /docker-credential-absent is not installed/);
  assert.doesNotMatch(context.progress.lines.join("\n"), /secret-of-helper/);
});

test("a file or an answer with a mistake is told without its text", async (t) => {
  for (const [summary, files] of [
    ["no JSON", { ".docker/config.json": '{"auths": {"a.example": {"auth": "secret-text' }],
    ["no object", { ".docker/config.json": '["secret-text"]' }],
    ["no colon", { ".docker/config.json": { auths: { "a.example": { auth: "c2VjcmV0LXRleHQ=" } } } }],
    [
      "a helper's answer",
      {
        ".docker/config.json": { credHelpers: { "a.example": "odd" } },
        "bin/docker-credential-odd": helper("echo secret-text"),
      },
    ],
  ] as const) {
    const home = setUp(t, files);
    process.env["PATH"] = `${join(home, "bin")}${delimiter}${process.env["PATH"]}`;
    await assert.rejects(find(t, "a.example", "x"), (error) => {
      assert.ok(error instanceof RegistryError, summary);
      assert.equal(error.code, "CREDENTIALS_INVALID");
      assert.doesNotMatch(
        `${error.stack} ${error.hint} ${String(error.cause)}`,
        /secret-text|c2VjcmV0/,
        summary,
      );
      return true;
    });
  }
});

test("the environment names a login, or a token alone", (t) => {
  setUp(t, {});
  process.env["TARE_REGISTRY_PASSWORD"] = "p";
  assert.deepEqual(environmentCredentials(), { kind: "identity-token", token: "p" });
  process.env["TARE_REGISTRY_USERNAME"] = "u";
  assert.deepEqual(environmentCredentials(), { kind: "password", username: "u", password: "p" });
});
