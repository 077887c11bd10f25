// References as real Nix finds them: on the whole of a store that it built, with programs of gcc, and on what both build.

import assert from "node:assert/strict";
import { readFileSync, realpathSync } from "node:fs";
import { test } from "node:test";
import type { Derivation } from "../../src/evaluate/derivation.ts";
import type { StorePath } from "../../src/model/store-path.ts";
import { busyboxSource, shell, TestBuilds } from "../kit/builds.ts";
import { nixString, RealNix, skipWithoutNix } from "../kit/real-nix.ts";
import { skipWithout } from "../kit/tools.ts";

const LIBRARIES = 12;
const PROGRAMS = 20;
const SCRIPTS = 20;

/** A store as people have them: libraries that need others, programs with run paths, wrappers, links, documentation. */
const SOFTWARE = `
let
  d = name: attributes: script: derivation ({
    inherit name; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-e" "-c" script ]; PATH = "/usr/bin:/bin";
  } // attributes);
  range = n: builtins.genList (i: i) n;
  s = toString;
  at = builtins.elemAt;
  libraries = map library (range ${LIBRARIES});
  library = i:
    let deps = if i == 0 then [] else [ (at libraries (i / 2)) ] ++ (if i > 3 then [ (at libraries (i - 3)) ] else []);
    in d "lib\${s i}" { outputs = [ "out" "dev" ]; deps = deps; } ''
      mkdir -p $out/lib $dev/include $dev/lib/pkgconfig
      echo "int f\${s i}(void);" > $dev/include/f\${s i}.h
      { \${builtins.concatStringsSep "\\n" (map (dep: "echo 'int \${builtins.replaceStrings [ "lib" ] [ "f" ] dep.name}(void);'") deps)}
        echo "const char *where\${s i} = \\"$out/share\\"; int f\${s i}(void) { return \${builtins.concatStringsSep "+" ([ (s i) ] ++ map (dep: "\${builtins.replaceStrings [ "lib" ] [ "f" ] dep.name}()") deps)}; }"
      } > f.c
      gcc -g -shared -fPIC -o $out/lib/libf\${s i}.so f.c \${builtins.concatStringsSep " " (map (dep: "-L\${dep}/lib -l\${builtins.replaceStrings [ "lib" ] [ "f" ] dep.name} -Wl,-rpath,\${dep}/lib") deps)}
      echo "Libs: -L$out/lib" > $dev/lib/pkgconfig/f\${s i}.pc
    '';
  programs = map program (range ${PROGRAMS});
  program = i:
    let lib = at libraries (i - (i / ${LIBRARIES}) * ${LIBRARIES}); f = builtins.replaceStrings [ "lib" ] [ "f" ] lib.name;
    in d "program\${s i}" { } (''
      mkdir -p $out/bin
      printf '#include <%s.h>\\nint main(void) { return %s(); }\\n' \${f} \${f} > main.c
      gcc -O\${s (i - (i / 3) * 3)} \${if i / 2 * 2 == i then "-g" else "-s"} -I\${lib.dev}/include -L\${lib}/lib main.c -l\${f} -Wl,-rpath,\${lib}/lib -Wl,-rpath-link,\${builtins.concatStringsSep ":" (map (x: "\${x}/lib") libraries)} -o $out/bin/p
    '' + (if i / 4 * 4 == i then "tar -C $out -cf - bin | gzip -n > $out/copy.tar.gz; rm -r $out/bin" else ""));
  scripts = map script (range ${SCRIPTS});
  script = i:
    let
      p = at programs (i - (i / ${PROGRAMS}) * ${PROGRAMS});
      q = if i == 0 then p else at scripts (i - 1);
      kind = i - (i / 5) * 5;
    in d "script\${s i}" { inherit p q; } (at [
      "echo \\"exec $p/bin/p\\" > $out"
      "mkdir $out; ln -s $p $out/p; ln -s ../nothing $out/q"
      "mkdir $out; mkdir \\"$out/$(basename $p)\\"; echo text > $out/doc"
      "printf '%s' \\"$p\\" | cut -c12-42 > $out; echo \\"half of $q\\" | cut -c1-30 >> $out"
      "head -c 65530 /dev/zero > $out; echo \\"$q\\" >> $out; head -c 200000 /dev/zero >> $out; echo \\"$out\\" >> $out"
    ] kind);
in libraries ++ programs ++ scripts
`;

