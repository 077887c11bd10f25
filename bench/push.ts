// Edit and push: a line of a service's application changes; seconds from the command to the pushed image, beside what
// other tools take for the same. And what loading an image that podman has, or all but has, moves.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export interface PushRow {
  readonly what: string;
  /** Median; undefined where it could not be measured. */
  readonly seconds: number | undefined;
  readonly fastest?: number | undefined;
  readonly slowest?: number | undefined;
  /** What was sent to the registry, or why there is no measurement. */
  readonly moved: string;
}

export interface LoadRow {
  readonly what: string;
  readonly seconds: number;
  readonly bytesMoved: number;
}

const ROOT = join(import.meta.dirname, "..");
const TARE = join(ROOT, "node_modules/.bin/tare");
const EDITS = 7;
const CRANE = "github.com/google/go-containerregistry/cmd/crane@v0.20.2";
const NIX2CONTAINER = "github.com/nlewo/nix2container@latest";

const IMAGE = `import { buildLayeredImage, debian, path, place } from "tare";

const { packages } = debian("bookworm");

export default buildLayeredImage({
  name: "service",
  contents: [packages.python3, packages["uwsgi-plugin-python3"], place("/srv/app", path("./app"))],
  config: {
    Entrypoint: ["/usr/bin/uwsgi"],
    Cmd: ["--plugin", "python3", "--http-socket", ":8080", "--chdir", "/srv/app", "--module", "service"],
  },
});
`;

const SERVICE = `GREETING = "hello"


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [GREETING.encode()]
`;

const DOCKERFILE = `FROM localhost/tare-bench-base
COPY app /srv/app
ENTRYPOINT ["/usr/bin/uwsgi"]
CMD ["--plugin", "python3", "--http-socket", ":8080", "--chdir", "/srv/app", "--module", "service"]
`;

/** A project, a registry, and what is needed to run programs in it. */
class Stage implements AsyncDisposable {
  readonly work = mkdtempSync(join(tmpdir(), "tare-bench-push-"));
  readonly project = join(this.work, "service");
  readonly environment: NodeJS.ProcessEnv = {
    ...process.env,
    XDG_CACHE_HOME: join(this.work, "cache"),
    XDG_DATA_HOME: join(this.work, "data"),
    GOBIN: join(this.work, "bin"),
    CONTAINERS_STORAGE_CONF: join(this.work, "storage.conf"),
    CI: undefined,
  };
  host = "";
  #registry: ChildProcess | undefined;
  #edits = 0;

