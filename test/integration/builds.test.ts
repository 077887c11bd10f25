// Images with derivations, by the command line: what builds see of Debian's packages, what they say, how they fail, what
// is kept of them, and two of them at once. The packages are a test's own: busybox is their bash.

import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { parseNarInfo } from "../../src/formats/nix/narinfo.ts";
import { removeTree } from "../../src/platform/directories.ts";
import { type CliResult, tare as runTare, startTare } from "../kit/cli.ts";
import { makeProject, type Project } from "../kit/project.ts";
import { BUSYBOX } from "../kit/tiny-image.ts";

const skip =
  process.platform !== "linux"
    ? "this is not Linux"
    : !existsSync(BUSYBOX) && "busybox-static is not installed";

const BUSYBOX_FILES = {
  "bin/busybox": { text: readFileSync(existsSync(BUSYBOX) ? BUSYBOX : "/dev/null"), mode: 0o755 },
  "bin/bash": { text: '#!/bin/busybox sh\nexec /bin/busybox sh "$@"\n', mode: 0o755 },
  ...Object.fromEntries(
    "cat cp echo env find head ls mkdir mktemp sed sh sleep sort touch tr"
      .split(" ")
      .map((name) => [`bin/${name}`, { target: "busybox" }]),
  ),
};

const ARCHIVE = {
  packages: [
    { name: "bash", fields: { Essential: "yes", Depends: "base-files" }, files: BUSYBOX_FILES },
    { name: "base-files", files: { "etc/debian_version": "12.0\n", "var/lib/base/": {} } },
    {
      name: "tool",
      fields: { Depends: "libtool1 | other", Recommends: "other" },
      files: { "usr/bin/tool": { text: "#!/bin/sh\necho tool\n", mode: 0o755 } },
    },
    {
      name: "libtool1",
      files: { "usr/lib/libtool.so.1": "lib", "usr/share/doc/libtool1/copyright": "free" },
    },
    { name: "other", files: { "usr/bin/other": { text: "#!/bin/sh\n", mode: 0o755 } } },
  ],
};

const HEAD = `import { buildLayeredImage, debian, derivation, path, place, runCommand, symlinkJoin, writeScriptBin, writeText } from "tare";
const { packages } = debian("bookworm", { architecture: "amd64" });
`;

interface BuildProject extends Project {
  readonly store: string;
  write(image: string): void;
  /** Fails with what it said. */
  succeed(...args: string[]): CliResult;
  /** Where a store path that an image has in its configuration really is. */
  builtPath(): string;
}

async function prepare(t: TestContext, image: string): Promise<BuildProject> {
  const project = await makeProject(t, { image: HEAD + image, archive: ARCHIVE });
  const data = join(project.cacheHome, "../data");
  const environment = { ...project.environment, XDG_DATA_HOME: data };
  const tare: Project["tare"] = (args, options = {}) =>
    runTare(args, { cwd: project.directory, ...options, env: { ...environment, ...options.env } });
  const store = join(data, "tare/store");
  return {
    ...project,
    environment,
    tare,
    store,
    write: (text) => writeFileSync(join(project.directory, "image.ts"), HEAD + text),
    succeed: (...args) => {
      const result = tare(args);
      assert.equal(result.status, 0, result.stderr);
      return result;
    },
    builtPath: () => {
      const layout = join(project.directory, "app.oci");
      const read = (digest: string) =>
        JSON.parse(readFileSync(join(layout, "blobs/sha256", digest.slice(7)), "utf8"));
      const index = JSON.parse(readFileSync(join(layout, "index.json"), "utf8"));
      const { config } = read(read(index.manifests[0].digest).config.digest);
      return join(store, config.Env.find((pair: string) => pair.startsWith("BUILT=")).slice(6));
    },
  };
}

const image = (build: string, contents = "") =>
  `${build}\nexport default buildLayeredImage({ name: "app", contents: [${contents}], archive: debian("bookworm", { architecture: "amd64" }), config: { Env: { BUILT: \`\${app}\` } } });\n`;

