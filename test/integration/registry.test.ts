// push, copy and pull with Debian's docker-registry: what it is asked, what other people's tools read from it, and that
// digests survive every way.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { TLSSocket } from "node:tls";
import { Pusher, pushContent } from "../../src/deliver/push.ts";
import { verifyImage } from "../../src/inspect/verify-image.ts";
import { imageContent } from "../../src/model/content.ts";
import { openRegistry, type RegistryOptions } from "../../src/platform/registry/client.ts";
import { RegistryError } from "../../src/platform/registry/errors.ts";
import { parseRegistryReference } from "../../src/platform/registry/reference.ts";
import { openImage } from "../../src/sources/oci/open.ts";
import { ROOT, tare } from "../kit/cli.ts";
import { temporaryDirectory, testContext } from "../kit/context.ts";
import {
  type DockerRegistryOptions,
  makeCertificates,
  skipWithoutRegistry,
  startDockerRegistry,
} from "../kit/docker-registry.ts";
import { packImage, sampleTrees } from "../kit/images.ts";
import { IMAGE, makeProject } from "../kit/project.ts";
import { run, skipWithout } from "../kit/tools.ts";
import { makeTree, noise } from "../kit/trees.ts";

const LOGIN = { username: "somebody", password: "sécret-of-somebody" };
/** What skopeo and podman need to speak with a registry without TLS. */
const PLAIN = ["--tls-verify=false"];

/** Everything that is asked of a registry besides HEAD. */
function written(requests: readonly string[]): string[] {
  return requests.filter((request) => !request.startsWith("HEAD "));
}

interface Push {
  readonly digest: string;
  readonly unchanged: boolean;
  readonly reference: string;
  readonly blobs: { readonly present: number; readonly mounted: number; readonly uploaded: number };
  readonly bytesSent: number;
  readonly layers: readonly { readonly digest: string; readonly size: number }[];
}

/** Runs `tare … --json` with an empty home; fails with what it said. */
function runJson<T>(args: readonly string[], options: Parameters<typeof tare>[1]): T {
  const { status, stdout, stderr } = tare([...args, "--json"], options);
  assert.equal(status, 0, `tare ${args.join(" ")}: ${stderr}`);
  return JSON.parse(stdout) as T;
}

const KINDS: readonly (readonly [string, DockerRegistryOptions])[] = [
  ["plain HTTP", {}],
  ["basic logins", { login: LOGIN }],
  ["TLS of an own authority", { tls: true }],
];

for (const [summary, options] of KINDS) {
  test(`${summary}: what is pushed is pulled with the same digests; pushed again it is only looked at`, async (t) => {
    if (skipWithoutRegistry(t, options)) return;
    const registry = await startDockerRegistry(t, options);
    const context = testContext(t);
    const image = await packImage(sampleTrees(), context);
    const reference = parseRegistryReference(`${registry.host}/team/sample:v1`);
    const access = {
      caFile: registry.caFile,
      credentials:
        options.login === undefined ? ("anonymous" as const) : { kind: "password" as const, ...LOGIN },
    };
    const pushed = await pushContent(imageContent(image), reference, { registry: access }, context);
    assert.deepEqual(pushed.blobs, { present: 0, mounted: 0, uploaded: 3 });
    assert.equal(pushed.unchanged, false);

    await registry.forget();
    const again = await pushContent(imageContent(image), reference, { registry: access }, context);
    assert.equal(again.unchanged, true);
    assert.equal(again.bytesSent, 0);
    const asked = await registry.requests();
    assert.ok(asked.length > 0 && asked.length <= 2, asked.join("\n"));
    assert.deepEqual(written(asked), []);

    const other = testContext(t);
    const pulled = await openImage(`docker://${registry.host}/team/sample:v1`, other, { registry: access });
    assert.deepEqual([pulled.digest, pulled.imageId], [image.digest, image.imageId]);
    assert.deepEqual((await verifyImage(pulled, other)).problems, []);
    const byDigest = await openImage(`docker://${registry.host}/team/sample@${image.digest}`, other, {
      registry: access,
    });
    assert.deepEqual(byDigest.manifest, pulled.manifest);
  });
}

