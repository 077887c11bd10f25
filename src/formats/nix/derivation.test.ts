import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import fc from "fast-check";
import { loadVectors, nixError, readVector } from "../../../test/kit/nix.ts";
import type { ByteString } from "../../model/bytes.ts";
import { decodeByteString } from "../../model/bytes.ts";
import type { StorePath } from "../../model/store-path.ts";
import type { Derivation } from "./aterm.ts";
import { formatDerivation, outputHashAlgo, parseDerivation } from "./aterm.ts";
import type { DerivationAttributes, DerivationInputs } from "./derivation.ts";
import {
  computeDerivationPath,
  computeOutputPaths,
  derivationName,
  hashDerivationModulo,
  instantiate,
  outputPlaceholder,
  upstreamPlaceholder,
} from "./derivation.ts";
import { formatHash } from "./hash.ts";
import { computeTextPath } from "./store-path.ts";
import type { AttributeValue } from "./structured-attrs.ts";
import { coerceToText, formatAttributesJson } from "./structured-attrs.ts";

interface Shown {
  readonly outputs: Record<string, { path?: string; hashAlgo?: string; hash?: string }>;
  readonly inputSrcs: StorePath[];
  readonly inputDrvs: Record<StorePath, string[]>;
  readonly system: string;
  readonly builder: string;
  readonly args: string[];
  readonly env: Record<string, string>;
}

interface Case {
  readonly id: string;
  readonly expr: string;
  readonly drvPath: StorePath;
  readonly drvFile: string;
  readonly drvReferences: StorePath[];
  readonly outputs: Record<string, string>;
  readonly showDerivation: Shown;
  readonly inputDrvClosure: StorePath[];
  readonly evalOutPathStrings?: Record<string, string>;
  readonly derived_hashDerivationModulo?: Record<string, string>;
  readonly derived_hashDerivationModuloMasked?: string;
}

const { cases } = loadVectors<{ cases: Case[] }>("derivations/cases.json");
const DRV_FILES = readdirSync(join(import.meta.dirname, "../../../test/fixtures/nix/derivations/drv"));

function load(drvPath: StorePath): Derivation {
  return parseDerivation(readVector(`derivations/drv/${drvPath.slice("/nix/store/".length)}`), drvPath);
}

/** The hash modulo of a derivation of the vectors, computed from its whole closure. */
function hashModuloOf(drvPath: StorePath): string {
  return hashDerivationModulo(load(drvPath), hashModuloOf);
}

/** What builtins.derivation was given, as the .drv tells it: outputs of no use there are left out. */
function attributesOf(
  name: string,
  { outputs, system, builder, args, env }: Derivation,
): DerivationAttributes {
  const text = (bytes: string) => decodeByteString(bytes);
  const variables = Object.fromEntries(
    [...env].filter(([key]) => !outputs.has(key)).map(([key, value]) => [text(key), text(value)]),
  );
  const kind = outputs.values().next().value?.kind;
  return {
    ...variables,
    name,
    system: text(system),
    builder: text(builder),
    args: args.map(text),
    ...(kind === "floating" ? { __contentAddressed: true } : {}),
  };
}

function inputsOf({ inputDrvs, inputSrcs }: Derivation): DerivationInputs {
  return {
    inputSrcs,
    inputDrvs: new Map(
      [...inputDrvs].map(([path, outputs]) => [path, { outputs, hashModulo: hashModuloOf(path) }]),
    ),
  };
}

describe("every .drv that Nix wrote", () => {
  assert.equal(DRV_FILES.length, 66);
  for (const drvFile of DRV_FILES) {
    test(drvFile, () => {
      const bytes = readVector(`derivations/drv/${drvFile}`);
      const derivation = parseDerivation(bytes);
      assert.deepEqual(formatDerivation(derivation), bytes);
      const drvPath = `/nix/store/${drvFile}` as StorePath;
      const name = derivationName(drvPath);
      assert.equal(computeDerivationPath(name, derivation), drvPath);
      const paths = computeOutputPaths(name, derivation, hashModuloOf);
      for (const [output, value] of derivation.outputs) {
        assert.equal(paths.get(output), "path" in value ? value.path : undefined);
      }
      if (derivation.env.has("__json" as ByteString)) return;
      const again = instantiate(attributesOf(name, derivation), inputsOf(derivation));
      assert.equal(again.bytes.toString(), bytes.toString());
      assert.equal(again.drvPath, drvPath);
    });
  }
});

