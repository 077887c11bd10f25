// Who Tare is to a registry: from the environment, from the files in which docker and podman keep logins, or from a
// credential helper. Files: docker's config.json, containers-auth.json(5). Values are secret, files are hostile; the
// text of neither gets into a message.

import { homedir } from "node:os";
import { join } from "node:path";
import type { Context } from "../../model/context.ts";
import { environmentVariable } from "../environment.ts";
import { readSmallFile } from "../files.ts";
import { captureProcess, findProgram } from "../processes.ts";
import { RegistryError } from "./errors.ts";
import { DOCKER_HUB, type RegistryReference } from "./reference.ts";

/** A login. All strings are secrets but the user name. */
export type Credentials =
  | { readonly kind: "password"; readonly username: string; readonly password: string }
  /** A refresh token, that the token service gives access tokens for. */
  | { readonly kind: "identity-token"; readonly token: string }
  /** An access token for the registry itself. */
  | { readonly kind: "registry-token"; readonly token: string };

const LARGEST_FILE = 4 << 20;
/** What docker calls Docker Hub in its files. */
const DOCKER_HUB_KEY = "https://index.docker.io/v1/";
/** The user name by which helpers mark an identity token. */
const TOKEN_USER = "<token>";
const HELPER_NAME = /^[\w][\w.-]{0,100}$/;
const HELPER_TIMEOUT_MS = 30_000;

type Table = Readonly<Record<string, unknown>>;

/** Credentials that TARE_REGISTRY_USERNAME and TARE_REGISTRY_PASSWORD name, of any registry. */
export function environmentCredentials(): Credentials | undefined {
  const username = environmentVariable("TARE_REGISTRY_USERNAME");
  const password = environmentVariable("TARE_REGISTRY_PASSWORD");
  if (password === undefined) return undefined;
  return username === undefined || username === TOKEN_USER
    ? { kind: "identity-token", token: password }
    : { kind: "password", username, password };
}

/**
 * Looks for a login in the files of docker and podman; the first file that has one counts.
 *
 * @throws {RegistryError} `CREDENTIALS_INVALID`
 */
