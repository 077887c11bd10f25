// What an Elixir release weighs in an image: as it is often done, as Debian lets one do it, as Tare does it. The release is
// examples/elixir-release; sizes are those of all layers, compressed by gzip -9, by zstd at its default level and by zstd -19.

import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface ReleaseRow {
  readonly what: string;
  /** Undefined was not measured. */
  readonly sizes: Sizes | undefined;
  /** Why it was not measured. */
  readonly missing?: string;
}

/** A way to compress, with the words by which a shell and an image.ts ask for it. */
interface Compression {
  readonly name: "gzip" | "zstd";
  readonly level: number;
  readonly command: string;
}

const COMPRESSIONS: readonly Compression[] = [
  { name: "gzip", level: 9, command: "gzip -9 -c" },
  { name: "zstd", level: 3, command: "zstd -3 -q -c" },
  { name: "zstd", level: 19, command: "zstd -19 -T0 -q -c" },
];

/** Bytes of all layers, in the order of COMPRESSIONS. */
type Sizes = readonly number[];

const ROOT = join(import.meta.dirname, "..");
const TARE = join(ROOT, "node_modules/.bin/tare");
const MIB = 2 ** 20;

function run(command: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}): string {
  const result = spawnSync(command, args, {
    cwd,
    env: { ...process.env, ...env },
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  if (result.status !== 0) throw new Error(`${command} ended with ${result.status}: ${result.stderr}`);
  return result.stdout;
}

function missing(...programs: readonly string[]): string | undefined {
  const absent = programs.filter((name) => !existsSync(`/usr/bin/${name}`));
  return absent.length === 0 ? undefined : `${absent.join(", ")} not installed`;
}

/** Measures all rows. */
export function benchReleases(): ReleaseRow[] {
  const work = mkdtempSync(join(tmpdir(), "tare-bench-"));
  try {
    const release = join(work, "release");
    const noMix = missing("mix");
    if (noMix === undefined) makeRelease(release, work);
    const withRelease = (what: string, include: string): ReleaseRow => {
      const why = noMix ?? missing("mmdebstrap", "podman");
      if (why !== undefined) return { what, sizes: undefined, missing: why };
      return { what, sizes: weighDockerfile(include, work) };
    };
    return [
      withRelease("naive: Debian, all of `erlang` and `elixir`, the release", "erlang,elixir"),
      withRelease("slim: Essential, `erlang-base`, the release", "erlang-base"),
      noMix === undefined
        ? { what: "the release tree alone, as `mix release` leaves it", sizes: weighTree(release, work) }
        : { what: "the release tree alone", sizes: undefined, missing: noMix },
      { what: "Tare, stock start script", sizes: weighImage("examples/elixir-release", join(work, "stock")) },
      {
        what: 'Tare, `start: "direct"`',
        sizes: weighImage("examples/elixir-release", join(work, "direct"), (text) =>
          text
            .replace('release: "greeter"', 'release: "greeter", start: "direct"')
            .replace(/Entrypoint: \[[^\]]*\]/, "Entrypoint: app.entrypoint, Env: app.env"),
        ),
      },
      {
        what: "Tare, one with `:ssl`, `:crypto` and `:inets`, stock start script",
        sizes: weighImage("test/fixtures/elixir-tls", join(work, "tls"), () => TLS_IMAGE),
      },
    ];
  } finally {
    run("chmod", ["-R", "u+w", work], "/");
    rmSync(work, { recursive: true, force: true });
  }
}

const TLS_IMAGE = `import { buildLayeredImage, mixRelease } from "tare";
const app = mixRelease({ src: ".", release: "tls_echo" });
export default buildLayeredImage({ name: "tls", config: { Entrypoint: app.entrypoint, Env: app.env } });
`;

function makeRelease(place: string, work: string): void {
  const project = join(work, "project");
  cpSync(join(ROOT, "examples/elixir-release"), project, { recursive: true });
  run("mix", ["release", "--path", place, "--quiet"], project, { MIX_ENV: "prod", LC_ALL: "C.UTF-8" });
}

function weighTree(place: string, work: string): Sizes {
  const tar = join(work, "release.tar");
  run(
    "tar",
    ["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "-C", place, "-cf", tar, "."],
    work,
  );
  return COMPRESSIONS.map(({ command }) => Number(run("sh", ["-c", `${command} ${tar} | wc -c`], work)));
}

/** A base system by mmdebstrap, the release copied into it by podman build. */
function weighDockerfile(include: string, work: string): Sizes {
  const base = join(work, "base.tar");
  rmSync(base, { force: true });
  run("mmdebstrap", ["--variant=essential", `--include=${include}`, "--quiet", "bookworm", base], work);
  writeFileSync(
    join(work, "Containerfile"),
    'FROM scratch\nADD base.tar /\nCOPY release /app\nENTRYPOINT ["/app/bin/greeter", "start"]\n',
  );
  const id = run(
    "podman",
    ["build", "--quiet", "--isolation=chroot", "-f", "Containerfile", "."],
    work,
  ).trim();
  const layers = join(work, "layers");
  mkdirSync(layers);
  const script = `podman save --format docker-archive ${id} | tar -x -C ${layers}`;
  run("sh", ["-c", script], work);
  const sizes = COMPRESSIONS.map(({ command }) =>
    Number(run("sh", ["-c", `for layer in ${layers}/*.tar; do ${command} "$layer"; done | wc -c`], work)),
  );
  rmSync(layers, { recursive: true });
  run("podman", ["rmi", "--force", id], work);
  return sizes;
}

/** An image of a project of this checkout; `change` is given the project's own image.ts, if it has one. */
function weighImage(
  source: string,
  project: string,
  change: (text: string) => string = (text) => text,
): Sizes {
  cpSync(join(ROOT, source), project, { recursive: true });
  const file = join(project, "image.ts");
  const text = change(existsSync(file) ? readFileSync(file, "utf8") : "");
  return COMPRESSIONS.map(({ name, level }) => {
    writeFileSync(
      file,
      text.replace("config:", `compression: { name: "${name}", level: ${level} }, config:`),
    );
    const { layers } = JSON.parse(run(TARE, ["build", "--json"], project, { CI: undefined })) as {
      layers: readonly { size: number }[];
    };
    return layers.reduce((sum, layer) => sum + layer.size, 0);
  });
}

/** What people of the Elixir community measured, by their own account, with applications of their own. */
const QUOTED = [
  ["the community's figure for an image as it comes (quoted)", 200],
  ["the community's figure for Nix by default (quoted)", 60],
  ["the community's figure for Nix tuned by hand (quoted)", 22],
] as const;

export function formatReleaseTable(rows: readonly ReleaseRow[]): string {
  const size = (bytes: number | undefined) => (bytes === undefined ? "–" : (bytes / MIB).toFixed(2));
  const titles = COMPRESSIONS.map(({ name, level }) => `${name} -${level}`);
  return [
    `| MiB, compressed | ${titles.join(" | ")} |`,
    `|---|${titles.map(() => "---|").join("")}`,
    ...QUOTED.map(([what, mebibytes]) => `| ${what} | ${mebibytes} | – | – |`),
    ...rows.map(({ what, sizes, missing: why }) => {
      const cells = COMPRESSIONS.map((_, index) => size(sizes?.[index]));
      return `| ${what}${why === undefined ? "" : ` (${why})`} | ${cells.join(" | ")} |`;
    }),
  ].join("\n");
}