  async start(): Promise<void> {
    mkdirSync(join(this.project, "app"), { recursive: true });
    writeFileSync(join(this.project, "image.ts"), IMAGE);
    writeFileSync(join(this.project, "Dockerfile"), DOCKERFILE);
    writeFileSync(join(this.project, "app/service.py"), SERVICE);
    // Nothing of it is to stay in the user's own store, and nothing there is to help.
    const storage = ["graphroot", "runroot"].map((name) => `${name} = "${join(this.work, name)}"`);
    writeFileSync(
      join(this.work, "storage.conf"),
      ["[storage]", 'driver = "overlay"', ...storage, ""].join("\n"),
    );
    const port = await freePort();
    this.host = `127.0.0.1:${port}`;
    const config = join(this.work, "registry.yml");
    const settings = {
      version: "0.1",
      log: { level: "error", accesslog: { disabled: true } },
      storage: { filesystem: { rootdirectory: join(this.work, "storage") } },
      http: { addr: this.host, secret: "of no worth" },
    };
    writeFileSync(config, JSON.stringify(settings));
    this.#registry = spawn("docker-registry", ["serve", config], {
      stdio: "ignore",
      env: { PATH: process.env["PATH"], OTEL_TRACES_EXPORTER: "none" },
    });
    await waitForPort(port);
  }

  /** Changes one line of the application. */
  edit(project: string = this.project): void {
    const file = join(project, "app/service.py");
    const line = `GREETING = "hello ${++this.#edits}"`;
    writeFileSync(file, readFileSync(file, "utf8").replace(/^GREETING.*$/m, line));
  }

  /** Runs a program; returns what it printed. */
  run(command: string, args: readonly string[]): string {
    const { status, stdout, stderr } = spawnSync(command, args, {
      cwd: this.project,
      env: this.environment,
      encoding: "utf8",
      maxBuffer: 1 << 28,
    });
    if (status !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${status}:\n${stderr}`);
    return stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#registry?.kill("SIGKILL");
    // An overlay that is mounted cannot be removed.
    spawnSync("umount", [join(this.work, "graphroot/overlay")], { stdio: "ignore" });
    rmSync(this.work, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function waitForPort(port: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const socket = connect(port, "127.0.0.1");
    const isOpen = await new Promise((resolve) => {
      socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    });
    socket.destroy();
    if (isOpen) return;
    await sleep(50);
  }
  throw new Error("docker-registry does not start");
}

function isInstalled(program: string): boolean {
  return (process.env["PATH"] ?? "").split(":").some((directory) => existsSync(join(directory, program)));
}

interface Contestant {
  readonly what: string;
  /** What is not measured: between the edit and the start of the clock, or before the edit. */
  readonly beforeEdit?: () => void;
  readonly afterEdit?: () => void;
  /** From the edited file to the pushed image; returns what was moved, where that is known. */
  readonly push: () => string | Promise<string>;
  /** Where its application is; default: the common one. */
  readonly project?: string;
}

/** Measures all in turn, so that none has the better moments. */
async function race(stage: Stage, contestants: readonly Contestant[]): Promise<PushRow[]> {
  const times = contestants.map((): number[] => []);
  const moved = contestants.map(() => "");
  for (const { push, project, beforeEdit, afterEdit } of contestants) {
    beforeEdit?.();
    stage.edit(project);
    afterEdit?.();
    await push();
  }
  for (let round = 0; round < EDITS; round++) {
    for (const [i, { push, project, beforeEdit, afterEdit }] of contestants.entries()) {
      beforeEdit?.();
      const edited = performance.now();
      stage.edit(project);
      const built = performance.now();
      afterEdit?.();
      const start = edited + (performance.now() - built);
      moved[i] = await push();
      times[i]!.push((performance.now() - start) / 1000);
    }
  }
  return contestants.map(({ what }, i) => {
    const sorted = times[i]!.sort((a, b) => a - b);
    return {
      what,
      seconds: sorted[sorted.length >> 1]!,
      fastest: sorted[0]!,
      slowest: sorted.at(-1)!,
      moved: moved[i]!,
    };
  });
}

/** Measures edit and push; needs the archive the first time. */
export async function benchPush(): Promise<PushRow[]> {
  await using stage = new Stage();
  await stage.start();
  const { host } = stage;
  const contestants: Contestant[] = [
    {
      what: "tare push",
      push: () => describe(JSON.parse(stage.run(TARE, ["push", "--json", "-q", `${host}/service:tare`]))),
    },
  ];
  stage.run(TARE, ["push", "-q", `${host}/service:watched`]);
  // Of its own: it would be at work whenever the others have their turn.
  const watched = join(stage.work, "watched");
  cpSync(stage.project, watched, { recursive: true });
  await using watch = new WatchedPush(stage, watched, `${host}/service:watched`);
  await watch.next();
  contestants.push({
    what: "tare watch --push (running; from the saved file on)",
    // A round that came of the edit before, after the one that was waited for, is no answer to this one.
    beforeEdit: () => watch.forget(),
    push: async () => describe(await watch.next()),
    project: watched,
  });
  const missing: PushRow[] = [];
  const absent = (what: string, moved: string) => missing.push({ what, seconds: undefined, moved });
  const plain = ["--tls-verify=false"];
  const hasBase = isInstalled("podman") && isInstalled("mmdebstrap");
  if (hasBase) makeBase(stage);
  for (const tool of ["podman", "buildah"] as const) {
    const reference = `${host}/service:${tool}`;
    if (!hasBase || !isInstalled(tool))
      absent(`${tool} build, ${tool} push`, `${tool} or mmdebstrap is not installed`);
    else {
      contestants.push({
        what: `${tool} build, ${tool} push`,
        push: () => {
          stage.run(tool, ["build", "--quiet", "--layers", "--pull=never", "-t", reference, "."]);
          stage.run(tool, ["push", "--quiet", ...plain, reference]);
          return "";
        },
      });
    }
  }
  const crane = install(stage, CRANE, "crane");
  if (crane === undefined) absent("crane append", "it could not be built: no Go, or not to be had");
  else {
    stage.run(TARE, ["push", "-q", "--compression", "gzip", `${host}/base:1`]);
    const tar = join(stage.work, "app.tar");
    contestants.push({
      what: "tar, crane append (the layer alone, on a base that is there)",
      push: () => {
        stage.run("tar", ["--create", "--file", tar, "--transform", "s,^,srv/app/,", "-C", "app", "."]);
        stage.run(crane, [
          "append",
          "--insecure",
          "-f",
          tar,
          "-b",
          `${host}/base:1`,
          "-t",
          `${host}/service:crane`,
        ]);
        return "";
      },
    });
  }
  if (isInstalled("skopeo")) {
    contestants.push({
      what: "skopeo copy alone, of the image made before (the last step of nix2container)",
      afterEdit: () => void stage.run(TARE, ["build", "-q", "-o", "oci:made"]),
      push: () => {
        const copy = ["--insecure-policy", "copy", "-q", "--dest-tls-verify=false"];
        stage.run("skopeo", [...copy, "oci:made", `docker://${host}/service:skopeo`]);
        return "";
      },
    });
  }
  if (install(stage, NIX2CONTAINER, "nix2container") === undefined)
    absent("nix2container", "it could not be built: no Go, or not on the Go proxy with a checksum");
  return [...(await race(stage, contestants)), ...missing];
}

