// The behaviours that nixpkgs' own tests of dockerTools describe, on the examples of examples/docker-tools: each is
// built, and what its program prints is what it says. docs/dockertools.md says which test is about what.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { liveArchiveProblem, missingProgram, ROOT, startTare, tare } from "../kit/cli.ts";
import { temporaryDirectory } from "../kit/context.ts";
import { skipWithoutRegistry, startDockerRegistry } from "../kit/docker-registry.ts";
import { makeProject } from "../kit/project.ts";
import { ask, freePort } from "../kit/services.ts";

const EXAMPLES = join(ROOT, "examples", "docker-tools");

/** What the examples print when they run. */
const PRINTS: Readonly<Record<string, RegExp>> = {
  "bulk-layer": /^hello\n$/,
  "bulk-layer-on-base": /^hello\n$/,
  certificates:
    /^ssl\/certs\/ca-bundle\.crt\nssl\/certs\/ca-certificates\.crt\npki\/tls\/certs\/ca-bundle\.crt\n$/,
  commands: /^\(runAsRoot\)\n\(extraCommand\)\n$/,
  environment: /^(?=[\s\S]*^FROM_PARENT=true$)(?=[\s\S]*^FROM_CHILD=true$)(?=[\s\S]*^LAST_LAYER=child$)/m,
  etc: /^uid=65534\(nobody\) gid=65534\(nobody\)/,
  fakechroot: /^12345:12345\n$/,
  // The store has what a link names, and not what was only copied from.
  fakeroot: /^1000\nhello\n1\n$/,
  layers: /^640 33:33 \/srv\/settings\n$/,
  "layers-order": /^layer1\nlayer2\nlayer1\nlayer2\nsecond\n$/,
  nginx: /test is successful/,
  nix: /^\/nix\/store\/\w{32}-a\n\/nix\/store\/\w{32}-b\nsome data\n$/,
  path: /^hello from a directory\n0:0\n$/,
  "registry-prefix": /^prefixed\n$/,
  "service-on-base": /^Redis server v=/,
  shadow: /^uid=600\(redis\) gid=600\(redis\) groups=600\(redis\)\nredis 600\n$/,
  shell: /^hello\n$/,
  "shell-command": /^interactive\n\/home\/me 2000\nit's built\n$/,
  "shell-hook": /^the hook ran\nhello, you\nthis is a string\nbuilt\n$/,
  "side-by-side": /^first\nsecond\n$/,
  "store-symlink": /^behind the link\n$/,
  user: /^somebody\n\/home\/somebody\n755\n755\n1234:1234\n1234:1234\n$/,
};

/** Those that are looked at in another way, below. */
const OTHERS = ["export", "merged", "no-store"];

function problem(): string | undefined {
  if (process.arch !== "x64" && process.arch !== "arm64") return "Debian images are for amd64 and arm64";
  return liveArchiveProblem() ?? missingProgram("unshare", "mount");
}

/** A directory with the image file of an example, or another one. */
function project(t: TestContext, example: string, text?: string): string {
  const directory = join(temporaryDirectory(t), example);
  mkdirSync(directory);
  if (text === undefined) cpSync(join(EXAMPLES, example), directory, { recursive: true });
  else writeFileSync(join(directory, "image.ts"), text);
  return directory;
}

/** Runs `tare` in a project, which must succeed. */
function succeed(cwd: string, ...args: readonly string[]): string {
  const result = tare(args, { cwd });
  assert.equal(result.status, 0, `tare ${args.join(" ")}: ${result.stderr}`);
  return result.stdout;
}

/** The configuration of the image in an OCI layout. */
function readConfig(layout: string) {
  const blob = (digest: string) =>
    JSON.parse(readFileSync(join(layout, "blobs/sha256", digest.slice(7)), "utf8"));
  const index = JSON.parse(readFileSync(join(layout, "index.json"), "utf8"));
  const manifest = blob(index.manifests[0].digest);
  return { manifest, config: blob(manifest.config.digest) };
}

test("every example has a test", () => {
  assert.deepEqual(readdirSync(EXAMPLES).sort(), [...Object.keys(PRINTS), ...OTHERS].sort());
});

for (const [name, prints] of Object.entries(PRINTS)) {
  test(`the example ${name} runs`, (t) => {
    const reason = problem();
    if (reason !== undefined) return t.skip(reason);
    const result = tare(["run", "--runtime", "namespaces"], { cwd: project(t, name) });
    assert.equal(result.status, 0, result.stderr);
    assert.match(prints.test(result.stdout) ? result.stdout : result.stdout + result.stderr, prints);
  });
}

