// `npm test`: installs the Debian packages that tests use where it may, checks the code, runs every test but the long ones;
// `npm run test:long` runs those.
import { spawnSync } from "node:child_process";
import { existsSync, globSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const run = (command, args, options = {}) =>
  spawnSync(command, args, { cwd: root, stdio: "inherit", ...options }).status ?? 1;

/** Programs that tests measure Tare against, by the Debian package that has them. */
const TOOLS = {
  "apache2-utils": "/usr/bin/htpasswd",
  apt: "/usr/bin/apt-get",
  binutils: "/usr/bin/readelf",
  bubblewrap: "/usr/bin/bwrap",
  "busybox-static": "/bin/busybox",
  bzip2: "/usr/bin/bzip2",
  containerd: "/usr/bin/containerd",
  crun: "/usr/bin/crun",
  "docker.io": "/usr/sbin/dockerd",
  "docker-registry": "/usr/bin/docker-registry",
  elixir: "/usr/bin/elixir",
  gcc: "/usr/bin/gcc",
  gpgv: "/usr/bin/gpgv",
  "libc-bin": "/sbin/ldconfig",
  "libc6-dev": "/usr/include/stdio.h",
  mmdebstrap: "/usr/bin/mmdebstrap",
  "nix-bin": "/usr/bin/nix-store",
  openssl: "/usr/bin/openssl",
  podman: "/usr/bin/podman",
  python3: "/usr/bin/python3",
  skopeo: "/usr/bin/skopeo",
  uidmap: "/usr/bin/newuidmap",
  umoci: "/usr/bin/umoci",
  "util-linux": "/usr/bin/unshare",
  "xz-utils": "/usr/bin/xz",
  zstd: "/usr/bin/zstd",
};
const missing = Object.keys(TOOLS).filter((name) => !existsSync(TOOLS[name]));
if (missing.length > 0) {
  if (process.getuid?.() === 0 && existsSync("/usr/bin/apt-get")) {
    const quiet = {
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
      stdio: ["ignore", "ignore", "inherit"],
    };
    console.log(`Installing what the tests compare with: ${missing.join(" ")}`);
    run("apt-get", ["update", "-qq"], quiet);
    run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...missing], quiet);
  }
  const absent = missing.filter((name) => !existsSync(TOOLS[name]));
  if (absent.length > 0)
    console.log(`Not installed, so the tests that need them are skipped: ${absent.join(" ")}`);
}

/** Suites of minutes: whole applications with their toolchains, 100 kills, a suite that is built first. */
const LONG = new Set([
  "test/conformance/build-kill.test.ts",
  "test/conformance/registry-conformance.test.ts",
  "test/integration/beam-releases.test.ts",
  "test/integration/compiled-apps.test.ts",
]);
const isLong = process.argv.includes("--long");
const tests = globSync(["src/**/*.test.ts", "test/**/*.test.ts"], { cwd: root })
  .filter((file) => LONG.has(file) === isLong)
  .sort();

const steps = [
  ["npx", ["--no-install", "biome", "ci", "--error-on-warnings", "."]],
  ["npx", ["--no-install", "tsc", "--noEmit"]],
  [process.execPath, ["scripts/build.mjs"]],
  [
    process.execPath,
    [
      "--test",
      "--test-reporter=spec",
      "--test-timeout=600000",
      // Much of the time is waiting: for the network, for other programs, for a clock to tick.
      `--test-concurrency=${Math.max(2, availableParallelism())}`,
      ...tests,
    ],
  ],
];
for (const [command, args] of steps) {
  const status = run(command, args);
  if (status !== 0) process.exit(status);
}