async function startWithProject(t: TestContext) {
  const registry = await startDockerRegistry(t);
  const project = await makeProject(t);
  const home = temporaryDirectory(t);
  const env = { ...project.environment, HOME: home };
  const json = <T>(...args: string[]) => runJson<T>(args, { cwd: project.directory, env });
  return { registry, project, env, json };
}

test("tare push: of a changed image only what changed moves; blobs that are gone are not missed", async (t) => {
  if (skipWithoutRegistry(t)) return;
  const { registry, project, json } = await startWithProject(t);
  const reference = `${registry.host}/team/greeter:v1`;
  const first = json<Push>("push", reference);
  assert.equal(first.unchanged, false);
  assert.equal(first.blobs.uploaded, first.layers.length + 1);

  await registry.forget();
  const second = json<Push>("push", ".", reference);
  assert.deepEqual([second.unchanged, second.digest, second.bytesSent], [true, first.digest, 0]);
  assert.deepEqual(written(await registry.requests()), []);

  // The record of a layer outlives its blob: what the registry has is not packed again.
  rmSync(join(project.cacheHome, "tare/blobs"), { recursive: true });
  await registry.forget();
  assert.equal(json<Push>("push", reference).unchanged, true);
  assert.deepEqual(readdirSync(join(project.cacheHome, "tare/blobs")), []);
  rmSync(join(project.cacheHome, "tare/builds"), { recursive: true });
  assert.equal(json<Push>("push", reference).unchanged, true);
  assert.deepEqual(readdirSync(join(project.cacheHome, "tare/blobs")), []);
  assert.deepEqual(written(await registry.requests()), []);

  // Another Cmd: only the configuration and the manifest move.
  const loud = IMAGE.replace('Cmd: ["greet"]', 'Cmd: ["greet", "loudly"]');
  assert.notEqual(loud, IMAGE);
  writeFileSync(join(project.directory, "image.ts"), loud);
  await registry.forget();
  const changed = json<Push>("push", reference);
  assert.notEqual(changed.digest, first.digest);
  const moved = written(await registry.requests()).map((request) => request.replace(/\?.*? /, " "));
  assert.deepEqual(
    moved.map((request) => request.replace(/[0-9a-f-]{36}|sha256:[0-9a-f]{64}/g, "ID")).sort(),
    [
      "POST /v2/team/greeter/blobs/uploads/ 202",
      "PUT /v2/team/greeter/blobs/uploads/ID 201",
      "PUT /v2/team/greeter/manifests/v1 201",
    ],
    moved.join("\n"),
  );

  // Another repository of the same registry: every layer is mounted.
  await registry.forget();
  const mounted = json<Push>("push", `${registry.host}/other/greeter`);
  assert.deepEqual(mounted.blobs, { present: 0, mounted: changed.layers.length + 1, uploaded: 0 });
  assert.deepEqual(
    written(await registry.requests()).filter((request) => request.startsWith("PUT")),
    ["PUT /v2/other/greeter/manifests/latest 201"],
  );
  assert.deepEqual(readdirSync(join(project.cacheHome, "tare/blobs")), []);

  // A registry that lacks them gets them, packed anew to the same bytes.
  const elsewhere = await startDockerRegistry(t);
  const anew = json<Push>("push", `${elsewhere.host}/greeter`);
  assert.deepEqual([anew.digest, anew.blobs.uploaded], [changed.digest, changed.layers.length + 1]);
});

