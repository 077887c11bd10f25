// npm's settings → which registry a package is in, what a locked URL means here, and who asks. Settings come from the
// project's .npmrc, the user's, and `npm_config_*`; tokens never leave this file except as headers.

import { join } from "node:path";
import { unscopedName } from "../../formats/npm/names.ts";
import { parseNpmrc } from "../../formats/npm/npmrc.ts";
import { environmentVariable, homeDirectory } from "../../platform/environment.ts";
import { readSmallFile } from "../../platform/files.ts";
import { redactUrl } from "../../platform/network.ts";
import { NpmError } from "./errors.ts";

const PUBLIC_REGISTRY = "https://registry.yarnpkg.com/";
/** The names of the public registry that lock files have, its own and Yarn's for it. */
const PUBLIC_HOST = /^registry\.(?:npmjs\.(?:org|com)|yarnpkg\.com)$/;
const LARGEST_NPMRC = 1 << 20;

/** Where packages are fetched from. */
export class RegistryConfig {
  readonly #settings: ReadonlyMap<string, string>;
  readonly #mirrors: readonly string[];

  /**
   * @param settings By npm's names: `registry`, `@scope:registry`, `//host/:_authToken`…
   * @param mirrors Base URLs that are asked before the registry.
   */
  constructor(settings: ReadonlyMap<string, string>, mirrors: readonly string[] = []) {
    this.#settings = settings;
    this.#mirrors = mirrors;
  }

  /** The base URLs of the registries that have a package, those to ask first; each ends in `/`. */
  registriesOf(name: string): string[] {
    const scope = name.startsWith("@") ? name.slice(0, name.indexOf("/")) : undefined;
    const scoped = scope === undefined ? undefined : this.#settings.get(`${scope}:registry`);
    return [
      ...this.#mirrors.map((url) => checkBase(url)),
      scoped === undefined ? this.#registry() : checkBase(scoped),
    ];
  }

  #registry(): string {
    return checkBase(this.#settings.get("registry") ?? PUBLIC_REGISTRY);
  }

  /** Where a package's tarball is: where its lock says, or by the registries' convention. */
  tarballUrls(name: string, version: string, resolved: string | undefined): string[] {
    if (resolved !== undefined) return [this.mapUrl(resolved)];
    return this.registriesOf(name).map(
      (base) => `${base}${name}/-/${unscopedName(name)}-${encodeURIComponent(version)}.tgz`,
    );
  }

  /** Where the document about a package is. */
  packumentUrls(name: string): string[] {
    return this.registriesOf(name).map((base) => `${base}${name.replace("/", "%2f")}`);
  }

  /**
   * The URL that a locked one means here. As npm's `replace-registry-host` has it: by default the public registry's
   * host stands for whatever registry is configured.
   */
  mapUrl(resolved: string): string {
    let url: URL;
    try {
      url = new URL(resolved);
    } catch (cause) {
      throw new NpmError("BAD_SETTING", `Cannot fetch "${redactUrl(resolved)}": it is no URL`, { cause });
    }
    const setting = this.#settings.get("replace-registry-host") ?? "npmjs";
    const isReplaced = setting === "npmjs" ? PUBLIC_HOST.test(url.hostname) : url.hostname === setting;
    if (setting === "never" || (setting !== "always" && !isReplaced)) return resolved;
    const registry = new URL(this.#registry());
    url.protocol = registry.protocol;
    url.hostname = registry.hostname;
    url.port = registry.port;
    if (!url.pathname.startsWith(registry.pathname)) {
      url.pathname = registry.pathname + url.pathname.replace(/^\//, "");
    }
    return url.href;
  }

  /** The headers that tell a server who asks: those of the setting whose URL is the longest beginning of this one. */
  headersOf(url: string): Readonly<Record<string, string>> {
    const { protocol, host, pathname } = new URL(url);
    if (protocol !== "http:" && protocol !== "https:") return {};
    for (let path = pathname; ; path = path.slice(0, path.lastIndexOf("/", path.length - 2) + 1)) {
      const authorization = this.#authorization(`//${host}${path}`);
      if (authorization !== undefined) return { authorization };
      if (path === "/" || path === "") return {};
    }
  }

  #authorization(place: string): string | undefined {
    const setting = (key: string) =>
      this.#settings.get(`${place}:${key}`) ??
      (place.endsWith("/") ? this.#settings.get(`${place.slice(0, -1)}:${key}`) : undefined);
    const token = setting("_authToken");
    if (token !== undefined) return checkHeader(`Bearer ${token}`, place);
    const basic = setting("_auth");
    if (basic !== undefined) return checkHeader(`Basic ${basic}`, place);
    const [user, password] = [setting("username"), setting("_password")];
    if (user === undefined || password === undefined) return undefined;
    const pair = `${user}:${Buffer.from(password, "base64").toString("utf8")}`;
    return `Basic ${Buffer.from(pair).toString("base64")}`;
  }
}

function checkBase(url: string): string {
  if (!/^(?:https?|file):\/\/[^\s]+$/i.test(url) || !URL.canParse(url)) {
    throw new NpmError(
      "BAD_SETTING",
      `Cannot use "${redactUrl(url)}" as npm's registry: it is no http, https or file URL`,
      { hint: "Correct registry in .npmrc, or npm_config_registry in the environment" },
    );
  }
  return url.endsWith("/") ? url : `${url}/`;
}

function checkHeader(value: string, place: string): string {
  if (/^[\x20-\x7e]+$/.test(value)) return value;
  throw new NpmError(
    "BAD_SETTING",
    `Cannot log in at ${place}: the token in .npmrc has characters that no token has`,
    {
      hint: "Set it anew with npm login",
    },
  );
}

/**
 * Reads npm's settings for a project.
 *
 * @param project Its directory; undefined when there is none.
 * @param mirrors Base URLs that are asked before the registry.
 */
export function readRegistryConfig(
  project: string | undefined,
  mirrors: readonly string[] = [],
): RegistryConfig {
  const user = environmentSetting("userconfig") ?? join(homeDirectory(), ".npmrc");
  const settings = new Map<string, string>();
  const files = [
    environmentSetting("globalconfig"),
    user,
    project === undefined ? undefined : join(project, ".npmrc"),
  ];
  for (const file of files) {
    const bytes = file === undefined ? undefined : readSmallFile(file, LARGEST_NPMRC);
    if (!(bytes instanceof Buffer)) continue;
    for (const [key, value] of parseNpmrc(bytes.toString("utf8"), environmentVariable))
      settings.set(key, value);
  }
  for (const key of ["registry", "replace-registry-host"]) {
    const value = environmentSetting(key);
    if (value !== undefined) settings.set(key, value);
  }
  return new RegistryConfig(settings, mirrors);
}

function environmentSetting(key: string): string | undefined {
  const name = `npm_config_${key.replaceAll("-", "_")}`;
  return environmentVariable(name) ?? environmentVariable(name.toUpperCase());
}
