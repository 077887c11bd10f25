// Derivations that use Debian's compilers and libraries: what they make refers to the packages that its files name, with
// evidence, and to nothing else that built it; and images of several sources at once.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { liveArchiveProblem, tare as runTare } from "../kit/cli.ts";
import { temporaryDirectory } from "../kit/context.ts";
import { RealNix, skipWithoutNix } from "../kit/real-nix.ts";
import { run, skipWithout } from "../kit/tools.ts";

const skip = process.platform !== "linux" ? "this is not Linux" : (liveArchiveProblem() ?? false);

function makeProject(t: TestContext, image: string) {
  const directory = join(temporaryDirectory(t), "project");
  mkdirSync(directory);
  writeFileSync(join(directory, "image.ts"), image);
  const env = { XDG_DATA_HOME: join(directory, "../data") };
  const succeed = (...args: string[]) => {
    const result = runTare(args, { cwd: directory, env });
    assert.equal(result.status, 0, `${args.join(" ")}: ${result.stderr}`);
    return result.stdout;
  };
  const packagesOf = () => {
    const { packages } = JSON.parse(succeed("tree", "--json")) as { packages: { id: string }[] };
    return packages.flatMap(({ id }) => (id.startsWith("deb/") ? [id.split("/")[1]!] : [])).sort();
  };
  return { directory, succeed, packagesOf };
}

const HEAD = `import { buildLayeredImage, debian, derivation, path, place, runCommand, symlinkJoin, writeText } from "tare";
const { packages } = debian("bookworm", { architecture: "amd64" });
`;

const ZLIB_PROGRAM = `const app = runCommand("app", { inputs: [packages.gcc, packages["libc6-dev"], packages["zlib1g-dev"]] }, \`
  mkdir -p $out/bin
  cat > app.c <<'END'
#include <stdio.h>
#include <zlib.h>
int main(void) { printf("zlib %s\\\\n", zlibVersion()); return 0; }
END
  gcc -g -O2 -o $out/bin/app app.c -lz
\`);
`;

test("a program of gcc refers to the libraries that it loads, and not to what compiled it", { skip }, (t) => {
  const { succeed, packagesOf } = makeProject(
    t,
    `${HEAD}${ZLIB_PROGRAM}
export default buildLayeredImage({ name: "app", contents: [app], config: { Cmd: [\`\${app}/bin/app\`] } });`,
  );
  succeed("build", "--check");
  assert.match(succeed("run", "--runtime", "namespaces", "oci:app.oci"), /^zlib 1\.2\.13\n$/);
  const packages = packagesOf();
  assert.ok(packages.includes("zlib1g") && packages.includes("libc6"), packages.join(" "));
  assert.deepEqual(
    packages.filter((name) => /gcc-\d|^gcc$|-dev$|binutils|perl|bash|coreutils/.test(name)),
    [],
  );
  assert.match(
    succeed("why", "zlib1g"),
    /-app\n→ zlib1g\n {4}elf-needed "libz\.so\.1" in \/nix\/store\/\S+-app\/bin\/app\n/,
  );
});

test("programs are stripped as nixpkgs does it, unless that is turned off", { skip }, (t) => {
  if (skipWithout(t, "readelf")) return;
  const { directory, succeed } = makeProject(
    t,
    `${HEAD}${ZLIB_PROGRAM}
const raw = app.override({ env: { dontStrip: true } });
const all = app.override({ env: { stripAllList: ["bin"] } });
const elsewhere = app.override({ env: { stripDebugList: ["lib"] } });
export default buildLayeredImage({ name: "app", contents: [app], config: { Env: { APP: \`\${app}\`, RAW: \`\${raw}\`, ALL: \`\${all}\`, ELSEWHERE: \`\${elsewhere}\` } } });`,
  );
  succeed("build");
  const read = (...path: string[]) => readFileSync(join(directory, ...path));
  const blob = (digest: string) => JSON.parse(read("app.oci/blobs/sha256", digest.slice(7)).toString());
  const [manifest] = JSON.parse(read("app.oci/index.json").toString()).manifests;
  const variables = blob(blob(manifest.digest).config.digest).config.Env as string[];
  const sections = Object.fromEntries(
    variables
      .map((pair) => pair.split("="))
      .filter(([name]) => name !== "PATH")
      .map(([name, path]) => {
        const listed = run("readelf", ["-SW", join(directory, "../data/tare/store", path!, "bin/app")]);
        return [name, [".debug_info", ".symtab"].filter((section) => listed.includes(` ${section} `))];
      }),
  );
  const both = [".debug_info", ".symtab"];
  assert.deepEqual(sections, { APP: [".symtab"], RAW: both, ALL: [], ELSEWHERE: both });
});

