// A plan of an earlier build is taken over when only such contents changed as decide nothing: each time the image is
// the one that a build without any memory makes.

import assert from "node:assert/strict";
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../kit/context.ts";
import { makeProject, PACKAGES } from "../kit/project.ts";

const IMAGE = `import { buildLayeredImage, debian, path, place } from "tare";

const { packages } = debian("bookworm", { architecture: "amd64" });

export default buildLayeredImage({
  name: "app",
  contents: [packages.greeter, place("/srv/app", path("./app"))],
});
`;

/** What the application is at first. */
const APP: Readonly<Record<string, string>> = {
  "main.py": '#!/usr/bin/greet\nprint("welcome")\n',
  "lib/text.py": 'TEXT = "one"\n',
  "data.bin": "\x7fno ELF file",
};

const EDITS: readonly {
  readonly summary: string;
  readonly edit: (app: string) => void;
  readonly reused: boolean;
}[] = [
  { summary: "a word", edit: write("lib/text.py", 'TEXT = "two"\n'), reused: true },
  { summary: "another length", edit: write("lib/text.py", `TEXT = "${"long ".repeat(99)}"\n`), reused: true },
  { summary: "a script that can be executed", edit: script('print("bye")\n'), reused: true },
  { summary: "nothing at all in it", edit: write("lib/text.py", ""), reused: true },
  { summary: "the name of a program", edit: write("lib/text.py", 'run(["greet-sh", "x"])\n'), reused: false },
  {
    summary: "a path of a package",
    edit: write("lib/text.py", 'open("/usr/share/greet/a")\n'),
    reused: false,
  },
  {
    summary: "a word beside that path",
    edit: write("lib/text.py", 'open("/usr/share/greet/a")  # x\n'),
    reused: true,
  },
  { summary: "what is no text", edit: write("data.bin", "\x7fno ELF file either"), reused: false },
  { summary: "a new file", edit: write("lib/more.py", ""), reused: false },
  { summary: "a new mode", edit: (app) => chmodSync(join(app, "lib/more.py"), 0o755), reused: false },
  { summary: "the interpreter", edit: write("main.py", "#!/usr/bin/greet-sh\n"), reused: false },
  { summary: "a link", edit: (app) => symlinkSync("main.py", join(app, "link")), reused: false },
  { summary: "one file less", edit: (app) => rmSync(join(app, "lib/more.py")), reused: false },
];

function write(name: string, text: string) {
  return (app: string) => writeFileSync(join(app, name), text, "latin1");
}

function script(body: string) {
  return write("main.py", `#!/usr/bin/greet\n${body}`);
}

test("what decides nothing is not decided again, and the image is the same", async (t) => {
  const project = await makeProject(t, { image: IMAGE, archive: PACKAGES });
  const app = join(project.directory, "app");
  for (const [name, text] of Object.entries(APP)) {
    mkdirSync(dirname(join(app, name)), { recursive: true });
    write(name, text)(app);
  }
  chmodSync(join(app, "main.py"), 0o755);
  const build = (env: Readonly<Record<string, string>> = {}) => {
    const { status, stdout, stderr } = project.tare(["build", "-o", "oci:out", "--compression", "none"], {
      env,
    });
    assert.equal(status, 0, stderr);
    return { digest: /sha256:[0-9a-f]{64}/.exec(stdout)![0], isPlanned: /composing/.test(stderr) };
  };
  assert.ok(build().isPlanned);
  const digests = new Set<string>();
  for (const { summary, edit, reused } of EDITS) {
    edit(app);
    const { digest, isPlanned } = build();
    assert.equal(isPlanned, !reused, summary);
    digests.add(digest);
    if (!reused) continue;
    const fresh = build({ XDG_CACHE_HOME: temporaryDirectory(t), XDG_DATA_HOME: temporaryDirectory(t) });
    assert.ok(fresh.isPlanned, summary);
    assert.equal(digest, fresh.digest, summary);
  }
  assert.equal(digests.size, EDITS.length);
});

test("a plan whose packages' layers have left the cache is made again", async (t) => {
  const project = await makeProject(t, { image: IMAGE, archive: PACKAGES });
  const app = join(project.directory, "app");
  mkdirSync(app);
  write("main.py", 'A = "1"\n')(app);
  assert.equal(project.tare(["build", "-o", "oci:out"]).status, 0);
  rmSync(join(project.cacheHome, "tare/blobs"), { recursive: true });
  write("main.py", 'A = "2"\n')(app);
  const { status, stderr } = project.tare(["build", "-o", "oci:other"]);
  assert.equal(status, 0, stderr);
  assert.match(stderr, /composing/);
  assert.equal(project.tare(["verify", "oci:other"]).status, 0);
});
