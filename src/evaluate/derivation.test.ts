import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { temporaryDirectory } from "../../test/kit/context.ts";
import type { DerivationNode, SourceNode } from "../model/derivation.ts";
import { collectGraph } from "../model/mentions.ts";
import { OptionError } from "../model/options.ts";
import { debian } from "../sources/debian/request.ts";
import { buildLayeredImage } from "./build-layered-image.ts";
import { type Derivation, derivation, type Output } from "./derivation.ts";
import { withImageDirectory } from "./image-directory.ts";
import { place } from "./place.ts";
import { runCommand } from "./run-command.ts";
import { path } from "./source-path.ts";
import {
  buildEnv,
  fetchUrl,
  symlinkJoin,
  writeScript,
  writeScriptBin,
  writeText,
  writeTextDir,
} from "./trivial-builders.ts";

const { packages } = debian("bookworm", { architecture: "amd64" });

function nodeOf(output: Output): DerivationNode {
  const node = collectGraph([output])[output.node];
  assert.equal(node?.kind, "derivation");
  return node as DerivationNode;
}

const base = { name: "app", builder: "/bin/sh" };

/** For assert.throws. */
function optionError(code: string, message: RegExp): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof OptionError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  };
}

describe("a derivation", () => {
  test("depends on what its strings mention, wherever that stands", () => {
    const [a, b, c, d] = ["a", "b", "c", "d"].map((name) => derivation({ ...base, name }));
    const made = derivation({
      ...base,
      builder: `${a}/bin/sh`,
      args: ["-c", `cp ${b}/x $out`],
      env: { list: [c!, ["x", `${c}/y`]], [`name-${d}`]: "also in names" },
    });
    const inputs = nodeOf(made).inputs.map(({ node }) => node);
    assert.deepEqual(inputs.sort(), [a, b, c, d].map((output) => output!.node).sort());
    assert.equal(Object.keys(collectGraph([made])).length, 5);
  });

  test("depends on no more than it mentions", () => {
    const unused = derivation({ ...base, name: "unused" });
    const made = derivation({ ...base, env: { text: `${unused}`.slice(0, -1) } });
    assert.deepEqual(nodeOf(made).inputs, []);
  });

  test("mentions one of its outputs at a time", () => {
    const several = derivation({ ...base, name: "several", outputs: ["out", "dev"] });
    const made = derivation({ ...base, env: { dev: several.outputs["dev"]! } });
    assert.deepEqual(nodeOf(made).inputs, [{ kind: "output", node: several.node, output: "dev" }]);
    assert.equal(`${several}`, `${several.outputs["out"]}`);
    assert.notEqual(`${several}`, `${several.outputs["dev"]}`);
  });

  test("is the same when it is written twice, and another when anything differs", () => {
    const write = (options = {}) => derivation({ ...base, env: { b: 1, a: 2 }, ...options }).node;
    assert.equal(write(), write({ env: { a: 2, b: 1 } }));
    assert.equal(
      write({ inputs: [packages["make"]!, packages["gcc"]!] }),
      write({ inputs: [packages["gcc"]!, packages["make"]!] }),
    );
    const others = [
      { name: "other" },
      { args: ["x"] },
      { env: {} },
      { outputs: ["dev"] },
      { system: "builtin" },
      { structuredAttrs: true },
    ];
    assert.equal(new Set([write(), ...others.map(write)]).size, others.length + 1);
  });

  test("coerces values as Nix does", () => {
    const env = nodeOf(
      derivation({
        ...base,
        env: { t: true, f: false, n: null, i: 3, x: 1.5, l: ["a", ["b", 2], [], false] },
      }),
    ).env;
    assert.deepEqual({ ...env }, { t: "1", f: "", n: "", i: "3", x: "1.500000", l: "a b 2 " });
  });

  test("keeps the types of structured attributes", () => {
    const dependency = derivation({ ...base, name: "dep" });
    const node = nodeOf(
      derivation({ ...base, structuredAttrs: true, env: { set: { list: [1, null, dependency] } } }),
    );
    assert.deepEqual(node.env, {});
    assert.deepEqual(node.structuredAttrs, { set: { list: [1, null, `${dependency}`] } });
    assert.equal(node.inputs.length, 1);
  });

  test("refuses what would not be one", () => {
    const cases: readonly [object, RegExp][] = [
      [{ name: "" }, /name/],
      [{ name: "a b" }, /Cannot use "a b" as a derivation's name: 1 to 207 letters/],
      [{ name: "a.drv" }, /a derivation's name/],
      [{ name: ".." }, /a derivation's name/],
      [{ builder: 3 }, /"builder"/],
      [{ args: "-c" }, /"args"/],
      [{ args: [{}] }, /"args"/],
      [{ env: { a: undefined } }, /"env"/],
      [{ env: { a: { b: 1 } } }, /"env.a": text, or an object with structuredAttrs: true/],
      [{ env: { a: Number.NaN } }, /"env"/],
      [{ env: { out: "x" } }, /"env.out": another name than that of an output/],
      [{ env: { name: "x" } }, /"env.name": the option "name" beside env/],
      [{ env: { __contentAddressed: true } }, /experimental in Nix/],
      [{ outputs: [] }, /"outputs"/],
      [{ outputs: ["a", "a"] }, /"outputs"/],
      [{ outputs: ["drv"] }, /"outputs"/],
      [{ inputs: ["gcc"] }, /"inputs"/],
      [{ outputHashMode: "text" }, /"outputHashMode"/],
    ];
    for (const [options, message] of cases) {
      assert.throws(
        () => derivation({ ...base, ...options } as never),
        optionError("BAD_OPTION", message),
        JSON.stringify(options),
      );
    }
    assert.throws(
      () => derivation({ ...base, buildInputs: [] } as never),
      optionError("UNKNOWN_OPTION", /buildInputs/),
    );
  });
});

describe("overriding", () => {
  const app = derivation({ ...base, env: { level: 1 } });

  test("calls the function again with other options", () => {
    const changed = app.override({ env: { level: 2 } });
    assert.equal(nodeOf(changed).env["level"], "2");
    assert.equal(nodeOf(changed).name, "app");
    assert.equal(nodeOf(changed.override({ name: "again" })).env["level"], "2");
    const text = writeText("t", "one").override({ text: "two" });
    assert.match(nodeOf(text).env["tree"]!, /two/);
    const command = runCommand("c", { inputs: [packages["gcc"]!] }, "true").override({ env: { x: 1 } });
    assert.equal(nodeOf(command).env["buildCommand"], "true");
    const joined = symlinkJoin({ name: "j", paths: [app] }).override({ name: "k" });
    assert.equal(nodeOf(joined).name, "k");
  });

  test("changes attributes of what was made, and follows what they mention", () => {
    const note = writeText("note", "x");
    const changed = app.overrideAttrs(({ env }) => ({ env: { ...env, note: `${note}` } }));
    assert.deepEqual({ ...nodeOf(changed).env }, { level: "1", note: `${note}` });
    assert.equal(nodeOf(changed).inputs[0]?.node, note.node);
  });

  test("is an error when it changes nothing", () => {
    const cases: readonly [() => Derivation, RegExp][] = [
      [
        () => app.override({ env: { level: 1 } }),
        /Cannot override app: \.override\(\) of env changes nothing of what is built$/,
      ],
      [() => app.override({}), /of nothing changes nothing/],
      [() => app.overrideAttrs(() => ({ name: "app" })), /\.overrideAttrs\(\) of name changes nothing/],
    ];
    for (const [override, message] of cases)
      assert.throws(override, optionError("OVERRIDE_WITHOUT_EFFECT", message));
    assert.throws(() => app.override({ typo: 1 } as never), optionError("UNKNOWN_OPTION", /typo/));
  });
});

describe("runCommand", () => {
  test("runs bash with Debian's Essential packages, its inputs first in PATH", () => {
    const tool = writeScriptBin("tool", "#!/bin/sh\n");
    const node = nodeOf(
      runCommand("c", { inputs: [packages["gcc"]!, tool], env: { passAsFile: ["big"], big: "x" } }, "make"),
    );
    assert.deepEqual(
      node.requests.map(({ name }) => name),
      ["bash", "gcc"],
    );
    assert.equal(node.env["PATH"]!.split(":")[0], `${tool}/bin`);
    assert.equal(node.env["passAsFile"], "big buildCommand");
    assert.equal(node.system, "x86_64-linux");
    assert.equal(node.env["stripDebugList"], "lib lib32 lib64 libexec bin sbin");
  });

  test("refuses what is no script", () => {
    assert.throws(
      () => runCommand("c", {}, 3 as never),
      optionError("BAD_OPTION", /runCommand\(\)'s script/),
    );
    assert.throws(() => runCommand("c", { input: [] } as never, ""), optionError("UNKNOWN_OPTION", /input/));
  });
});

describe("trivial builders", () => {
  test("are instructions for Tare itself", () => {
    const treeOf = (output: Output) => JSON.parse(nodeOf(output).env["tree"]!);
    assert.deepEqual(treeOf(writeText("a", "x")), [{ type: "file", path: "", text: "x", executable: false }]);
    assert.deepEqual(treeOf(writeTextDir("share/a.txt", "x"))[0].path, "share/a.txt");
    assert.equal(nodeOf(writeTextDir("share/a.txt", "x")).name, "a.txt");
    assert.equal(treeOf(writeScript("a", "x"))[0].executable, true);
    assert.equal(treeOf(writeScriptBin("a", "x"))[0].path, "bin/a");
    const note = writeText("a", "x");
    const joined = treeOf(
      buildEnv({ name: "e", paths: [note], pathsToLink: ["/bin"], extraPrefix: "/usr/" }),
    )[0];
    assert.equal(joined.prefix, "usr");
    assert.deepEqual(joined.paths, [`${note}`]);
    assert.equal(nodeOf(symlinkJoin({ name: "j", paths: [note] })).inputs[0]?.node, note.node);
  });

  test("refuse what would not work", () => {
    const hash = `sha256:${"0".repeat(64)}`;
    const cases: readonly [() => unknown, RegExp][] = [
      [() => writeText("a/b", "x"), /derivation's name/],
      [() => writeText("a", 3 as never), /writeText\(\)'s text/],
      [() => writeTextDir("../a", "x"), /writeTextDir\(\)'s path/],
      [() => writeTextDir("/a", "x"), /writeTextDir\(\)'s path/],
      [() => symlinkJoin({ name: "j", paths: [packages["gcc"]!] }), /"paths"/],
      [() => fetchUrl({ url: "ftp://x", hash }), /fetchUrl\(\)'s url/],
      [() => fetchUrl({ hash } as never), /fetchUrl\(\)'s url/],
      [() => fetchUrl({ url: "https://example.org/a" } as never), /"hash" is missing/],
      [() => fetchUrl({ url: "https://example.org/", hash }), /derivation's name/],
    ];
    for (const [make, message] of cases)
      assert.throws(make, optionError("BAD_OPTION", message), String(make));
  });
});

describe("path()", () => {
  function makeTree(t: Parameters<typeof temporaryDirectory>[0]): string {
    const root = join(temporaryDirectory(t), "my project");
    const files: Record<string, string> = {
      ".gitignore": "*.log\n/build/\n!important.log\nnode_modules\n",
      "a.ts": "",
      "a.log": "",
      "important.log": "",
      "build/out.js": "",
      "src/build/kept.ts": "",
      "src/.gitignore": "generated\n!a.log\n",
      "src/a.log": "",
      "src/generated/x": "",
      "src/node_modules/m/index.js": "",
      ".git/HEAD": "",
    };
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(join(root, name, ".."), { recursive: true });
      writeFileSync(join(root, name), text);
    }
    symlinkSync("a.ts", join(root, "link"));
    return root;
  }
  const chosen = (output: Output) => (collectGraph([output])[output.node] as SourceNode).include;

  test("takes what patterns of ignore files leave, as git reads them", (t) => {
    const root = makeTree(t);
    const output = path(pathToFileURL(root), { ignore: ".gitignore" });
    assert.deepEqual(chosen(output), [
      ".gitignore",
      "a.ts",
      "important.log",
      "link",
      "src",
      "src/.gitignore",
      "src/a.log",
      "src/build",
      "src/build/kept.ts",
    ]);
    assert.equal((collectGraph([output])[output.node] as SourceNode).name, "my-project");
  });

  test("takes what a filter says, which is not asked about what is in what it left out", (t) => {
    const root = makeTree(t);
    const asked: string[] = [];
    const output = path(pathToFileURL(root), {
      filter: (name, type) => {
        asked.push(`${type} ${name}`);
        return type !== "directory" || name === "src";
      },
    });
    assert.ok(asked.includes("symlink link"));
    assert.ok(!asked.some((entry) => entry.includes("build/out.js")));
    assert.deepEqual(chosen(output), [
      ".gitignore",
      "a.log",
      "a.ts",
      "important.log",
      "link",
      "src",
      "src/.gitignore",
      "src/a.log",
    ]);
    const both = path(pathToFileURL(root), {
      ignore: ".gitignore",
      filter: (name) => !name.startsWith("src"),
    });
    assert.deepEqual(chosen(both), [".gitignore", "a.ts", "important.log", "link"]);
  });

  test("is everything when nothing is said, and relative to the image file", async (t) => {
    const root = makeTree(t);
    await withImageDirectory(root, async () => {
      const output = path("./src");
      const node = collectGraph([output])[output.node] as SourceNode;
      assert.deepEqual(node, { kind: "source", name: "src", path: "./src", include: undefined });
      assert.deepEqual(chosen(path("src", { ignore: ".gitignore" })), [
        ".gitignore",
        "a.log",
        "build",
        "build/kept.ts",
        "node_modules",
        "node_modules/m",
        "node_modules/m/index.js",
      ]);
    });
  });

  test("refuses what is none", (t) => {
    const root = makeTree(t);
    const cases: readonly [() => unknown, RegExp][] = [
      [() => path(3 as never), /path\(\)'s source/],
      [() => path(new URL("https://example.org")), /path\(\)'s source/],
      [() => path("a", { name: "a b" }), /derivation's name/],
      [() => path(pathToFileURL(join(root, "a.ts")), { ignore: "x" }), /a directory was expected/],
      [() => path(root, { ignore: "a/b" }), /"ignore"/],
    ];
    for (const [make, message] of cases)
      assert.throws(make, optionError("BAD_OPTION", message), String(make));
  });
});

describe("in an image", () => {
  test("outputs in contents are linked, those of the configuration are in the store, and placed ones where they are placed", () => {
    const [app, settings, site] = [
      writeScriptBin("app", "x"),
      writeText("settings", "y"),
      writeTextDir("index.html", "z"),
    ];
    const spec = buildLayeredImage({
      name: "i",
      contents: [app, place("/var//www/", site)],
      config: { Cmd: [`${app}/bin/app`, `--settings=${settings}`], Env: { SETTINGS: `${settings}` } },
    });
    assert.deepEqual(
      spec.outputs.map(({ node, placement }) => [node, placement]),
      [
        [app.node, "linked"],
        [site.node, "/var/www"],
        [settings.node, "store"],
      ],
    );
    assert.equal(Object.keys(spec.graph).length, 3);
  });

  test("place() wants an absolute path and something built", () => {
    const note = writeText("a", "x");
    for (const wrong of ["a", "", "/a/../b", "/a/./b", "/a\0", 3]) {
      assert.throws(() => place(wrong as string, note), optionError("BAD_OPTION", /place\(\)'s path/));
    }
    assert.throws(
      () => place("/a", packages["gcc"] as never),
      optionError("BAD_OPTION", /place\(\)'s output/),
    );
    assert.equal(place("/", note).placement, "/");
  });
});