test("a script refers to its interpreter, and to the program that finds it", { skip }, (t) => {
  const { succeed, packagesOf } = makeProject(
    t,
    `${HEAD}const app = runCommand("app", { inputs: [packages["python3-minimal"], packages.gcc] }, \`
  mkdir -p $out/bin
  printf '#!/usr/bin/env python3\\\\nimport sys\\\\nprint("python", sys.version_info[0])\\\\n' > $out/bin/app
  chmod +x $out/bin/app
\`);
export default buildLayeredImage({ name: "app", contents: [app], config: { Cmd: ["/bin/app"] } });`,
  );
  succeed("build");
  assert.equal(succeed("run", "--runtime", "namespaces", "oci:app.oci"), "python 3\n");
  const packages = packagesOf();
  assert.ok(packages.includes("python3-minimal"), packages.join(" "));
  assert.ok(!packages.includes("gcc"), packages.join(" "));
  assert.match(succeed("why", "python3-minimal"), /python3/);
});

test("a derivation, packages, a place and paths of a Nix cache are one image, each at its placement", {
  skip,
}, (t) => {
  if (skipWithoutNix(t)) return;
  const nix = new RealNix(t);
  const [data] = nix.realise(
    nix.evaluate<string[]>(`
    let data = derivation { name = "data"; system = "x86_64-linux"; builder = "/bin/sh"; PATH = "/usr/bin:/bin";
      args = [ "-c" "mkdir -p $out/share; echo from nix > $out/share/data; ln -s \${other} $out/other" ]; };
      other = derivation { name = "other"; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-c" "echo other > $out" ]; };
    in [ data.drvPath ]`),
  );
  const directory = temporaryDirectory(t);
  const cache = `file://${join(directory, "cache")}`;
  const key = join(directory, "key");
  const publicKey = nix.run("nix-store", ["--generate-binary-cache-key", "test-1", key, `${key}.pub`]);
  assert.equal(publicKey, "");
  nix.run("nix", ["--extra-experimental-features", "nix-command", "store", "sign", "-r", "-k", key, data!]);
  nix.run("nix", ["--extra-experimental-features", "nix-command", "copy", "--to", cache, data!]);
  const { directory: project, succeed } = makeProject(
    t,
    `import { readFileSync } from "node:fs";
import { binaryCache } from "tare";
${HEAD}${ZLIB_PROGRAM}
const nix = binaryCache(${JSON.stringify(cache)}, { publicKeys: [readFileSync(${JSON.stringify(`${key}.pub`)}, "utf8").trim()] });
const data = nix.storePath(${JSON.stringify(data)});
const settings = writeText("settings", \`data=\${data}\`);
const uses = runCommand("uses", {}, \`cat \${data}/share/data > $out\`);
export default buildLayeredImage({
  name: "mixed",
  contents: [app, data, packages["busybox-static"], place("/srv/www", path("./public")), place("/etc/uses", uses)],
  config: { Cmd: ["/bin/busybox", "sh", "-c", "app; cat $SETTINGS /srv/www/index.html /etc/uses /share/data"], Env: { SETTINGS: \`\${settings}\` } },
});`,
  );
  mkdirSync(join(project, "public"));
  writeFileSync(join(project, "public/index.html"), "<html>\n");
  succeed("build");
  const run = (...command: string[]) =>
    succeed("run", "--runtime", "namespaces", "oci:mixed.oci", ...command);
  assert.equal(run(), `zlib 1.2.13\ndata=${data}<html>\nfrom nix\nfrom nix\n`);
  const stored = run("--", "/bin/busybox", "ls", "/nix/store")
    .trim()
    .split("\n")
    .map((name) => name.slice(33));
  assert.deepEqual(stored.sort(), ["app", "data", "other", "settings"]);
});