test("tare push: layers that the registry has lost are packed anew where the cache has let them go", async (t) => {
  if (skipWithoutRegistry(t)) return;
  const { registry, project, json } = await startWithProject(t);
  const reference = `${registry.host}/team/greeter:v1`;
  const first = json<Push>("push", reference);
  const [lost] = first.layers;
  writeFileSync(
    join(project.directory, "image.ts"),
    IMAGE.replace('Cmd: ["greet"]', 'Cmd: ["greet", "loudly"]'),
  );
  rmSync(join(project.cacheHome, "tare/blobs"), { recursive: true });
  const url = `http://${registry.host}/v2/team/greeter/blobs/${lost!.digest}`;
  assert.equal((await fetch(url, { method: "DELETE" })).status, 202);
  const second = json<Push>("push", reference);
  // The configuration went before the loss was known.
  assert.deepEqual([second.blobs.uploaded, second.unchanged], [1, false]);
  assert.equal((await fetch(url, { method: "HEAD" })).status, 200);
});

test("tare copy: between registries, layouts and archives the digest stays; tare pull is the way back", async (t) => {
  if (skipWithoutRegistry(t)) return;
  const { registry, project, env, json } = await startWithProject(t);
  const out = (name: string) => join(project.directory, name);
  const { digest } = json<Push>("push", `${registry.host}/a/greeter:v1`);
  interface Copy {
    readonly digest: string;
    readonly unchanged: boolean;
  }
  const places = [
    `docker://${registry.host}/a/greeter:v1`,
    `oci:${out("one.oci")}`,
    `oci-archive:${out("two.tar")}`,
    `docker://${registry.host}/b/greeter:v2`,
    `oci:${out("three.oci")}`,
    `docker://${registry.host}/c/greeter:v3`,
  ];
  for (const [i, to] of places.slice(1).entries()) {
    assert.equal(json<Copy>("copy", places[i]!, to).digest, digest, `${places[i]} to ${to}`);
    assert.equal(json<Copy>("copy", places[i]!, to).unchanged, true, `${places[i]} to ${to} again`);
  }
  // A docker archive keeps no manifest, but the configuration.
  const archive = `docker-archive:${out("four.tar")}`;
  json("copy", places[5]!, archive);
  json("copy", archive, `docker://${registry.host}/d/greeter:v1`);
  json("copy", `${registry.host}/d/greeter:v1`, `oci:${out("four.oci")}`);
  const context = testContext(t);
  const [original, converted] = await Promise.all(
    [`oci:${out("one.oci")}`, `oci:${out("four.oci")}`].map((reference) => openImage(reference, context)),
  );
  assert.equal(converted!.imageId, original!.imageId);
  assert.deepEqual((await verifyImage(converted!, context)).problems, []);

  assert.equal(
    json<Copy>("pull", `${registry.host}/b/greeter@${digest}`, `oci:${out("pulled.oci")}`).digest,
    digest,
  );
  const here = tare(["pull", `${registry.host}/b/greeter:v2`], { cwd: project.directory, env });
  assert.match(
    here.stdout,
    new RegExp(`/b/greeter:v2\n  \\d+ blobs: .* written.*\n  ${digest}\n  oci:.*greeter\\.oci`),
  );
  const wrong = tare(["pull", "--platform", "linux/arm64", `${registry.host}/b/greeter:v2`], {
    cwd: project.directory,
    env,
  });
  assert.match(wrong.stderr, /is for linux\/amd64, linux\/arm64 was wanted.*NO_SUCH_IMAGE/);
  assert.match(
    tare(["pull", `${registry.host}/b/greeter:nix`], { cwd: project.directory, env }).stderr,
    /MANIFEST_UNKNOWN/,
  );
});

