import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../../../test/kit/context.ts";
import { RegistryConfig, readRegistryConfig } from "./config.ts";

const PUBLIC = "https://registry.yarnpkg.com";
const config = (settings: Record<string, string>, mirrors: string[] = []) =>
  new RegistryConfig(new Map(Object.entries(settings)), mirrors);

test("a package's registry: mirrors, its scope's, the configured one, the public one", () => {
  assert.deepEqual(config({}).registriesOf("a"), [`${PUBLIC}/`]);
  const scoped = config({ registry: "https://r.test/npm", "@s:registry": "https://s.test/" }, [
    "https://m.test",
  ]);
  assert.deepEqual(scoped.registriesOf("a"), ["https://m.test/", "https://r.test/npm/"]);
  assert.deepEqual(scoped.registriesOf("@s/a"), ["https://m.test/", "https://s.test/"]);
  assert.deepEqual(config({ registry: "https://r.test" }).tarballUrls("@s/a", "1.0.0+b", undefined), [
    "https://r.test/@s/a/-/a-1.0.0%2Bb.tgz",
  ]);
  assert.deepEqual(config({}).packumentUrls("@s/a"), [`${PUBLIC}/@s%2fa`]);
});

const mapped: [setting: string | undefined, resolved: string, url: string][] = [
  [undefined, `${PUBLIC}/a/-/a-1.0.0.tgz`, "http://r.test:81/npm/a/-/a-1.0.0.tgz"],
  [undefined, "https://x.test/a.tgz", "https://x.test/a.tgz"],
  ["never", `${PUBLIC}/a.tgz`, `${PUBLIC}/a.tgz`],
  ["always", "https://x.test/a.tgz", "http://r.test:81/npm/a.tgz"],
  ["always", "https://x.test/npm/a.tgz", "http://r.test:81/npm/a.tgz"],
  ["x.test", "https://x.test/a.tgz", "http://r.test:81/npm/a.tgz"],
];
for (const [setting, resolved, url] of mapped) {
  test(`replace-registry-host ${setting ?? "by default"}: ${resolved} is ${url}`, () => {
    const settings = setting === undefined ? {} : { "replace-registry-host": setting };
    const actual = config({ registry: "http://r.test:81/npm/", ...settings }).mapUrl(resolved);
    assert.equal(actual, url);
  });
}

test("who asks is told to the servers of the setting alone", () => {
  const settings = {
    "//r.test/:_authToken": "outer",
    "//r.test/team/:_authToken": "inner",
    "//b.test:8080/:_auth": "dTpw",
    "//p.test/:username": "user",
    "//p.test/:_password": Buffer.from("pass").toString("base64"),
  };
  const of = (url: string) => config(settings).headersOf(url)["authorization"];
  assert.equal(of("https://r.test/a"), "Bearer outer");
  assert.equal(of("https://r.test/team/a/-/a.tgz"), "Bearer inner");
  assert.equal(of("http://b.test:8080/x/y"), "Basic dTpw");
  assert.equal(of("http://b.test/x"), undefined);
  assert.equal(of("https://p.test/x"), `Basic ${Buffer.from("user:pass").toString("base64")}`);
  assert.equal(of("https://r.test.evil/a"), undefined);
  assert.equal(of("file:///r.test/a"), undefined);
});

test("settings that cannot be used are refused with BAD_SETTING, without what is secret in them", () => {
  const isRefused = (action: () => unknown) =>
    assert.throws(action, (error: Error & { code?: string }) => {
      assert.equal(error.code, "BAD_SETTING");
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
  isRefused(() => config({ registry: "ftp://u:secret@r.test/" }).registriesOf("a"));
  isRefused(() => config({}).mapUrl("https://u:secret@:x/"));
  isRefused(() => config({ "//r.test/:_authToken": "secret\n" }).headersOf("https://r.test/a"));
});

test(".npmrc of user and project, then the environment", (t) => {
  const [user, project] = [temporaryDirectory(t), temporaryDirectory(t)];
  writeFileSync(join(user, "npmrc"), "registry=https://user.test/\n@a:registry=https://a.test/");
  writeFileSync(join(project, ".npmrc"), "registry=https://$" + "{TARE_TEST_HOST}/");
  const before = { ...process.env };
  t.after(() => {
    process.env = before;
  });
  for (const name of Object.keys(process.env)) if (/^npm_config_/i.test(name)) delete process.env[name];
  process.env["npm_config_userconfig"] = join(user, "npmrc");
  process.env["TARE_TEST_HOST"] = "project.test";
  assert.deepEqual(readRegistryConfig(undefined).registriesOf("b"), ["https://user.test/"]);
  assert.deepEqual(readRegistryConfig(project).registriesOf("b"), ["https://project.test/"]);
  assert.deepEqual(readRegistryConfig(project).registriesOf("@a/b"), ["https://a.test/"]);
  process.env["NPM_CONFIG_REGISTRY"] = "https://environment.test";
  assert.deepEqual(readRegistryConfig(project).registriesOf("b"), ["https://environment.test/"]);
});
