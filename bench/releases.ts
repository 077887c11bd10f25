// What an Elixir release weighs in an image: as it is often done, as Debian lets one do it, as Tare does it. The release is
// examples/elixir-release; sizes are those of all layers, compressed by gzip -9 and zstd -19.

import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface ReleaseRow {
  readonly what: string;
  /** Bytes of all layers; undefined was not measured. */
  readonly gzip: number | undefined;
  readonly zstd: number | undefined;
  /** Why it was not measured. */
  readonly missing?: string;
}

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
    const withRelease = (what: string, include: string | undefined): ReleaseRow => {
      const why = noMix ?? missing("mmdebstrap", "podman");
      if (why !== undefined) return { what, gzip: undefined, zstd: undefined, missing: why };
      return { what, ...weighDockerfile(include, work) };
    };
    return [
      withRelease("naive: Debian, all of `erlang` and `elixir`, the release", "erlang,elixir"),
      withRelease("slim: Essential, `erlang-base`, the release", "erlang-base"),
      noMix === undefined
        ? { what: "the release tree alone, as `mix release` leaves it", ...weighTree(release, work) }
        : { what: "the release tree alone", gzip: undefined, zstd: undefined, missing: noMix },
      { what: "Tare, stock start script", ...weighImage(work, "stock", (text) => text) },
      {
        what: 'Tare, `start: "direct"`',
        ...weighImage(work, "direct", (text) =>
          text
            .replace('release: "greeter"', 'release: "greeter", start: "direct"')
            .replace(/Entrypoint: \[[^\]]*\]/, "Entrypoint: app.entrypoint, Env: app.env"),
        ),
      },
    ];
  } finally {
    run("chmod", ["-R", "u+w", work], "/");
    rmSync(work, { recursive: true, force: true });
  }
}

function makeRelease(place: string, work: string): void {
  const project = join(work, "project");
  cpSync(join(ROOT, "examples/elixir-release"), project, { recursive: true });
  run("mix", ["release", "--path", place, "--quiet"], project, { MIX_ENV: "prod", LC_ALL: "C.UTF-8" });
}

function weighTree(place: string, work: string): Pick<ReleaseRow, "gzip" | "zstd"> {
  const tar = join(work, "release.tar");
  run(
    "tar",
    ["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "-C", place, "-cf", tar, "."],
    work,
  );
  const size = (script: string) => Number(run("sh", ["-c", `${script} ${tar} | wc -c`], work));
  return { gzip: size("gzip -9 -c"), zstd: size("zstd -19 -q -c") };
}

/** A base system by mmdebstrap, the release copied into it by podman build. */
function weighDockerfile(include: string | undefined, work: string): Pick<ReleaseRow, "gzip" | "zstd"> {
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
  const size = (compress: string): number =>
    Number(run("sh", ["-c", `for layer in ${layers}/*.tar; do ${compress} "$layer"; done | wc -c`], work));
  const sizes = { gzip: size("gzip -9 -c"), zstd: size("zstd -19 -T0 -q -c") };
  rmSync(layers, { recursive: true });
  run("podman", ["rmi", "--force", id], work);
  return sizes;
}

function weighImage(
  work: string,
  name: string,
  change: (text: string) => string,
): Pick<ReleaseRow, "gzip" | "zstd"> {
  const project = join(work, name);
  mkdirSync(project);
  cpSync(join(ROOT, "examples/elixir-release"), project, { recursive: true });
  const file = join(project, "image.ts");
  const text = change(readFileSync(file, "utf8"));
  const size = (compression: string): number => {
    writeFileSync(file, text.replace("config:", `compression: ${compression}, config:`));
    const { layers } = JSON.parse(run(TARE, ["build", "--json"], project, { CI: undefined })) as {
      layers: readonly { size: number }[];
    };
    return layers.reduce((sum, layer) => sum + layer.size, 0);
  };
  return { gzip: size('{ name: "gzip", level: 9 }'), zstd: size('{ name: "zstd", level: 19 }') };
}

export function formatReleaseTable(rows: readonly ReleaseRow[]): string {
  const size = (bytes: number | undefined) => (bytes === undefined ? "–" : (bytes / MIB).toFixed(2));
  return [
    "| MiB, compressed | gzip -9 | zstd -19 |",
    "|---|---|---|",
    ...rows.map(
      ({ what, gzip, zstd, missing: why }) =>
        `| ${what}${why === undefined ? "" : ` (${why})`} | ${size(gzip)} | ${size(zstd)} |`,
    ),
  ].join("\n");
}