test("an index is copied whole with --all, and one image of it by platform", async (t) => {
  if (skipWithoutRegistry(t) || skipWithout(t, "skopeo")) return;
  const registry = await startDockerRegistry(t);
  const context = testContext(t);
  const directory = temporaryDirectory(t);
  const env = { XDG_CACHE_HOME: join(directory, "cache"), HOME: directory };
  const json = <T>(...args: string[]) => runJson<T>(args, { cwd: directory, env });
  const images = await Promise.all(
    (["amd64", "arm64"] as const).map((architecture) => packImage(sampleTrees(), context, { architecture })),
  );
  const tag = parseRegistryReference(`${registry.host}/both:v1`);
  const manifests = images.map((image, i) => ({
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    digest: image.digest,
    size: image.manifest.length,
    platform: { os: "linux", architecture: ["amd64", "arm64"][i]!, ...(i === 1 ? { variant: "v8" } : {}) },
  }));
  const bytes = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests }),
  );
  const { computeDigest } = await import("../../src/formats/oci.ts");
  const contents = images.map(imageContent);
  const digest = computeDigest(bytes);
  const pushed = await pushContent(
    {
      name: "both",
      tag: "v1",
      documents: [
        ...contents.flatMap(({ documents }) => documents),
        { mediaType: "application/vnd.oci.image.index.v1+json", digest, bytes },
      ],
      blobs: [...new Map(contents.flatMap(({ blobs }) => blobs).map((blob) => [blob.digest, blob])).values()],
    },
    tag,
    {},
    context,
  );
  assert.equal(pushed.digest, digest);
  const layout = `oci:${directory}/both.oci`;
  const archive = `oci-archive:${directory}/both.tar`;
  for (const [from, to] of [
    [`docker://${registry.host}/both:v1`, layout],
    [layout, archive],
    [archive, `docker://${registry.host}/again:v1`],
  ] as const) {
    assert.equal(json<{ digest: string }>("copy", "--all", from, to).digest, digest, `${from} to ${to}`);
  }
  assert.equal(
    run("skopeo", ["inspect", "--raw", ...PLAIN, `docker://${registry.host}/again:v1`]),
    bytes.toString("latin1"),
  );
  for (const source of [layout, archive, `docker://${registry.host}/again:v1`]) {
    const target = `oci:${directory}/arm-${source.length}.oci`;
    const copied = json<{ digest: string }>("copy", "--platform", "linux/arm64", source, target);
    assert.equal(copied.digest, images[1]!.digest, source);
  }
  const refused = tare(["copy", "--all", layout, `docker-archive:${directory}/x.tar`], {
    cwd: directory,
    env,
  });
  assert.match(refused.stderr, /NEEDS_ONE_IMAGE/);
  const missing = tare(["copy", "--platform", "linux/riscv64", layout, `oci:${directory}/x`], {
    cwd: directory,
    env,
  });
  assert.match(missing.stderr, /no image for linux\/riscv64, only linux\/amd64, linux\/arm64\/v8/);
});

test("skopeo, podman and umoci take what was pushed; what they push is pulled", async (t) => {
  if (skipWithoutRegistry(t) || skipWithout(t, "skopeo", "umoci")) return;
  const registry = await startDockerRegistry(t);
  const context = testContext(t);
  const directory = temporaryDirectory(t);
  for (const compression of ["zstd", "gzip"] as const) {
    const image = await packImage(sampleTrees(), context, { compression });
    const name = `${registry.host}/tools/${compression}`;
    await pushContent(imageContent(image), parseRegistryReference(`${name}:v1`), {}, context);
    const inspect = (...args: string[]) =>
      JSON.parse(run("skopeo", ["inspect", ...PLAIN, ...args, `docker://${name}:v1`]));
    assert.equal(inspect().Digest, image.digest);
    const media = inspect("--raw").layers.map(({ mediaType }: { mediaType: string }) => mediaType);
    assert.deepEqual([...new Set(media)], [`application/vnd.oci.image.layer.v1.tar+${compression}`]);
    const layout = join(directory, compression);
    run("skopeo", [
      ...["--insecure-policy", "copy", "-q", "--preserve-digests", "--src-tls-verify=false"],
      ...[`docker://${name}:v1`, `oci:${layout}:v1`],
    ]);
    assert.equal((await openImage(`oci:${layout}`, context)).digest, image.digest);
    if (compression === "zstd") continue;
    if (process.getuid?.() === 0) {
      run("umoci", ["unpack", "--image", `${layout}:v1`, join(directory, "bundle")]);
    }
    // Docker's own media types, as skopeo writes them; they know no zstd.
    run("skopeo", [
      ...["--insecure-policy", "copy", "-q", "--format", "v2s2", "--dest-tls-verify=false"],
      ...["--dest-compress-format", "gzip", `oci:${layout}:v1`, `docker://${name}:docker`],
    ]);
    const docker = await openImage(`docker://${name}:docker`, testContext(t));
    assert.deepEqual(
      docker.layers.map(({ diffId }) => diffId),
      image.layers.map(({ diffId }) => diffId),
    );
    assert.deepEqual((await verifyImage(docker, context)).problems, []);
  }
});

