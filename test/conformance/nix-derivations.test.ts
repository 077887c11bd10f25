// The same derivations written for Tare and in the Nix language: real Nix makes the same .drv files and output paths.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { derivation, type Output } from "../../src/evaluate/derivation.ts";
import { path } from "../../src/evaluate/source-path.ts";
import { fetchUrl, writeText } from "../../src/evaluate/trivial-builders.ts";
import { TestBuilds } from "../kit/builds.ts";
import { temporaryDirectory } from "../kit/context.ts";
import { RealNix, skipWithoutNix } from "../kit/real-nix.ts";

const base = { builder: "/bin/sh", architecture: "amd64" } as const;

/** By name: what Tare is asked for, and the same in Nix, where `d` adds system and builder. */
function listCases(source: Output): Readonly<Record<string, readonly [Output, string]>> {
  const dep = derivation({ ...base, name: "dep", outputs: ["out", "dev", "lib"] });
  const fixed = derivation({
    ...base,
    name: "fixed",
    outputHash: "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
  });
  const recursive = derivation({
    ...base,
    name: "recursive",
    env: { outputHashAlgo: "sha256" },
    outputHash: "0sg9f58l1jj88w6pdrfdpj5x9b1zrwszk84j81zvby36q9whhhqa",
    outputHashMode: "recursive",
  });
  const NIX_DEP = `(d { name = "dep"; outputs = [ "out" "dev" "lib" ]; })`;
  const NIX_FIXED = `(d { name = "fixed"; outputHash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="; })`;
  const NIX_RECURSIVE = `(d { name = "recursive"; outputHashAlgo = "sha256"; outputHashMode = "recursive"; outputHash = "0sg9f58l1jj88w6pdrfdpj5x9b1zrwszk84j81zvby36q9whhhqa"; })`;
  return {
    plain: [derivation({ ...base, name: "plain" }), `d { name = "plain"; }`],
    args: [
      derivation({ ...base, name: "args", args: ["-c", `echo "$out"\n\t\\ ä€ \${x}`, 1, true, null] }),
      `d { name = "args"; args = [ "-c" "echo \\"$out\\"\\n\\t\\\\ ä€ \\\${x}" 1 true null ]; }`,
    ],
    values: [
      derivation({
        ...base,
        name: "values",
        env: {
          text: "a b",
          empty: "",
          yes: true,
          no: false,
          nothing: null,
          whole: 42,
          negative: -7,
          fraction: 1.5,
          list: ["a", "b c", 3, true, false, null],
          nested: [["a", ["b"]], [], "c", []],
          none: [],
          Ünicode: "ß",
        },
      }),
      `d { name = "values"; text = "a b"; empty = ""; yes = true; no = false; nothing = null; whole = 42; negative = -7;
        fraction = 1.5; list = [ "a" "b c" 3 true false null ]; nested = [ [ "a" [ "b" ] ] [] "c" [] ]; none = [];
        "Ünicode" = "ß"; }`,
    ],
    outputs: [dep, NIX_DEP],
    mentions: [
      derivation({
        ...base,
        name: "mentions",
        args: ["-c", `cp ${dep}/x ${dep.outputs["dev"]}/y $out`],
        env: { dep, both: `${dep.outputs["lib"]}:${dep}`, list: [dep.outputs["dev"]!, "x"] },
      }),
      `let dep = ${NIX_DEP}; in d { name = "mentions"; args = [ "-c" "cp \${dep}/x \${dep.dev}/y $out" ]; inherit dep;
        both = "\${dep.lib}:\${dep}"; list = [ dep.dev "x" ]; }`,
    ],
    "another default output": [
      derivation({ ...base, name: "first-dev", outputs: ["dev", "out"] }),
      `d { name = "first-dev"; outputs = [ "dev" "out" ]; }`,
    ],
    "only a named output": [
      derivation({ ...base, name: "only-lib", outputs: ["lib"] }),
      `d { name = "only-lib"; outputs = [ "lib" ]; }`,
    ],
    "builder of an input": [
      derivation({ name: "built", architecture: "amd64", builder: `${dep}/bin/sh` }),
      `d { name = "built"; builder = "\${${NIX_DEP}}/bin/sh"; }`,
    ],
    fixed: [fixed, NIX_FIXED],
    recursive: [recursive, NIX_RECURSIVE],
    "inputs with fixed outputs": [
      derivation({ ...base, name: "uses-fixed", env: { fixed, recursive, dep } }),
      `d { name = "uses-fixed"; fixed = ${NIX_FIXED}; recursive = ${NIX_RECURSIVE}; dep = ${NIX_DEP}; }`,
    ],
    sha512: [
      derivation({
        ...base,
        name: "sha512",
        outputHash: `sha512:${"0".repeat(128)}`,
        outputHashMode: "flat",
      }),
      `d { name = "sha512"; outputHash = "sha512:${"0".repeat(128)}"; outputHashMode = "flat"; }`,
    ],
    passAsFile: [
      derivation({ ...base, name: "as-file", env: { big: "x".repeat(1000), passAsFile: ["big"] } }),
      `d { name = "as-file"; big = "${"x".repeat(1000)}"; passAsFile = [ "big" ]; }`,
    ],
    references: [
      derivation({
        ...base,
        name: "allowed",
        env: { dep },
        allowedReferences: ["out", dep],
        disallowedReferences: [],
      }),
      `let dep = ${NIX_DEP}; in d { name = "allowed"; inherit dep; allowedReferences = [ "out" dep ]; disallowedReferences = []; }`,
    ],
    graph: [
      derivation({ ...base, name: "graph", env: { exportReferencesGraph: ["closure", dep] } }),
      `d { name = "graph"; exportReferencesGraph = [ "closure" ${NIX_DEP} ]; }`,
    ],
    "structured attributes": [
      derivation({
        ...base,
        name: "structured",
        structuredAttrs: true,
        outputs: ["out", "doc"],
        env: { set: { b: [1, 2.5, null, true], a: { "ä\n": dep } }, text: `see ${dep.outputs["dev"]}` },
      }),
      `let dep = ${NIX_DEP}; in d { name = "structured"; __structuredAttrs = true; outputs = [ "out" "doc" ];
        set = { b = [ 1 2.5 null true ]; a = { "ä\\n" = dep; }; }; text = "see \${dep.dev}"; }`,
    ],
    "a source": [
      derivation({ ...base, name: "sourced", env: { src: source, file: `${source}/a` } }),
      `d { name = "sourced"; src = source; file = "\${source}/a"; }`,
    ],
    "the file that is only copied": [
      derivation({ ...base, name: "again", args: [`${source}`], env: { dep, src: source } }),
      `d { name = "again"; args = [ "\${source}" ]; dep = ${NIX_DEP}; src = source; }`,
    ],
    fetchUrl: [
      fetchUrl({
        url: "https://example.org/a/file.tar.gz",
        hash: "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
      }),
      `import <nix/fetchurl.nix> { url = "https://example.org/a/file.tar.gz"; hash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="; }`,
    ],
    "fetchUrl of a program": [
      fetchUrl({
        url: "https://example.org/run",
        hash: "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        executable: true,
      }),
      `import <nix/fetchurl.nix> { url = "https://example.org/run"; executable = true; hash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="; }`,
    ],
    writeText: [
      writeText("note", `see ${dep}`),
      `let dep = ${NIX_DEP}; in derivation { name = "note"; builder = "builtin:tree"; system = "builtin"; preferLocalBuild = true;
        allowSubstitutes = false; tree = "[{\\"executable\\":false,\\"path\\":\\"\\",\\"text\\":\\"see \${dep}\\",\\"type\\":\\"file\\"}]"; }`,
    ],
  };
}

