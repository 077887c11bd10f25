// How fast the images of stream scripts are streamed, beside Python's tarfile writing the same layers: whole processes,
// from their start to their end, into a pipe. `cold` begins without a cache, `warm` knows the digests of the layers.

import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { unpackStore, writeConf } from "../test/kit/nix-images.ts";

/** One line of the table. */
export interface StreamRow {
  readonly closure: string;
  readonly what: string;
  readonly seconds: number;
  /** Largest resident size, bytes; undefined where it was not measured. */
  readonly memory?: number;
  /** Of Python's time. */
  readonly ratio: number;
}

const ROOT = join(import.meta.dirname, "..");
const RUNS = 3;
const GENERATED_PATHS = 200;
const GENERATED_LAYERS = 40;
/** Bytes. */
const GENERATED_SIZE = 1e9;

/** Measures streaming of the image `big` of the vectors, and of a closure of 1 GB; the best of three runs each. */
export function benchStream(): StreamRow[] {
  const work = mkdtempSync(join(tmpdir(), "tare-bench-"));
  try {
    const big = join(work, "big");
    mkdirSync(big);
    unpackStore("big", big);
    const bigConf = writeConf("big", "conf-max100.json", big);
    const large = join(work, "large");
    const largeConf = generateClosure(large, bigConf);
    return [
      ...measure("`big` of the vectors", bigConf, big, work),
      ...measure("1 GB", largeConf, large, work),
    ];
  } finally {
    execFileSync("chmod", ["-R", "u+w", work]);
    rmSync(work, { recursive: true, force: true });
  }
}

function measure(closure: string, conf: string, root: string, work: string): StreamRow[] {
  const python = execFileSync("python3", ["-c", "import sys; print(sys.executable)"], {
    encoding: "utf8",
  }).trim();
  const tare = [process.execPath, join(ROOT, "bin/tare.js"), "stream-conf", "-q", conf, "--store-root", root];
  const cache = join(work, "cache");
  const peers: readonly (readonly [string, readonly string[], boolean])[] = [
    ["Python tarfile", [python, join(ROOT, "bench/stream-conf.py"), conf, root], false],
    ["tare stream-conf, cold", tare, true],
    ["tare stream-conf, warm", tare, false],
  ];
  const best = peers.map(() => Number.POSITIVE_INFINITY);
  const forget = () => rmSync(join(cache, "tare/layers"), { recursive: true, force: true });
  for (let run = 0; run < RUNS; run++) {
    for (const [i, [, command, isCold]] of peers.entries()) {
      if (isCold) forget();
      best[i] = Math.min(best[i]!, time(command, cache));
    }
  }
  const inside = benchInside(python, conf, root, cache);
  const rows = peers.map(([what, command, isCold], i) => {
    if (isCold) forget();
    return {
      closure,
      what,
      seconds: best[i]!,
      memory: measureMemory(command, cache),
      ratio: best[i]! / best[0]!,
    };
  });
  return [...rows, ...inside.map((row) => ({ closure, ...row }))];
}

/** The same without the start of either process. */
function benchInside(
  python: string,
  conf: string,
  root: string,
  cache: string,
): Omit<StreamRow, "closure">[] {
  const peers: readonly (readonly [string, readonly string[]])[] = [
    ["Python tarfile, without its start", [python, join(ROOT, "bench/stream-conf.py"), conf, root]],
    [
      "tare stream-conf, cold, without its start",
      [process.execPath, join(ROOT, "bench/stream-once.ts"), conf, root],
    ],
  ];
  const best = peers.map(() => Number.POSITIVE_INFINITY);
  for (let run = 0; run < RUNS; run++) {
    for (const [i, [, command]] of peers.entries()) {
      const place = join(cache, `inside-${run}`);
      rmSync(place, { recursive: true, force: true });
      const shell = ["-c", '"$@" | cat >/dev/null', "sh", ...command, place];
      const { stderr } = spawnSync("sh", shell, { encoding: "utf8" });
      best[i] = Math.min(best[i]!, Number(stderr));
    }
  }
  return peers.map(([what], i) => ({ what, seconds: best[i]!, ratio: best[i]! / best[0]! }));
}