describe("reads and hashes as nix show-derivation and nix-instantiate do", () => {
  for (const vector of cases) {
    test(vector.id, () => {
      const derivation = load(vector.drvPath);
      const { showDerivation: shown } = vector;
      const text = (bytes: string) => decodeByteString(bytes);
      assert.deepEqual(
        {
          inputSrcs: [...derivation.inputSrcs],
          inputDrvs: Object.fromEntries(derivation.inputDrvs),
          system: text(derivation.system),
          builder: text(derivation.builder),
          args: derivation.args.map(text),
          env: Object.fromEntries([...derivation.env].map(([key, value]) => [text(key), text(value)])),
        },
        {
          inputSrcs: shown.inputSrcs,
          inputDrvs: shown.inputDrvs,
          system: shown.system,
          builder: shown.builder,
          args: shown.args,
          env: shown.env,
        },
      );
      assert.deepEqual([...derivation.outputs.keys()].sort(), Object.keys(shown.outputs).sort());
      for (const [name, output] of derivation.outputs) {
        const { path, hashAlgo, hash } = shown.outputs[name]!;
        assert.equal("path" in output ? output.path : undefined, path);
        assert.equal(outputHashAlgo(output), hashAlgo ?? "");
        if (output.kind === "fixed") assert.equal(formatHash(output.hash, "base16"), hash);
      }
      assert.deepEqual(
        [...derivation.inputSrcs, ...derivation.inputDrvs.keys()].sort(),
        vector.drvReferences.toSorted(),
      );
      const modulo = vector.derived_hashDerivationModulo;
      if (modulo !== undefined) {
        assert.deepEqual(new Set(Object.values(modulo)), new Set([hashModuloOf(vector.drvPath)]));
      }
      if (vector.derived_hashDerivationModuloMasked !== undefined) {
        const masked = hashDerivationModulo(derivation, hashModuloOf, { maskOutputs: true });
        assert.equal(masked, vector.derived_hashDerivationModuloMasked);
      }
    });
  }
});

// The expressions of the vectors, as attributes. What they mention is taken from vectors that are checked above.

const system = "x86_64-linux";
const SHELL = { system, builder: "/bin/sh", args: ["-c", "echo > $out"] };
const byName = (name: string): StorePath =>
  `/nix/store/${DRV_FILES.find((drv) => drv.slice(33) === `${name}.drv`) ?? assert.fail(name)}` as StorePath;
const out = (name: string, output = "out"): string => {
  const value = load(byName(name)).outputs.get(output);
  return value !== undefined && "path" in value ? value.path : assert.fail(`${name}.${output}`);
};
const ZERO_SRI = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const SHA256 = "1b8m03r63zqhnjf7l5wnldhh7c134ap5vpj0850ymkq1iyzicy5s";
const SHA1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709";

const EXPRESSIONS: Readonly<
  Record<string, readonly [name: string, attributes?: Record<string, AttributeValue>]>