function describe(pushed: PushedJson): string {
  return `${pushed.blobs.uploaded} blobs and the manifest, ${(pushed.bytesSent / 1000).toFixed(1)} kB`;
}

interface PushedJson {
  readonly bytesSent: number;
  readonly blobs: { readonly uploaded: number };
}

/** `tare watch` of a project. */
class WatchedPush implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: PushedJson[] = [];
  #arrived = Promise.withResolvers<void>();

  /** Its first round is on its way then. */
  constructor(stage: Stage, project: string, reference: string) {
    this.#child = spawn(TARE, ["watch", "--json", "--push", reference], {
      cwd: project,
      env: stage.environment,
      stdio: ["ignore", "pipe", "inherit"],
    });
    let text = "";
    this.#child.stdout!.setEncoding("utf8").on("data", (chunk: string) => {
      const lines = `${text}${chunk}`.split("\n");
      text = lines.pop()!;
      this.#lines.push(...lines.map((line) => JSON.parse(line) as PushedJson));
      this.#arrived.resolve();
    });
  }

  /** Forgets the rounds that nobody asked for. */
  forget(): void {
    this.#lines.length = 0;
  }

  /** The next round that was not asked for yet. */
  async next(): Promise<PushedJson> {
    while (this.#lines.length === 0) {
      this.#arrived = Promise.withResolvers();
      await this.#arrived.promise;
    }
    return this.#lines.shift()!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGINT");
    await new Promise((resolve) => this.#child.once("exit", resolve));
  }
}

/** The base image that a Dockerfile would begin with, made once. */
function makeBase(stage: Stage): void {
  const tar = join(stage.work, "base.tar");
  const packages = "--include=python3,uwsgi-plugin-python3,uwsgi-core";
  stage.run("mmdebstrap", ["--variant=minbase", packages, "--quiet", "bookworm", tar]);
  stage.run("podman", ["import", "--quiet", tar, "localhost/tare-bench-base"]);
  rmSync(tar);
}

/** A program built from the Go proxy; undefined where it cannot be had. */
function install(stage: Stage, module: string, program: string): string | undefined {
  if (!isInstalled("go")) return undefined;
  const { status } = spawnSync("go", ["install", module], { env: stage.environment, stdio: "ignore" });
  return status === 0 ? join(stage.work, "bin", program) : undefined;
}

/** An image of at least 500 MB, as layers go. */
const LARGE = `import { buildLayeredImage, debian, path, place } from "tare";

const { packages } = debian("bookworm");

export default buildLayeredImage({
  name: "tare-bench-large",
  contents: [packages["golang-go"], packages["python3"], place("/srv/app", path("./app"))],
});
`;

/** Measures what loading into podman moves: all, nothing new, one changed line. Undefined where there is no podman. */
export async function benchLoad(): Promise<
  { readonly imageBytes: number; readonly rows: LoadRow[] } | undefined
> {
  if (!isInstalled("podman")) return undefined;
  await using stage = new Stage();
  await stage.start();
  writeFileSync(join(stage.project, "image.ts"), LARGE);
  stage.run(TARE, ["build", "-q"]);
  let imageBytes = 0;
  const load = (what: string): LoadRow => {
    const start = performance.now();
    const loaded = JSON.parse(stage.run(TARE, ["load", "--json", "-q", "--engine", "podman"])) as {
      readonly bytesMoved: number;
      readonly uncompressedSize: number;
    };
    imageBytes = loaded.uncompressedSize;
    return { what, seconds: (performance.now() - start) / 1000, bytesMoved: loaded.bytesMoved };
  };
  const rows = [load("podman has nothing of it"), load("unchanged")];
  stage.edit();
  return { imageBytes, rows: [...rows, load("one line of the application changed")] };
}