/** Runs a command into a pipe; the seconds that it takes. */
function time(command: readonly string[], cache: string): number {
  const start = performance.now();
  const { status } = spawnSync("sh", ["-c", '{ "$@" || kill $$; } | cat >/dev/null', "sh", ...command], {
    env: { ...process.env, XDG_CACHE_HOME: cache },
    stdio: "ignore",
  });
  if (status !== 0) throw new Error(`${command.join(" ")} failed`);
  return (performance.now() - start) / 1000;
}

/** Runs a command; its largest resident size, bytes. */
function measureMemory(command: readonly string[], cache: string): number {
  const script = `import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)`;
  const env = { ...process.env, XDG_CACHE_HOME: cache };
  return Number(execFileSync("python3", ["-c", script, ...command], { encoding: "utf8", env })) * 1024;
}

/** Makes a closure like those of Nix: most files are small, most bytes are in large ones. Always the same. */
function generateClosure(root: string, sample: string): string {
  const noise = makeNoise(1 << 24);
  let state = 1;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const paths: string[] = [];
  for (let i = 0; i < GENERATED_PATHS; i++) {
    const hash = createHash("sha256").update(`path ${i}`).digest("hex").replace(/e/g, "z").slice(0, 32);
    const path = `/nix/store/${hash}-generated-${i}`;
    paths.push(path);
    for (let left = GENERATED_SIZE / GENERATED_PATHS, file = 0; left > 0; file++) {
      const size = Math.min(drawSize(random), Math.ceil(left));
      left -= size;
      const directory = join(root, path, `share/d${file % 16}`);
      mkdirSync(directory, { recursive: true });
      const offset = Math.floor(random() * (noise.length - size));
      writeFileSync(join(directory, `file-${file}`), noise.subarray(offset, offset + size), { mode: 0o444 });
    }
    chmodSync(join(root, path), 0o555);
  }
  const conf = JSON.parse(readFileSync(sample, "utf8")) as { customisation_layer: string };
  const customisation = join(root, conf.customisation_layer);
  mkdirSync(customisation);
  const layer = Buffer.alloc(10240);
  writeFileSync(join(customisation, "layer.tar"), layer);
  writeFileSync(join(customisation, "checksum"), createHash("sha256").update(layer).digest("hex"));
  const alone = paths.slice(0, GENERATED_LAYERS - 1).map((path) => [path]);
  const file = join(root, "conf.json");
  writeFileSync(
    file,
    JSON.stringify({ ...conf, store_layers: [...alone, paths.slice(GENERATED_LAYERS - 1)] }),
  );
  return file;
}

/** Bytes: every 50th file is a program or library of 100 kB to 6 MB, the others have 50 bytes to 50 kB. */
function drawSize(random: () => number): number {
  const [least, spread] = random() < 0.02 ? [100_000, 60] : [50, 1000];
  return Math.ceil(least * spread ** random());
}

function makeNoise(size: number): Buffer {
  const noise = Buffer.alloc(size);
  for (let at = 0, i = 0; at < size; at += 32, i++)
    createHash("sha256").update(`noise ${i}`).digest().copy(noise, at);
  return noise;
}

/** A Markdown table. */
export function formatStreamTable(rows: readonly StreamRow[]): string {
  return [
    "| closure | what | time | of Python's | memory |",
    "|---|---|---|---|---|",
    ...rows.map(
      ({ closure, what, seconds, ratio, memory }) =>
        `| ${closure} | ${what} | ${seconds.toPrecision(3)} s | ${ratio.toFixed(2)} | ${memory === undefined ? "" : `${Math.round(memory / 1e6)} MB`} |`,
    ),
  ].join("\n");
}

if (import.meta.main) console.log(formatStreamTable(benchStream()));