> = {
  minimal: ["base"],
  "env-one": ["env-one", { foo: "bar" }],
  "args-many": ["args", { args: ["-e", "-x", "a b", "", 'quote"d', "back\\slash"] }],
  "env-unicode": ["uni", { greeting: "héllo wörld ☃ 😀 日本語", clé: "valeur" }],
  "env-control": ["ctl", { c: "\u0001\u001f\u007f\u0080\u000b\u000c" }],
  "env-types": [
    "types",
    {
      t: true,
      f: false,
      n: null,
      i: 42,
      neg: -7,
      fl: 1.5,
      l: ["a", "b", 3, true, ["nested", null]],
      e: "",
      el: [],
    },
  ],
  "env-out-named": ["shadow", { PATH: "/bin", HOME: "/homeless-shelter" }],
  "name-chars": ["c++-lib_1.0=x?y"],
  "name-dotted": ["pkg-1.2.3.tar.gz"],
  "system-other": ["arm", { system: "aarch64-linux" }],
  "dep-one": ["dep2", { dep1: out("dep1") }],
  "dep-chain3": ["chain3", { dep2: out("dep2") }],
  "dep-two-outputs": ["use-multi", { a: out("multi", "dev"), b: out("multi", "doc"), c: out("multi") }],
  "dep-only-dev": ["use-dev", { a: out("multi", "dev") }],
  "dep-builder": ["use-builder", { builder: `${out("base")}/bin/sh` }],
  "dep-in-args": ["use-args", { args: [`${out("dep1")}/x`, `${out("multi", "doc")}/y`] }],
  "dep-unsafe-discard": ["nodep", { a: out("base") }],
  "dep-output-dependency": ["outdep", { a: byName("base") }],
  "multi-3": ["multi", { outputs: ["out", "dev", "doc"] }],
  "multi-noout": ["libs-1.0", { outputs: ["lib", "bin"] }],
  "multi-single-dev": ["only-dev", { outputs: ["dev"] }],
  placeholder: ["ph", { configureFlags: `--prefix=${outputPlaceholder("out")}` }],
  "placeholder-multi": [
    "phm",
    {
      outputs: ["out", "dev"],
      flags: `${outputPlaceholder("out")} ${outputPlaceholder("dev")}`,
      args: ["-c", `echo ${outputPlaceholder("dev")}`],
    },
  ],
  "fixed-recursive-sha256": ["src-tree", { outputHash: ZERO_SRI, outputHashMode: "recursive" }],
  "fixed-flat-sha1": ["f-sha1", { outputHash: SHA1, outputHashAlgo: "sha1" }],
  "fixed-flat-md5": [
    "f-md5",
    { outputHash: "d41d8cd98f00b204e9800998ecf8427e", outputHashAlgo: "md5", outputHashMode: "flat" },
  ],
  "fixed-sri-with-algo": [
    "f-sri",
    {
      outputHash: "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=",
      outputHashAlgo: "sha256",
      outputHashMode: "flat",
    },
  ],
  "fixed-recursive-sha1": [
    "f-rsha1",
    { outputHash: SHA1, outputHashAlgo: "sha1", outputHashMode: "recursive" },
  ],
  "structured-simple": [
    "sa",
    { __structuredAttrs: true, foo: "bar", n: 1, b: true, l: [1, "two", null], s: { x: { y: "z" } } },
  ],
  "structured-unicode": [
    "sau",
    { __structuredAttrs: true, u: "héllo ☃ 😀", q: 'a"b\\c\n\t', c: "\u0001\u007f" },
  ],
  "structured-numbers": [
    "san",
    {
      __structuredAttrs: true,
      ints: [0, -1, 9007199254740993n],
      // 1.0 is written as Nix 2.8 does, since it cannot be told from 1 here.
      fl: [1.5, 1.0, 0.1, 1.0e30, -2.5e-7],
    },
  ],
  "structured-exportgraph": [
    "sae",
    { __structuredAttrs: true, exportReferencesGraph: { graph: [out("base"), out("dep2")] } },
  ],
  passAsFile: ["paf", { passAsFile: ["big"], big: "contents" }],
  "impure-env": [
    "ienv",
    { impureEnvVars: ["http_proxy", "HTTPS_PROXY"], outputHash: SHA256, outputHashAlgo: "sha256" },
  ],
  "allowed-refs": ["ar", { allowedReferences: [], disallowedRequisites: [out("base")] }],
  "ignore-nulls-false": ["ign2", { __ignoreNulls: false, a: null, b: "x" }],
  wide: ["wide", Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`dep${i}`, out(`w${i}`)]))],
  "long-env": ["longenv", { x: "0123456789abcdef".repeat(300) }],
  "empty-env-value": ["emptyv", { a: "", b: " " }],
  "ca-floating": ["caf", { __contentAddressed: true, outputHashMode: "recursive", outputHashAlgo: "sha256" }],
  "ca-floating-multi": [
    "cafm",
    {
      __contentAddressed: true,
      outputHashMode: "recursive",
      outputHashAlgo: "sha256",
      outputs: ["out", "dev"],
    },
  ],
  "ca-floating-flat": [
    "caff",
    { __contentAddressed: true, outputHashMode: "flat", outputHashAlgo: "sha256" },
  ],
};