test("a store of libraries, programs and scripts that Nix built", async (t) => {
  if (skipWithoutNix(t) || skipWithout(t, "gcc")) return;
  const nix = new RealNix(t);
  const derivations = nix.evaluate<string[]>(`map (d: d.drvPath) (${SOFTWARE})`);
  assert.ok(derivations.length >= 50, `${derivations.length} derivations`);
  nix.realise(derivations);
  const registered = nix.dump();
  const outputs = [...registered.keys()].filter((path) => !path.endsWith(".drv"));
  assert.equal(outputs.length, derivations.length + LIBRARIES);
  const builds = new TestBuilds(t);
  let references = 0;
  for (const path of outputs) {
    const expected = registered.get(path)!;
    const {
      narHash,
      narSize,
      references: found,
    } = await builds.store.scan(
      nix.physicalPath(path),
      registered.keys() as Iterable<StorePath>,
      builds.context.signal,
    );
    assert.deepEqual(
      { narHash: `sha256:${narHash}`, narSize, references: found },
      { ...expected, narHash: toHex(expected.narHash) },
      path,
    );
    references += found.length;
  }
  // Libraries refer to libraries, programs to libraries, scripts to anything: far more than a few were found.
  assert.ok(references > outputs.length, `${references} references`);
});

/** The database has either form. */
function toHex(hash: string): string {
  return hash.startsWith("sha256:") ? hash : `sha256:${hash}`;
}

test("what Nix and Tare build of the same derivations is the same, to the byte", async (t) => {
  if (skipWithoutNix(t)) return;
  const nix = new RealNix(t);
  const builds = new TestBuilds(t);
  const busybox = busyboxSource(t);
  const plan = await builds.plan(shell(busybox, "any", ""));
  const [source] = Object.values(plan.sources.size > 0 ? Object.fromEntries(plan.sources) : {});
  const directory = builds.store.physicalPath(source!);
  const [made, written] = describeBoth(busybox);
  const derivations = nix.evaluate<string[]>(`
    let
      busybox = builtins.path { path = ${realpathSync(directory)}; name = "busybox"; };
      d = name: outputs: script: derivation ({ inherit name; system = "x86_64-linux"; builder = "\${busybox}/bin/sh";
        args = [ "-e" "-c" script ]; PATH = "\${busybox}/bin"; } // (if outputs == [ "out" ] then {} else { inherit outputs; }));
      ${written.join("\n")}
    in [ ${made.map((_, i) => `d${i}.drvPath`).join(" ")} ]
  `);
  nix.realise(derivations);
  const registered = nix.dump();
  await builds.build(...made);
  const { derivations: planned } = await builds.plan(...made);
  for (const [i, { node }] of made.entries()) {
    const { drvPath, bytes, outputs } = planned.get(node)!;
    assert.equal(drvPath, derivations[i]);
    assert.deepEqual(bytes, readFileSync(nix.physicalPath(drvPath)));
    for (const path of outputs.values() as Iterable<StorePath>) {
      const { narHash, narSize, references } = builds.store.query(path);
      const expected = registered.get(path)!;
      assert.deepEqual(
        { narHash: `sha256:${narHash}`, narSize, references },
        { ...expected, narHash: toHex(expected.narHash) },
        path,
      );
    }
  }
});

/** Derivations in both languages: each uses some of those before it. */
function describeBoth(busybox: Parameters<typeof shell>[0]): [Derivation[], string[]] {
  const made: Derivation[] = [];
  const written: string[] = [];
  for (let i = 0; i < 30; i++) {
    const outputs = i % 5 === 4 ? ["out", "dev"] : ["out"];
    const used = [...new Set([i - 1, i - 2, Math.floor(i / 2) - 1].filter((j) => j >= 0))];
    const script = (mention: (j: number) => string) =>
      [
        "mkdir -p $out/bin $out/empty; umask 027",
        ...used.map((j) => `echo "uses ${mention(j)}" >> $out/bin/uses; ln -s ${mention(j)} $out/link-${j}`),
        `cat ${used.map((j) => `${mention(j)}/text`).join(" ")} /dev/null | tail -n 5 > $out/text; echo $out ${i} >> $out/text`,
        i % 3 === 0
          ? "chmod 1755 $out/text; env | sort | grep -v -e NIX_BUILD_CORES -e ^dev= > $out/env"
          : "touch -d 2001-01-01 $out/bin",
        outputs.length > 1 ? "echo $out > $dev" : ":",
      ].join("\n");
    made.push(
      shell(
        busybox,
        `both-${i}`,
        script((j) => `${made[j]!}`),
        outputs.length > 1 ? { outputs } : {},
      ),
    );
    const text = nixString(script((j) => `@${j}@`)).replaceAll(/@(\d+)@/g, (_, j) => `\${d${j}}`);
    written.push(`d${i} = d "both-${i}" [ ${outputs.map((name) => `"${name}"`).join(" ")} ] ${text};`);
  }
  return [made, written];
}
