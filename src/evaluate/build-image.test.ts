import assert from "node:assert/strict";
import { test } from "node:test";
import { OptionError } from "../model/options.ts";
import { debian } from "../sources/debian/request.ts";
import { pullImage } from "./base-image.ts";
import { buildImage, exportImage, mergeImages, streamLayeredImage } from "./build-image.ts";
import { buildLayeredImage } from "./build-layered-image.ts";
import { writeTextDir } from "./trivial-builders.ts";

const { packages } = debian("bookworm", { architecture: "amd64" });
const DIGEST = `sha256:${"0".repeat(64)}`;

const refuses = (make: () => unknown, problem: RegExp) =>
  assert.throws(
    make,
    (error: OptionError) =>
      error instanceof OptionError &&
      /BAD_OPTION|UNKNOWN_OPTION/.test(error.code) &&
      problem.test(error.message),
  );

test("buildImage is one layer, compressed by gzip, with what is built copied to the root", () => {
  const image = buildImage({ name: "one", copyToRoot: [packages.bash!, writeTextDir("x", "x")] });
  assert.equal(image.planner, "single");
  assert.equal(image.compression, "gzip");
  assert.deepEqual(
    image.outputs.map(({ placement }) => placement),
    ["/"],
  );
  assert.deepEqual(
    image.contents.map(({ name }) => name),
    ["bash"],
  );
  assert.equal(
    buildImage({ name: "one", copyToRoot: packages.bash!, compressor: "none" }).compression,
    "none",
  );
  assert.equal(buildImage({ name: "one", keepContentsDirlinks: true }).name, "one");
});

test("buildImage refuses what it cannot do", () => {
  refuses(
    () => buildImage({ name: "x", compressor: "xz" as "gz" }),
    /"compressor": "none" or "gz" or "zstd"/,
  );
  refuses(() => buildImage({ name: "x", keepContentsDirlinks: false }), /"keepContentsDirlinks": true/);
  refuses(() => buildImage({ name: "x", copyToRoot: "bash" as never }), /"copyToRoot": packages/);
  for (const option of ["diskSize", "contents", "maxLayers", "fakeRootCommands", "planner"])
    refuses(() => buildImage({ name: "x", [option]: 1 } as never), new RegExp(`"${option}" of buildImage`));
  refuses(() => buildImage({ name: "x", fromImageName: "y" }), /fromImageName/);
  refuses(
    () => buildImage({ name: "x", fromImage: buildImage({ name: "y" }), fromImageTag: "1" }),
    /fromImageName/,
  );
  refuses(() => buildImage({ name: "x", fromImage: "docker://x", fromImageTag: "1" }), /fromImageName/);
});

test("an image of an archive is chosen by name and tag", () => {
  const reference = (options: object) => {
    const { base } = buildImage({ name: "x", architecture: "amd64", ...options });
    return base?.kind === "reference" ? base.reference : undefined;
  };
  assert.equal(reference({ fromImage: "base.tar" }), "base.tar");
  assert.equal(
    reference({ fromImage: "base.tar", fromImageName: "a", fromImageTag: "1" }),
    "docker-archive:base.tar:a:1",
  );
  assert.equal(reference({ fromImage: "oci:dir", fromImageTag: "1" }), "oci:dir:1");
});

test("streamLayeredImage is buildLayeredImage's, and goes to standard output", () => {
  const options = { name: "s", contents: [packages.bash!] };
  assert.deepEqual(streamLayeredImage(options), { ...buildLayeredImage(options), output: "-" });
});

test("mergeImages takes images, merged ones too, and nothing else", () => {
  const [a, b, c] = ["a", "b", "c"].map((name) => buildImage({ name })) as [never, never, never];
  const merged = mergeImages([mergeImages([a, b]), c]);
  assert.equal(merged.name, "a");
  assert.deepEqual(
    merged.merged?.map(({ name, merged: below }) => [name, below]),
    [
      ["b", undefined],
      ["c", undefined],
    ],
  );
  for (const wrong of [[], [{}], "x", undefined, [a, null]]) {
    refuses(() => mergeImages(wrong as never), /Cannot merge .* a list of images was expected/);
  }
});

test("exportImage has the files of its image and no more", () => {
  const image = exportImage({ fromImage: buildImage({ name: "a" }), name: "b" });
  assert.deepEqual([image.output, image.contents, image.base?.kind], ["rootfs:b.tar", [], "image"]);
  assert.equal(exportImage({ fromImage: "oci:a" }).output, "rootfs:exported.tar");
  refuses(() => exportImage({ fromImage: "oci:a", diskSize: 1 } as never), /diskSize/);
  refuses(() => exportImage({} as never), /fromImage was expected/);
});

test("pullImage is a reference with a digest", () => {
  const pulled = pullImage({
    imageName: "team/app",
    imageDigest: DIGEST,
    registry: "quay.io",
    arch: "arm64",
  });
  assert.equal(pulled.reference, `docker://quay.io/team/app@${DIGEST}`);
  assert.equal(pulled.finalImageTag, "latest");
  refuses(() => pullImage({ imageName: "x", imageDigest: "sha256:1" }), /imageDigest/);
  refuses(() => pullImage({ imageName: "x" } as never), /imageName and imageDigest were expected/);
  refuses(() => pullImage({ imageName: "x", imageDigest: DIGEST, os: "windows" as "linux" }), /os/);
  refuses(
    () => buildLayeredImage({ name: "x", architecture: "amd64", fromImage: pulled }),
    /Cannot start an image for amd64 .* that is for arm64/,
  );
});

test("a pulled image is an image by its final name", () => {
  const pulled = pullImage({
    imageName: "nginx",
    imageDigest: DIGEST,
    finalImageName: "web",
    finalImageTag: "2",
  });
  const [image] = mergeImages([buildImage({ name: "own" }), pulled]).merged!;
  assert.deepEqual([image!.name, image!.tag, image!.contents], ["web", "2", []]);
  assert.deepEqual(image!.base?.kind === "reference" && image!.base.reference, `docker://nginx@${DIGEST}`);
});

test("compressor is compression in dockerTools' words", () => {
  assert.equal(buildLayeredImage({ name: "x", compressor: "gz" }).compression, "gzip");
  refuses(
    () => buildLayeredImage({ name: "x", compressor: "gz", compression: "zstd" }),
    /"compressor": either compression or compressor/,
  );
});

test("the owner of the store has ids and names, those of root by default", () => {
  const owner = (options: object) => buildLayeredImage({ name: "x", ...options }).storeOwner;
  assert.equal(owner({}), undefined);
  assert.deepEqual(owner({ uid: 5 }), { uid: 5, gid: 0, uname: "root", gname: "root" });
  assert.deepEqual(owner({ gname: "users" }), { uid: 0, gid: 0, uname: "root", gname: "users" });
});

test("what of the base's configuration is inherited is said by inherit", () => {
  const inherit = (options: object) =>
    buildLayeredImage({ name: "x", fromImage: "oci:y", ...options }).base?.inherit;
  assert.equal(inherit({}), "all");
  assert.equal(inherit({ inherit: "env" }), "env");
  refuses(() => inherit({ inherit: "none" }), /inherit/);
});