export async function findCredentials(
  place: Pick<RegistryReference, "host" | "repository">,
  context: Context,
): Promise<Credentials | undefined> {
  for (const path of credentialFiles()) {
    const file = readCredentialFile(path);
    const found = file && (await findInFile(file, path, place, context));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Absolute paths, in the order in which they count; podman's own file may be named by REGISTRY_AUTH_FILE alone. */
function credentialFiles(): string[] {
  const named = environmentVariable("REGISTRY_AUTH_FILE");
  if (named !== undefined) return [named];
  const home = homedir();
  const runtime = environmentVariable("XDG_RUNTIME_DIR");
  const config = environmentVariable("XDG_CONFIG_HOME") ?? join(home, ".config");
  const docker = environmentVariable("DOCKER_CONFIG");
  const podman = [
    runtime === undefined
      ? `/run/containers/${process.getuid?.() ?? 0}/auth.json`
      : join(runtime, "containers/auth.json"),
    join(config, "containers/auth.json"),
  ];
  return docker === undefined
    ? [...podman, join(home, ".docker/config.json")]
    : [join(docker, "config.json"), ...podman];
}

function readCredentialFile(path: string): Table | undefined {
  const bytes = readSmallFile(path, LARGEST_FILE);
  if (bytes === undefined || bytes.length === 0) return undefined;
  let value: unknown;
  try {
    if (bytes !== "too-large") value = JSON.parse(bytes.toString("utf8"));
  } catch {
    // What JSON.parse says has a piece of the text in it, which may be a password.
  }
  if (!isTable(value)) throw invalid(path, "it is no JSON object");
  return value;
}

function invalid(path: string, problem: string): RegistryError {
  return new RegistryError("CREDENTIALS_INVALID", `Cannot read the credentials in ${path}: ${problem}`, {
    hint: "Log in again with podman login or docker login, or mend the file",
  });
}

async function findInFile(
  file: Table,
  path: string,
  place: Pick<RegistryReference, "host" | "repository">,
  context: Context,
): Promise<Credentials | undefined> {
  const keys = lookupKeys(place);
  const helpers = normaliseKeys(file["credHelpers"]);
  const auths = normaliseKeys(file["auths"]);
  for (const key of keys) {
    const helper = helpers.get(key);
    if (typeof helper === "string" && helper !== "") return askHelper(helper, key, context);
    const entry = auths.get(key);
    const found = isTable(entry) ? readEntry(entry, path, key) : undefined;
    if (found !== undefined) return found;
  }
  const store = file["credsStore"];
  return typeof store === "string" && store !== "" ? askHelper(store, place.host, context) : undefined;
}

/** What a file may call a repository: with all its components, then with fewer, then by the host alone. */
function lookupKeys({ host, repository }: Pick<RegistryReference, "host" | "repository">): string[] {
  const parts = repository.split("/");
  return [...parts.map((_, i) => [host, ...parts.slice(0, parts.length - i)].join("/")), host];
}

/** Keys as hosts and prefixes: docker writes URLs, and has another name for Docker Hub. */
function normaliseKeys(table: unknown): ReadonlyMap<string, unknown> {
  const entries = new Map<string, unknown>();
  if (!isTable(table)) return entries;
  for (const [key, value] of Object.entries(table)) {
    const bare = key.replace(/^https?:\/\//, "").replace(/(?:\/v[12])?\/*$/, "");
    const name = /^(?:index|registry-1)\.docker\.io$/.test(bare) ? DOCKER_HUB : bare;
    // An exact name counts before one that was a URL.
    if (!entries.has(name) || name === key) entries.set(name, value);
  }
  return entries;
}

function readEntry(entry: Table, path: string, key: string): Credentials | undefined {
  const { identitytoken, registrytoken, username, password, auth } = entry;
  if (isText(identitytoken)) return { kind: "identity-token", token: identitytoken };
  if (isText(registrytoken)) return { kind: "registry-token", token: registrytoken };
  if (isText(username) && isText(password)) return { kind: "password", username, password };
  if (!isText(auth)) return undefined;
  const text = Buffer.from(auth, "base64").toString("utf8");
  const colon = text.indexOf(":");
  if (colon <= 0) throw invalid(path, `the "auth" of ${key} is no base64 of USER:PASSWORD`);
  // Docker has written NUL bytes behind passwords.
  return {
    kind: "password",
    username: text.slice(0, colon),
    password: text.slice(colon + 1).replace(/\0+$/, ""),
  };
}

/** Asks `docker-credential-NAME get`; a helper that does not work is told of and counts as having no login. */
async function askHelper(name: string, key: string, context: Context): Promise<Credentials | undefined> {
  const program = HELPER_NAME.test(name) ? findProgram(`docker-credential-${name}`) : undefined;
  if (program === undefined) {
    context.progress.warn(`the credential helper docker-credential-${name} is not installed`);
    return undefined;
  }
  const server = key === DOCKER_HUB ? DOCKER_HUB_KEY : key;
  const timeout = AbortSignal.timeout(HELPER_TIMEOUT_MS);
  try {
    const { exitCode, stdout } = await captureProcess(program, ["get"], {
      stdin: [Buffer.from(server)],
      signal: AbortSignal.any([context.signal, timeout]),
    });
    if (exitCode === 0) return readHelperAnswer(stdout, program);
    if (!/not found|no credentials/i.test(stdout)) {
      context.progress.warn(`${program} failed with status ${exitCode}; going on without its login`);
    }
  } catch (error) {
    context.signal.throwIfAborted();
    if (!timeout.aborted) throw error;
    context.progress.warn(`${program} did not answer in time; going on without its login`);
  }
  return undefined;
}

function readHelperAnswer(stdout: string, program: string): Credentials | undefined {
  let answer: unknown;
  try {
    answer = JSON.parse(stdout);
  } catch {
    // As above: the text is secret.
  }
  const { Username: username, Secret: secret } = isTable(answer) ? answer : {};
  if (!isText(username) || typeof secret !== "string") {
    throw invalid(program, "its answer has no Username and Secret");
  }
  if (secret === "") return undefined;
  return username === TOKEN_USER
    ? { kind: "identity-token", token: secret }
    : { kind: "password", username, password: secret };
}

function isTable(value: unknown): value is Table {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}