test("Nix makes the same .drv files and output paths", async (t) => {
  if (skipWithoutNix(t)) return;
  const nix = new RealNix(t);
  const builds = new TestBuilds(t);
  const directory = join(temporaryDirectory(t), "source");
  mkdirSync(join(directory, "sub"), { recursive: true });
  writeFileSync(join(directory, "a"), "a");
  writeFileSync(join(directory, "sub/run"), "#!/bin/sh\n", { mode: 0o755 });
  symlinkSync("../a", join(directory, "sub/link"));
  const cases = listCases(path(pathToFileURL(directory)));
  const attributes = Object.entries(cases).map(
    ([name, [, expression]]) => `${JSON.stringify(name)} = (${expression});`,
  );
  const expected = nix.evaluate<Record<string, { drv: string; outputs: Record<string, string> }>>(`
    let
      d = attributes: derivation ({ system = "x86_64-linux"; builder = "/bin/sh"; } // attributes);
      source = ${directory};
      describe = drv: {
        drv = drv.drvPath;
        outputs = builtins.listToAttrs (map (name: { inherit name; value = drv.\${name}.outPath; }) (drv.outputs or [ "out" ]));
      };
    in builtins.mapAttrs (_: describe) { ${attributes.join("\n")} }
  `);
  for (const [name, [output]] of Object.entries(cases)) {
    await t.test(name, async () => {
      const plan = await builds.plan(output);
      const planned = plan.derivations.get(output.node)!;
      const { drv, outputs } = expected[name]!;
      // Texts first: they show what differs.
      assert.equal(planned.bytes.toString("utf8"), readFileSync(nix.physicalPath(drv), "utf8"));
      assert.equal(planned.drvPath, drv);
      assert.deepEqual(Object.fromEntries(planned.outputs), outputs);
      for (const { drvPath, bytes } of plan.derivations.values()) {
        assert.deepEqual(bytes, readFileSync(nix.physicalPath(drvPath)));
      }
    });
  }
});

test("a filtered source has the path that builtins.path gives it", async (t) => {
  if (skipWithoutNix(t)) return;
  const nix = new RealNix(t);
  const builds = new TestBuilds(t);
  const directory = join(temporaryDirectory(t), "source");
  mkdirSync(join(directory, "keep/empty"), { recursive: true });
  mkdirSync(join(directory, "drop"));
  for (const name of ["a.ts", "a.log", "keep/b.ts", "keep/b.log", "drop/c.ts"])
    writeFileSync(join(directory, name), name);
  const filtered = path(pathToFileURL(directory), {
    name: "filtered",
    filter: (name, type) => !name.endsWith(".log") && !(type === "directory" && name === "drop"),
  });
  const single = path(pathToFileURL(join(directory, "a.ts")));
  const paths = nix.evaluate<string[]>(`[
    (builtins.path { path = ${directory}; name = "filtered"; filter = path: type:
      builtins.match ".*\\\\.log" path == null && !(type == "directory" && baseNameOf path == "drop"); })
    "\${${directory}/a.ts}"
  ]`);
  assert.deepEqual(await builds.build(filtered, single), paths);
});