test("tare shell is the same environment without an image, and builds there as well", (t) => {
  const reason = problem();
  if (reason !== undefined) return t.skip(reason);
  const cwd = project(t, "shell-hook");
  const input = "greet me; jq -r .text $textPath; buildDerivation && cmp $textPath $out && echo built\n";
  const shell = tare(["shell", "-q"], { cwd, input });
  assert.equal(shell.stdout, "the hook ran\nhello, me\nthis is a string\nbuilt\n", shell.stderr);
  const command = tare(["shell", "-q", "--", "sh", "-c", "cat $textPath; exit 4"], { cwd });
  assert.deepEqual(
    [command.status, command.stdout],
    [4, 'the hook ran\n{ "text": "this is a string" }'],
    command.stderr,
  );
});

test("an archive of merged images has all of them, layers that both have once, and owners as they were", (t) => {
  const reason = problem();
  if (reason !== undefined) return t.skip(reason);
  const cwd = project(t, "merged");
  succeed(cwd, "build", "-o", "docker-archive:both.tar");
  const list = (...args: string[]) => execFileSync("tar", args, { cwd, encoding: "utf8" });
  const manifest = JSON.parse(list("-xOf", "both.tar", "manifest.json")) as {
    readonly RepoTags: readonly string[];
    readonly Layers: readonly string[];
  }[];
  assert.deepEqual(
    manifest.map(({ RepoTags }) => RepoTags),
    [["one:latest"], ["two:2"]],
  );
  const names = list("-tf", "both.tar").trim().split("\n");
  assert.equal(new Set(names).size, names.length);
  assert.equal(succeed(cwd, "run", "--runtime", "namespaces", "docker-archive:both.tar:one:latest"), "one\n");
  assert.equal(succeed(cwd, "run", "--runtime", "namespaces", "docker-archive:both.tar:two:2"), "1000\n");
});

test("an exported image is one tar of its files", (t) => {
  const reason = problem();
  if (reason !== undefined) return t.skip(reason);
  const cwd = project(t, "export");
  succeed(cwd, "build");
  const listed = execFileSync("tar", ["-tvf", "exported.tar"], { cwd, encoding: "utf8" });
  assert.match(listed, /^-rwxr-xr-x 0\/0 .* usr\/bin\/dash$/m);
  assert.match(listed, /^lrwxrwxrwx 0\/0 .* usr\/bin\/sh -> dash$/m);
  assert.doesNotMatch(listed, /manifest\.json|layer\.tar/);
  const again = tare(["export", "-o", "-"], { cwd });
  assert.equal(again.stdout.includes("usr/bin/dash"), true);
});

test("without the store no store path is in the image, only links that work where it is mounted", (t) => {
  const reason = problem();
  if (reason !== undefined) return t.skip(reason);
  const cwd = project(t, "no-store");
  const env = { TARE_STORE: join(cwd, "store") };
  const run = (...args: string[]) => tare(["run", "--runtime", "namespaces", ...args], { cwd, env });
  const broken = run();
  assert.equal(broken.status, 1);
  assert.match(broken.stderr, /cat: \/share\/hello: No such file/);
  const mounted = run("-v", `${join(cwd, "store/nix/store")}:/nix/store:ro`);
  assert.deepEqual([mounted.status, mounted.stdout], [0, "hello\n"], mounted.stderr);
  assert.equal(tare(["export", "-o", "root.tar"], { cwd, env }).status, 0);
  const listed = execFileSync("tar", ["-tvf", "root.tar"], { cwd, encoding: "utf8" });
  assert.match(listed, /share\/hello -> \/nix\/store\/\w{32}-hello\/share\/hello$/m);
  assert.doesNotMatch(listed, / nix\/store\/./);
});

test("layers: explicit ones are below, each path is in one, and maxLayers counts all of them", (t) => {
  const reason = problem();
  if (reason !== undefined) return t.skip(reason);
  const cwd = project(t, "layers");
  const { layers } = JSON.parse(succeed(cwd, "plan", "--json")) as {
    readonly layers: readonly { readonly reason: string; readonly units: readonly string[] }[];
  };
  const own = layers.filter(({ reason: why }) => why === "as image.ts says");
  assert.deepEqual(layers.slice(0, own.length), own);
  assert.equal(own.length, 3);
  const has = (layer: number, name: string) => own[layer]!.units.some((unit) => unit.includes(name));
  assert.ok(has(0, "dash") && has(0, "libc6") && !has(1, "libc6") && has(1, "coreutils"));
  const all = layers.flatMap(({ units }) => units);
  assert.equal(new Set(all).size, all.length);
});

