// How long whole builds take: cold from cached downloads, with nothing changed, and mmdebstrap beside them.

import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface BuildRow {
  readonly what: string;
  readonly seconds: number;
  readonly ratio: string;
}

const ROOT = join(import.meta.dirname, "..");
const TARE = join(ROOT, "node_modules/.bin/tare");
const RUNS = 3;

function timed(command: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv): number {
  const start = performance.now();
  const { status, stderr } = spawnSync(command, args, {
    cwd,
    env: { ...process.env, ...env },
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${status}:\n${stderr}`);
  return (performance.now() - start) / 1000;
}

function best(action: () => number): number {
  return Math.min(...Array.from({ length: RUNS }, action));
}

/** Measures builds of one example; needs the archive the first time. */
export function benchBuild(): BuildRow[] {
  const work = mkdtempSync(join(tmpdir(), "tare-bench-"));
  try {
    const project = join(work, "nginx");
    cpSync(join(ROOT, "examples/nginx"), project, { recursive: true });
    const env = { XDG_CACHE_HOME: join(work, "cache"), CI: undefined };
    const cache = join(work, "cache/tare");
    timed(TARE, ["build", "-q"], project, env);
    const cold = best(() => {
      for (const folder of readdirSync(cache)) {
        // What was fetched stays, and the compiled code of Tare itself; all that was made of it goes.
        if (folder !== "downloads" && folder !== "compile") rmSync(join(cache, folder), { recursive: true });
      }
      rmSync(join(project, "nginx.oci"), { recursive: true, force: true });
      return timed(TARE, ["build", "-q"], project, env);
    });
    const warm = best(() => timed(TARE, ["build", "-q"], project, env));
    const node = best(() => timed(process.execPath, ["-e", "0"], project, env));
    const rows: BuildRow[] = [
      { what: "tare build, cold, downloads cached", seconds: cold, ratio: "" },
      { what: "node -e 0", seconds: node, ratio: "" },
      {
        what: "tare build, nothing changed",
        seconds: warm,
        ratio: `${(warm / node).toFixed(1)} × node -e 0`,
      },
    ];
    const debootstrap = benchMmdebstrap(work);
    if (debootstrap === undefined) rows.push({ what: "mmdebstrap: not installed", seconds: 0, ratio: "" });
    else {
      rows.push({
        what: "mmdebstrap --variant=minbase --include=nginx-light, downloads cached",
        seconds: debootstrap,
        ratio: `${(debootstrap / cold).toFixed(1)} × the cold build`,
      });
    }
    return rows;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The indices come from the mirror each time, as they do for every run of mmdebstrap; the packages do not. */
function benchMmdebstrap(work: string): number | undefined {
  if (!existsSync("/usr/bin/mmdebstrap")) return undefined;
  const archives = join(work, "archives");
  mkdirSync(archives);
  const include = ["--variant=minbase", "--include=nginx-light", "--quiet"];
  const run = (...hooks: string[]) =>
    timed("mmdebstrap", [...include, ...hooks, "bookworm", join(work, "root.tar")], work, {});
  // The first run keeps what it fetched.
  run(
    "--skip=download/empty,essential/unlink,cleanup/apt",
    `--customize-hook=cp "$1"/var/cache/apt/archives/*.deb ${archives}/`,
  );
  return best(() =>
    run(
      "--skip=download/empty",
      `--setup-hook=mkdir -p "$1"/var/cache/apt/archives/partial; cp ${archives}/*.deb "$1"/var/cache/apt/archives/`,
    ),
  );
}
