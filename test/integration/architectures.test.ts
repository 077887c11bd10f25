// One image.ts for several architectures: an index that other tools read; one of its images where that is asked for.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { temporaryDirectory } from "../kit/context.ts";
import { skipWithoutRegistry, startDockerRegistry } from "../kit/docker-registry.ts";
import { makeProject, PACKAGES } from "../kit/project.ts";
import { run, skipWithout } from "../kit/tools.ts";

/** What is asked for lies in a module of its own, which is evaluated for each architecture, too. */
const IMAGE = `import { buildLayeredImage } from "tare";
import { packages } from "./packages.ts";

export default buildLayeredImage({
  name: "greeter",
  architectures: ["arm64", "amd64"],
  contents: [packages.greeter],
  closure: "declared",
});
`;

const MODULE = `import { debian } from "tare";
export const { packages } = debian("bookworm");
`;

interface Index {
  readonly manifests: readonly {
    readonly digest: string;
    readonly platform: { readonly architecture: string; readonly variant?: string };
  }[];
}

async function makeScene(t: TestContext, image = IMAGE) {
  const native = PACKAGES.packages!.filter(({ architecture }) => architecture === undefined);
  const foreign = native.map((deb) => ({ ...deb, architecture: "arm64" }));
  const project = await makeProject(t, { image, archive: { packages: [...PACKAGES.packages!, ...foreign] } });
  writeFileSync(join(project.directory, "packages.ts"), MODULE);
  const tare = (...args: string[]) => {
    const { status, stdout, stderr } = project.tare(args);
    assert.equal(status, 0, stderr);
    return stdout;
  };
  const json = <T>(...args: string[]) => JSON.parse(tare(...args, "--json")) as T;
  return { project, tare, json };
}

test("an index has an image for each architecture, in the order of image.ts; one lock pins both", async (t) => {
  const { project, tare, json } = await makeScene(t);
  const built = json<{ digest: string; images: { platform: string; digest: string }[] }>(
    "build",
    "-o",
    "oci:out",
  );
  assert.deepEqual(
    built.images.map(({ platform }) => platform),
    ["linux/arm64", "linux/amd64"],
  );
  const blob = (digest: string) =>
    readFileSync(join(project.directory, "out/blobs", digest.replace(":", "/")), "utf8");
  const index = JSON.parse(blob(built.digest)) as Index;
  assert.deepEqual(
    index.manifests.map(({ digest, platform }) => [digest, platform.architecture, platform.variant]),
    [
      [built.images[0]!.digest, "arm64", "v8"],
      [built.images[1]!.digest, "amd64", undefined],
    ],
  );
  const lock = readFileSync(join(project.directory, "tare.lock"), "utf8");
  for (const architecture of ["amd64", "arm64"])
    assert.ok(lock.includes(`"architecture": "${architecture}"`));
  assert.match(tare("build", "--frozen", "-o", "oci:out"), /nothing changed/);

  for (const [i, architecture] of ["arm64", "amd64"].entries()) {
    const platform = ["--platform", `linux/${architecture}`];
    const one = json<{ digest: string }>("build", "--frozen", ...platform, "-o", `oci:one:${architecture}`);
    assert.equal(one.digest, built.images[i]!.digest);
    for (const target of ["oci:out", "."]) tare("verify", ...platform, target);
    tare("plan", ...platform);
    assert.match(tare("why", ...platform, "libgreet1"), /greeter/);
  }
  if (!skipWithout(t, "skopeo")) {
    const chosen = JSON.parse(
      run("skopeo", ["--override-arch", "arm64", "inspect", `oci:${project.directory}/out`]),
    );
    assert.equal(chosen.Architecture, "arm64");
    const tagged = JSON.parse(run("skopeo", ["inspect", `oci:${project.directory}/one:amd64`]));
    assert.equal(tagged.Architecture, "amd64");
  }
});