test("maxLayers counts the layers of the base, and the base's stay as they are", (t) => {
  const reason = problem();
  if (reason !== undefined) return t.skip(reason);
  const cwd = project(t, "bulk-layer-on-base");
  succeed(cwd, "build", "-o", "oci:child");
  const { manifest, config } = readConfig(join(cwd, "child"));
  assert.equal(manifest.layers.length, 4);
  assert.equal(config.created, "1970-01-01T00:00:01Z");
  writeFileSync(
    join(cwd, "base.ts"),
    `import { buildLayeredImage, debian } from "tare";
const { packages } = debian("bookworm");
export default buildLayeredImage({ name: "two-layers", contents: [packages.coreutils], maxLayers: 2 });\n`,
  );
  succeed(cwd, "build", "base.ts", "-o", "oci:base");
  const base = readConfig(join(cwd, "base")).manifest.layers;
  assert.deepEqual(manifest.layers.slice(0, 2), base);
});

test("names with a registry, dates, compressions and architectures are as image.ts says", (t) => {
  const reason = problem();
  if (reason !== undefined) return t.skip(reason);
  const image = (options: string) => `import { buildImage, writeTextDir } from "tare";
export default buildImage({ name: "registry-1.docker.io/image", copyToRoot: writeTextDir("x", "x"), ${options} });\n`;
  const expected = {
    none: "application/vnd.oci.image.layer.v1.tar",
    gz: "application/vnd.oci.image.layer.v1.tar+gzip",
    zstd: "application/vnd.oci.image.layer.v1.tar+zstd",
  };
  for (const [compressor, mediaType] of Object.entries(expected)) {
    const text = image(`compressor: "${compressor}", created: "2020-02-02T02:02:02Z", architecture: "arm64"`);
    const cwd = project(t, compressor, text);
    succeed(cwd, "build", "-o", "oci:made");
    const { manifest, config } = readConfig(join(cwd, "made"));
    assert.deepEqual(
      manifest.layers.map((layer: { mediaType: string }) => layer.mediaType),
      [mediaType],
    );
    assert.equal(config.created, "2020-02-02T02:02:02Z");
    assert.equal(config.architecture, "arm64");
    succeed(cwd, "build", "-o", "docker-archive:made.tar");
    const listed = execFileSync("tar", ["-xOf", "made.tar", "manifest.json"], { cwd, encoding: "utf8" });
    assert.deepEqual(JSON.parse(listed)[0].RepoTags, ["registry-1.docker.io/image:latest"]);
  }
});

test("what pullImage pins is a base, and an image by its final name; its layers stay as they are", async (t) => {
  const reason = problem();
  if (reason !== undefined) return t.skip(reason);
  if (skipWithoutRegistry(t)) return;
  const registry = await startDockerRegistry(t);
  const cwd = project(t, "registry-prefix");
  succeed(cwd, "push", `${registry.host}/team/base:1`);
  succeed(cwd, "build", "-o", "oci:base");
  const { manifest: base } = readConfig(join(cwd, "base"));
  const pin = JSON.parse(succeed(cwd, "prefetch", "--json", `${registry.host}/team/base:1`)) as {
    readonly imageName: string;
    readonly imageDigest: string;
  };
  const image = (text: string) =>
    writeFileSync(
      join(cwd, "image.ts"),
      `import { buildImage, pullImage, writeTextDir } from "tare";
const pulled = pullImage({ imageName: "${pin.imageName}", imageDigest: "${pin.imageDigest}", finalImageName: "final", finalImageTag: "2" });
export default ${text};\n`,
    );
  image("pulled");
  assert.equal(succeed(cwd, "run", "--runtime", "namespaces"), "prefixed\n");
  succeed(cwd, "build", "-o", "docker-archive:pulled.tar");
  const listed = execFileSync("tar", ["-xOf", "pulled.tar", "manifest.json"], { cwd, encoding: "utf8" });
  assert.deepEqual(JSON.parse(listed)[0].RepoTags, ["final:2"]);
  image(
    `buildImage({ name: "on-top", fromImage: pulled, copyToRoot: writeTextDir("hello", "hello"), config: { Cmd: ["sh", "-c", "read x < /hello; echo $x"] } })`,
  );
  assert.equal(succeed(cwd, "run", "--runtime", "namespaces"), "hello\n");
  succeed(cwd, "build", "-o", "oci:on-top");
  const { manifest } = readConfig(join(cwd, "on-top"));
  assert.equal(manifest.layers.length, 2);
  assert.deepEqual(manifest.layers[0], base.layers[0]);
});