test("podman pulls and runs what was pushed", async (t) => {
  if (skipWithoutRegistry(t) || skipWithout(t, "podman", "unshare")) return;
  if (process.getuid?.() !== 0) return t.skip("only root can make podman work in every sandbox");
  const { busyboxLayer, makeImage, BUSYBOX } = await import("../kit/tiny-image.ts");
  if (spawnSync("test", ["-x", BUSYBOX]).status !== 0) return t.skip("busybox-static is not installed");
  const registry = await startDockerRegistry(t);
  const image = makeImage(join(temporaryDirectory(t), "blobs"), {
    layers: [busyboxLayer()],
    config: { Entrypoint: ["sh", "-c"], Cmd: ["echo hello from $0"], User: "app" },
    compression: "zstd",
  });
  const name = `${registry.host}/podman/busybox:v1`;
  await pushContent(imageContent(image), parseRegistryReference(name), {}, testContext(t));
  const store = temporaryDirectory(t);
  const options = ["--root", join(store, "root"), "--runroot", join(store, "run"), "--storage-driver", "vfs"];
  const podman = (...args: readonly string[]) =>
    // A mount namespace with cgroup v2, for machines whose own podman is not allowed.
    spawnSync(
      "unshare",
      [
        ...["-m", "sh", "-c"],
        'umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup; exec "$@"',
        ...["sh", "podman", ...options, ...args],
      ],
      { encoding: "utf8", timeout: 60_000 },
    );
  const pull = podman("pull", "-q", ...PLAIN, name);
  assert.equal(pull.status, 0, pull.stderr);
  assert.equal(pull.stdout.trim(), image.imageId.slice("sha256:".length));
  const limits = [
    "--cgroups=disabled",
    "--network=host",
    "--ulimit",
    "nofile=1024:1024",
    "--ulimit",
    "nproc=1024:1024",
  ];
  const ran = podman("run", "--rm", ...limits, name);
  podman("rmi", "-f", name);
  if (ran.status === 126 || /cannot|not permitted/i.test(ran.stderr)) {
    return t.skip(`podman cannot start containers here: ${ran.stderr.trim()}`);
  }
  assert.equal(ran.stdout, "hello from sh\n", ran.stderr);
});

