// What images are said to hold and to lack, through the command line: trees, chains of files, what was left out, who has
// what is missing; and that nothing older comes into a lock unseen.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { tare, tareJson } from "../kit/cli.ts";
import { temporaryDirectory } from "../kit/context.ts";
import { type ArchiveOptions, makeArchive } from "../kit/debian-archive.ts";
import { makeProject, type Project } from "../kit/project.ts";
import { makeDirectory, ownStore } from "../kit/services.ts";

const shell = (text: string) => ({ text: `#!/usr/bin/plainsh\n${text}\n`, mode: 0o755 });

const ARCHIVE: ArchiveOptions = {
  packages: [
    {
      name: "app",
      fields: { Depends: "tool, helper, unused, sh" },
      files: {
        "usr/bin/app": shell("/usr/bin/tool --now; /usr/bin/helper"),
        "etc/app.conf": "include /usr/share/extra/data\n",
      },
      scripts: {
        postinst:
          "#!/bin/sh\nset -e\nadduser --system --group app\nupdate-alternatives --install /usr/bin/any any /usr/bin/app 50\n",
      },
    },
    { name: "tool", fields: { Depends: "helper" }, files: { "usr/bin/tool": shell("/usr/bin/helper") } },
    { name: "helper", files: { "usr/bin/helper": { text: "0123456789", mode: 0o755 } } },
    { name: "unused", files: { "usr/lib/unused/data": "nobody names this\n" } },
    { name: "sh", files: { "usr/bin/plainsh": { text: "a shell\n", mode: 0o755 } } },
    // Declared by nobody.
    { name: "late", files: { "usr/bin/latesh": { text: "another shell\n", mode: 0o755 } } },
    { name: "own", fields: { Depends: "extra" }, files: { "etc/own.conf": "/usr/share/extra/data\n" } },
    { name: "extra", files: { "usr/share/extra/data": "data\n" } },
  ],
  contents: true,
};

const image = (
  contents: string,
  more = "",
): string => `import { buildLayeredImage, debian, file } from "tare";
const { packages } = debian("bookworm", { architecture: "amd64" });
export default buildLayeredImage({ name: "app", contents: [${contents}], ${more} });
void file;
`;

function run(project: Project, ...args: string[]): string {
  const { status, stdout, stderr } = project.tare(args);
  assert.equal(status, 0, `${stdout}${stderr}`);
  return stdout;
}

const setUp = (t: TestContext, text: string, archive: ArchiveOptions = ARCHIVE) =>
  makeProject(t, { archive, image: text });

/** The last column without versions, its heading left out. */
function packageColumn([heading = "", ...lines]: readonly string[]): string[] {
  return lines.map((line) => line.slice(heading.indexOf("package")).replace(" 1.0-1", ""));
}

test("tree shows each package once, with own, closure and added size, plainly in a pipe", async (t) => {
  const project = await setUp(t, image("packages.app"));
  const lines = run(project, "tree", "--sort", "name").trimEnd().split("\n");
  assert.deepEqual(packageColumn(lines), ["app", "  helper", "  sh", "  tool", "    helper", "    sh"]);
  assert.match(lines[0]!, /^ *own +closure +added +package$/);
  assert.equal(run(project, "tree", "--depth", "1").split("\n").length, 6);
  const { starts, packages } = JSON.parse(run(project, "tree", "--json")) as {
    starts: string[];
    packages: { id: string; ownSize: number; closureSize: number; addedSize: number }[];
  };
  assert.deepEqual(starts, ["deb/app/1.0-1/amd64"]);
  const sizes = Object.fromEntries(packages.map(({ id, ...rest }) => [id.split("/")[1], rest]));
  assert.deepEqual(
    [sizes["helper"]!.ownSize, sizes["helper"]!.closureSize, sizes["helper"]!.addedSize],
    [10, 10, 10],
  );
  // The image would hold the helper and the shell without the tool, too.
  assert.equal(sizes["tool"]!.addedSize, sizes["tool"]!.ownSize);
  assert.ok(sizes["tool"]!.closureSize > sizes["tool"]!.ownSize);
  const total = packages.reduce((sum, { ownSize }) => sum + ownSize, 0);
  assert.equal(sizes["app"]!.addedSize, total);
});