test("nginx serves its pages, with its own configuration", async (t) => {
  const reason = problem();
  if (reason !== undefined) return t.skip(reason);
  const port = await freePort();
  const cwd = project(t, "nginx");
  const text = readFileSync(join(cwd, "image.ts"), "utf8").replace("8080;", `${port};`);
  writeFileSync(join(cwd, "image.ts"), text);
  startTare(t, ["run", "--runtime", "namespaces", "--", "nginx"], { cwd });
  assert.equal(await ask(`http://127.0.0.1:${port}/`), "<h1>hello</h1>\n");
});

test("a base with one layer twice can be built upon", (t) => {
  const reason = problem();
  if (reason !== undefined) return t.skip(reason);
  const cwd = project(
    t,
    "repeated",
    `import { buildImage, debian } from "tare";
const { packages } = debian("bookworm");
export default buildImage({ name: "base", copyToRoot: packages.dash });\n`,
  );
  succeed(cwd, "build", "-o", "oci:base");
  const layout = join(cwd, "base");
  const { manifest, config } = readConfig(layout);
  manifest.layers.push(manifest.layers[0]);
  config.rootfs.diff_ids.push(config.rootfs.diff_ids[0]);
  config.history.push(config.history[0]);
  const put = (value: unknown, sha256: (bytes: Buffer) => string) => {
    const bytes = Buffer.from(JSON.stringify(value));
    const digest = sha256(bytes);
    writeFileSync(join(layout, "blobs/sha256", digest), bytes);
    return { digest: `sha256:${digest}`, size: bytes.length };
  };
  const sha256 = (bytes: Buffer) =>
    execFileSync("sha256sum", { input: bytes, encoding: "utf8" }).slice(0, 64);
  Object.assign(manifest.config, put(config, sha256));
  const index = JSON.parse(readFileSync(join(layout, "index.json"), "utf8"));
  Object.assign(index.manifests[0], put(manifest, sha256));
  writeFileSync(join(layout, "index.json"), JSON.stringify(index));
  writeFileSync(
    join(cwd, "image.ts"),
    `import { buildImage } from "tare";
export default buildImage({ name: "child", fromImage: "oci:base", runAsRoot: "echo has run > /ran", config: { Cmd: ["sh", "-c", "while read line; do echo $line; done < /ran"] } });\n`,
  );
  assert.equal(succeed(cwd, "run", "--runtime", "namespaces"), "has run\n");
});

const BUSYBOX_PACKAGES = [
  { name: "bash", files: { "usr/bin/bash": { text: "never run\n", mode: 0o755 } } },
  { name: "data", files: { "usr/share/data": "x\n" } },
];

const OWNED = `import { buildLayeredImage, debian } from "tare";
const { packages } = debian("bookworm", { architecture: "amd64" });
export default buildLayeredImage({
  name: "owned",
  contents: [packages.data],
  closure: "declared",
  runAsRoot: "touch /one && chown 33:33 /one",
  enableFakechroot: true,
  fakeRootCommands: "touch /two && chown 12345:54321 /two && chmod 4755 /two && mkdir -p /home/alice && chown 1000 /home/alice && chmod 750 /home/alice && ln -s nowhere /home/alice/link && chown -h 65534:65534 /home/alice/link",
});
`;

const DECLARED = `  users: [{ name: "alice", uid: 1000, createHome: false }],
  directories: [{ path: "/srv/data", mode: 0o750, owner: "alice" }],
  files: [{ path: "/srv/data/file", text: "x", owner: "12345:54321" }],
`;

/** A user of no system: ids that the tests give it are nobody else's. */
const USER = 54321;

