// Inference, overrides and verification, through the command line, on an archive of the test's own.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { ArchiveOptions } from "../kit/debian-archive.ts";
import { makeProject } from "../kit/project.ts";

/** `app` runs `tool` by its path; it also declares `unused`, which nothing names. */
const ARCHIVE: ArchiveOptions = {
  packages: [
    {
      name: "app",
      fields: { Depends: "tool, unused, sh" },
      files: { "usr/bin/app": { text: "#!/usr/bin/plainsh\n/usr/bin/tool --now\n", mode: 0o755 } },
    },
    { name: "tool", files: { "usr/bin/tool": { text: "tool\n", mode: 0o755 } } },
    { name: "unused", files: { "usr/lib/unused/data": "nobody names this\n" } },
    { name: "sh", files: { "usr/bin/plainsh": { text: "a shell\n", mode: 0o755 } } },
    {
      name: "broken",
      files: { "usr/bin/broken": { text: "#!/usr/bin/plainsh\n", mode: 0o755 } },
      fields: { Depends: "sh" },
    },
  ],
};

const image = (contents: string, more = ""): string => `import { buildLayeredImage, debian } from "tare";
const { packages } = debian("bookworm", { architecture: "amd64" });
export default buildLayeredImage({ name: "app", contents: [${contents}], ${more} });
`;

interface PlanJson {
  readonly packages: readonly {
    readonly id: string;
    readonly references: readonly { readonly to: string }[];
  }[];
  readonly dropped: readonly { readonly id: string }[];
}

async function plan(t: import("node:test").TestContext, text: string): Promise<PlanJson> {
  const project = await makeProject(t, { archive: ARCHIVE, image: text });
  const { stdout, stderr, status } = project.tare(["plan", "--json"]);
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as PlanJson;
}

const names = ({ packages }: PlanJson) => packages.map(({ id }) => id.split("/")[1]).sort();

test("what is named stays with its evidence, what is only declared goes and is told", async (t) => {
  const found = await plan(t, image("packages.app"));
  assert.deepEqual(names(found), ["app", "sh", "tool"]);
  assert.deepEqual(
    found.dropped.map(({ id }) => id),
    ["deb/unused/1.0-1/amd64"],
  );
  const app = found.packages.find(({ id }) => id.startsWith("deb/app/"))!;
  const evidence = JSON.stringify(app.references);
  assert.match(evidence, /"kind":"shebang"/);
  assert.match(evidence, /\/usr\/bin\/tool|usr\/bin\/tool/);
});

test("closure: declared keeps all, keep and drop override inference", async (t) => {
  assert.deepEqual(names(await plan(t, image("packages.app", 'closure: "declared"'))), [
    "app",
    "sh",
    "tool",
    "unused",
  ]);
  assert.deepEqual(names(await plan(t, image("packages.app", 'keep: ["unused"]'))), [
    "app",
    "sh",
    "tool",
    "unused",
  ]);
  assert.deepEqual(names(await plan(t, image("packages.app", 'drop: ["tool"]'))), ["app", "sh"]);
});

test("an override without effect is an error", async (t) => {
  const project = await makeProject(t, {
    archive: ARCHIVE,
    image: image("packages.app", 'keep: ["nothing-like-this"]'),
  });
  const { stdout, status } = project.tare(["build", "--json"]);
  assert.equal(status, 1);
  const { error } = JSON.parse(stdout) as { error: { code: string; message: string } };
  assert.equal(error.code, "OVERRIDE_WITHOUT_EFFECT");
  assert.match(error.message, /nothing-like-this/);
});

test("an image whose program could not start is refused, with the package that has what is missing", async (t) => {
  const project = await makeProject(t, {
    archive: ARCHIVE,
    image: image("packages.broken", 'drop: ["sh"], config: { Cmd: ["broken"] }'),
  });
  const { stdout, status } = project.tare(["build", "--json"]);
  assert.equal(status, 1, stdout);
  const { error } = JSON.parse(stdout) as { error: { code: string; message: string; hint: string } };
  assert.equal(error.code, "ROOT_INCOMPLETE");
  assert.match(error.message, /usr\/bin\/plainsh/);
  assert.match(error.message, /\(sh has it\)/);
  assert.match(error.hint, /^Add sh to contents/);
});

