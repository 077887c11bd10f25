import assert from "node:assert/strict";
import { test } from "node:test";
import {
  asStorePath,
  hashPart,
  nameOf,
  splitStorePath,
  storeBaseName,
  storeNameProblem,
  storePathOfBaseName,
  storePathProblem,
} from "./store-path.ts";

const HASH = "i9pmrzmpshapij2kin22pff6fc2adavx";
const PATH = `/nix/store/${HASH}-hello-2.12`;

test("a store path has a hash part and a name", () => {
  const path = asStorePath(PATH)!;
  assert.equal(hashPart(path), HASH);
  assert.equal(nameOf(path), "hello-2.12");
  assert.equal(storeBaseName(path), `${HASH}-hello-2.12`);
  assert.equal(storePathOfBaseName(`${HASH}-hello-2.12`), path);
});

for (const [text, problem] of [
  ["", /not in/],
  ["/nix/store", /not in/],
  ["/nix/store/", /0 characters/],
  [`/nix/stores/${HASH}-x`, /not in/],
  [` /nix/store/${HASH}-x`, /not in/],
  [`${PATH}/bin`, /not directly in/],
  [`${PATH}/`, /not directly in/],
  [`/nix/store/../store/${HASH}-x`, /not directly in/],
  [`/nix/store/${HASH}`, /no dash/],
  [`/nix/store/${HASH}xx`, /no dash/],
  [`/nix/store/${HASH}-`, /name is empty/],
  [`/nix/store/${HASH.slice(1)}-x`, /character "-"/],
  [`/nix/store/${HASH.toUpperCase()}-x`, /character "I"/],
  [`/nix/store/e${HASH.slice(1)}-x`, /character "e"/],
  [`/nix/store/${HASH}-a b`, /character " "/],
  [`/nix/store/${HASH}-a\n`, /character "\\n"/],
  [`/nix/store/${HASH}-..`, /"\." or "\.\."/],
  [`/nix/store/${HASH}-${"n".repeat(212)}`, /212 characters/],
] as const) {
  test(`${JSON.stringify(text.slice(0, 60))} is no store path`, () => {
    assert.match(storePathProblem(text) ?? "", problem);
    assert.equal(asStorePath(text), undefined);
  });
}

test("names may begin with a dot, but have no part . or .. up to a dash", () => {
  for (const name of [".x", "...", "..x-", "-", "x-..", "C++_lib=1?x", "n".repeat(211)]) {
    assert.equal(storeNameProblem(name), undefined, name);
  }
  for (const name of [".", "..", ".-x", "..-x", "é", "a/b", "a\0", ""]) {
    assert.notEqual(storeNameProblem(name), undefined, name);
  }
});

test("paths below a store path are split from it", () => {
  assert.deepEqual(splitStorePath(PATH), { storePath: PATH, below: "" });
  assert.deepEqual(splitStorePath(`${PATH}/`), { storePath: PATH, below: "" });
  assert.deepEqual(splitStorePath(`${PATH}//bin/hello`), { storePath: PATH, below: "bin/hello" });
  for (const text of ["/nix/store", "/usr/bin", `/nix/store/${HASH}/bin`, "/nix/store//x"]) {
    assert.equal(splitStorePath(text), undefined, text);
  }
});