test("an index is pushed with all its images, and pushed again it is only looked at", async (t) => {
  if (skipWithoutRegistry(t) || skipWithout(t, "skopeo")) return;
  const registry = await startDockerRegistry(t);
  const { project, json } = await makeScene(t);
  const reference = `${registry.host}/greeter:1`;
  const pushed = json<{ digest: string; images: { digest: string }[] }>("push", reference);
  const raw = run("skopeo", ["inspect", "--tls-verify=false", "--raw", `docker://${reference}`]);
  assert.deepEqual(
    (JSON.parse(raw) as Index).manifests.map(({ digest }) => digest),
    pushed.images.map(({ digest }) => digest),
  );
  const layout = join(project.directory, "copied");
  run("skopeo", [
    ...["--insecure-policy", "copy", "-q", "--all", "--preserve-digests", "--src-tls-verify=false"],
    ...[`docker://${reference}`, `oci:${layout}:1`],
  ]);
  for (const [i, architecture] of ["arm64", "amd64"].entries()) {
    const platform = ["--platform", `linux/${architecture}`];
    const verified = project.tare(["verify", ...platform, `docker://${reference}`]);
    assert.equal(verified.status, 0, verified.stderr);
    const pulled = json<{ digest: string }>("pull", ...platform, reference, `oci:pulled-${architecture}`);
    assert.equal(pulled.digest, pushed.images[i]!.digest);
    const copied = json<{ digest: string }>(
      "copy",
      ...platform,
      `oci:${layout}`,
      `oci:again-${architecture}`,
    );
    assert.equal(copied.digest, pushed.images[i]!.digest);
  }
  const again = json<{ unchanged: boolean; digest: string; bytesSent: number }>("push", reference);
  assert.deepEqual([again.unchanged, again.digest, again.bytesSent], [true, pushed.digest, 0]);
  const one = json<{ digest: string }>("push", "--platform", "linux/arm64", `${registry.host}/greeter:arm`);
  assert.equal(one.digest, pushed.images[0]!.digest);
});

test("podman pulls the image of each architecture from an index that was pushed", async (t) => {
  if (skipWithoutRegistry(t) || skipWithout(t, "podman")) return;
  if (process.getuid?.() !== 0) return t.skip("only root can make podman work in every sandbox");
  const registry = await startDockerRegistry(t);
  const { json } = await makeScene(t);
  const reference = `${registry.host}/greeter:1`;
  const pushed = json<{ images: { imageId: string }[] }>("push", reference);
  const store = temporaryDirectory(t);
  const options = ["--root", join(store, "root"), "--runroot", join(store, "run"), "--storage-driver", "vfs"];
  for (const [i, architecture] of ["arm64", "amd64"].entries()) {
    const pull = ["pull", "-q", "--tls-verify=false", "--platform", `linux/${architecture}`, reference];
    const id = run("podman", [...options, ...pull]).trim();
    assert.equal(`sha256:${id}`, pushed.images[i]!.imageId);
    const format = ["image", "inspect", "--format", "{{.Architecture}}", id];
    assert.equal(run("podman", [...options, ...format]).trim(), architecture);
  }
});

test("archives of one image want a platform; an architecture that is not there is told", async (t) => {
  const { project, tare } = await makeScene(t);
  const fails = (code: string, ...args: string[]) => {
    const { status, stderr } = project.tare(args);
    assert.equal(status, 1, args.join(" "));
    assert.ok(stderr.includes(`[${code}]`), stderr);
    return stderr;
  };
  assert.match(fails("NEEDS_ONE_IMAGE", "build", "-o", "docker-archive:out.tar"), /--platform/);
  tare("build", "--platform", "arm64", "-o", "docker-archive:out.tar");
  tare("verify", "docker-archive:out.tar");
  assert.match(
    fails("OTHER_PLATFORM", "build", "--platform", "linux/s390x"),
    /linux\/arm64 and linux\/amd64/,
  );

  const image = join(project.directory, "image.ts");
  writeFileSync(image, IMAGE.replace(/ {2}architectures.*\n/, ""));
  tare("build", "--platform", "linux/arm64", "-o", "oci:out");
  writeFileSync(image, IMAGE.replace('architectures: ["arm64", "amd64"]', 'architecture: "amd64"'));
  fails("OTHER_PLATFORM", "build", "--platform", "linux/s390x");
  fails("BAD_OPTION", "build", "--platform", "linux/arm64");
  writeFileSync(
    join(project.directory, "packages.ts"),
    MODULE.replace('"bookworm"', '"bookworm", { architecture: "amd64" }'),
  );
  writeFileSync(image, IMAGE);
  assert.match(fails("BAD_OPTION", "build"), /for amd64 into an image for arm64/);
  writeFileSync(image, IMAGE.replace("architectures:", 'architecture: "amd64", architectures:'));
  fails("BAD_OPTION", "build");
});
