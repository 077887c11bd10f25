import assert from "node:assert/strict";
import { test } from "node:test";
import { OptionError } from "../model/options.ts";
import { debian } from "../sources/debian/request.ts";
import { buildLayer } from "./build-layer.ts";
import { buildLayeredImage } from "./build-layered-image.ts";
import { derivation } from "./derivation.ts";
import { runCommand } from "./run-command.ts";
import { buildShellImage, streamShellImage } from "./shell-image.ts";
import { writeText } from "./trivial-builders.ts";

const { packages } = debian("bookworm", { architecture: "amd64" });
const text = writeText("t", "x");
const drv = runCommand("App_1.0", { inputs: [packages.jq!] }, `cp ${text} $out`);

test("a shell image has what the builder has, and a user that builds", () => {
  const image = buildShellImage({ drv });
  assert.equal(image.name, "app-1-0-env");
  assert.equal(image.shellOf, drv.node);
  assert.deepEqual(
    image.outputs.map(({ node, placement }) => [node, placement]),
    [[text.node, "store"]],
  );
  assert.ok(image.graph[drv.node] !== undefined && image.graph[text.node] !== undefined);
  assert.ok(image.contents.some(({ name }) => name === "jq"));
  assert.equal(image.config.User, "1000:1000");
  assert.deepEqual(image.config.Cmd, ["/bin/bash", "--rcfile", "/etc/shell-image.bashrc", "-i"]);
  const [rc] = image.declared!.files;
  assert.match(rc!.text, /exec '\/bin\/bash' '-e' '-o' 'pipefail' '-c' '\. "\$buildCommandPath"'/);
  assert.doesNotMatch(rc!.text, /^exit$/m);
  assert.equal(streamShellImage({ drv }).output, "-");
});

test("command runs in an interactive shell, run in another; both end it", () => {
  const rc = (options: object) => buildShellImage({ drv, ...options }).declared!.files[0]!.text;
  assert.match(rc({ command: "echo a" }), /\necho a\nexit\n$/);
  assert.match(rc({ run: "echo b" }), /eval "\$shellHook"\necho b\nexit\n$/);
  const image = buildShellImage({
    drv,
    run: "x",
    shell: "/usr/bin/bash",
    homeDirectory: "/h",
    uid: 5,
    gid: 6,
  });
  assert.deepEqual(image.config.Cmd, ["/usr/bin/bash", "/etc/shell-image.bashrc"]);
  assert.deepEqual([image.config.User, image.config.Env], ["5:6", ["HOME=/h"]]);
  assert.throws(() => rc({ command: "a", run: "b" }), OptionError);
});

test("shell images are of derivations that programs build", () => {
  const raw = derivation({ name: "raw", builder: "/bin/sh", args: ["-c", "it's"], inputs: [packages.dash!] });
  assert.match(buildShellImage({ drv: raw }).declared!.files[0]!.text, /exec '\/bin\/sh' '-c' 'it'\\''s'/);
  for (const options of [
    { drv: text },
    { drv: "x" },
    {},
    { drv, uid: -1 },
    { drv, shell: "bash" },
    { drv, x: 1 },
  ]) {
    assert.throws(() => buildShellImage(options as never), OptionError, JSON.stringify(options));
  }
});

test("layers come before the rest, those below first, and their contents are the image's", () => {
  const base = buildLayer({ deps: packages.dash! });
  const top = buildLayer({
    deps: [text],
    copyToRoot: drv,
    layers: [base],
    perms: [{ path: drv, mode: "0750" }],
  });
  const image = buildLayeredImage({ name: "x", layers: [base, top], contents: [packages.jq!] });
  assert.deepEqual(
    image.layers?.map(({ members }) => members.length),
    [1, 2],
  );
  assert.deepEqual(
    image.contents.map(({ name }) => name),
    ["jq", "dash"],
  );
  assert.deepEqual(
    image.outputs.map(({ placement }) => placement),
    ["store", "/"],
  );
  const [perm] = image.layers![1]!.perms;
  assert.deepEqual([perm!.mode, (perm!.path as { placement: string }).placement], [0o750, "/"]);
});

test("layers of nothing, and permissions that mean nothing, are refused", () => {
  const wrong: readonly object[] = [
    {},
    { deps: "bash" },
    { deps: packages.dash!, maxLayers: 2 },
    { deps: packages.dash!, perms: [{ regex: "(" }] },
    { deps: packages.dash!, perms: [{ mode: "rwx" }] },
    { deps: packages.dash!, perms: [{ uid: -1 }] },
    { deps: packages.dash!, perms: [{ uname: "x" }] },
    { deps: packages.dash!, layers: [{}] },
  ];
  for (const options of wrong) {
    assert.throws(() => buildLayer(options as never), OptionError, JSON.stringify(options));
  }
  assert.throws(() => buildLayeredImage({ name: "x", layers: {} as never }), OptionError);
});