describe("instantiates expressions as nix-instantiate does", () => {
  for (const [id, [name, attributes = {}]] of Object.entries(EXPRESSIONS)) {
    test(id, () => {
      const vector = cases.find((candidate) => candidate.id === id)!;
      const expected = load(vector.drvPath);
      const made = instantiate({ name, ...SHELL, ...attributes }, inputsOf(expected));
      assert.equal(made.bytes.toString(), readVector(`derivations/drv/${vector.drvFile}`).toString());
      assert.equal(made.drvPath, vector.drvPath);
      assert.deepEqual(Object.fromEntries(made.outputs), vector.evalOutPathStrings ?? vector.outputs);
      assert.equal(made.hashModulo, vector.evalOutPathStrings ? undefined : hashModuloOf(vector.drvPath));
    });
  }
});

interface Failure {
  readonly id: string;
  readonly ok: boolean;
  readonly value: string | null;
}

describe("takes and refuses what nix-instantiate does", () => {
  const fixed = { outputHash: SHA256, outputHashAlgo: "sha256" };
  const attempts: Readonly<Record<string, Record<string, unknown>>> = {
    "name-space": { name: "a b" },
    "name-empty": { name: "" },
    "name-ends-drv": { name: "x.drv" },
    "no-builder": { name: "x", builder: undefined },
    "no-name": { name: undefined },
    "dup-output": { name: "x", outputs: ["out", "out"] },
    "no-outputs": { name: "x", outputs: [] },
    "fixed-multi-out": { name: "x", outputs: ["out", "dev"], ...fixed },
    "fixed-not-out": { name: "x", outputs: ["dev"], ...fixed },
    "fixed-bad-mode": { name: "x", ...fixed, outputHashMode: "nar" },
    "fixed-wrong-len": { name: "x", outputHash: "00", outputHashAlgo: "sha256" },
    "fixed-empty-hash": { name: "x", outputHash: "", outputHashAlgo: "sha256" },
    "fixed-bad-algo": { name: "x", outputHash: "00", outputHashAlgo: "sha3" },
    "env-set": { name: "x", s: { a: 1 } },
    "env-fn": { name: "x", s: () => 1 },
    "context-in-name": { name: "base-x" },
    "outputs-name-211": { name: "n".repeat(205), outputs: ["out", "debug-symbols"] },
  };
  const vectors = loadVectors<{ cases: Failure[] }>("derivations/errors.json").cases;
  for (const { id, ok, value } of vectors) {
    test(id, () => {
      const attributes = { ...SHELL, ...attempts[id]! } as unknown as DerivationAttributes;
      if (ok) assert.equal(instantiate(attributes).drvPath, value);
      else {
        assert.throws(
          () => instantiate(attributes),
          (error) => /^(DERIVATION|STORE_PATH|HASH)_INVALID$/.test((error as { code: string }).code),
        );
      }
    });
  }
  test("all of them were tried", () => assert.equal(vectors.length, Object.keys(attempts).length));
});

describe("refuses attributes", () => {
  const make = (attributes: Record<string, unknown>) => () =>
    instantiate({ name: "x", ...SHELL, ...attributes } as unknown as DerivationAttributes);
  for (const [summary, attributes, message] of [
    ["a misnamed output", { outputs: ["out", "a/b"] }, /output "a\/b" is misnamed/],
    ["an output named drv", { outputs: ["drv"] }, /no output may be named "drv"/],
    ["an empty hash of no algorithm", { outputHash: "" }, /outputHashAlgo is missing/],
    ["an unknown algorithm", { outputHash: "", outputHashAlgo: "sha3" }, /"sha3", md5, sha1/],
    ["NUL in a variable", { a: "x\0" }, /attribute "a" in a derivation: it has a NUL/],
    ["NUL in an argument", { args: ["\0"] }, /argument 1 in a derivation: it has a NUL/],
    ["NUL in a name", { "\0": "" }, /NUL/],
    ["half a character", { a: "\ud800" }, /surrogate/],
    ["half a character in JSON", { __structuredAttrs: true, a: ["\ud800"] }, /surrogate/],
    ["half a character in a JSON key", { __structuredAttrs: true, a: { "\ud800": 1 } }, /surrogate/],
    ["infinity", { a: Number.POSITIVE_INFINITY }, /Infinity/],
    ["no number in JSON", { __structuredAttrs: true, a: Number.NaN }, /NaN/],
    ["an integer of 65 bits", { a: 2n ** 63n }, /more than 64 bits/],
    ["a function in JSON", { __structuredAttrs: true, a: () => 1 }, /it is a function/],
    ["an empty system", { system: "" }, /its system is missing/],
  ] as const) {
    test(summary, () => assert.throws(make(attributes), nixError("DERIVATION_INVALID", message)));
  }
});