/** Runs a command as {@link USER} on a machine of its own, whose subuid(5) and subgid(5) give it a range of ids, or none. */
function asUser(directory: string, range: string): readonly string[] {
  const files = {
    passwd: `${readFileSync("/etc/passwd", "utf8")}somebody:x:${USER}:${USER}::/:/bin/sh\n`,
    subuid: range,
    subgid: range,
  };
  const mounts = Object.entries(files).map(([name, text]) => {
    const file = join(directory, `${range === "" ? "no" : "with"}-${name}`);
    writeFileSync(file, text, { mode: 0o644 });
    return `mount --bind ${file} /etc/${name}`;
  });
  const become = `setpriv --reuid=${USER} --regid=${USER} --clear-groups`;
  return ["unshare", "-m", "sh", "-c", `${mounts.join(" && ")} && exec ${become} "$@"`, "sh"];
}

function problemOfUsers(): string | undefined {
  if (process.getuid?.() !== 0) return "this user is not root, who alone can play others";
  if (!existsSync("/etc/subuid") || !existsSync("/etc/subgid")) return "there is no /etc/subuid";
  return missingProgram("newuidmap", "newgidmap", "unshare", "setpriv", "busybox");
}

/** Builds the image whose commands hand out files, as root or as a user of {@link asUser}. */
async function buildOwned(t: TestContext, range: string | undefined) {
  const busybox = { text: readFileSync("/bin/busybox"), mode: 0o755 };
  const packages = [...BUSYBOX_PACKAGES, { name: "busybox-static", files: { "usr/bin/busybox": busybox } }];
  const made = await makeProject(t, { image: OWNED, archive: { packages } });
  mkdirSync(made.cacheHome);
  const above = join(made.directory, "..");
  if (range !== undefined) execFileSync("chown", ["-R", `${USER}:${USER}`, above]);
  const prefix = range === undefined ? [] : asUser(above, range);
  const env = { HOME: above, XDG_DATA_HOME: join(above, "data") };
  return { ...made, run: (...args: readonly string[]) => made.tare(args, { prefix, env }) };
}

test("owners that commands give are in the layer, as root and as a user with further ids, in the same bytes", async (t) => {
  const reason = problemOfUsers();
  if (reason !== undefined) return t.skip(reason);
  const digests: string[] = [];
  for (const range of [undefined, `${USER}:200000:65536\n`]) {
    const { directory, run } = await buildOwned(t, range);
    const built = run("build", "--json", "-o", "oci:made");
    assert.equal(built.status, 0, built.stderr);
    assert.doesNotMatch(built.stderr, /may hand out no ids/);
    digests.push((JSON.parse(built.stdout) as { digest: string }).digest);
    assert.equal(run("export", "-o", "root.tar").status, 0);
    const listed = execFileSync("tar", ["--numeric-owner", "-tvf", join(directory, "root.tar")], {
      encoding: "utf8",
    });
    assert.match(listed, /^-rw-r--r-- 33\/33 .* one$/m);
    assert.match(listed, /^-rwsr-xr-x 12345\/54321 .* two$/m);
    assert.match(listed, /^drwxr-x--- 1000\/0 .* home\/alice\/$/m);
    assert.match(listed, /^lrwxrwxrwx 65534\/65534 .* home\/alice\/link -> nowhere$/m);
  }
  assert.equal(new Set(digests).size, 1, digests.join(" "));
});

test("a user to whom no further ids belong is told so; what is said as data has any owner all the same", async (t) => {
  const reason = problemOfUsers();
  if (reason !== undefined) return t.skip(reason);
  const { directory, run } = await buildOwned(t, "");
  const refused = run("build", "-o", "oci:made");
  assert.equal(refused.status, 1);
  assert.match(
    refused.stderr,
    /only root can own files \(give it a range in \/etc\/subuid and \/etc\/subgid\)/,
  );
  assert.match(refused.stderr, /Cannot run runAsRoot[\s\S]*hint: .*\/etc\/subuid and \/etc\/subgid/);
  writeFileSync(
    join(directory, "image.ts"),
    OWNED.replace(/ {2}runAsRoot[\s\S]*?fakeRootCommands.*\n/, `  runAsRoot: "touch /three",\n${DECLARED}`),
  );
  const exported = run("export", "-o", "root.tar");
  assert.equal(exported.status, 0, exported.stderr);
  const listed = execFileSync("tar", ["--numeric-owner", "-tvf", join(directory, "root.tar")], {
    encoding: "utf8",
  });
  assert.match(listed, /^-rw-r--r-- 0\/0 .* three$/m);
  assert.match(listed, /^drwxr-x--- 1000\/1000 .* srv\/data\/$/m);
  assert.match(listed, /^-rw-r--r-- 12345\/54321 .* srv\/data\/file$/m);
});
