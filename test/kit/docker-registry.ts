// Debian's docker-registry on a port of the loopback, with storage of its own that goes with the test: plain, with
// logins, or with TLS by an authority of its own.

import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { temporaryDirectory } from "./context.ts";
import { run } from "./tools.ts";

export interface DockerRegistryOptions {
  /** The one login that is let in. */
  readonly login?: { readonly username: string; readonly password: string };
  /** True: HTTPS, with a certificate that only {@link DockerRegistry.caFile} vouches for. */
  readonly tls?: boolean;
}

export interface DockerRegistry {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  /** The certificate of its authority; undefined without TLS. */
  readonly caFile: string | undefined;
  /** Requests so far, as `METHOD /path STATUS`; settled, as the log is written after the answer. */
  requests(): Promise<string[]>;
  /** Forgets the requests so far. */
  forget(): Promise<void>;
  /** Everything that it has logged. */
  log(): string;
}

const STARTED_WITHIN_MS = 10_000;

/** Starts a registry that ends with the test. */
export async function startDockerRegistry(
  t: TestContext,
  options: DockerRegistryOptions = {},
): Promise<DockerRegistry> {
  const directory = temporaryDirectory(t);
  const host = `127.0.0.1:${await freePort()}`;
  const tls = options.tls === true ? makeCertificates(directory) : undefined;
  const config = {
    version: "0.1",
    log: { level: "info", accesslog: { disabled: false } },
    storage: { filesystem: { rootdirectory: join(directory, "storage") }, delete: { enabled: true } },
    http: {
      addr: host,
      secret: "of no worth",
      ...(tls === undefined ? {} : { tls: { certificate: tls.certificate, key: tls.key } }),
    },
    ...(options.login === undefined
      ? {}
      : { auth: { htpasswd: { realm: "test", path: writePasswords(directory, options.login) } } }),
  };
  const configFile = join(directory, "config.yml");
  writeFileSync(configFile, JSON.stringify(config));
  const child = spawn("docker-registry", ["serve", configFile], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env["PATH"], OTEL_TRACES_EXPORTER: "none" },
  });
  t.after(async () => {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  });
  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  const log = () => Buffer.concat(chunks).toString("utf8");
  await waitForPort(host, child, log);
  let forgotten = 0;
  const requests = async () => {
    let text = "";
    for (let settled = 0; settled < 3; settled++) {
      await sleep(20);
      if (log() !== text) settled = 0;
      text = log();
    }
    return [...text.matchAll(/"([A-Z]+) (\/v2\/\S*) HTTP\/[\d.]+" (\d{3})/g)].map(
      ([, method, path, status]) => `${method} ${path} ${status}`,
    );
  };
  return {
    host,
    caFile: tls?.ca,
    requests: async () => (await requests()).slice(forgotten),
    forget: async () => {
      forgotten = (await requests()).length;
    },
    log,
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

async function waitForPort(host: string, child: ChildProcess, log: () => string): Promise<void> {
  const [address, port] = host.split(":") as [string, string];
  const end = performance.now() + STARTED_WITHIN_MS;
  for (;;) {
    const socket = connect(Number(port), address);
    const isOpen = await once(socket, "connect").then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isOpen) return;
    if (child.exitCode !== null || performance.now() > end) {
      throw new Error(`docker-registry does not start:\n${log()}`);
    }
    await sleep(30);
  }
}

/** A line of htpasswd with bcrypt, the one hash that docker-registry takes. */
function writePasswords(
  directory: string,
  { username, password }: { username: string; password: string },
): string {
  const path = join(directory, "htpasswd");
  writeFileSync(path, execFileSync("htpasswd", ["-nbBC", "4", username, password]));
  return path;
}

/** An authority, and a certificate of it for the loopback. */
export function makeCertificates(directory: string) {
  const folder = join(directory, "tls");
  mkdirSync(folder, { recursive: true });
  const [ca, caKey, certificate, key, request, extensions] = [
    "ca.crt",
    "ca.key",
    "server.crt",
    "server.key",
    "server.csr",
    "extensions",
  ].map((name) => join(folder, name)) as [string, string, string, string, string, string];
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl(
    "req",
    "-x509",
    ...newKey,
    "-keyout",
    caKey,
    "-out",
    ca,
    "-days",
    "2",
    "-subj",
    "/CN=test authority",
  );
  openssl("req", ...newKey, "-keyout", key, "-out", request, "-subj", "/CN=localhost");
  writeFileSync(extensions, "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
  openssl(
    ...["x509", "-req", "-in", request, "-CA", ca, "-CAkey", caKey, "-CAcreateserial"],
    ...["-out", certificate, "-days", "2", "-extfile", extensions],
  );
  return { ca, certificate, key };
}

function openssl(...args: readonly string[]): void {
  run("openssl", args);
}

/** Skips the test and returns true where the registry, or what it needs, is not installed. */
export function skipWithoutRegistry(t: TestContext, options: DockerRegistryOptions = {}): boolean {
  const wanted = ["docker-registry"];
  if (options.login !== undefined) wanted.push("htpasswd");
  if (options.tls === true) wanted.push("openssl");
  const missing = wanted.find((name) => spawnSync("which", [name]).status !== 0);
  if (missing !== undefined) t.skip(`${missing} is not installed`);
  return missing !== undefined;
}
