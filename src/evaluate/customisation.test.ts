import assert from "node:assert/strict";
import { test } from "node:test";
import { OptionError } from "../model/options.ts";
import { debian } from "../sources/debian/request.ts";
import { buildLayeredImage } from "./build-layered-image.ts";
import { binSh, caCertificates, fakeNss, shadowSetup, usrBinEnv } from "./docker-helpers.ts";
import { writeText } from "./trivial-builders.ts";

const { packages } = debian("bookworm", { architecture: "amd64" });
const image = (options: object) => buildLayeredImage({ name: "x", architecture: "amd64", ...options });

test("declarations are filled in", () => {
  const { declared } = image({
    users: [{ name: "app" }],
    directories: [{ path: "/data" }],
    files: [{ path: "/etc/x", text: "x" }],
  });
  assert.deepEqual(JSON.parse(JSON.stringify(declared)), {
    users: [{ name: "app", home: "/home/app", createHome: true, shell: "/usr/sbin/nologin", groups: [] }],
    directories: [{ path: "/data", mode: 0o755, owner: "root" }],
    files: [{ path: "/etc/x", text: "x", mode: 0o644, owner: "root" }],
  });
  assert.equal(image({}).declared, undefined);
});

test("declarations that would be dangerous or mean nothing are refused", () => {
  const wrong: readonly object[] = [
    { users: [{ name: "Root" }] },
    { users: [{ name: "a:b" }] },
    { users: [{ name: "a", shell: "/bin/sh\nevil:x:0:0" }] },
    { users: [{ name: "a", comment: "x:y" }] },
    { users: [{ name: "a", home: "relative" }] },
    { users: [{ name: "a", home: "/home/a:b\n" }] },
    { users: [{ name: "a", groups: ["x\ny:x:0:"] }] },
    { users: [{ name: "a", groups: "audio" }] },
    { users: [{ name: "a", uid: -1 }] },
    { users: [{ name: "a", uid: 2 ** 32 - 1 }] },
    { users: [{ name: "a", id: 1 }] },
    { directories: [{ path: "data" }] },
    { directories: [{ path: "/" }] },
    { directories: [{ path: "/a/../b" }] },
    { directories: [{ path: "/a", mode: 0o10000 }] },
    { directories: [{ path: "/a", owner: "a b" }] },
    { files: [{ path: "/a" }] },
    { files: [{ path: "/a\0b", text: "" }] },
    { files: [{ path: "/a", text: "x", uid: 1 }] },
  ];
  for (const options of wrong) {
    assert.throws(
      () => image(options),
      (error) => error instanceof OptionError && error.code === "BAD_OPTION",
      JSON.stringify(options),
    );
  }
});

test("commands bring their tools, their packages and what they mention", () => {
  const text = writeText("t", "x");
  const { commands, graph } = image({
    fakeRootCommands: `cp ${text} ./x`,
    enableFakechroot: true,
    commandInputs: [packages.jq!],
  });
  assert.deepEqual(
    commands?.requests.map(({ name }) => name),
    ["bash", "busybox-static", "jq"],
  );
  assert.deepEqual(commands?.inputs, [{ kind: "output", node: text.node, output: "out" }]);
  assert.ok(graph[text.node] !== undefined);
  assert.equal(image({ extraCommands: "" }).commands, undefined);
});

test("options without effect are refused", () => {
  for (const options of [{ enableFakechroot: true }, { commandInputs: [packages.jq] }, { runAsRoot: 1 }]) {
    assert.throws(() => image(options), OptionError);
  }
});

test("dockerTools' helpers are packages, files and commands", () => {
  const archive = debian("bookworm", { architecture: "arm64" });
  assert.equal(usrBinEnv().name, "/usr/bin/env");
  assert.equal(binSh(archive).scope.architecture, "arm64");
  assert.equal(caCertificates().name, "ca-certificates");
  assert.equal(fakeNss().name, "fake-nss");
  assert.notEqual(fakeNss({ extraGroupLines: ["app:x:1000:"] }).node, fakeNss().node);
  assert.throws(() => fakeNss({ extraShadowLines: [] } as never), OptionError);
  assert.match(shadowSetup, /\/etc\/passwd/);
});