describe("a build with packages", { skip }, () => {
  test("sees exactly their declared closure and Essential", async (t) => {
    const project = await prepare(
      t,
      image(
        "const app = runCommand(\"app\", { inputs: [packages.tool] }, \"find / -xdev ! -type d ! -path '/proc/*' ! -path '/dev/*' | sort > $out; /usr/bin/tool >> $out\");",
      ),
    );
    project.succeed("build");
    const listed = readFileSync(project.builtPath(), "utf8").trim().split("\n");
    assert.equal(listed.pop(), "tool");
    const packaged = [
      ...Object.keys(BUSYBOX_FILES).map((name) => `/${name.replace(/^bin/, "usr/bin")}`),
      ...[
        "/etc/debian_version",
        "/usr/bin/tool",
        "/usr/lib/libtool.so.1",
        "/usr/share/doc/libtool1/copyright",
      ],
    ];
    assert.deepEqual(
      packaged.filter((path) => !listed.includes(path) && !listed.includes(path.replace("/usr/bin", "/bin"))),
      [],
    );
    const ownFiles = listed.filter(
      (path) => !packaged.includes(path) && !packaged.includes(path.replace(/^\/bin/, "/usr/bin")),
    );
    // What installing makes, what every sandbox has, and the build's own.
    const allowed =
      /^\/(?:etc\/|build\/|nix\/store\/|var\/|bin$|lib(?:32|64|x32)?$|sbin$|usr\/lib\/os-release$)/;
    assert.deepEqual(
      ownFiles.filter((path) => !allowed.test(path)),
      [],
    );
    assert.doesNotMatch(listed.join("\n"), /other|\/root\/|\/home\//);
  });

  test("has the .debs among its inputs: another version is another derivation", async (t) => {
    const project = await prepare(
      t,
      image('const app = runCommand("app", { inputs: [packages.tool] }, "echo > $out");'),
    );
    const { stdout } = project.succeed("derivation", "show", "--json");
    const [[drvPath, derivation]] = Object.entries(JSON.parse(stdout)) as [
      [string, { inputSrcs: string[]; env: { out: string } }],
    ];
    assert.match(drvPath, /^\/nix\/store\/\w{32}-app\.drv$/);
    assert.deepEqual(derivation.inputSrcs.map((path) => path.slice(44)).sort(), [
      "base-files_1.0-1_amd64.deb",
      "bash_1.0-1_amd64.deb",
      "libtool1_1.0-1_amd64.deb",
      "tool_1.0-1_amd64.deb",
    ]);
    assert.equal(existsSync(join(project.store, derivation.env.out)), false);
    const text = project.succeed("derivation", "show").stdout;
    assert.match(text, /^# \/nix\/store\/\w{32}-app\.drv\nDerive\(\[\("out",/);
  });
});

describe("tare build", { skip }, () => {
  test("says what fails with its last lines, and tare log all of it", async (t) => {
    const project = await prepare(
      t,
      image(
        'const app = runCommand("app", {}, "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do echo line $i; done; exit 3");',
      ),
    );
    const failed = project.tare(["build"]);
    assert.equal(failed.status, 1);
    assert.match(
      failed.stderr,
      /Cannot build app: its builder ended with exit code 3; its last lines were \[BUILD_FAILED\]\n {2}│ line 3\n[\s\S]*│ line 14\n/,
    );
    assert.doesNotMatch(failed.stderr, /✓ building/);
    assert.match(failed.stderr, /--keep-failed keeps its directory/);
    const lines = /^line 1\nline 2\n[\s\S]*line 14$/;
    for (const target of [".", "app"]) assert.match(project.succeed("log", target).stdout.trim(), lines);
    const drv = Object.keys(JSON.parse(project.succeed("derivation", "show", "--json").stdout))[0]!;
    assert.match(project.succeed("log", drv).stdout.trim(), lines);
    const none = project.tare(["log", "nothing"]);
    assert.equal(none.status, 1);
    assert.match(none.stderr, /Cannot show the log of nothing: no build of it ran on this machine/);
    assert.equal(
      JSON.parse(project.tare(["log", "nothing", "--json"]).stdout || "{}").code ?? "LOG_MISSING",
      "LOG_MISSING",
    );
    const kept = project.tare(["build", "--keep-failed"]);
    const directory = /its directory stays until tare store gc: (\S+)/.exec(kept.stderr)?.[1];
    assert.ok(directory !== undefined && existsSync(directory), kept.stderr);
  });

  test("ends what takes too long, and checks that a build can be repeated", async (t) => {
    const project = await prepare(t, image('const app = runCommand("app", {}, "echo go; sleep 60");'));
    const slow = project.tare(["build", "--timeout", "1"]);
    assert.match(slow.stderr, /Cannot build app: it took longer than 1 second/);
    assert.match(project.tare(["build", "--max-silent-time", "1"]).stderr, /it said nothing for 1 second/);
    project.write(image('const app = runCommand("app", {}, "echo $NIX_BUILD_CORES > $out");'));
    const built = project.succeed("build", "--cores", "7");
    assert.match(built.stderr, /^✓ building app$/m);
    assert.equal(readFileSync(project.builtPath(), "utf8"), "7\n");
    const checked = project.tare(["build", "--check", "--cores", "3"]);
    assert.equal(checked.status, 1);
    assert.match(
      checked.stderr,
      /Cannot reproduce app: a second build gave other bytes \[BUILD_NOT_REPRODUCIBLE\]\n {2}\S+-app:\n {4}the output itself: at byte 0 "7\\n", then "3\\n"/,
    );
    project.succeed("build", "--check", "--cores", "7");
    assert.equal(project.tare(["build", "--timeout", "0"]).status, 2);
  });

  test("twice at once builds once", async (t) => {
    const project = await prepare(
      t,
      image('const app = runCommand("app", {}, "sleep 2; cat /proc/sys/kernel/random/uuid > $out");'),
    );
    project.succeed("lock");
    const options = { cwd: project.directory, env: project.environment };
    const results = await Promise.all(
      ["one", "two"].map(async (name) => {
        const child = startTare(t, ["build", "-o", `oci:${name}.oci`], options);
        let said = "";
        child.stderr.on("data", (chunk: Buffer) => (said += chunk));
        const [status] = await once(child, "close");
        return { status, said };
      }),
    );
    for (const { status, said } of results) assert.equal(status, 0, said);
    const said = results.map(({ said }) => said).join("\n");
    assert.equal(said.match(/✓ building app/g)?.length, 1, said);
    assert.equal(said.match(/waiting for another process that builds app/g)?.length, 1, said);
    const [one, two] = ["one", "two"].map((name) =>
      readFileSync(join(project.directory, `${name}.oci/index.json`), "utf8"),
    );
    assert.equal(one, two);
  });

  test("keeps what is in the image until the image file is gone", async (t) => {
    const project = await prepare(
      t,
      image(
        'const app = runCommand("app", {}, "echo kept > $out"); const page = writeText("page", "placed");',
        'place("/srv/page", page)',
      ),
    );
    project.succeed("build");
    const built = project.builtPath();
    project.succeed("store", "gc");
    assert.equal(readFileSync(built, "utf8"), "kept\n");
    const names = () =>
      readdirSync(join(project.store, "nix/store"))
        .map((name) => name.slice(33))
        .sort();
    assert.deepEqual(
      names().filter((name) => name !== ""),
      ["app", "page"],
    );
    project.write(image('const app = runCommand("app", {}, "echo other > $out");'));
    project.succeed("build");
    project.succeed("store", "gc");
    assert.equal(existsSync(built), false);
    const other = project.builtPath();
    rmSync(join(project.directory, "image.ts"));
    project.succeed("store", "gc");
    assert.equal(existsSync(other), false);
    assert.deepEqual(
      readdirSync(join(project.store, "nix/store")).filter((name) => name !== ".links"),
      [],
    );
  });
});

describe("tare build --substituters", { skip }, () => {
  interface Realised {
    readonly digest: string;
    readonly builds: { readonly built: readonly string[]; readonly substituted: readonly string[] };
  }

  /** A project that was built and pushed; each later build begins with nothing but its lock and the packages. */
  async function preparePushed(t: TestContext) {
    const project = await prepare(
      t,
      image(
        'const note = writeText("note", "of a cache");\n' +
          'const part = runCommand("part", {}, `echo part > $out`);\n' +
          `const app = runCommand("app", { outputs: ["out", "dev"] }, \`echo \${note} \${part} > $out; echo $out > $dev\`);`,
        "app, app.outputs.dev",
      ),
    );
    const json = (...args: string[]): Realised =>
      JSON.parse(project.succeed("build", "--json", ...args).stdout);
    const first = json();
    const names = (paths: readonly string[]) => paths.map((path) => path.slice(44)).sort();
    assert.deepEqual(names(first.builds.built), ["app", "app-dev", "note", "part"]);
    assert.deepEqual(json().builds, { built: [], substituted: [] });
    const key = (name: string) => {
      const file = join(project.directory, `${name}.key`);
      return { file, publicKey: project.succeed("store", "generate-key", name, "--out", file).stdout.trim() };
    };
    const trusted = key("trusted-1");
    const cache = join(project.directory, "cache");
    const url = pathToFileURL(cache).href;
    project.succeed("store", "push", url, "--key", trusted.file);
    const anew = (...options: string[]) => {
      removeTree(project.store);
      removeTree(join(project.cacheHome, "tare/builds"));
      const result = project.succeed("build", "--json", ...options);
      const { digest, builds } = JSON.parse(result.stdout) as Realised;
      assert.equal(digest, first.digest);
      return { ...result, built: names(builds.built), substituted: names(builds.substituted) };
    };
    /** Removes from the cache what is said of a path, or its NAR. */
    const lose = (name: string, what: "narinfo" | "NAR") => {
      const file = readdirSync(cache).find(
        (entry) =>
          entry.endsWith(".narinfo") &&
          new RegExp(`^StorePath: \\S+-${name}$`, "m").test(readFileSync(join(cache, entry), "utf8")),
      )!;
      const { url: nar } = parseNarInfo(readFileSync(join(cache, file), "utf8"));
      rmSync(join(cache, what === "NAR" ? nar : file));
    };
    return { ...project, anew, cache, key, lose, publicKey: trusted.publicKey, url };
  }

  test("builds nothing that a trusted cache has, and what it lacks", async (t) => {
    const { anew, lose, publicKey, url, tare } = await preparePushed(t);
    const options = ["--substituters", url, "--trusted-public-keys", publicKey];
    const all = anew(...options);
    // What is wanted is taken, with what it refers to; nothing is left to be built.
    assert.deepEqual([all.built, all.substituted], [[], ["app", "app-dev"]]);
    assert.match(tare(["store", "ls"]).stdout, /-note\n[\s\S]*4 paths/);
    assert.match(tare(["store", "verify"]).stdout, /^4 paths .*, 0 problems\n$/);

    lose("app-dev", "narinfo");
    const some = anew(...options);
    assert.deepEqual([some.built, some.substituted], [["app", "app-dev"], ["app"]]);
    assert.doesNotMatch(some.stderr, /warning/);

    lose("app", "NAR");
    // What is made quickly, as the note, is never asked for.
    const fewer = anew(...options);
    assert.deepEqual([fewer.built, fewer.substituted], [["app", "app-dev", "note"], ["part"]]);
    assert.match(fewer.stderr, /warning: \S+-app is not taken from a cache: .*does not have file:/);
  });

  test("takes nothing that nobody trusted has signed, and then builds it", async (t) => {
    const { anew, key, url, tare } = await preparePushed(t);
    const { publicKey } = key("stranger-1");
    for (const keys of [[], ["--trusted-public-keys", publicKey]]) {
      const result = anew("--substituters", url, ...keys);
      assert.deepEqual([result.built, result.substituted], [["app", "app-dev", "note", "part"], []]);
      const warnings = result.stderr.match(/^warning: .*$/gm)!;
      assert.equal(warnings.length, 1, result.stderr);
      assert.match(
        warnings[0]!,
        /not taken from a cache, nor .*no trusted key has signed it \(signed by trusted-1;/,
      );
    }
    assert.match(
      tare(["build", "--substituters", "/srv"]).stderr,
      /https:, http: or file: URLs were expected/,
    );
    assert.match(
      tare(["build", "--trusted-public-keys", "me"]).stderr,
      /generate-key prints them were expected/,
    );
  });

  test("asks servers, also those that the environment names; one that is gone costs a warning", async (t) => {
    const { anew, cache, publicKey, environment, directory, cacheHome, store } = await preparePushed(t);
    const server = createServer((request, response) => {
      const file = join(cache, request.url!);
      if (existsSync(file)) response.end(readFileSync(file));
      else response.writeHead(404).end();
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
    removeTree(store);
    removeTree(join(cacheHome, "tare/builds"));
    // The server is of this process: the command must not block it.
    const env = { ...environment, TARE_SUBSTITUTERS: url, TARE_TRUSTED_PUBLIC_KEYS: publicKey };
    const build = startTare(t, ["build", "--json"], { cwd: directory, env });
    let [stdout, stderr] = ["", ""];
    build.stdout!.on("data", (chunk) => (stdout += chunk));
    build.stderr!.on("data", (chunk) => (stderr += chunk));
    const [code] = await once(build, "close");
    assert.equal(code, 0, stderr);
    const { builds } = JSON.parse(stdout) as Realised;
    assert.deepEqual([builds.built.length, builds.substituted.length], [0, 2]);
    server.closeAllConnections();
    await promisify(server.close.bind(server))();
    const gone = anew("--substituters", url, "--trusted-public-keys", publicKey);
    assert.equal(gone.built.length, 4);
    assert.equal(gone.stderr.match(/^warning: /gm)?.length, 1, gone.stderr);
  });
});

describe("placement", { skip }, () => {
  test("links what is in contents, puts what is placed at its place, and mentions nothing that is not there", async (t) => {
    const project = await prepare(t, "");
    mkdirSync(join(project.directory, "public/sub"), { recursive: true });
    writeFileSync(join(project.directory, "public/index.html"), "<html>");
    writeFileSync(
      Buffer.from([...Buffer.from(join(project.directory, "public/sub/")), 0xff, 0x2e, 0x74]),
      "bytes",
    );
    project.write(`
      const first = writeScriptBin("hello", "#!/bin/sh\\necho first\\n");
      const second = symlinkJoin({ name: "second", paths: [writeScriptBin("hello", "#!/bin/sh\\necho second\\n"), writeScriptBin("bye", "#!/bin/sh\\necho bye\\n")] });
      const motd = writeText("motd", "welcome\\n");
      const settings = writeText("settings", "x");
      export default buildLayeredImage({
        name: "app",
        contents: [packages.bash, first, second, motd, place("/etc/motd", motd), place("/srv/www", path("./public")), place("/opt/hello", first)],
        closure: "declared",
        config: { Cmd: ["/bin/hello"], Env: { SETTINGS: \`\${settings}\` } },
      });
    `);
    project.succeed("build");
    const list = (script: string) => {
      const result = project.tare([
        "run",
        "--runtime",
        "namespaces",
        "oci:app.oci",
        "--",
        "/bin/bash",
        "-c",
        script,
      ]);
      assert.equal(result.status, 0, result.stderr);
      return result.stdout;
    };
    assert.equal(
      list(
        "/bin/hello; /bin/bye; cat /etc/motd; cat /srv/www/index.html; /opt/hello/bin/hello; cat $SETTINGS; echo",
      ),
      "first\nbye\nwelcome\n<html>first\nx\n",
    );
    assert.match(list("ls /srv/www/sub | sed s/$/:/"), /^.{1,4}\.t:\n$/);
    const stored = list("ls /nix/store")
      .trim()
      .split("\n")
      .map((name) => name.slice(33))
      .sort();
    assert.deepEqual(stored, ["bye", "hello", "hello", "motd", "second", "settings"].sort());
  });
});
