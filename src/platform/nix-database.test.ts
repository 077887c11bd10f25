import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { StorePath } from "../model/store-path.ts";
import { NixDatabase, NixDatabaseError, type Registration } from "./nix-database.ts";

const directory = mkdtempSync(join(tmpdir(), "tare-database-"));
after(() => rmSync(directory, { recursive: true, force: true }));

const ALPHABET = "0123456789abcdfghijklmnpqrsvwxyz";

function pathOf(n: number): StorePath {
  const digits = n.toString(32).padStart(32, "0");
  return `/nix/store/${[...digits].map((digit) => ALPHABET[Number.parseInt(digit, 32)]).join("")}-p${n}` as StorePath;
}

function info(n: number, references: number[], more: Partial<Registration> = {}): Registration {
  return {
    path: pathOf(n),
    narHash: "ab".repeat(32),
    narSize: n,
    references: references.map(pathOf),
    signatures: [],
    ultimate: false,
    registrationTime: 1,
    ...more,
  };
}

function isError(code: string) {
  return (error: unknown) => error instanceof NixDatabaseError && error.code === code;
}

test("what is registered is found again, by path, hash part, closure and referrers", () => {
  using database = new NixDatabase(join(directory, "a.sqlite"), "write");
  const full = info(1, [1, 2], {
    deriver: pathOf(9),
    signatures: ["k:eA=="],
    ca: "fixed:r:sha256:x",
    ultimate: true,
    registrationTime: 77,
  });
  database.register([full, info(2, [3]), info(3, []), info(4, [3])]);
  assert.deepEqual(database.query(pathOf(1)), full);
  assert.equal(database.query(pathOf(5)), undefined);
  assert.equal(database.findByHashPart(pathOf(3).slice(11, 43)), pathOf(3));
  assert.equal(database.findByHashPart("z".repeat(32)), undefined);
  assert.deepEqual(
    database.closure([pathOf(1)]).map(({ path }) => path),
    [1, 2, 3].map(pathOf),
  );
  assert.deepEqual(database.closure([pathOf(1)])[0]!.references, [1, 2].map(pathOf));
  assert.deepEqual(database.referrers(pathOf(3)), [2, 4].map(pathOf));
  assert.equal(database.all().length, 4);
});

test("a reference to what is not there registers nothing", () => {
  using database = new NixDatabase(join(directory, "b.sqlite"), "write");
  assert.throws(() => database.register([info(1, []), info(2, [3])]), isError("STORE_REFERENCE_MISSING"));
  assert.deepEqual(database.all(), []);
});

test("what is referred to is not deleted; together with its referrer it is", () => {
  using database = new NixDatabase(join(directory, "c.sqlite"), "write");
  database.register([info(1, [1, 2]), info(2, [])]);
  assert.throws(() => database.delete([pathOf(2)]), isError("STORE_PATH_IN_USE"));
  database.delete([pathOf(2), pathOf(1)]);
  assert.deepEqual(database.all(), []);
});

test("two connections see each other's paths", () => {
  const file = join(directory, "d.sqlite");
  using one = new NixDatabase(file, "write");
  using other = new NixDatabase(file, "write");
  one.register([info(1, [])]);
  other.register([info(2, [1])]);
  assert.equal(one.closure([pathOf(2)]).length, 2);
  using reader = new NixDatabase(file, "read");
  assert.equal(reader.all().length, 2);
  assert.throws(() => reader.register([info(3, [])]), isError("STORE_DATABASE_UNUSABLE"));
});

test("what is no database is refused", () => {
  const file = join(directory, "e.sqlite");
  writeFileSync(file, "this is a text, and no database at all".repeat(40));
  assert.throws(() => new NixDatabase(file, "write"), isError("STORE_DATABASE_INVALID"));
  assert.throws(
    () => new NixDatabase(join(directory, "missing", "f.sqlite"), "read"),
    isError("STORE_DATABASE_UNUSABLE"),
  );
});