test("logins come from the files of podman and docker, helpers and the environment; none is ever shown", async (t) => {
  if (skipWithoutRegistry(t, { login: LOGIN })) return;
  const registry = await startDockerRegistry(t, { login: LOGIN });
  const project = await makeProject(t);
  const home = temporaryDirectory(t);
  const auth = Buffer.from(`${LOGIN.username}:${LOGIN.password}`).toString("base64");
  const reference = `${registry.host}/team/greeter:v1`;
  const said: string[] = [];
  const push = (env: Readonly<Record<string, string>>) => {
    const result = tare(["push", reference], {
      cwd: project.directory,
      env: {
        ...project.environment,
        HOME: home,
        XDG_RUNTIME_DIR: join(home, "none"),
        TARE_DEBUG: "1",
        ...env,
      },
    });
    said.push(result.stdout, result.stderr);
    return result;
  };
  const file = (name: string, value: object) => {
    const path = join(home, name);
    writeFileSync(path, JSON.stringify(value));
    return path;
  };
  const refused = push({});
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /REGISTRY_UNAUTHORIZED/);
  assert.match(refused.stderr, /podman login/);
  const wrong = push({ TARE_REGISTRY_USERNAME: LOGIN.username, TARE_REGISTRY_PASSWORD: "wrong-password" });
  assert.match(wrong.stderr, /REGISTRY_UNAUTHORIZED/);
  for (const [summary, env] of [
    [
      "a longer key counts",
      {
        REGISTRY_AUTH_FILE: file("auth.json", {
          auths: {
            [registry.host]: { auth: Buffer.from("a:wrong-password").toString("base64") },
            [`${registry.host}/team`]: { auth },
          },
        }),
      },
    ],
    ["the environment", { TARE_REGISTRY_USERNAME: LOGIN.username, TARE_REGISTRY_PASSWORD: LOGIN.password }],
    [
      "a file with a mistake is told",
      { REGISTRY_AUTH_FILE: file("bad.json", { auths: { [registry.host]: { auth: "c29tZWJvZHk" } } }) },
    ],
  ] as const) {
    const result = push(env);
    if (summary.includes("mistake")) assert.match(result.stderr, /CREDENTIALS_INVALID/);
    else assert.equal(result.status, 0, `${summary}: ${result.stderr}`);
  }
  file("config.json", { credHelpers: { [registry.host]: "tare-test" } });
  const helper = join(home, "docker-credential-tare-test");
  writeFileSync(
    helper,
    `#!/bin/sh\nread -r host\ntest "$1 $host" = "get ${registry.host}" && echo '{"ServerURL":"'$host'","Username":"${LOGIN.username}","Secret":"${LOGIN.password}"}'\n`,
    { mode: 0o755 },
  );
  const helped = push({ DOCKER_CONFIG: home, PATH: `${home}:${process.env["PATH"]}` });
  assert.equal(helped.status, 0, helped.stderr);
  const absent = push({ DOCKER_CONFIG: home });
  assert.match(absent.stderr, /docker-credential-tare-test is not installed/);
  const all = `${said.join("\n")}\n${registry.log()}`;
  for (const secret of [LOGIN.password, "wrong-password", auth]) assert.ok(!all.includes(secret), secret);
});

test("an unknown authority is refused, by name, unless it is named or nothing is checked", async (t) => {
  if (skipWithoutRegistry(t, { tls: true })) return;
  const registry = await startDockerRegistry(t, { tls: true });
  const context = testContext(t);
  const image = await packImage(sampleTrees(), context);
  const reference = parseRegistryReference(`${registry.host}/a:v1`);
  const push = (access: object) => pushContent(imageContent(image), reference, { registry: access }, context);
  await assert.rejects(push({}), (error) => {
    assert.ok(error instanceof RegistryError);
    assert.equal(error.code, "REGISTRY_UNTRUSTED");
    assert.match(error.hint ?? "", /--ca FILE/);
    return true;
  });
  const directories = temporaryDirectory(t);
  run("mkdir", [join(directories, registry.host)]);
  run("cp", [registry.caFile!, join(directories, registry.host, "ca.crt")]);
  await push({ certificateDirectories: [directories] });
  assert.equal((await push({ insecure: true })).unchanged, true);
  const cli = tare(
    ["copy", `docker://${registry.host}/a:v1`, `oci:${directories}/out`, "--ca", registry.caFile!],
    {
      cwd: ROOT,
    },
  );
  assert.equal(cli.status, 0, cli.stderr);
  const none = tare(["copy", `docker://${registry.host}/a:v1`, `oci:${directories}/out2`], {
    cwd: ROOT,
    env: { SSL_CERT_FILE: registry.caFile! },
  });
  assert.equal(none.status, 0, none.stderr);
});

