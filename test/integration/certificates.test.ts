// Mirrors by HTTPS: trusted are those whom the machine's own bundle of certificates vouches for, and nobody else.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { missingProgram, startTare } from "../kit/cli.ts";
import { temporaryDirectory } from "../kit/context.ts";
import { makeCertificates } from "../kit/docker-registry.ts";
import { makeProject } from "../kit/project.ts";

test("the bundle of SSL_CERT_FILE is trusted beside Node's own", async (t) => {
  const missing = missingProgram("openssl");
  if (missing !== undefined) return t.skip(missing);
  const project = await makeProject(t);
  const { ca, certificate, key } = makeCertificates(temporaryDirectory(t));
  const server = createServer(
    { cert: readFileSync(certificate), key: readFileSync(key) },
    (request, answer) => {
      try {
        answer.end(readFileSync(join(project.archive.directory, decodeURIComponent(request.url ?? "/"))));
      } catch {
        answer.writeHead(404).end();
      }
    },
  );
  t.after(() => server.close());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const host = `https://localhost:${(server.address() as AddressInfo).port}`;
  const overHttps = Object.fromEntries(
    Object.entries(project.environment).map(([name, value]) => [
      name,
      value.replaceAll(`file://${project.archive.directory}`, host),
    ]),
  );
  const build = async (env: Readonly<Record<string, string>>) => {
    const child = startTare(t, ["build"], { cwd: project.directory, env: { ...overHttps, ...env } });
    const [stderr, [status]] = await Promise.all([text(child.stderr), once(child, "exit")]);
    return { status: status as number, stderr };
  };
  const refused = await build({});
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /certificate.*\[UNREACHABLE\]/);
  const trusted = await build({ SSL_CERT_FILE: ca });
  assert.equal(trusted.status, 0, trusted.stderr);
});