test("attributes are left out, split and put first as Nix does", () => {
  const make = (attributes: Record<string, AttributeValue>) =>
    instantiate({ name: "x", ...SHELL, ...attributes }).derivation;
  const env = (derivation: Derivation) => Object.fromEntries(derivation.env);
  assert.ok(!("a" in env(make({ __ignoreNulls: true, a: null }))));
  assert.equal(env(make({ a: null }))["a"], "");
  assert.equal(env(make({ __structuredAttrs: false }))["__structuredAttrs"], "");
  assert.deepEqual([...make({ outputs: ["out", "a b"] }).outputs.keys()], ["out", "a", "b"]);
  assert.deepEqual([...make({ outputs: " out\tdev\n" }).outputs.keys()], ["out", "dev"]);
  assert.match(env(make({ out: "mine" }))["out"]!, /^\/nix\/store\//);
  const structured = make({ __structuredAttrs: true, outputs: ["out", "dev"] });
  assert.match(env(structured)["__json"]!, /"outputs":\["out","dev"\]/);
  assert.deepEqual([...structured.outputs.keys()], ["out", "dev"]);
});

test("mirrors do not matter: fixed outputs of the same hash build the same", () => {
  const fixed = (url: string) => instantiate({ name: "src", ...SHELL, outputHash: ZERO_SRI, url });
  const user = (input: ReturnType<typeof fixed>) =>
    instantiate(
      { name: "user", ...SHELL, src: input.outputs.get("out")! },
      { inputDrvs: new Map([[input.drvPath, { outputs: ["out"], hashModulo: input.hashModulo! }]]) },
    );
  const [a, b] = [fixed("http://a"), fixed("http://b")];
  assert.notEqual(a.drvPath, b.drvPath);
  assert.deepEqual(a.outputs, b.outputs);
  assert.notEqual(user(a).drvPath, user(b).drvPath);
  assert.deepEqual(user(a).outputs, user(b).outputs);
  const both = instantiate(
    { name: "both", ...SHELL },
    {
      inputDrvs: new Map(
        [a, b].map(({ drvPath, hashModulo }) => [drvPath, { outputs: ["out"], hashModulo: hashModulo! }]),
      ),
    },
  );
  const one = instantiate(
    { name: "both", ...SHELL },
    { inputDrvs: new Map([[a.drvPath, { outputs: ["out"], hashModulo: a.hashModulo! }]]) },
  );
  assert.deepEqual(both.outputs, one.outputs);
});

describe("coerces values", () => {
  for (const [value, text] of [
    [[[], "a"], "a"],
    [["a", [], "b"], "a b"],
    [["a", []], "a "],
    [[null, null], " "],
    [[true, false, 1], "1  1"],
    [0.5, "0.500000"],
    [0.0078125, "0.007812"],
    [0.0234375, "0.023438"],
    [-0.0078125, "-0.007812"],
    [2 / 3, "0.666667"],
    [1e22, "10000000000000000000000.000000"],
    [-(2n ** 63n), "-9223372036854775808"],
  ] as const satisfies readonly (readonly [AttributeValue, string])[]) {
    test(`${JSON.stringify(value, (_, v) => (typeof v === "bigint" ? String(v) : v))} to ${JSON.stringify(text)}`, () =>
      assert.equal(coerceToText(value, "it"), text));
  }

  for (const [value, json] of [
    [{ b: 1, a: [], "10": {}, "9": null }, '{"10":{},"9":null,"a":[],"b":1}'],
    [{ "\u{1f600}": 1, "\uffff": 2 }, '{"\uffff":2,"\u{1f600}":1}'],
    [{ a: undefined, __proto__x: true }, '{"__proto__x":true}'],
    [[0.0001, 0.00001, 123.456], "[0.0001,1e-05,123.456]"],
    [
      [9007199254740992, 2 ** 53 + 2, 1e100, 5e-324],
      "[9.007199254740992e+15,9.007199254740994e+15,1e+100,5e-324]",
    ],
    [[-0, -1.5, 0.1 + 0.2], "[0,-1.5,0.30000000000000004]"],
    ["\b\f\u001f\u2028", '"\\b\\f\\u001f\u2028"'],
  ] as const satisfies readonly (readonly [AttributeValue, string])[]) {
    test(`to JSON ${json}`, () => assert.equal(formatAttributesJson(value, "it"), json));
  }

  test("floats in JSON read back as they were", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const text = formatAttributesJson(value, "it");
        assert.equal(Number(text), value === 0 ? 0 : value);
        assert.ok(!/e[+-]?\d$/.test(text), text);
      }),
    );
  });
});