test("tree draws the packages into one file", async (t) => {
  const project = await setUp(t, image("packages.app"));
  assert.equal(run(project, "tree", "--picture", "app.svg"), "app.svg: 4 packages\n");
  const svg = readFileSync(join(project.directory, "app.svg"), "utf8");
  assert.match(svg, /^<svg [^>]*>\n<title>app<\/title>/);
  for (const name of ["app", "helper", "sh", "tool"])
    assert.match(svg, new RegExp(`<title>${name} 1\\.0-1\n`));
});

test("a package that was shown with its references is marked when it comes again", async (t) => {
  const archive: ArchiveOptions = {
    packages: [
      { name: "app", fields: { Depends: "a, b" }, files: { "etc/app": "/usr/share/a/x /usr/share/b/x\n" } },
      { name: "a", fields: { Depends: "b" }, files: { "usr/share/a/x": "/usr/share/b/x\n" } },
      { name: "b", fields: { Depends: "c" }, files: { "usr/share/b/x": "/usr/share/c/x\n" } },
      { name: "c", files: { "usr/share/c/x": "" } },
    ],
  };
  const project = await setUp(t, image("packages.app"), archive);
  const lines = run(project, "tree", "--sort", "name").trimEnd().split("\n");
  assert.deepEqual(packageColumn(lines.slice(0, -1)), ["app", "  a", "    b", "      c", "  b (*)"]);
  assert.equal(lines.at(-1), "(*) shown above with what it refers to");
});

test("why explains files, directories and what fixes made", async (t) => {
  const project = await setUp(t, image("packages.app"));
  assert.equal(
    run(project, "why", "/usr/bin/helper"),
    `/usr/bin/helper (10 B of helper) is in the image since
/usr/bin/app of app
    asked for
→ /usr/bin/helper of helper
    program-path "usr/bin/helper"
    without this: nothing would go, others refer to it as well
`,
  );
  assert.match(run(project, "why", "tool"), /→ tool\n {4}.*\n.*without this: 1 package less/);
  const link = run(project, "why", "/etc/alternatives/any");
  assert.match(link, /the fix alternatives \(link\): .*because of app/);
  assert.match(run(project, "why", "/etc/passwd"), /the fix \S+ \(write\)/);
  assert.match(run(project, "why", "/usr/bin/"), /^\/usr\/bin\/ \(4 files, .* of app, helper, sh, tool\)/);
});

test("why and tree follow the references of store paths, from what image.ts names", (t) => {
  const cwd = makeDirectory(t, {
    "image.ts": `import { buildLayeredImage, writeText, writeTextDir } from "tare";
const data = writeText("data", "x".repeat(1000));
const lib = writeText("lib", \`see \${data}\\n\`);
const app = writeTextDir("etc/app", \`see \${lib}\\n\`);
export default buildLayeredImage({ name: "app", contents: [app] });
`,
  });
  const env = ownStore(t);
  const { starts, packages } = tareJson<{
    starts: string[];
    packages: { id: string; addedSize: number; dominator?: string }[];
  }>(["tree"], { cwd, env });
  const nameOf = (id: string) => id.replace(/^\/nix\/store\/[a-z0-9]{32}-/, "");
  assert.deepEqual(starts.map(nameOf).sort(), ["app", "links"]);
  const dominators = packages.map(({ id, dominator = "" }) => [nameOf(id), nameOf(dominator)]);
  assert.deepEqual(Object.fromEntries(dominators), { app: "", links: "", lib: "app", data: "lib" });
  const { stdout } = tare(["why", "data"], { cwd, env });
  assert.match(
    stdout,
    /-app\n→ .*-lib\n {4}path ".*-lib" in .*-app\/etc\/app\n.*2 packages less.*\n→ .*-data\n/,
  );
});

