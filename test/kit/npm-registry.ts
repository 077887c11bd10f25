// A registry of npm packages in this process: tarballs as a test wants them, and documents about them.

import { createHash } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import { gzipSync } from "node:zlib";
import { type RawMember, rawTar } from "./tar.ts";

/** A tarball: members with names inside the package, unless `top` says otherwise. */
export function packTarball(members: readonly RawMember[], top = "package/"): Buffer {
  return gzipSync(rawTar(members.map((member) => ({ ...member, name: `${top}${member.name}` }))));
}

export function integrityOf(bytes: Uint8Array, algorithm = "sha512"): string {
  return `${algorithm}-${createHash(algorithm).update(bytes).digest("base64")}`;
}

/** A package of one file and its package.json. */
export function packPackage(manifest: object, files: readonly RawMember[] = []): Buffer {
  return packTarball([{ name: "package.json", content: JSON.stringify(manifest) }, ...files]);
}

export interface PublishedVersion {
  readonly manifest: { readonly name: string; readonly version: string; readonly [field: string]: unknown };
  readonly tarball: Buffer;
  /** Where it lies; default: where registries have it. */
  readonly path?: string;
  /** What the document says; default: what it is. */
  readonly integrity?: string;
}

export interface TestRegistry {
  /** Base URL, ending in `/`. */
  readonly url: string;
  /** `GET /path authorization`. */
  readonly requests: string[];
}

/** Serves packages until the test ends; `token`: only to those who show it. */
export async function serveRegistry(
  t: TestContext,
  versions: readonly PublishedVersion[],
  token?: string,
): Promise<TestRegistry> {
  const requests: string[] = [];
  let url = "";
  const pathOf = ({ manifest: { name, version }, path }: PublishedVersion) =>
    path ?? `${name}/-/${name.slice(name.lastIndexOf("/") + 1)}-${version}.tgz`;
  const answer = (path: string): Buffer | undefined => {
    const found = versions.find((version) => pathOf(version) === path);
    if (found !== undefined) return found.tarball;
    const mine = versions.filter(({ manifest }) => manifest.name === path);
    if (mine.length === 0) return undefined;
    const entries = mine.map((version) => {
      const integrity = version.integrity ?? integrityOf(version.tarball);
      const dist = { tarball: `${url}${pathOf(version)}`, integrity };
      return [version.manifest.version, { ...version.manifest, dist }];
    });
    const latest = mine.at(-1)!.manifest.version;
    const packument = { name: path, "dist-tags": { latest }, versions: Object.fromEntries(entries) };
    return Buffer.from(JSON.stringify(packument));
  };
  const server = createServer((request: IncomingMessage, response) => {
    requests.push(`${request.method} ${request.url} ${request.headers.authorization ?? ""}`.trim());
    const body = answer(decodeURIComponent(request.url ?? "").slice(1));
    const isAllowed = token === undefined || request.headers.authorization === `Bearer ${token}`;
    response.writeHead(isAllowed ? (body === undefined ? 404 : 200) : 401);
    response.end(isAllowed ? body : undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return { url, requests };
}