test("placeholders", () => {
  assert.equal(outputPlaceholder("out"), "/1rz4g4znpzjwh1xymhjpm42vipw92pr73vdgl6xs1hycac8kf2n9");
  const { drvPath, evalOutPathStrings } = cases.find(({ id }) => id === "ca-floating-multi")!;
  assert.equal(upstreamPlaceholder(drvPath, "dev"), evalOutPathStrings!["dev"]);
  const text = computeTextPath("a", "");
  assert.throws(() => derivationName(text), nixError("DERIVATION_INVALID", /does not end in \.drv/));
});

describe("refuses .drv files that Nix would not write", () => {
  const good = readVector("derivations/drv/i2h711ci5cjx4bswxbf87wyabb3d9zx7-base.drv").toString("latin1");
  const withDeps = readVector("derivations/drv/gv00v3xbcn74vf3sb4p1g947cyv26rzn-wide.drv").toString("latin1");
  const fixed = readVector("derivations/drv/3ffd4wcjag16m7pk9yfq5f388p1a9112-f-sha1.drv").toString("latin1");
  const floating = readVector("derivations/drv/27zay7jqxldjjxy5j933bzivrsy7ynb7-caf.drv").toString("latin1");
  const change = (text: string, from: string | RegExp, to: string) => {
    const changed = text.replace(from, to);
    assert.notEqual(changed, text);
    return changed;
  };
  const form = /not in the one form/;
  const attempts: readonly (readonly [string, string, RegExp])[] = [
    ["nothing", "", /"Derive\(" was wanted at offset 0/],
    ["another term", change(good, "Derive(", "DrvWithVersion("), /"Derive\(" was wanted/],
    ["a line end behind it", `${good}\n`, /bytes follow/],
    ["a blank", change(good, "],[", "], ["), /"\[" was wanted/],
    ["a comma before the end of a list", change(good, '")])', '"),])'), /wanted/],
    ["a string that does not end", good.slice(0, 20), /does not end/],
    ["a backslash at the end", `${good.slice(0, 20)}\\`, /does not end/],
    ["a needless escape", change(good, "echo", "\\echo"), form],
    ["a raw line end", change(good, "echo", "echo\n"), form],
    ["unsorted variables", change(good, '("builder"', '("z",""),("builder"'), form],
    ["a variable twice", change(good, '("name","base")', '("name","base"),("name","base")'), form],
    ["unsorted inputs", change(withDeps, /(\("[^"]*",\["out"\]\)),(\("[^"]*",\["out"\]\))/, "$2,$1"), form],
    ["an input twice", change(withDeps, /(\("[^"]*",\["out"\]\))/, "$1,$1"), form],
    ["an output of an input twice", change(withDeps, '["out"]', '["out","out"]'), form],
    ["an input of no output", change(withDeps, '["out"]', "[]"), /needs no output/],
    ["an input that is no .drv", change(withDeps, '.drv"', '"'), /is no derivation/],
    [
      "an input outside the store",
      change(withDeps, /"\/nix\/store\/[^"]*\.drv"/, '"/tmp/x.drv"'),
      /no store path/,
    ],
    ["no outputs", change(good, /\[\("out"[^\]]*\]/, "[]"), /no outputs/],
    ["an output elsewhere", change(good, /"\/nix\/store[^"]*"/, '"/tmp/x"'), /path of its output "out"/],
    ["an output with a hash of no algorithm", change(good, '"","")', '"","00")'), /hash of no algorithm/],
    ["an unknown algorithm", change(fixed, '"sha1"', '"sha3"'), /"sha3", which is unknown/],
    ["a text hash", change(fixed, '"sha1"', '"text:sha1"'), /"text:sha1", which is unknown/],
    ["a hash of another length", change(fixed, SHA1, "00"), /hash of its output "out" is damaged/],
    ["a hash in base32", change(fixed, SHA1, "143xibwh31h9bvxzalr0sjvbbvpa6ffs"), form],
    ["a hash and no path", change(fixed, /"\/nix\/store[^"]*"/, '""'), /a hash and no path/],
    ["a path and no hash", change(fixed, SHA1, ""), /a path and no hash/],
    ["a fixed output that is not out", change(fixed, '("out"', '("dev"'), /named "out"/],
    [
      "outputs of two kinds",
      change(floating, '[("out"', '[("dev","","",""),("out"'),
      /different kinds: deferred, floating/,
    ],
    ["a misnamed output", change(floating, '("out"', '("a b"'), /misnamed/],
  ];
  for (const [summary, text, message] of attempts) {
    test(summary, () =>
      assert.throws(
        () => parseDerivation(Buffer.from(text, "latin1"), "x.drv"),
        nixError("DERIVATION_INVALID", message),
      ),
    );
  }
  test("any .drv cut short", () => {
    for (let kept = 0; kept < fixed.length; kept++) {
      assert.throws(
        () => parseDerivation(Buffer.from(fixed.slice(0, kept))),
        nixError("DERIVATION_INVALID", /./),
      );
    }
  });
});

test("a derivation with outputs that wait for a floating input is read, and has no paths yet", () => {
  const floating = readVector("derivations/drv/27zay7jqxldjjxy5j933bzivrsy7ynb7-caf.drv").toString();
  const derivation = parseDerivation(Buffer.from(floating.replace('"r:sha256"', '""')));
  assert.deepEqual([...derivation.outputs], [["out", { kind: "deferred" }]]);
  assert.equal(computeOutputPaths("x", derivation, () => "").size, 0);
});

const bytes = fc.stringMatching(/^[\u0001-\u00ff]{0,12}$/).map((text) => text as ByteString);
const anyPath = fc
  .tuple(fc.stringMatching(/^[a-z]{1,5}$/), fc.string())
  .map(([name, contents]) => computeTextPath(name, contents));
const anyDrvPath = fc.stringMatching(/^[a-z]{1,5}$/).map((name) => computeTextPath(`${name}.drv`, ""));
const outputName = fc.constantFrom("out", "dev", "doc", "lib");

test("derivations are written and read in one way", () => {
  const anyDerivation = fc.record({
    outputs: fc
      .uniqueArray(outputName, { minLength: 1 })
      .chain((names) =>
        fc
          .tuple(...names.map(() => anyPath))
          .map(
            (paths) =>
              new Map(names.map((name, i) => [name, { kind: "input-addressed", path: paths[i]! }] as const)),
          ),
      ),
    inputDrvs: fc
      .array(fc.tuple(anyDrvPath, fc.uniqueArray(outputName, { minLength: 1 })))
      .map((inputs) => new Map(inputs)),
    inputSrcs: fc.array(anyPath, { maxLength: 4 }),
    system: bytes,
    builder: bytes,
    args: fc.array(bytes, { maxLength: 4 }),
    env: fc.array(fc.tuple(bytes, bytes), { maxLength: 6 }).map((pairs) => new Map(pairs)),
  });
  fc.assert(
    fc.property(anyDerivation, (derivation) => {
      const written = formatDerivation(derivation);
      const read = parseDerivation(written);
      assert.deepEqual(formatDerivation(read), written);
      assert.deepEqual(read.args, derivation.args);
      assert.deepEqual(new Map([...read.env].sort()), new Map([...derivation.env].sort()));
      assert.deepEqual(new Set(read.inputSrcs), new Set(derivation.inputSrcs));
    }),
  );
});