test("nothing that was left out is silent: by request, and as data of every build", async (t) => {
  const project = await setUp(t, image("packages.app"));
  const text = run(project, "why", "--dropped");
  assert.match(text, /Declared packages that nothing names a file of\n {2}unused +declared by app\n/);
  assert.match(text, /Done to the root file system\n(?:.*\n)* +alternatives +link/);
  type LeftOut = { dropped: { id: string }[]; rootFileSystem: { fix: string }[]; unchanged?: boolean };
  const asked = JSON.parse(run(project, "why", "--dropped", "--json")) as LeftOut;
  // The second build has nothing to do, and says the same.
  for (const unchanged of [false, true]) {
    const built = JSON.parse(run(project, "build", "--json")) as LeftOut;
    assert.equal(built.unchanged, unchanged);
    assert.deepEqual([built.dropped, built.rootFileSystem], [asked.dropped, asked.rootFileSystem]);
  }
  assert.match(asked.dropped[0]!.id, /^deb\/unused\//);
  assert.equal(project.tare(["why", "--dropped", ".", "tool"]).status, 2);
});

test("a file of one's own takes the place of a package's, and of its references", async (t) => {
  const own = 'packages.own, file("./own.conf", "/etc/own.conf")';
  const project = await setUp(t, image(own));
  writeFileSync(join(project.directory, "own.conf"), "nothing\n");
  const plan = JSON.parse(run(project, "plan", "--json")) as {
    packages: { id: string }[];
    replaced: { path: string }[];
  };
  assert.deepEqual(
    plan.replaced.map(({ path }) => path),
    ["/etc/own.conf"],
  );
  assert.ok(!plan.packages.some(({ id }) => id.startsWith("deb/extra/")));
  assert.match(run(project, "why", "/etc/own.conf"), /^\/etc\/own\.conf \(8 B of \/etc\/own\.conf\)/);
  assert.match(run(project, "build"), /^app:latest/);
  // Two of one's own that differ are a mistake.
  writeFileSync(join(project.directory, "second"), "something\n");
  writeFileSync(join(project.directory, "image.ts"), image(`${own}, file("./second", "/etc/own.conf")`));
  const { status, stdout } = project.tare(["build", "--json"]);
  assert.equal(status, 1);
  assert.match(stdout, /"FILE_CONFLICT"/);
});

test("verify takes what build takes, and says what else it could have been", async (t) => {
  const project = await setUp(t, image("packages.app", 'config: { Cmd: ["app"] }'));
  assert.match(run(project, "verify"), /every program loads\n$/);
  assert.match(run(project, "verify", "image.ts"), /every digest and size is right/);
  writeFileSync(join(project.directory, "start"), "#!/usr/bin/none\n", { mode: 0o755 });
  assert.match(project.tare(["verify", "./start"]).stderr, /UNKNOWN_PATH/);
  writeFileSync(join(project.directory, "neither"), "neither");
  const { error } = JSON.parse(project.tare(["verify", "./neither", "--json"]).stdout) as {
    error: { code: string; hint: string };
  };
  assert.equal(error.code, "NOT_AN_IMAGE");
  assert.match(error.hint, /oci:DIR.*image\.ts, or a program/);
});

test("what no pinned package has is looked up in the archive", async (t) => {
  const project = await setUp(t, image("packages.app", 'config: { Cmd: ["latesh"] }'));
  const { error } = JSON.parse(project.tare(["build", "--json"]).stdout) as {
    error: { code: string; message: string; hint: string };
  };
  assert.equal(error.code, "ROOT_INCOMPLETE");
  assert.match(error.message, /\(late has it\)$/);
  assert.equal(error.hint, "Add late to contents, or name it in keep");
});

test("update refuses an archive that is older than the lock, until it is told", async (t) => {
  const project = await setUp(t, image("packages.app"), {
    ...ARCHIVE,
    date: new Date("2026-09-12T08:00:00Z"),
  });
  run(project, "lock");
  const lock = readFileSync(join(project.directory, "tare.lock"), "utf8");
  const older = await makeArchive(join(temporaryDirectory(t), "older"), {
    ...ARCHIVE,
    date: new Date("2026-09-11T08:00:00Z"),
  });
  const env = older.environment;
  const refused = project.tare(["update", "--json"], { env });
  const { error } = JSON.parse(refused.stdout) as { error: { code: string; hint: string } };
  assert.equal(error.code, "LOCK_ROLLBACK");
  assert.match(error.hint, /--allow-older/);
  assert.equal(readFileSync(join(project.directory, "tare.lock"), "utf8"), lock);
  const allowed = project.tare(["update", "--allow-older"], { env });
  assert.equal(allowed.status, 0, allowed.stderr);
  assert.notEqual(readFileSync(join(project.directory, "tare.lock"), "utf8"), lock);
});