test("every command that may read an image of a registry can be told whom to trust", async (t) => {
  if (skipWithoutRegistry(t, { tls: true })) return;
  const registry = await startDockerRegistry(t, { tls: true });
  const context = testContext(t);
  const tree = makeTree({ "srv/": {}, "srv/base": "of a registry" });
  const base = await packImage([tree], context, { config: {} });
  const name = `${registry.host}/team/base:v1`;
  const access = { registry: { caFile: registry.caFile, credentials: "anonymous" as const } };
  await pushContent(imageContent(base), parseRegistryReference(name), access, context);
  const image = IMAGE.replace("contents:", `fromImage: "docker://${name}",\n  contents:`);
  assert.notEqual(image, IMAGE);
  const project = await makeProject(t, { image });
  const untrusted = project.tare(["build"]);
  assert.equal(untrusted.status, 1);
  assert.match(untrusted.stderr, /--ca FILE.*REGISTRY_UNTRUSTED|REGISTRY_UNTRUSTED[\s\S]*--ca FILE/);
  for (const args of [
    ["lock"],
    ["plan"],
    ["tree"],
    ["why", "libgreet1"],
    ["build"],
    ["export", "-o", "root.tar"],
    ["export", "-o", "base.tar", `docker://${name}`],
    ["verify", `docker://${name}`],
    ["update"],
    ["prefetch", name],
    ["pull", name, "oci:pulled"],
    ["copy", `docker://${name}`, "oci-archive:copied.tar"],
    ["push", `${registry.host}/team/app:v1`],
  ]) {
    // What an earlier command has fetched must not answer for a later one.
    rmSync(join(project.cacheHome, "tare/trees"), { recursive: true, force: true });
    rmSync(join(project.cacheHome, "tare/builds"), { recursive: true, force: true });
    const trust = args[0] === "plan" ? ["--insecure"] : ["--ca", registry.caFile!];
    const { status, stderr } = project.tare([...args, ...trust]);
    assert.equal(status, 0, `tare ${args[0]} ${trust[0]}: ${stderr}`);
  }
});

test("a registry that wants a certificate gets that of its directory", async (t) => {
  if (skipWithout(t, "openssl")) return;
  const { ca, certificate, key } = makeCertificates(temporaryDirectory(t));
  const [caBytes, cert, keyBytes] = [ca, certificate, key].map((path) => readFileSync(path));
  const names: unknown[] = [];
  const server = createServer(
    { ca: caBytes!, cert: cert!, key: keyBytes!, requestCert: true, rejectUnauthorized: true },
    (request, response) => {
      names.push((request.socket as TLSSocket).getPeerCertificate().subject.CN);
      response.writeHead(404).end();
    },
  );
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  t.after(() => server.close());
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const directories = temporaryDirectory(t);
  mkdirSync(join(directories, host));
  const timing = { attempts: 1 };
  const head = async (access: RegistryOptions) => {
    await using client = openRegistry(
      `${host}/a:v1`,
      { credentials: "anonymous", timing, ...access },
      testContext(t),
    );
    return await client.headManifest("v1");
  };
  await assert.rejects(head({ caFile: ca }), (error) => {
    assert.ok(error instanceof RegistryError);
    return error.code === "REGISTRY_UNREACHABLE";
  });
  for (const [name, bytes] of [
    ["ca.crt", caBytes],
    ["client.cert", cert],
    ["client.key", keyBytes],
  ] as const) {
    writeFileSync(join(directories, host, name), bytes!);
  }
  assert.equal(await head({ certificateDirectories: [directories] }), undefined);
  assert.deepEqual(names, ["localhost"]);
  await assert.rejects(head({ caFile: key }), /it has no certificate in it/);
  await assert.rejects(head({ caFile: join(directories, "none.pem") }), /there is no such file/);
});

test("a push that is broken off ends at once, and what it sent is not sent again", async (t) => {
  if (skipWithoutRegistry(t)) return;
  const registry = await startDockerRegistry(t);
  const abort = new AbortController();
  const context = testContext(t, { signal: abort.signal });
  const image = await packImage(
    [...sampleTrees(), makeTree({ "srv/": {}, "srv/big": noise(4 << 20) })],
    context,
  );
  const reference = parseRegistryReference(`${registry.host}/a:v1`);
  const pusher = new Pusher(reference, {}, context);
  const content = imageContent(image);
  pusher.take(content.blobs[0]!);
  assert.equal(await pusher.lacks(content.blobs[0]!.digest), true);
  abort.abort(new Error("enough"));
  await assert.rejects(pusher.finish(content), /enough/);
  await pusher[Symbol.asyncDispose]();
  const pushed = await pushContent(content, reference, {}, testContext(t));
  assert.equal(pushed.digest, image.digest);
});