test("an entrypoint or a user that the image does not have is refused", async (t) => {
  for (const [config, wanted] of [
    ['{ Cmd: ["ap"] }', /"?ap"?/],
    ['{ Cmd: ["app"], User: "nobody-here" }', /nobody-here/],
  ] as const) {
    const project = await makeProject(t, {
      archive: ARCHIVE,
      image: image("packages.app", `config: ${config}`),
    });
    const { stdout, status } = project.tare(["build", "--json"]);
    assert.equal(status, 1, stdout);
    const { error } = JSON.parse(stdout) as { error: { code: string; message: string } };
    assert.equal(error.code, "ROOT_INCOMPLETE");
    assert.match(error.message, wanted);
  }
});

test("forbid fails with the chain that brought the thing in, by name and by path", async (t) => {
  for (const [pattern, wanted] of [
    ["too?", /"too\?", and tool is in it: app → tool \(.*in \/usr\/bin\/app\)/],
    ["/usr/bin/tool", /\/usr\/bin\/tool of tool is in it: app → tool/],
    ["app", /app is asked for/],
  ] as const) {
    const project = await makeProject(t, {
      archive: ARCHIVE,
      image: image("packages.app", `forbid: ["${pattern}"]`),
    });
    const { stdout, status } = project.tare(["build", "--json"]);
    assert.equal(status, 1, stdout);
    const { error } = JSON.parse(stdout) as { error: { code: string; message: string } };
    assert.equal(error.code, "FORBIDDEN");
    assert.match(error.message, wanted);
  }
  const fine = await makeProject(t, {
    archive: ARCHIVE,
    image: image("packages.app", 'forbid: ["unused", "systemd*"]'),
  });
  assert.equal(fine.tare(["build"]).status, 0);
});

test("why tells the chain with its evidence, and what cutting it would take", async (t) => {
  const project = await makeProject(t, { archive: ARCHIVE, image: image("packages.app") });
  const text = project.tare(["why", "tool"]).stdout;
  assert.match(text, /^tool \(5 B\) is in the image since\napp\n→ tool\n {4}\S+ .*in \/usr\/bin\/app\n/);
  assert.match(text, /without this: 1 package less, 5 B/);
  const byPath = JSON.parse(project.tare(["why", ".", "/bin/plainsh", "--json"]).stdout) as {
    object: string;
    path: string;
    files: { path: string; kind: string; token?: string }[];
    chain: { evidence: { kind: string }[] }[];
  };
  assert.equal(byPath.object, "deb/sh/1.0-1/amd64");
  assert.equal(byPath.path, "/usr/bin/plainsh");
  assert.deepEqual(
    byPath.files.map(({ path, kind, token }) => [path, kind, token]),
    [
      ["/usr/bin/app", "root", undefined],
      ["/usr/bin/plainsh", "program-path", "usr/bin/plainsh"],
    ],
  );
  assert.ok(byPath.chain[0]!.evidence.some(({ kind }) => kind === "shebang"));
  assert.match(project.tare(["why", "app"]).stdout, /is asked for\n$/);
  const dropped = project.tare(["why", "unused", "--json"]);
  assert.equal(dropped.status, 1);
  const { error } = JSON.parse(dropped.stdout) as { error: { code: string; hint: string } };
  assert.equal(error.code, "NOT_IN_IMAGE");
  assert.match(error.hint, /declared by app, but nothing names/);
});

test("verify finds what is missing in an image of any tool", async (t) => {
  const project = await makeProject(t, {
    archive: ARCHIVE,
    image: image("packages.app", 'config: { Cmd: ["app"] }'),
  });
  assert.equal(project.tare(["build", "-o", "oci:out"]).status, 0);
  assert.match(project.tare(["verify", "oci:out"]).stdout, /every program loads\n$/);
  // The same image with another command, as another tool would have written it.
  const layout = join(project.directory, "out");
  const read = (digest: string) => readFileSync(join(layout, "blobs", digest.replace(":", "/")), "utf8");
  const write = (text: string) => {
    const digest = createHash("sha256").update(text).digest("hex");
    writeFileSync(join(layout, "blobs/sha256", digest), text);
    return { digest: `sha256:${digest}`, size: Buffer.byteLength(text) };
  };
  const index = JSON.parse(readFileSync(join(layout, "index.json"), "utf8"));
  const manifest = JSON.parse(read(index.manifests[0].digest));
  const config = JSON.parse(read(manifest.config.digest));
  config.config.Cmd = ["no-such-program"];
  Object.assign(manifest.config, write(JSON.stringify(config)));
  Object.assign(index.manifests[0], write(JSON.stringify(manifest)));
  writeFileSync(join(layout, "index.json"), JSON.stringify(index));
  const { stdout, status } = project.tare(["verify", "oci:out"]);
  assert.equal(status, 1);
  assert.match(stdout, /error COMMAND_MISSING: .*no-such-program/);
});
