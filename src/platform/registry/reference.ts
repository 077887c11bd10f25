// `HOST/NAME:TAG@DIGEST` ⇄ its parts, by the grammar that docker, podman and the OCI distribution specification share.

import type { Digest } from "../../model/image.ts";
import { RegistryError } from "./errors.ts";

/** Names an image, or a place for one, in a registry. */
export interface RegistryReference {
  /** Host and, where it was given, port; `docker.io` for Docker Hub. */
  readonly host: string;
  /** The repository: `library/redis`. */
  readonly repository: string;
  /** `latest` when neither tag nor digest was given. */
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
}

/** The prefix by which skopeo, podman and Tare mark a reference to a registry. */
export const REGISTRY_TRANSPORT = "docker://";

export const DOCKER_HUB = "docker.io";
/** The host that serves Docker Hub's API. */
const DOCKER_HUB_API = "registry-1.docker.io";
const DOCKER_HUB_NAMES = [DOCKER_HUB, "index.docker.io", DOCKER_HUB_API];

const HOST =
  /^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i;
const REPOSITORY = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
/** Characters that host and repository may have together, as in the specification. */
const LONGEST_NAME = 255;

/**
 * Reads a reference.
 *
 * @param text `[docker://]HOST/NAME[:TAG][@sha256:HEX]`; without a host it is Docker Hub's.
 * @throws {RegistryError} `REFERENCE_INVALID`
 */
export function parseRegistryReference(text: string): RegistryReference {
  const refuse = (problem: string, hint?: string) =>
    new RegistryError("REFERENCE_INVALID", `Cannot use "${text}" as a reference: ${problem}`, {
      hint: hint ?? "Write HOST/NAME:TAG or HOST/NAME@sha256:HEX, such as registry.example.com/team/app:v1",
    });
  const bare = text.startsWith(REGISTRY_TRANSPORT) ? text.slice(REGISTRY_TRANSPORT.length) : text;
  const at = bare.indexOf("@");
  const digest = at < 0 ? undefined : bare.slice(at + 1);
  if (digest !== undefined && !DIGEST.test(digest)) throw refuse(`"${digest}" is no SHA-256 digest`);
  const named = at < 0 ? bare : bare.slice(0, at);
  const colon = named.lastIndexOf(":");
  const hasTag = colon > named.lastIndexOf("/");
  const tag = hasTag ? named.slice(colon + 1) : undefined;
  if (tag !== undefined && !TAG.test(tag)) throw refuse(`"${tag}" is no tag`);
  const { host, repository } = splitHost(hasTag ? named.slice(0, colon) : named);
  if (!HOST.test(host)) throw refuse(`"${host}" is no host`);
  if (!REPOSITORY.test(repository)) {
    const lower = repository.toLowerCase();
    const hint = REPOSITORY.test(lower) ? `Repositories have lower-case names: ${lower}` : undefined;
    throw refuse(`"${repository}" is no name of a repository`, hint);
  }
  if (host.length + 1 + repository.length > LONGEST_NAME) {
    throw refuse(`its name is longer than ${LONGEST_NAME} characters`);
  }
  return {
    host,
    repository,
    tag: tag ?? (digest === undefined ? "latest" : undefined),
    digest: digest as Digest | undefined,
  };
}

/** The first component is a host when it looks like one, as docker decides it. */
function splitHost(name: string): { readonly host: string; readonly repository: string } {
  const slash = name.indexOf("/");
  const first = slash < 0 ? "" : name.slice(0, slash);
  if (!/[.:]/.test(first) && first !== "localhost") {
    return { host: DOCKER_HUB, repository: slash < 0 ? `library/${name}` : name };
  }
  const rest = name.slice(slash + 1);
  if (!DOCKER_HUB_NAMES.includes(first.toLowerCase())) return { host: first.toLowerCase(), repository: rest };
  return { host: DOCKER_HUB, repository: rest.includes("/") ? rest : `library/${rest}` };
}

/** Whether a text without a transport names a place in a registry by its host: `localhost:5000/app`. */
export function looksLikeRegistryReference(text: string): boolean {
  const first = text.slice(0, Math.max(text.indexOf("/"), 0));
  return HOST.test(first) && (/[.:]/.test(first.slice(1)) || first === "localhost");
}

/** Writes a reference without its transport; the digest, where there is one, in the place of the tag. */
export function formatRegistryReference({ host, repository, tag, digest }: RegistryReference): string {
  return `${host}/${repository}${digest === undefined ? `:${tag}` : `@${digest}`}`;
}

/** What the registry's API is asked for: the digest, or the tag. */
export function manifestName({ tag, digest }: RegistryReference): string {
  return digest ?? tag ?? "latest";
}

/** The host and port that serve the API of a registry. */
export function apiHost(host: string): string {
  return host === DOCKER_HUB ? DOCKER_HUB_API : host;
}

/** Whether a host is this machine: its registries may speak plain HTTP. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
  return (
    name === "localhost" ||
    name.endsWith(".localhost") ||
    name === "::1" ||
    /^127(?:\.\d{1,3}){3}$/.test(name)
  );
}
